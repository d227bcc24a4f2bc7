"""The vocabulary: quantities with their units, looked up by name, alias or composed name."""

from __future__ import annotations

import csv
import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from bayesbio.errors import DataError, nearest_name

ROLES = ("measurement", "profile", "setting", "time", "run", "parameter", "bolus", "sample")
ATOMIC_MASSES = {"C": 12.011, "N": 14.007, "P": 30.974, "S": 32.06}  # [g/mol], IUPAC 2021
AMOUNTS = {"g/L": "g", "mol/L": "mol", "1e6 cells/mL": "1e9 cells", "U/L": "U"}


@dataclasses.dataclass(frozen=True)
class Quantity:
    """
    One term of the vocabulary.

    Parameters
    ----------
    name : str
        The name in code, a field's name in a model and a column's name in a table.
    unit : str
        Its house unit.
    symbol : str
        LaTeX symbol for equations and figures.
    description : str
        What it is, in one line.
    aliases : tuple of str
        Other names under which laboratories export it.
    molar_mass : float [g/mol], optional
        Lets mol become g. Organic acids count as the free acid, the form of the assay's standard.
    formula : str
        Molecular formula, such as C6H12O6: lets grams or moles of carbon, nitrogen, phosphorus or
        sulfur become grams of the molecule, and serves the carbon balance.
    role : str
        What a column of that name usually is: measurement, profile, setting, parameter, ...
    lower, upper : float, optional [unit]
        Physical limits.
    interpolation : {"linear", "step"}
        How a profile of it is read between its points.
    in_tables : {"", "response"}
        Whether a table of cultures measures it rather than sets it.
    unit_if_above_one : str
        Unit of numbers above one where none is given: a viability of 98 is in %.
    usual_noise : float, optional
        Relative standard deviation of a reading that its assays seldom exceed.
    usual_low, usual_high : float, optional [unit]
        Between which the largest value of a run lies in cultures of animal cells.

    Examples
    --------
    >>> from bayesbio.data import quantity
    >>> quantity("VCD").unit, quantity("glucose").atoms("C")
    ('1e6 cells/mL', 6)
    """

    name: str
    unit: str = "1"
    symbol: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    molar_mass: float | None = None
    formula: str = ""
    role: str = "measurement"
    lower: float | None = 0.0
    upper: float | None = None
    interpolation: str = "linear"
    in_tables: str = ""
    unit_if_above_one: str = ""
    usual_noise: float | None = None
    usual_low: float | None = None
    usual_high: float | None = None

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise DataError(f"Quantity {self.name!r}: role {self.role!r} is unknown; use {ROLES}.")
        if not self.symbol:
            object.__setattr__(self, "symbol", rf"\mathrm{{{self.name.replace('_', r'\ ')}}}")
        object.__setattr__(self, "aliases", tuple(self.aliases))

    def atoms(self, element: str) -> int:
        """Count the atoms of an element in a molecule; 0 where the formula is not known."""
        counts = re.findall(r"([A-Z][a-z]?)(\d*)", self.formula)
        return sum(int(count or 1) for symbol, count in counts if symbol == element)

    def mass_fraction(self, element: str) -> float:
        """
        Mass of carbon, nitrogen, phosphorus or sulfur per mass [g/g]; 0 where it is not known.

        Examples
        --------
        >>> glucose = Quantity("glucose", molar_mass=180.156, formula="C6H12O6")
        >>> round(glucose.mass_fraction("C"), 4)
        0.4
        """
        if not self.molar_mass:
            return 0.0
        return ATOMIC_MASSES[element] * self.atoms(element) / self.molar_mass

    @property
    def amount_unit(self) -> str:
        """Unit of an amount of it in a vessel: its concentration unit times litre."""
        return AMOUNTS.get(self.unit, self.unit)

    def replace(self, **changes: Any) -> Quantity:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)


def key(text: str) -> str:
    """
    Reduce a name to what is compared: letters and digits in lower case.

    Examples
    --------
    >>> key("Viable Cell-Density") == key("viable_cell_density")
    True
    """
    return re.sub(r"[^0-9a-z]", "", str(text).lower().translate(PLAIN_LETTERS))


PLAIN_LETTERS = str.maketrans(
    {
        **dict(zip("äöüéèµμ₀₁₂₃₄₅₆₇₈₉", "aoueeuu0123456789", strict=True)),
        "α": "alpha",
        "β": "beta",
    }
)


