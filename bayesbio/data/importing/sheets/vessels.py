"""Vessels that stand side by side in one table are put below each other, each a run of its own."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence

from bayesbio.data.findings import warning
from bayesbio.data.importing.sheets.cells import Cell, is_blank, plain_text
from bayesbio.data.importing.sheets.dialect import Dialect
from bayesbio.data.importing.sheets.files import Sheet
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.quantities import Vocabulary

NUMBERED = re.compile(r"(?P<word>[^\W\d_][^\d_]*?)?[\s_#.-]*(?P<number>\d{1,3}|(?<![^\W_])[A-H])")
CODED = re.compile(r"[^\W\d_]{1,4}[_-]?\d{1,4}([_-]\d{1,2})?|[\w-]+[\s_-](\d{1,3}|[A-H])")
LETTERS = ("F", "V", "B", "BR", "FB", "BX", "FL", "SF", "DG", "P", "U")  # of a vessel, as in BR01
NO_VESSEL = ("replicate", "time", "moment", "sd", "ignored", "unit", "value")
BRACKET = re.compile(r"[\[(]([^()\[\]]+)[\])]")
LONGEST_NAME = 120  # characters of a header; a longer text is prose
SEARCHED = 30  # rows in which the head of a table is looked for


@dataclasses.dataclass
class _Head:
    """The header of vessels side by side: which run and quantity each column holds."""

    top: int
    runs: dict[int, tuple[str, str]]  # by place: run, quantity with its unit
    times: dict[int, str]  # by place: the run a clock belongs to, blank where it is shared


def vessels_apart(sheet: Sheet, dialect: Dialect, words: Vocabulary) -> Sheet | None:
    """
    Put vessels that stand side by side below each other; None where there are none.

    Parameters
    ----------
    sheet : Sheet
        Its vessels are named above groups of columns, under names of quantities, or in each header.
    dialect : Dialect
        Its words tell vessels from replicates.
    words : Vocabulary
        Tells names of quantities from names of vessels.

    Returns
    -------
    Sheet or None
        A table of the columns run, time and the quantities.
    """
    for top, row in enumerate(sheet.rows[:SEARCHED]):
        head = [plain_text(cell) if isinstance(cell, str) else "" for cell in row]
        if max(map(len, head), default=0) > LONGEST_NAME:
            continue
        if sum(map(bool, head)) < 3:
            continue
        above = [plain_text(cell)[:LONGEST_NAME] for cell in sheet.rows[top - 1]] if top else []
        for found in (
            _under_a_row(top, above, head, dialect, words),
            _in_each(top, head, dialect, words),
            _with_spreads(top, head, dialect),
        ):
            if found is not None and _is_whole(found):
                return _below_each_other(sheet, head, found)
    return None


def _is_whole(head: _Head) -> bool:
    """Whether several vessels hold the same quantities, each once, and have a clock."""
    runs = {run for run, _ in head.runs.values()}
    each = Counter(quantity for _, quantity in head.runs.values())
    once = len(set(head.runs.values())) == len(head.runs)
    clocks = "" in head.times.values() or runs <= set(head.times.values())
    return len(runs) >= 2 and once and max(each.values()) >= 2 and clocks


def _under_a_row(
    top: int, above: Sequence[str], head: Sequence[str], dialect: Dialect, words: Vocabulary
) -> _Head | None:
    """Read a header with vessels above quantities, or quantities above vessels."""
    named = [text for text in above if text]
    if len(named) < 1 or not any(above[1:]):
        return None
    groups, last = [], ""
    for place in range(len(head)):
        last = (above[place] if place < len(above) else "") or last
        groups.append(last)
    found = _Head(top, {}, {})
    for place, text in enumerate(head):
        group = groups[place]
        if not text:
            continue
        if _is_time(text, dialect):
            found.times[place] = group if _is_vessel(group, dialect, words) else ""
        elif _is_quantity(group, words) and _is_vessel(text, dialect, words):
            found.runs[place] = (text, group)
        elif _is_quantity(text, words) and _is_vessel(group, dialect, words):
            found.runs[place] = (group, text)
        else:
            return None
    if len(set(found.times.values())) == 1:  # one clock before all groups
        found.times = dict.fromkeys(list(found.times)[:1], "")
    return found if found.runs else None


def _in_each(top: int, head: Sequence[str], dialect: Dialect, words: Vocabulary) -> _Head | None:
    """Read a header whose names hold vessel and quantity, such as 'Glucose BR01 (g/L)'."""
    found = _Head(top, {}, {})
    for place, text in enumerate(head):
        apart = _taken_apart(text, dialect, words) if text else None
        if apart is not None:
            found.runs[place] = apart
        elif text and _is_time(text, dialect):
            found.times[place] = ""
        elif text:
            return None
    return found if found.runs and len(found.times) == 1 else None


def _with_spreads(top: int, head: Sequence[str], dialect: Dialect) -> _Head | None:
    """Read numbered columns beside numbered spreads, such as 'G1', 'G2', 'std1', 'std2'."""
    found, spreads = _Head(top, {}, {}), {}
    for place, text in enumerate(head):
        match = re.fullmatch(r"([^\W\d_]+)[\s_-]?(\d{1,3})", text)
        if match and dialect.is_a("sd", match[1]):
            spreads[place] = match[2]
        elif match:
            found.runs[place] = (match[2], match[1])
        elif text and _is_time(text, dialect):
            found.times[place] = ""
        elif text:
            return None
    names = {name for _, name in found.runs.values()}
    if (
        not spreads
        or len(names) != 1
        or {run for run, _ in found.runs.values()} != set(spreads.values())
    ):
        return None
    name = names.pop()
    found.runs |= {place: (run, f"{name} SD") for place, run in spreads.items()}
    found.runs = {place: (f"{name}{run}", each) for place, (run, each) in found.runs.items()}
    return found if len(found.times) == 1 else None


def _taken_apart(text: str, dialect: Dialect, words: Vocabulary) -> tuple[str, str] | None:
    """Split a name into its vessel and its quantity with the unit."""
    unit = next((m for m in BRACKET.finditer(text) if units.is_unit(m[1])), None)
    bare = text if unit is None else text[: unit.start()] + " " + text[unit.end() :]
    parts = [part for part in re.split(r"[\s_\-:|/.,()\[\]]+", bare) if part]
    for count in (2, 1):
        for vessel, rest in ((parts[:count], parts[count:]), (parts[-count:], parts[:-count])):
            match = NUMBERED.fullmatch(" ".join(vessel))
            word = (match["word"] or "").strip() if match else ""
            known = word.upper() in LETTERS and count == 1 or dialect.is_a("run", word)
            quantity = " ".join(rest)
            if word and known and quantity and words.find_all(quantity):
                return " ".join(vessel), quantity + (f" ({unit[1]})" if unit else "")
    return None


def _is_time(text: str, dialect: Dialect) -> bool:
    bare = BRACKET.sub("", text).strip()
    return dialect.is_time(bare) or dialect.is_a("moment", bare)


def _is_quantity(text: str, words: Vocabulary) -> bool:
    return bool(text and words.find_all(BRACKET.sub("", text).strip()))


def _is_vessel(text: str, dialect: Dialect, words: Vocabulary) -> bool:
    """Whether a text names a vessel: by a word for it, or as a code with a number."""
    match = NUMBERED.fullmatch(text)
    word = (match["word"] or "").strip() if match else text
    if any(dialect.is_a(role, word) for role in NO_VESSEL) or _is_quantity(text, words):
        return False
    if _is_time(text, dialect) or (word and dialect.time_units.get(word.lower())):
        return False
    return bool(dialect.is_a("run", word) or CODED.fullmatch(text))


def _below_each_other(sheet: Sheet, head: Sequence[str], found: _Head) -> Sheet:
    runs = list(dict.fromkeys(run for run, _ in found.runs.values()))
    quantities = list(dict.fromkeys(quantity for _, quantity in found.runs.values()))
    place_of = {pair: place for place, pair in found.runs.items()}
    clock = {run: place for place, run in found.times.items()}
    rows: list[tuple[Cell, ...]] = [("run", head[next(iter(found.times))], *quantities)]
    numbers = [sheet.numbers[found.top]]
    for run in runs:
        time = clock.get(run, clock.get("", 0))
        places = [place_of.get((run, quantity)) for quantity in quantities]
        for row, number in zip(
            sheet.rows[found.top + 1 :], sheet.numbers[found.top + 1 :], strict=True
        ):
            values = [None if place is None else row[place] for place in places]
            if not all(is_blank(value) for value in values):
                rows.append((run, row[time], *values))
                numbers.append(number)
    shown = ", ".join(runs[:3]) + (", ..." if len(runs) > 3 else "")
    said = warning(
        f"{sheet.name}: {len(runs)} vessels stand side by side ({shown}); each was read as a run."
    )
    return dataclasses.replace(
        sheet,
        rows=tuple(rows),
        numbers=tuple(numbers),
        headed=True,
        findings=(*sheet.findings, said),
        places=(),
    )
