"""What each column of a block serves as: the run, the time, a quantity in a unit, or nothing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayesbio.data.findings import COLUMN_ROLES, ColumnUse, Finding, error, warning
from bayesbio.data.importing.sheets.dialect import Dialect, dialect_named
from bayesbio.data.importing.sheets.headers import Header, Headers, snake
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.quantities import Quantity, Vocabulary, key, unknown_name
from bayesbio.errors import DataError, did_you_mean

ROLE_NAMES = {"ignore": "not used", "none": "not used", "unused": "not used", "input": "profile"}
CONDITIONS = ("volume", "temperature")  # settings of a run where they differ between runs only
FIRM_UNITS = ("g/L", "1e6 cells/mL", "mol/L", "1")  # a unit that does not fit is a mistake
MEASURED = ("measurement", "profile", "setting", "bolus", "sample")
ADDED = re.compile(
    r"(?P<front>.+?)[\s_\-]*(?:added|addition|bolus|bolus feed|boluses|dosed|fed)$"
    r"|(?:bolus|added|addition of|add)[\s_]+(?P<back>.+)",
    re.IGNORECASE,
)
COUNTED = re.compile(r"cum|total|sum|volume|weight", re.I)


@dataclasses.dataclass(frozen=True, eq=False)
class ReadOptions:
    """What the user says about a file, and the words that hold for it."""

    words: Vocabulary
    declared: tuple[str, ...] = ()
    run: str | Sequence[str] | None = None
    time: str | None = None
    columns: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    roles: Mapping[str, str] = dataclasses.field(default_factory=dict)
    event_kinds: tuple[str, ...] = ()
    dialect: Dialect = dataclasses.field(default_factory=lambda: dialect_named(None))
    decimal: str | None = None
    feeds: Mapping[str, str] = dataclasses.field(default_factory=dict)  # by reduced name
    inputs: tuple[str, ...] = ()
    planned: bool = False

    def __post_init__(self) -> None:
        if self.decimal not in (None, ".", ","):
            raise DataError(f"decimal={self.decimal!r} came; expected '.' or ','.")
        object.__setattr__(self, "headers", Headers(self.words, self.dialect))

    headers: Headers = dataclasses.field(init=False)

    @property
    def run_key(self) -> tuple[str, ...]:
        """The columns that together name the run, as the user stated them."""
        return (self.run,) if isinstance(self.run, str) else tuple(self.run or ())

    def feed_key(self, text: str) -> str:
        """Reduce the name of a feed to what is compared: 'Feed A added' is a."""
        words = re.split(r"[^0-9A-Za-zäöüÄÖÜ+]+", text)
        kept = [w for w in words if w and not self.dialect.is_a("feed_word", w)]
        return key("".join(kept)) or key(text)

    def is_feed(self, text: str) -> bool:
        """Tell whether a name is that of a feed: known from a sheet of feeds, or by its words."""
        words = [word for word in re.split(r"[^0-9A-Za-zäöüÄÖÜ+]+", text) if word]
        named = any(self.dialect.is_a("feed_noun", word) for word in words)
        return named or self.feed_key(text) in self.feeds

    def knows(self, text: str) -> bool:
        """Tell whether a text is the name of a column that would be understood."""
        if self.dialect.is_ordering(text) or self.target_of(text) is not None:
            return True
        if text in (*self.run_key, self.time):
            return True
        header = self.headers.read(text)
        ordering = self.dialect.is_ordering(header.name) and header.unit is not None
        return bool(header.words) or ordering

    def target_of(self, header: str) -> Any:
        """Give what the user, else the dialect, says that a column is; None if nothing."""
        target = _lookup(self.columns, header)
        if target is None:
            target = _lookup(self.dialect.columns, header)
        return target if target is not None else self.dialect.target_like(header)

    def role_of(self, header: str, word: Quantity | None) -> str | None:
        """Give the role that the user set for a column or for its quantity."""
        role = _lookup(self.roles, header)
        if role is None and word is not None:
            role = self.roles.get(word.name)
        if role is None and str(_lookup(self.dialect.columns, header)).lower() == "ignore":
            return "not used"
        return check_role(role) if role is not None else None


def check_role(role: Any) -> str:
    """
    Give a role in the spelling of the house.

    Raises
    ------
    DataError
        If there is no such role.

    Examples
    --------
    >>> check_role("ignore")
    'not used'
    """
    text = str(role).strip().lower()
    text = ROLE_NAMES.get(text, text)
    if text not in COLUMN_ROLES:
        raise DataError(
            f"The role {role!r} is unknown; use measurement, profile, setting, run, time, "
            f"replicate, bolus, sample, covariate or ignore.{did_you_mean(text, COLUMN_ROLES)}"
        )
    return text


@dataclasses.dataclass
class ColumnPlan:
    """How one column of a block is read."""

    index: int
    header: str
    role: str = "not used"
    word: Quantity | None = None
    unit: str = ""
    replicate: int = 0
    part: str = ""
    note: str = ""
    name: str = ""
    feed: str = ""  # the feed of which volumes were added, or that flows
    dosed: bool = False  # the sheet says that it is what was added
    counts: bool = False  # it counts what was added since the start

    def use(self, sheet: str) -> ColumnUse:
        """Say it for the user."""
        house = self.word.unit if self.word is not None and self.role in (*MEASURED, "sd") else ""
        if self.role == "bolus" and self.word is not None:
            house = self.word.amount_unit
        if self.role == "time":
            house = "h"
        quantity = self.word.name if self.word is not None else self.name
        role = self.role
        return ColumnUse(
            self.header, role, quantity, self.unit, house, self.replicate, self.note, sheet
        )


def _lookup(mapping: Mapping[str, Any], header: str) -> Any:
    """Find a header among the names a user gave: exactly, then regardless of case and spaces."""
    if header in mapping:
        return mapping[header]
    plain = re.sub(r"\s+", " ", header).strip().lower()
    for name, value in mapping.items():
        if re.sub(r"\s+", " ", str(name)).strip().lower() == plain:
            return value
    return None


def by_company(
    columns: Sequence[tuple[str, np.ndarray]], options: ReadOptions
) -> tuple[dict[str, str], list[Finding]]:
    """
    Find what short names mean by the company they keep: V beside viable cells is no volume.

    Parameters
    ----------
    columns : sequence of str and array
        Headers of a sheet with their numbers.
    options : ReadOptions

    Returns
    -------
    meant : dict of header to quantity
    findings : list of Finding
        Says so, one warning a name.

    Examples
    --------
    >>> from bayesbio.data.vocabulary.quantities import shipped
    >>> sheet = [("Xv", np.array([0.3, 9.0])), ("V", np.array([99.0, 71.0]))]
    >>> by_company(sheet, ReadOptions(shipped()))[0]
    {'V': 'viability'}
    """
    rules = options.dialect.letters
    names = [header for header, _ in columns if header]
    if not set(rules) & set(names):
        return {}, []
    there = {word.name: name for name in names for word in options.headers.read(name).words}
    there |= {name: name for name in set(rules) & set(names)}
    meant, findings = {}, []
    for header, values in columns:
        rule = rules.get(header)
        if rule is None or options.target_of(header) is not None or not values.size:
            continue
        beside = [there[name] for name in rule["beside"] if there.get(name, header) != header]
        others = [
            there[name] for name in rule.get("without", ()) if there.get(name, header) != header
        ]
        fits = rule.get("from", -np.inf) <= float(values.max()) <= rule.get("to", np.inf)
        if beside and not others and fits:
            meant[header] = rule["means"]
            findings.append(
                warning(
                    f"Column {header!r} was read as {rule['means']}, as it stands beside "
                    f"{beside[0]!r}.",
                    f"If it is something else, say so with columns={{{header!r}: 'name [unit]'}}.",
                )
            )
    return meant, findings


def find_header(header: Sequence[str], wanted: str) -> int | None:
    """Give the index of a column by the name a user gave, with or without its unit."""
    bare = [key(re.sub(r"[\[(].*?[\])]", "", name)) for name in header]
    keys = [key(name) for name in header]
    for names, name in ((list(header), wanted), (keys, key(wanted)), (bare, key(wanted))):
        if name and name in names:
            return names.index(name)
    return None


def missing_column(wanted: str, header: Sequence[str], sheet: str) -> DataError:
    """Say that a column is not there, and what is."""
    names = [name for name in header if name]
    hint = did_you_mean(wanted, names)
    return DataError(
        f"{sheet} has no column {wanted!r}; its columns are {', '.join(map(repr, names))}.{hint}"
    )


def fitting_unit(header: Header, values: np.ndarray) -> tuple[Quantity | None, str, str]:
    """
    Choose the quantity and the unit that a header means.

    Returns
    -------
    word, unit, note
        ``word`` is None if the unit given fits none of the quantities of that name.
    """
    first = header.words[0]
    if header.unit is None or (units.spell(header.unit) == "1" and first.unit != "1"):
        unit, note = assumed_unit(first, values)
        return first, unit, note
    for word in header.words:
        if units.same_dimension(header.unit, word.unit, of=word):
            return word, header.unit, ""
    if header.unit in ("mm", "MM") and first.molar_mass:
        return first, "mM", f"{header.unit!r} taken for mM"
    return None, header.unit, ""


def assumed_unit(word: Quantity, values: np.ndarray) -> tuple[str, str]:
    """
    Choose a unit where none is given, and say so.

    Examples
    --------
    >>> from bayesbio.data.vocabulary.quantities import quantity
    >>> assumed_unit(quantity("viability"), np.array([98.5, 97.0]))
    ('%', 'no unit given, taken for %')
    """
    high = float(np.max(values)) if values.size else 0.0
    middle = float(np.median(values)) if values.size else 0.0
    unit = word.unit
    if word.unit_if_above_one and high > 1.5:
        unit = word.unit_if_above_one
    elif word.unit == "K" and values.size and middle < 150.0:
        unit = "degC"
    elif word.unit == "1e6 cells/mL" and high > 1e4:
        unit = "cells/mL"
    if unit == "1" and word.unit == "1":
        return unit, ""
    return unit, f"no unit given, taken for {unit}"


def plan_quantity(
    header: str,
    unit_text: str,
    values: np.ndarray,
    options: ReadOptions,
    *,
    constant: bool = False,
    dosed: bool = False,
) -> tuple[ColumnPlan, list[Finding]]:
    """
    Understand the header of a column of numbers, or the name of an analyte in a long table.

    With ``dosed``, a volume or an amount is one that was added, as on a sheet of feeds.

    Returns
    -------
    plan : ColumnPlan
        With role "not used" if it cannot be used; its index is not set.
    findings : list of Finding
    """
    plan = ColumnPlan(-1, header)
    target = options.target_of(header)
    own = options.headers.read(header, unit_text or None)
    if target is not None:
        return _as_mapped(plan, target, own, values, options)
    if options.role_of(header, None) is None and _is_dose(plan, own, options, dosed):
        return plan, _feed_findings(plan, own)
    if not own.words and (match := ADDED.fullmatch(own.name)):
        return _added(plan, match["front"] or match["back"], own, options)
    if dosed and _is_amount(own) and options.role_of(header, None) is None:
        return _added(plan, own.name, own, options)
    if not own.words:
        own = _declared(own, options)
    if own.words:
        return _known(plan, own, values, options, constant=constant)
    return _unknown(plan, own, values, options, constant=constant)


def _as_mapped(
    plan: ColumnPlan, target: Any, own: Header, values: np.ndarray, options: ReadOptions
) -> tuple[ColumnPlan, list[Finding]]:
    """Follow a user's mapping such as 'glucose [mM]'."""
    role, unit = None, None
    if isinstance(target, Mapping):
        role, unit, target = target.get("role"), target.get("unit"), target.get("quantity", "")
    text = str(target).strip()
    if key(text) in ("", "ignore", "notused", "none"):
        plan.note = "left out as asked"
        return plan, []
    bracketed = re.fullmatch(r"(.+?)\s*[\[(](.+)[\])]", text)
    if bracketed and units.is_unit(bracketed.group(2)):
        text, unit = bracketed.group(1), bracketed.group(2)
    stated = options.headers.read(text, unit)
    if not stated.words:
        if stated.unit is None:
            guess = options.words.nearest(stated.name)
            raise DataError(unknown_name(stated.name, guess))
        stated = stated._replace(words=(Quantity(snake(stated.name), stated.unit),))
    if stated.unit is None:
        stated = stated._replace(unit=own.unit)
        fits = stated.unit is None or fitting_unit(stated, values)[0] is not None
        stated = stated if fits else stated._replace(unit=None)
    if stated.replicate == 0:
        stated = stated._replace(replicate=own.replicate if own.words else 0)
    plan, findings = _known(plan, stated, values, options)
    if role:
        plan.role = check_role(role)
    return plan, findings


