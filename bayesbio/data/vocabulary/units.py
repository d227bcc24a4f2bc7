"""Units: one place that reads how laboratories write them and converts to house units."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesbio.errors import UnitError

if TYPE_CHECKING:
    import pint

# Whole texts whose meaning pint could not know, or would take for something else (C is coulomb).
WHOLE = {
    **dict.fromkeys(
        ("", "-", "–", "—", "1", "none", "n/a", "na", "dimensionless", "unitless", "fraction"), "1"
    ),
    **dict.fromkeys(
        ("ratio", "rel", "relative", "a.u.", "au", "arb", "od", "abs", "absorbance"), "1"
    ),
    **dict.fromkeys(
        ("rel.", "(-)", "od600", "od 600", "ntu", "fnu", "ph", "ph units", "mol/mol"), "1"
    ),
    **dict.fromkeys(("g/g", "g g-1", "g_g", "x", "fold"), "1"),
    "mau": "1e-3",
    **dict.fromkeys(("c", "°c", "ºc", "deg c", "degc", "deg. c", "celsius", "grad c"), "degC"),
    **dict.fromkeys(("°f", "degf", "deg f", "fahrenheit"), "degF"),
    **dict.fromkeys(("k", "kelvin"), "kelvin"),
    **dict.fromkeys(("% w/v", "%w/v", "% (w/v)", "%(w/v)"), "g/(100*mL)"),
    **dict.fromkeys(("vvm", "l/l/min", "rpm", "u/min", "upm", "r/min", "rev/min"), "1/min"),
    **dict.fromkeys(("lpm", "slpm", "nlpm", "nl/min", "sl/min", "l/min", "ln/min"), "L/min"),
    **dict.fromkeys(("sccm", "ccm", "mln/min"), "mL/min"),
    **dict.fromkeys(("slph", "nl/h", "sl/h", "ln/h"), "L/h"),
    **dict.fromkeys(("barg", "bar(g)", "bara", "bar(a)"), "bar"),
    **dict.fromkeys(("psig", "psia"), "psi"),
    "pcd": "pg/(cell*day)",
}
PERCENT = re.compile(
    r"(%|\b(pct|percent|perc|prozent)\b)(\s*(sat|saturation|do|air|v/v|viable|of).*)?", re.I
)
POWER = re.compile(
    r"(?:(?<![A-Za-z])[x×]|[×*])?\s*(?<![\w.])10\s*(?:\^|\*\*|\(|[eE]|exp)\s*\(?\+?(\d+)\)?", re.I
)
BARE_POWER = re.compile(r"(?<![\w.])[x×]?[eE]\+?(\d{1,2})(?=[\s/*]|$)")
MILLION = re.compile(r"\b(?i:mio|mill|million|millions|mln)\b\.?|\bM(?=\s*(?:cells?|VC|c)\b)")
CELLS = re.compile(r"\b(?:(?:viable|total|live|dead)\s+)?(cells?|vcs?|c|zellen|z)\b\.?", re.I)
EXPONENT = re.compile(r"\b([A-Za-zµ]+)\s*\^?\s*\(?(-\d+)\)?")
CUBE = re.compile(r"\b(mm|cm|dm|m|um)\^?([23])\b")
RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
TOKENS = {
    **dict.fromkeys(("hrs", "hr", "hours", "hour", "std", "stunden", "h"), "h"),
    **dict.fromkeys(("days", "day", "tage", "tag", "d", "dy"), "day"),
    **dict.fromkeys(("minutes", "minute", "mins", "min"), "min"),
    **dict.fromkeys(("seconds", "second", "secs", "sec", "s"), "s"),
    **dict.fromkeys(("weeks", "week", "wk"), "week"),
    **dict.fromkeys(("years", "year", "yr", "yrs"), "year"),
    **dict.fromkeys(("liter", "litre", "liters", "litres", "l", "ltr"), "L"),
    **dict.fromkeys(("ml", "milliliter", "millilitre", "cc"), "mL"),
    **dict.fromkeys(("ul", "microliter"), "uL"),
    **dict.fromkeys(("g", "gram", "grams", "gr"), "g"),
    **dict.fromkeys(("mg",), "mg"),
    **dict.fromkeys(("kg", "ug", "ng", "pg"), None),
    **dict.fromkeys(("mmol", "mmole", "mmoles", "mmols"), "mmol"),
    **dict.fromkeys(("umol", "umole"), "umol"),
    **dict.fromkeys(("mol", "mole", "moles"), "mol"),
    **dict.fromkeys(("mosm", "mosmol", "mosmo", "mosmoles"), "mmol"),
    **dict.fromkeys(("osm", "osmol"), "mol"),
    **dict.fromkeys(("iu", "u"), "enzyme_unit"),
    **dict.fromkeys(("cdw", "dcw", "gdcw", "gcdw"), None),
    **dict.fromkeys(("mau",), "1e-3"),
    **dict.fromkeys(("rpm",), "(1/min)"),
}
CASELESS = {name: to or name for name, to in TOKENS.items()}


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
    whole = WHOLE.get(text.lower())
    if whole is not None and text != "kelvin":
        return whole
    if PERCENT.fullmatch(text):
        return "percent"
    text = text.replace("·", "*").replace("⋅", "*").replace("•", "*").replace("%", "percent")
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
    text = re.sub(r"[A-Za-z]+", _token, text)
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\s*/\s*", "/", text)


def _wrapped(text: str) -> bool:
    """Tell whether one pair of round brackets encloses the whole text."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and place < len(text) - 1:
            return False
    return True