def subscripted(symbol: str, text: str) -> str:
    r"""
    Add a word to the subscript of a LaTeX symbol.

    Examples
    --------
    >>> print(subscripted(r"c_{\mathrm{Glc}}", "feed"), subscripted("S", "0"))
    c_{\mathrm{Glc},\mathrm{feed}} S_{\mathrm{0}}
    """
    word = f"\\mathrm{{{text}}}"
    if symbol.endswith("}") and "_{" in symbol:
        return f"{symbol[:-1]},{word}}}"
    if "_" in symbol:
        base, under = symbol.rsplit("_", 1)
        return f"{base}_{{{under},{word}}}"
    return f"{symbol}_{{{word}}}"


SLIP = 0.85  # similarity from which on an unknown name is taken for a misspelt one
SLIP_BESIDE_A_KNOWN_WORD = 0.96  # harvest titer is no slip for harvest time


class Vocabulary:
    """
    A set of quantities that can be looked up by any of their names.

    Parameters
    ----------
    quantities : iterable of Quantity
        On a clash of names the first keeps the name.

    Examples
    --------
    >>> words = shipped().extended([Quantity("hare", "1")])
    >>> words.find("hare").unit, words.find("Glc").name
    ('1', 'glucose')
    """

    def __init__(self, quantities: Iterable[Quantity]) -> None:
        self._names: dict[str, Quantity] = {}
        self._keys: dict[str, list[Quantity]] = {}
        for word in quantities:
            if word.name in self._names:
                continue
            self._names[word.name] = word
            for name in (word.name, *word.aliases):
                same = self._keys.setdefault(key(name), [])
                if word not in same:
                    same.append(word)

    def known(self) -> tuple[str, ...]:
        """Every name, in alphabetical order."""
        return tuple(sorted(self._names))

    def find_all(self, name: str) -> tuple[Quantity, ...]:
        """Give every quantity that goes by this name or alias, the likeliest first."""
        if name in self._names:
            return (self._names[name],)
        given = str(name).strip()
        words = self._keys.get(key(given), []) if key(given) else []
        if len(key(given)) == 1:  # T is a temperature, t is not
            words = [word for word in words if given in word.aliases]
        ordered = sorted(words, key=lambda word: _unlike(given, word))
        return tuple(ordered) or self._composed(given)

    def find(self, name: str) -> Quantity | None:
        """Give the quantity of this name or alias, or None."""
        words = self.find_all(name)
        return words[0] if words else None

    def _composed(self, name: str) -> tuple[Quantity, ...]:
        """Build names made from others: initial_<state>, feed_<concentration>."""
        words = re.sub(r"[\s\-]+", "_", str(name).strip())
        for pattern, prefix, meaning in COMPOSED:
            match = re.fullmatch(pattern, words, re.IGNORECASE)
            base = self.find(match.group(1)) if match else None
            if base is None or base.name.startswith(("initial_", "feed_")):
                continue
            if prefix == "feed" and base.unit not in AMOUNTS:
                continue
            made = base.replace(
                name=f"{prefix}_{base.name}",
                symbol=subscripted(base.symbol, "0" if prefix == "initial" else prefix),
                aliases=(),
                role="setting",
                description=f"{meaning} {base.name.replace('_', ' ')}",
            )
            return (made,)
        return ()

    def extended(self, quantities: Iterable[Quantity]) -> Vocabulary:
        """Return a vocabulary in which these come first."""
        return Vocabulary([*quantities, *self._names.values()])

    def nearest(self, name: str, *, cutoff: float = 0.6) -> str | None:
        """Name of the known quantity that is spelled most alike, or None."""
        close = nearest_name(key(name), self._keys, cutoff=cutoff)
        return self._keys[close][0].name if close is not None else None

    def typo(self, name: str) -> str | None:
        """Name of the known quantity of which this is likely a misspelling, or None."""
        given = key(name)
        if not 5 <= len(given) <= 60 or given in self._keys:
            return None
        pieces = re.split(r"[\s_\-]+", str(name).strip())
        beside = len(pieces) > 1 and any(self.find(piece) is not None for piece in pieces)
        digits = re.sub(r"\D", "", given)  # a numbered sibling is another thing, not a slip
        alike = [k for k in self._keys if len(k) >= 5 and re.sub(r"\D", "", k) == digits]
        near = nearest_name(given, alike, cutoff=SLIP_BESIDE_A_KNOWN_WORD if beside else SLIP)
        return self._keys[near][0].name if near is not None else self._composed_typo(name)

    def _composed_typo(self, name: str) -> str | None:
        """Find the misspelling inside initial_<state> and feed_<concentration>."""
        words = re.sub(r"[\s\-]+", "_", str(name).strip())
        for pattern, prefix, _ in COMPOSED:
            match = re.fullmatch(pattern, words, re.IGNORECASE)
            base = self.typo(match.group(1)) if match else None
            if base is not None:
                return f"{prefix}_{base}"
        return None

    def quantity(self, name: str) -> Quantity:
        """
        Give the quantity of this name.

        Raises
        ------
        DataError
            If the name is unknown; the sentence names the nearest known one.
        """
        word = self.find(name)
        if word is None:
            raise DataError(unknown_name(name, self.nearest(name)))
        return word