def _declared(own: Header, options: ReadOptions) -> Header:
    """Find a declared name at the front of a header: hare_thousands is hare."""
    pieces = snake(own.name).split("_")
    for count in range(len(pieces) - 1, 0, -1):
        front = "_".join(pieces[:count])
        if front in options.declared and (word := options.words.find(front)) is not None:
            rest = "_".join(pieces[count:])
            return own._replace(words=(word,), note=f"{rest!r} is not a unit; values as they stand")
    return own


ADDITIONS = {"cumulative_base": "base", "cumulative_acid": "acid"}
OF_FEEDS = (
    "feed_rate",
    "feed_rate_2",
    "cumulative_feed",
    "feed_output",
    "cumulative_feed_mass",
    *ADDITIONS,
)
BESIDE_A_FEED = re.compile(
    r"(?:[\s_-]+(?:volume|vol|added|addition|dosed|total|rate|flow))+$", re.I
)
LITRES = {"g": "mL", "kg": "L", "mg": "uL"}  # at 1 kg/L


def _is_dose(plan: ColumnPlan, own: Header, options: ReadOptions, dosed: bool) -> bool:
    """Read a column that says how much of a feed was added or flows; tell whether it is one."""
    words = own.words
    if not words and (match := ADDED.fullmatch(own.name)):
        words = options.headers.read((match["front"] or match["back"]).strip(" _-")).words
        words = words if words and words[0].name in ADDITIONS else ()
    first = words[0].name if words else ""
    if own.part or first in options.declared:
        return False
    bare = re.sub(r"\s*[\[(][^\[\]()]*[\])]\s*", " ", plan.header)
    name = (bare if own.replicate else own.name).strip(" _-")  # F01 is no replicate of F
    name = BESIDE_A_FEED.sub("", name) or name
    known = options.feed_key(name) in options.feeds
    plan.dosed = known or dosed or options.planned
    named = known or options.is_feed(name) or (dosed and not COUNTED.search(name))
    if not (named or first in ADDITIONS) or (first and first not in OF_FEEDS and not known):
        return False
    unit = own.unit
    if unit is None or (known and units.spell(unit) in ("percent", "1")):
        plan.role, plan.feed = "not used" if unit else "bolus", "" if unit else name
        plan.word, plan.unit = options.words.quantity("volume"), "mL"
        return known
    if known and unit in LITRES and not own.words:
        unit, plan.note = LITRES[unit], f"{unit} taken for {LITRES[unit]}, at 1 kg/L"
    if units.same_dimension(unit, "L"):
        plan.role, plan.word, plan.unit = "bolus", options.words.quantity("volume"), unit
        plan.feed = plan.name = ADDITIONS.get(first, name)
        return True
    numbered = first == "feed_rate" and own.replicate > 0
    if units.same_dimension(unit, "L/h") and (known or not first or numbered):
        plan.role, plan.word, plan.unit = "profile", options.words.quantity("feed_rate"), unit
        plan.feed = plan.name = name
        plan.note = f"flow of {name}"
        return True
    return False