def _token(match: re.Match[str]) -> str:
    """Spell one word of a unit; upper-case words of laboratory systems become lower case."""
    word = match.group()
    before = match.string[match.start() - 1] if match.start() else ""
    if before and (before.isdigit() or before in "._"):  # the e of 1e6, the tail of a pint name
        return word
    if word in (
        "M",
        "mM",
        "uM",
        "nM",
        "K",
        "Pa",
        "MPa",
        "kPa",
        "W",
        "kW",
        "MW",
        "J",
        "kJ",
        "N",
        "V",
    ):
        return word
    if word in ("S", "mS", "uS", "A", "mA", "F", "pF", "Hz"):
        return word
    return CASELESS.get(word.lower(), word)


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
    spelled = spell(text)
    if spelled in ("degC", "degF"):
        return made.Quantity(1.0, spelled)
    try:
        return 1.0 * made.Quantity(made.parse_expression(spelled))
    except Exception as error:  # pint lets the errors of Python's tokenizer through
        raise UnitError(
            f"{text!r} is not a unit that is known here. Write it like g/L, mM, 1e6 cells/mL, %, "
            "mL/h or degC."
        ) from error


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


def same_dimension(one: str, other: str, *, molar_mass: float | None = None) -> bool:
    """
    Tell whether values in one unit can be expressed in another.

    Examples
    --------
    >>> same_dimension("mM", "g/L"), same_dimension("mM", "g/L", molar_mass=180.156)
    (False, True)
    """
    try:
        conversion(one, other, molar_mass)
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
        What they are: lets mol become g through the molar mass in the vocabulary.

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
    >>> convert(36.8, "degC", "K")
    309.95
    """
    molar_mass = None
    if quantity is not None:
        from bayesbio.data.vocabulary import lookup as vocabulary

        found = vocabulary.find(quantity)
        molar_mass = found.molar_mass if found is not None else None
    try:
        slope, offset = conversion(str(unit), str(to), molar_mass)
    except UnitError as error:
        subject = f"{quantity} in {unit!r}" if quantity else f"{unit!r}"
        raise UnitError(f"{subject} cannot be converted to {to!r}: {error}") from error
    if np.ndim(values) == 0:
        return float(f"{float(values) * slope + offset:.15g}")
    return np.asarray(values, float) * slope + offset


@functools.lru_cache(maxsize=4096)
def conversion(given: str, wanted: str, molar_mass: float | None = None) -> tuple[float, float]:
    """
    Give slope and offset that turn values of one unit into another.

    Parameters
    ----------
    given, wanted : str
        Units.
    molar_mass : float [g/mol], optional
        Lets mol become g; counts become cells without help.

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
    per_mole = made.Quantity(molar_mass or 1.0, "g/mol")
    cell = made.Quantity(1.0, "cell")
    for moles in (0, 1, -1) if molar_mass is not None else (0,):
        for cells in (0, 1, -1):
            trial = (
                source * (1 if not moles else per_mole**moles) * (1 if not cells else cell**cells)
            )
            if trial.dimensionality == target.dimensionality:
                slope = (trial / target).to("dimensionless").magnitude
                return _clean(float(slope)), 0.0
    raise UnitError(_mismatch(given, wanted))


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
