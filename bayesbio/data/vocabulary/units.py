"""Units: one place that reads how laboratories write them and converts to house units."""

from __future__ import annotations

import functools
import math
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesbio.data.vocabulary import quantities as vocabulary
from bayesbio.data.vocabulary.quantities import Quantity
from bayesbio.errors import UnitError

if TYPE_CHECKING:
    import pint

LONGEST = 60  # characters of a unit
POWERS = 6  # powers in a unit
PERCENT = re.compile(
    r"(%|\b(pct|percent|perc|prozent)\b)(\s*(sat|saturation|do|air|v/v|viable|of).*)?", re.I
)
POWER = re.compile(
    r"(?:(?<![A-Za-z])[x×]|[×*])?\s*(?<![\w.])10\s*(?:\^|\*\*|\(|[eE]|exp)\s*\(?\+?(\d+)\)?", re.I
)
BARE_POWER = re.compile(r"(?<![\w.])[x×]?[eE]\+?(\d{1,2})(?=[\s/*]|$)")
MILLION = re.compile(r"\b(?i:mio|mill|million|millions|mln)\b\.?|\bM(?=\s*(?:cells?|VC|c)\b)")
CELLS = re.compile(
    r"\b(?:(?:viable|total|live|dead)\s+)?(cells?|vcs?|c|zellen|z|cel|células?|celulas?|cellules?)\b\.?",
    re.I,
)
EXPONENT = re.compile(r"\b([A-Za-zµ]+)\s*\^?\s*\(?(-\d+)\)?")
CUBE = re.compile(r"\b(mm|cm|dm|m|um)\^?([23])\b")
RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
ELEMENT = re.compile(  # g C/L, mg-N/L, mmolC/L; C-mol/L, Cmmol/L: mass or moles of one element
    r"(?<![A-Za-z])(?:(?P<amount>[munkµ]?(?:g|mol))[-_ ]?(?P<behind>[CNPS])"
    r"|(?P<before>[CNPS])[-_ ]?(?P<mole>[mun]?mol))(?![A-Za-z0-9])"
)
EXPONENTIATION = re.compile(r"\*\*|\^")
SMALL = r"[-+]?\d{1,2}(?:\.\d{1,3})?(?:/\d)?"
SMALL_POWER = re.compile(  # a symbol or a bracket, raised once to a small number
    rf"(?<=[A-Za-z)])\s*(?:\*\*|\^)\s*(?:\(\s*{SMALL}\s*\)|{SMALL}(?![\d.]))"
    r"(?!\s*\)*\s*(?:\*\*|\^))"
)


@functools.cache
def _spellings() -> tuple[dict[str, str], dict[str, str], frozenset[str]]:
    """Give whole texts, words and symbols of units.toml by what stands for them."""
    table = resources.files("bayesbio.data.vocabulary").joinpath("units.toml")
    content = tomllib.loads(table.read_text(encoding="utf-8"))
    whole, words = (
        {text: unit for unit, texts in content[part].items() for text in texts}
        for part in ("whole", "words")
    )
    return whole, words, frozenset(content["as_written"]["symbols"])


def spell(text: str) -> str:
    """
    Rewrite a unit as laboratories write it in the spelling that pint reads.

    Parameters
    ----------
    text : str
        For example ``10^6 cells/ml``, ``mio/mL``, ``g L-1``, ``°C``, ``%``, ``mmol/L``.

    Returns
    -------
    str

    Examples
    --------
    >>> spell("10^6 cells/ml")
    '1e6 cell/mL'
    >>> spell("g L-1 h-1")
    'g L**-1 h**-1'
    """
    text = str(text).strip().replace("\u2212", "-").replace("\u00b5", "u").replace("\u03bc", "u")
    text = RAISED.sub(lambda raised: "^" + raised.group().translate(SUPERSCRIPTS), text)
    text = re.sub(r"\s+", " ", text)
    while len(text) > 1 and text[0] + text[-1] in ("[]", "{}") or _wrapped(text):
        text = text[1:-1].strip()
    whole = _spellings()[0].get(text.lower())
    if whole is not None and text != "kelvin":
        return whole
    if PERCENT.fullmatch(text):
        return "percent"
    text = text.replace("·", "*").replace("⋅", "*").replace("•", "*").replace("%", "percent")
    text = ELEMENT.sub(_element, text)
    text = re.sub(r"\bg[_ ]?(?:DCW|CDW|DW|DCM|dcw|cdw|dw)\b", "g", text)
    text = re.sub(r"\s*\b(H2O|H₂O|water|medium|broth|culture)\b", "", text)
    text = re.sub(r"\s*\bper\b\s*", "/", text, flags=re.I)
    text = re.sub(r"(?<![A-Za-z])[x×]\s*(?=\d)", " ", text)
    text = POWER.sub(r" 1e\1 ", text)
    text = BARE_POWER.sub(r"1e\1", text)
    text = MILLION.sub("1e6 ", text)
    text = CELLS.sub("cell", text)
    text = CUBE.sub(r"\1**\2", text)
    text = EXPONENT.sub(r"\1**\2", text)
    text = re.sub(r"(?<=[\s*/(])[x×](?=[\s*/)]|$)|^[x×]\s+", "", text)
    text = re.sub(r"\b(\d+)\s*(mL|L|g)\b(?=\)|$)", r"(\1*\2)", text) if "/" in text else text
    text = re.sub(r"[^\W\d_]+", _token, text)
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\s*/\s*", "/", text)