def _feed_findings(plan: ColumnPlan, own: Header) -> list[Finding]:
    """Say what a column of a feed leaves open: its unit, or the volume that it is a share of."""
    if plan.role == "not used":
        plan.word, plan.note = None, "a share of a volume"
        return [_unused(plan, "it gives a feed as a share.", "Give its volume, such as in mL.")]
    if own.unit is None:
        plan.note = "no unit given, taken for mL"
    return []


def _is_amount(own: Header) -> bool:
    """Tell an amount or a volume from what is not added each time."""
    if own.unit is None or COUNTED.search(own.name):
        return False
    return any(units.same_dimension(own.unit, unit) for unit in ("L", "g", "mol"))


def _added(
    plan: ColumnPlan, name: str, own: Header, options: ReadOptions
) -> tuple[ColumnPlan, list[Finding]]:
    """Read a column such as 'Glucose added (g)' as boluses."""
    words = options.headers.read(name.strip(" _-")).words
    unit = own.unit
    if unit is not None and units.same_dimension(unit, "L"):
        volume = options.words.find("volume")
        plan.role, plan.word, plan.unit = "bolus", volume, unit
        plan.note, plan.feed = "volume added", BESIDE_A_FEED.sub("", own.name.strip(" _-"))
        return plan, []
    if words and unit is not None:
        word = words[0]
        if units.same_dimension(unit, word.amount_unit, of=word):
            plan.role, plan.word, plan.unit = "bolus", word, unit
            return plan, []
    plan.note = "an amount added needs a unit such as g, mmol or mL"
    return plan, [_unused(plan, "an amount needs a unit such as g, mmol or mL in its header.")]


