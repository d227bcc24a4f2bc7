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
from bayesbio.data.importing.sheets.cells import Cell, is_blank, plain_text

FEWEST = 3  # rows that make a time course
SAMPLE = re.compile(  # 'R1-D04': the fourth day of R1
    r"(?P<run>.*?[A-Za-z0-9])[\s_.-]+(?:day|d|wd|tag|hour|h|t|tp|s)[\s_.-]*\d+(?:[.,]\d+)?\s*h?",
    re.IGNORECASE,
)


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


def restarts(block: Block, times: Sequence[Any]) -> list[int] | None:
    """
    Give rows the number of their run where the clock starts again; None where it goes on.

    Rows below each other that fill other columns at the same times belong to one run.
    """
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
        filled = [any(column.readings[row].kind == "number" for row in rows) for rows in pieces]
        if sum(filled) > 1 and column.header and not _is_clock(column, times):
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