def _unlike(given: str, word: Quantity) -> int:
    """Rank a quantity by how exactly one of its names is the given one."""
    names = (word.name, *word.aliases)
    return 0 if given in names else 1 if given.lower() in {n.lower() for n in names} else 2


COMPOSED = (
    (r"initial_(.+)", "initial", "At the start of the run:"),
    (r"(.+)_(?:0|t0|initial|start|in_inoculum)", "initial", "At the start of the run:"),
    (r"(?:start|starting)_(.+)", "initial", "At the start of the run:"),
    (r"feed_(.+)", "feed", "Concentration in the feed:"),
    (r"(.+)_(?:in_(?:the_)?feed|feed_concentration|feed)", "feed", "Concentration in the feed:"),
)


def unknown_name(name: str, nearest: str | None, unit: str = "g/L") -> str:
    """
    Say that a name is unknown and what to do about it.

    Examples
    --------
    >>> print(unknown_name("glucos", "glucose"))
    'glucos' is not in the vocabulary. Did you mean glucose? A new quantity: \
read_campaign(..., quantities={'glucos': 'g/L'}).
    """
    guess = f" Did you mean {nearest}?" if nearest else ""
    return (
        f"{name!r} is not in the vocabulary.{guess} A new quantity: "
        f"read_campaign(..., quantities={{{name!r}: {unit!r}}})."
    )


@functools.cache
def shipped() -> Vocabulary:
    """Give the vocabulary that comes with the package: the rows of terms.csv."""
    table = resources.files("bayesbio.data.vocabulary").joinpath("terms.csv")
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return Vocabulary(map(_quantity, rows))


def _quantity(row: dict[str, str]) -> Quantity:
    """Make a quantity of a row of terms.csv: aliases by semicolons, a blank for what is unknown."""
    values: dict[str, Any] = dict(row)
    values["aliases"] = tuple(part.strip() for part in row["aliases"].split(";") if part.strip())
    for name in ("molar_mass", "lower", "upper", "usual_noise", "usual_low", "usual_high"):
        values[name] = float(row[name]) if row[name] else None
    return Quantity(**values)


def extended(quantities: Mapping[str, Any] | None = None, model: Any = None) -> Vocabulary:
    """
    Extend the shipped vocabulary by a user's quantities and a model's own names.

    Parameters
    ----------
    quantities : mapping of name to unit text or Quantity, optional
    model : process model, optional
        Its states, outputs, inputs and settings, with their units, come first.

    Returns
    -------
    Vocabulary

    Examples
    --------
    >>> extended({"hare": "1"}).find("hare").unit
    '1'
    """
    words = shipped()
    first: list[Quantity] = []
    for name, given in (quantities or {}).items():
        if isinstance(given, Quantity):
            first.append(given)
        else:
            known_word = words.find(name) if name in words.known() else None
            first.append(
                known_word.replace(unit=str(given)) if known_word else Quantity(name, str(given))
            )
    if model is not None:
        first.extend(_of_model(model, words))
    return words.extended(first) if first else words


def _of_model(model: Any, words: Vocabulary) -> list[Quantity]:
    """States, outputs, inputs and settings of a model as quantities, with its units and roles."""
    roles = dict.fromkeys(getattr(model, "settings", ()), "setting")
    roles |= dict.fromkeys(getattr(model, "inputs", ()), "profile")
    roles |= dict.fromkeys(getattr(model, "output_names", ()), "measurement")
    roles |= dict.fromkeys(model.State._fields, "measurement")
    made = []
    for name, role in roles.items():
        word = words.find(name)
        if word is None or word.name != name:
            word = Quantity(name, lower=None)
        made.append(word.replace(unit=model.units.get(name, word.unit), role=role))
    return made


def find(name: str) -> Quantity | None:
    """Give the shipped quantity of this name or alias, or None."""
    return shipped().find(name)


def quantity(name: str) -> Quantity:
    """
    Look a quantity up by its name or an alias.

    Parameters
    ----------
    name : str
        A name of the house, or one that laboratories use.

    Returns
    -------
    Quantity

    Raises
    ------
    DataError
        If the name is unknown; the sentence names the nearest known one.

    Examples
    --------
    >>> quantity("glucose").unit
    'g/L'
    >>> quantity("initial_glucose").unit
    'g/L'
    """
    return shipped().quantity(name)


def known() -> tuple[str, ...]:
    """
    List the shipped names in alphabetical order.

    Examples
    --------
    >>> "titer" in known()
    True
    """
    return shipped().known()