def _known(
    plan: ColumnPlan,
    own: Header,
    values: np.ndarray,
    options: ReadOptions,
    *,
    constant: bool = False,
) -> tuple[ColumnPlan, list[Finding]]:
    first = own.words[0]
    plan.replicate, plan.part, plan.note = own.replicate, own.part, own.note
    if own.bad_unit:
        plan.note = f"unit {own.bad_unit!r} is unknown"
        return plan, [
            error(
                f"Column {plan.header!r} gives {first.name} in {own.bad_unit!r}, which is no unit "
                f"known here; expected one like {first.unit}.",
                f"Correct the header, or read with columns={{{plan.header!r}: "
                f"'{first.name} [{first.unit}]'}}.",
                subject="unit",
            )
        ]
    word, unit, note = fitting_unit(own, values)
    findings = []
    if word is None and (by_volume := _by_volume(own, values)) is not None:
        word, unit, note = by_volume
        findings.append(
            warning(
                f"Column {plan.header!r} gives {first.name} per kg; it was read as {unit}, at a "
                "density of 1 kg/L.",
                f"Convert it with the density you measured, and head it '{first.name} ({unit})'.",
                subject="unit",
            )
        )
    if word is None:
        own_name = snake(own.name)
        if first.unit not in FIRM_UNITS or (own_name != first.name and own.note):
            if options.words.find_all(own_name):  # the name is taken: acid in L/h is no volume
                own_name = snake(f"{own_name} {unit}")
            plan.word = Quantity(own_name, unit, lower=None)
            plan.role, plan.unit = options.role_of(plan.header, plan.word) or "measurement", unit
            plan.note = f"{unit} does not fit {first.name}; kept as a quantity of its own"
            return plan, []
        plan.note = f"{unit!r} does not fit {first.name}"
        hint = "" if first.molar_mass or "mol" not in unit else " (no molar mass is known for it)"
        return plan, [
            error(
                f"Column {plan.header!r} gives {first.name} in {unit!r}{hint}; expected "
                "a unit that "
                f"can be converted to {first.unit}.",
                f"Correct the unit, read with columns={{{plan.header!r}: '{first.name} "
                f"[{first.unit}]'}} if only the header is wrong, or with '{first.name}_2 "
                f"[{unit}]' if it "
                "is another quantity.",
                subject="unit",
            )
        ]
    plan.word, plan.unit = word, unit
    plan.note = "; ".join(part for part in (own.note, note) if part)
    role = options.role_of(plan.header, word)
    if role is None:
        role = word.role
        if constant and word.name in CONDITIONS and word.name not in options.declared:
            role, plan.note = "setting", f"{plan.note}; constant in each run".strip("; ")
    plan.role = "measurement" if role in ("parameter", "covariate") else role
    return plan, findings