def _wrapped(text: str) -> bool:
    """Tell whether one pair of round brackets encloses the whole text."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and index < len(text) - 1:
            return False
    return True


ELEMENTS = {"C": "carbon", "N": "nitrogen", "P": "phosphorus", "S": "sulfur"}


def _token(match: re.Match[str]) -> str:
    """Spell one word of a unit; upper-case words of laboratory systems become lower case."""
    word = match.group()
    before = match.string[match.start() - 1] if match.start() else ""
    if before and (before.isdigit() or before in "._"):  # the e of 1e6, the tail of a pint name
        return word
    _, words, as_written = _spellings()
    return word if word in as_written else words.get(word.lower(), word)


def _element(match: re.Match[str]) -> str:
    """Spell grams or moles of an element as an amount times that element."""
    amount, element = match["amount"] or match["mole"], match["behind"] or match["before"]
    return f"{amount}*{ELEMENTS[element]}"


@functools.cache
def registry() -> pint.UnitRegistry:
    """
    Give the pint registry of the house, built at the first call.

    It knows ``cell`` as a dimension of its own and reads the spellings of laboratories, so
    ``1e6 cells/mL``, ``g/(1e9 cells h)``, ``%`` and ``1`` are understood.

    Returns
    -------
    pint.UnitRegistry

    Examples
    --------
    >>> float(registry()("5 %").to("dimensionless").magnitude)
    0.05
    """
    import pint

    made: pint.UnitRegistry = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    made.define("cell = [cell_count]")
    for element in ELEMENTS.values():
        made.define(f"{element} = [{element}]")
    made.preprocessors.append(spell)
    return made


@functools.lru_cache(maxsize=4096)
def unit(text: str) -> Any:
    """
    Read a unit, with its factor if it has one, as a pint quantity.

    Parameters
    ----------
    text : str
        A unit in the spelling of the house or of a laboratory.

    Returns
    -------
    pint.Quantity

    Raises
    ------
    UnitError
        If no unit of that name is known.

    Examples
    --------
    >>> unit("1e9 cells/g").to("cell/mg").magnitude
    1000000.0
    """
    made = registry()
    spelled = spell(text) if len(text) <= LONGEST else ""
    if spelled in ("degC", "degF"):
        return made.Quantity(1.0, spelled)
    try:
        if not _is_plain(spelled):
            raise ValueError("not a product of powers of units")
        read: Any = 1.0 * made.Quantity(made.parse_expression(spelled))
        if not 0.0 < read.magnitude < math.inf:
            raise ValueError("a factor of zero or infinity")
        return read
    except Exception as error:  # pint lets the errors of Python's tokenizer through
        shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
        raise UnitError(
            f"{shown!r} is not a unit that is known here. Write it like g/L, mM, 1e6 cells/mL, %, "
            "mL/h or degC."
        ) from error


def _is_plain(spelled: str) -> bool:
    """
    Refuse what takes long to evaluate: powers of numbers, powers of powers, words that are no unit.

    Examples
    --------
    >>> _is_plain("g L**-1 h**-1"), _is_plain("9**9**9"), _is_plain("m**999999")
    (True, False, False)
    """
    powers = len(EXPONENTIATION.findall(spelled))
    if not spelled or powers > POWERS or powers != len(SMALL_POWER.findall(spelled)):
        return False
    words = re.findall(r"(?<![\w.])[^\W\d]\w*", spelled)
    return all(_is_known(word) for word in words)


@functools.lru_cache(maxsize=65536)
def _is_known(word: str) -> bool:
    return word in registry()


def is_unit(text: str) -> bool:
    """
    Tell whether a text can be read as a unit.

    Examples
    --------
    >>> is_unit("mio/mL"), is_unit("YSI")
    (True, False)
    """
    try:
        unit(text)
    except UnitError:
        return False
    return True


def same_dimension(one: str, other: str, *, of: Quantity | None = None) -> bool:
    """
    Tell whether values in one unit can be expressed in another.

    Parameters
    ----------
    one, other : str
        Units.
    of : Quantity, optional
        What they measure: its molar mass and formula help.

    Examples
    --------
    >>> same_dimension("mM", "g/L"), same_dimension("mM", "g/L", of=vocabulary.quantity("glucose"))
    (False, True)
    """
    try:
        conversion(one, other, of)
    except UnitError:
        return False
    return True


def convert(values: Any, unit: str, to: str, *, quantity: str | None = None) -> Any:
    """
    Convert values from one unit to another.

    Parameters
    ----------
    values : float or array, any shape [unit]
    unit : str
        The unit they have.
    to : str
        The unit they get.
    quantity : str, optional
        What they are: lets mol become g through the molar mass in the vocabulary, and grams or
        moles of carbon, nitrogen, phosphorus or sulfur become grams through the formula.

    Returns
    -------
    float or array, same shape [to]

    Raises
    ------
    UnitError
        If a unit is unknown or the two do not measure the same thing.

    Notes
    -----
    Counts given without the word ``cells`` (``10^6/mL``) are cells where cells are expected.

    Examples
    --------
    >>> convert(20.0, "mM", "g/L", quantity="glucose")
    3.60312
    >>> convert(4.0, "g C/L", "g/L", quantity="glucose")
    9.99950045791358
    >>> convert(36.8, "degC", "K")
    309.95
    """
    of = None if quantity is None else vocabulary.find(quantity)
    try:
        slope, offset = conversion(str(unit), str(to), of)
    except UnitError as error:
        subject = f"{quantity} in {unit!r}" if quantity else f"{unit!r}"
        raise UnitError(f"{subject} cannot be converted to {to!r}: {error}") from error
    if np.ndim(values) == 0:
        return float(f"{float(values) * slope + offset:.15g}")
    return np.asarray(values, float) * slope + offset


@functools.lru_cache(maxsize=4096)
def conversion(given: str, wanted: str, of: Quantity | None = None) -> tuple[float, float]:
    """
    Give slope and offset that turn values of one unit into another.

    Parameters
    ----------
    given, wanted : str
        Units.
    of : Quantity, optional
        What they measure: lets mol become g, and grams of carbon grams of the molecule; counts
        become cells without help.

    Returns
    -------
    slope, offset : float

    Raises
    ------
    UnitError
        If a unit is unknown or the two do not measure the same thing.

    Examples
    --------
    >>> conversion("degC", "K")
    (1.0, 273.15)
    """
    if given == wanted:
        return 1.0, 0.0
    import pint

    made = registry()
    source, target = unit(given), unit(wanted)
    if not source._is_multiplicative or not target._is_multiplicative:
        try:
            offset = made.Quantity(0.0, source.units).to(target.units).magnitude
            slope = made.Quantity(1.0, source.units).to(target.units).magnitude - offset
        except pint.errors.DimensionalityError:
            raise UnitError(_mismatch(given, wanted)) from None
        return float(f"{slope:.12g}"), float(f"{offset:.12g}")
    source = _whole_molecule(source, target, given, wanted, of)
    molar_mass = None if of is None else of.molar_mass
    per_mole = made.Quantity(molar_mass or 1.0, "g/mol")
    cell = made.Quantity(1.0, "cell")
    counted = "[cell_count]" in source.dimensionality
    for moles in (0, 1, -1) if molar_mass is not None else (0,):
        for cells in (0,) if counted else (0, 1, -1):
            trial = source * per_mole**moles * cell**cells
            if trial.dimensionality == target.dimensionality:
                slope = (trial / target).to("dimensionless").magnitude
                return _clean(float(slope)), 0.0
    raise UnitError(_mismatch(given, wanted))


def _whole_molecule(source: Any, target: Any, given: str, wanted: str, of: Quantity | None) -> Any:
    """Turn grams or moles of an element into grams or moles of the molecule that holds it."""
    made = registry()
    for symbol, element in ELEMENTS.items():
        power = source.dimensionality.get(f"[{element}]", 0)
        if power == target.dimensionality.get(f"[{element}]", 0):
            continue
        if power != 1 or of is None or not of.atoms(symbol) or not of.molar_mass:
            name = "this quantity" if of is None else of.name
            raise UnitError(
                f"one of {given!r} and {wanted!r} counts {element} alone, and the vocabulary has "
                f"no formula of {name} with {element}; give the values in {wanted}."
            )
        moles = "[substance]" in source.dimensionality
        content = of.atoms(symbol) if moles else of.mass_fraction(symbol)
        source = source / made.Quantity(content, element)
    return source


def _clean(slope: float) -> float:
    """Take the rounding of a chain of factors off a slope that has few digits."""
    short = f"{slope:.12g}"
    return float(short) if abs(float(short) - slope) < 1e-14 * abs(slope) else slope


def _mismatch(given: str, wanted: str) -> str:
    one, other = unit(given).dimensionality, unit(wanted).dimensionality
    if dict(one) != dict(other) and {"[substance]"} & (set(one) ^ set(other)):
        return (
            f"{given!r} and {wanted!r} differ by a molar mass, which the vocabulary does not have; "
            f"give the values in {wanted}."
        )
    return f"{given!r} is not a unit that {wanted!r} can be compared with; give one like {wanted}."
