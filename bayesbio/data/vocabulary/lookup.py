"""The vocabulary: every quantity can be looked up by its name, an alias or a composed name."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from bayesbio.data.vocabulary.terms import AMOUNTS, Quantity, key, subscripted
from bayesbio.errors import DataError, nearest_name

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
    for name in ("molar_mass", "lower", "upper", "usual_noise"):
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