def _by_volume(own: Header, values: np.ndarray) -> tuple[Quantity | None, str, str] | None:
    """Read a share of the broth's mass, such as g/kg, as a share of its volume."""
    unit = re.sub(r"/\s*kg$|\s*kg\s*(\^?-1|\*\*-1)$", "/L", own.unit or "")
    if unit == own.unit or not units.is_unit(unit):
        return None
    fits = fitting_unit(own._replace(unit=unit), values)
    return None if fits[0] is None else fits


def _unknown(
    plan: ColumnPlan, own: Header, values: np.ndarray, options: ReadOptions, *, constant: bool
) -> tuple[ColumnPlan, list[Finding]]:
    name = snake(own.name)
    role = options.role_of(plan.header, None) or options.role_of(name, None)
    if options.dialect.is_a("ignored", own.name) and role is None:
        return plan, []
    guess = options.words.typo(own.name)
    if guess is not None and role is None:
        unit = own.unit or options.words.quantity(guess).unit
        plan.note = f"misspelt {guess}?"
        return plan, [error(unknown_name(own.name, guess, unit), "")]
    if own.bad_unit and role is None:
        return plan, [
            error(
                f"Column {plan.header!r} has the unit {own.bad_unit!r}, which is not known here.",
                "Write a unit like g/L, mM, 1e6 cells/mL, % or mL/h, or leave the column out with "
                f"roles={{{plan.header!r}: 'ignore'}}.",
                subject="unit",
            )
        ]
    if own.unit is not None:
        unit = "%" if units.spell(own.unit) == "percent" else own.unit
        plan.word, plan.unit = Quantity(name, unit, lower=None), unit
        plan.role = role if role in MEASURED else "setting" if constant else "measurement"
        plan.note = "new quantity"
        return plan, []
    if role in MEASURED:
        plan.word, plan.role, plan.note = Quantity(name, "1", lower=None), role or "", "no unit"
        return plan, []
    if constant:
        plan.role, plan.name, plan.note = "covariate", name, "constant in each run"
        return plan, []
    plan.note = "name and unit unknown"
    hint = options.words.nearest(own.name, cutoff=0.75)
    return plan, [
        _unused(
            plan,
            "it is not in the vocabulary and has no unit."
            + (f" Did you mean {hint}?" if hint else ""),
            f"To use it: read_campaign(..., quantities={{{name!r}: 'g/L'}}) with its unit.",
        )
    ]


def _unused(plan: ColumnPlan, why: str, then: str = "") -> Finding:
    return warning(f"Column {plan.header!r} is not used: {why}", then)
