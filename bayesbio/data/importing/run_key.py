"""Which rows are one run, where no single column says so: keys of columns, samples, clocks."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from bayesbio.data.importing.sheets.blocks import Block, Column, fill_down, joined
from bayesbio.data.importing.sheets.cells import Cell, is_blank, plain_text, read_cell

FEWEST = 3  # rows that make a time course
MOST = 8  # columns of names of which a key is made
AROUND = re.compile(r"\b(pre|post|before|after|vor|nach)\b|feed", re.IGNORECASE)  # of one vessel
SAMPLE = re.compile(  # 'R1-D04': the fourth day of R1
    r"(?P<run>.*?[A-Za-z0-9])[\s_.-]+(?P<unit>day|d|wd|tag|hour|h|t|tp|s)[\s_.-]*"
    r"(?P<number>\d+(?:[.,]\d+)?)\s*h?",
    re.IGNORECASE,
)
TIMED = {"day": "day", "d": "day", "wd": "day", "tag": "day", "hour": "h", "h": "h"}


def parallel(
    run: Column, others: Sequence[Column], times: Sequence[Any]
) -> tuple[Column, str] | None:
    """
    Find the column that keeps vessels of one run apart which go on at the same time.

    Parameters
    ----------
    run : Column
        What was taken for the run.
    others : sequence of Column
        Further columns that may name runs.
    times : sequence
        Of every row: hours, a moment, or something else where there is none.

    Returns
    -------
    tuple of Column and str, or None
        The key of a run, and why; None where no run has rows of several vessels at a time.
    """
    batches = [plain_text(cell) for cell in fill_down(run.cells)]
    for other in others:
        courses: dict[tuple[str, str], set[Any]] = defaultdict(set)
        for batch, cell, time in zip(batches, fill_down(other.cells), times, strict=True):
            if isinstance(time, float | dt.datetime) and not is_blank(cell):
                courses[batch, plain_text(cell)].add(time)
        if any(len(course) < FEWEST for course in courses.values()):
            continue
        pairs = itertools.combinations(courses.items(), 2)
        if any(
            first[0] == second[0] and min(a) < max(b) and min(b) < max(a)
            for (first, a), (second, b) in pairs
        ):
            alone = len({vessel for _, vessel in courses}) == len(courses)
            vessels = len(courses)
            why = f"{vessels} time courses; {run.header!r} alone has {len(set(batches))}"
            return (other if alone else joined([run, other])), why
    return None


def courses(
    run: Column | None,
    names: Sequence[Column],
    replicate: Column | None,
    rows: Sequence[tuple[Any, str] | None],
    *,
    assays: bool = False,
) -> tuple[Column, str] | None:
    """
    Find the fewest columns of names that part rows into time courses which go forward.

    Replicates that need no further name to be kept apart are repeated assays, not vessels.

    Parameters
    ----------
    run, replicate : Column, optional
        What was taken for the run, and the column of replicates.
    names : sequence of Column
        Columns that may name runs: a clone, a condition, an identifier.
    rows : sequence
        Time and analyte of every row; None where there is no time.
    assays : bool
        Replicates of a run at the same times are repeated assays, as the run is a vessel.

    Returns
    -------
    tuple of Column and str, or None
        The key of a run, and why; None where the rows are courses already.
    """
    fixed = [] if run is None else [run]
    whole = fixed if replicate is None else [*fixed, replicate]
    if _are_courses(whole, rows, forward=replicate is None):
        if replicate is None:
            turning = None if fixed else next((c for c in names if _in_turn(c, rows)), None)
            why = "vessels sampled in turn, again and again"
            return None if turning is None else (turning, why)
        if not _never_meet(fixed, replicate, rows):
            return None
        key = joined(whole) if fixed else replicate
        return key, f"{replicate.header!r} has courses of its own"
    filled = [
        column
        for column in names
        if not any(
            row is not None and is_blank(cell)
            for row, cell in zip(rows, fill_down(column.cells), strict=True)
        )
        and not any(AROUND.search(plain_text(cell)) for cell in column.filled)
    ]
    for size in (1, 2, 3):
        for chosen in itertools.combinations(filled[:MOST], size):
            named_by = [*fixed, *chosen]
            of_one = replicate is None or replicate.is_constant_in(_joint(named_by, len(rows)))
            with_replicate = named_by if replicate is None else [*named_by, replicate]
            for columns in (named_by, with_replicate) if of_one else (with_replicate,):
                if _are_courses(columns, rows, forward=replicate is None):
                    if assays and replicate and not _never_meet(named_by, replicate, rows):
                        columns = named_by
                    key = joined(columns) if len(columns) > 1 else columns[0]
                    count = len(set(_joint([key], len(rows))))
                    return key, f"{count} time courses that go forward"
    return None


def _in_turn(column: Column, rows: Sequence[tuple[Any, str] | None]) -> bool:
    """Whether names come in turn: all of them within a short time, then again much later."""
    names = [plain_text(cell) for cell in column.cells]
    size = len(set(names))
    if size < 2 or len(names) < FEWEST * size or len(names) % size or None in rows:
        return False
    if "" in names or any(AROUND.search(name) for name in names):
        return False
    times = [row[0] for row in rows if row is not None]
    rounds = [slice(start, start + size) for start in range(0, len(names), size)]
    if any(len(set(names[each])) < size for each in rounds):
        return False
    within = max(times[each][-1] - times[each][0] for each in rounds)
    between = min(times[b][0] - times[a][-1] for a, b in itertools.pairwise(rounds))
    return bool(2 * within < between)


def _joint(key: Sequence[Column], rows: int) -> list[str]:
    """Name the group of each row."""
    cells = [fill_down(column.cells) for column in key]
    return ["/".join(plain_text(column[row]) for column in cells) for row in range(rows)]


def _never_meet(
    fixed: Sequence[Column], replicate: Column, rows: Sequence[tuple[Any, str] | None]
) -> bool:
    """Whether replicates go on beside each other and never share a time, as vessels do."""
    times: dict[tuple[str, str], set[Any]] = defaultdict(set)
    groups, numbers = _joint(fixed, len(rows)), fill_down(replicate.cells)
    for row, group, number in zip(rows, groups, numbers, strict=True):
        if row is not None and not is_blank(number):
            times[group, plain_text(number)].add(row[0])
    pairs = [
        (first, second)
        for (one, first), (other, second) in itertools.combinations(times.items(), 2)
        if one[0] == other[0]
    ]
    beside = [min(a) < max(b) and min(b) < max(a) for a, b in pairs]
    enough = min(map(len, times.values()), default=0) >= FEWEST
    return bool(pairs) and enough and all(beside) and not any(a & b for a, b in pairs)


def _are_courses(
    key: Sequence[Column], rows: Sequence[tuple[Any, str] | None], *, forward: bool
) -> bool:
    """Whether each group of rows has several times, each once, and in order where asked."""
    cells = [fill_down(column.cells) for column in key]
    groups: dict[tuple[str, ...], list[tuple[Any, str]]] = defaultdict(list)
    for number, row in enumerate(rows):
        if row is not None:
            groups[tuple(plain_text(column[number]) for column in cells)].append(row)
    if not groups or (key and min(map(len, groups.values())) < FEWEST):
        return False
    once = all(len(set(group)) == len(group) for group in groups.values())
    return once and not (forward and any(_starts_again(group) for group in groups.values()))


def _starts_again(group: Sequence[tuple[Any, str]]) -> bool:
    """Whether a clock goes back by more than half of what it had counted."""
    last: dict[str, tuple[Any, Any]] = {}
    for time, analyte in group:
        first, before = last.get(analyte, (time, time))
        if time < before and time - first < 0.5 * (before - first):
            return True
        last[analyte] = (first, time)
    return False


def of_samples(columns: Sequence[Column]) -> tuple[Column, str] | None:
    """
    Find names of samples that say their run, such as 'R1-D04'.

    Returns
    -------
    tuple of Column and str, or None
        The runs, and why; None where no column has such names.
    """
    for column in columns:
        matches = [SAMPLE.fullmatch(plain_text(cell)) for cell in fill_down(column.cells)]
        if not column.is_numeric and matches and all(matches):
            cells: list[Cell] = [match["run"] for match in matches if match]
            if min(cells.count(cell) for cell in set(cells)) >= FEWEST:
                return dataclasses.replace(column, cells=cells), "the front of the names of samples"
    return None


def times_of_samples(columns: Sequence[Column]) -> Column | None:
    """
    Find the days or hours in names of samples such as 'R1-D04', 'R1 48h'.

    Returns
    -------
    Column or None
        Cells such as 'Day 04'; None where no column has such names.
    """
    for column in columns:
        matches = [SAMPLE.fullmatch(plain_text(cell)) for cell in column.cells]
        units = {match["unit"].lower() for match in matches if match}
        if column.is_numeric or not matches or not all(matches) or not units <= set(TIMED):
            continue
        cells: list[Cell] = [
            f"{TIMED[match['unit'].lower()]} {match['number']}" for match in matches if match
        ]
        if len(set(cells)) > 1:
            readings = [read_cell(cell) for cell in cells]
            return dataclasses.replace(column, cells=cells, readings=readings)
    return None


def restarts_within(run: Column, block: Block, times: Sequence[Any]) -> tuple[Column, str] | None:
    """
    Give a number to the batches of a vessel whose clock starts again, as in 'F1/2'.

    Returns
    -------
    tuple of Column and str, or None
        The runs, and why; None where no clock starts again.
    """
    names = [plain_text(cell) for cell in fill_down(run.cells)]
    cells: list[Cell] = list(names)
    again = []
    for name in dict.fromkeys(names):
        rows = [row for row, each in enumerate(names) if each == name]
        numbers = restarts(block, times, rows)
        if numbers is not None:
            again.append(name)
            for row, number in zip(rows, numbers, strict=True):
                cells[row] = f"{name}/{number}"
    if not again:
        return None
    return dataclasses.replace(run, cells=cells), f"the clock of {again[0]!r} starts again"


def restarts(
    block: Block, of_rows: Sequence[Any], subset: Sequence[int] | None = None
) -> list[int] | None:
    """
    Give rows the number of their run where the clock starts again; None where it goes on.

    Rows below each other that fill other columns at the same times belong to one run.
    """
    places = range(len(of_rows)) if subset is None else subset
    times = [of_rows[place] for place in places]
    numbers, starts, last = [], [0], None
    for row, time in enumerate(times):
        if isinstance(time, float):
            first = next(t for t in times[starts[-1] :] if isinstance(t, float))
            if last is not None and time < last and time - first <= 0.1 * (last - first):
                starts.append(row)
            last = time
        numbers.append(len(starts))
    ends = [*starts[1:], len(times)]
    pieces = [range(start, end) for start, end in zip(starts, ends, strict=True)]
    if len(pieces) < 2 or min(map(len, pieces)) < FEWEST:
        return None
    for rows in pieces:
        course = [times[row] for row in rows if isinstance(times[row], float)]
        if any(later < earlier for earlier, later in itertools.pairwise(course)):
            return None
    for column in block.columns:
        filled = [
            any(column.readings[places[row]].kind == "number" for row in rows) for rows in pieces
        ]
        if sum(filled) > 1 and column.header and not _is_clock(column, of_rows):
            return numbers
    return None


def _is_clock(column: Column, times: Sequence[Any]) -> bool:
    """Whether a column holds the times themselves."""
    values = [r.value for r in column.readings if r.kind == "number"]
    clock = [time for time in times if isinstance(time, float)]
    if len(values) != len(clock) or not any(clock):
        return False
    ratios = [value / time for value, time in zip(values, clock, strict=True) if time]
    return bool(ratios) and max(ratios) - min(ratios) < 1e-9 * abs(max(ratios))
