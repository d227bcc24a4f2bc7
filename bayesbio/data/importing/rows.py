"""From a block of cells to entries: rows get their run and time, columns their quantity."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from bayesbio.data.importing.buffer import Gathered
from bayesbio.data.importing.long import LongReader
from bayesbio.data.importing.sheets import headers
from bayesbio.data.importing.sheets.cells import is_blank, to_moment
from bayesbio.data.importing.sheets.columns import Options, Survey
from bayesbio.data.importing.sheets.files import Block
from bayesbio.data.importing.sheets.structure import Layout, fill_down, lay_out, row_times, run_name
from bayesbio.data.importing.values import when
from bayesbio.data.importing.wide import WideReader
from bayesbio.data.vocabulary.lookup import key
from bayesbio.errors import DataError

FOOTERS = re.compile(
    r"(mean|average|avg|sd|std|stdev|min|max|median|total|sum|count|end of|exported|report|printed|"
    r"signature|reviewed|approved|legend|note|\*|mittelwert)",
    re.IGNORECASE,
)
COVARIATE_WORDS = frozenset(
    [
        "clone",
        "strain",
        "medium",
        "media",
        "site",
        "project",
        "cellline",
        "product",
        "process",
        "feedstrategy",
        "scale",
        "host",
        "organism",
        "bioreactor",
        "reactor",
        "vessel",
        "operatorsite",
        "basalmedium",
        "feedmedium",
        "condition",
    ]
)


def preamble_run(block: Block) -> str | None:
    """Find the name of the run in the lines above the header."""
    for word in headers.RUN_WORDS:
        for name, value in block.preamble.items():
            if key(name) == word and not is_blank(value):
                return run_name(value)
    return None


def preamble_origin(block: Block) -> dt.datetime | None:
    """Find in the lines above the header when the run was inoculated."""
    for words in (headers.ORIGIN_WORDS, headers.START_WORDS):
        for name, value in block.preamble.items():
            if key(name) in words:
                moment = to_moment(value, "day")
                if moment is not None:
                    return moment
    return None


def gather(
    block: Block, options: Options, gathered: Gathered, *, default_run: str, only: str | None = None
) -> None:
    """
    Read one block of measurements into entries, settings and findings.

    Parameters
    ----------
    block : Block
    options : Options
    gathered : Gathered
        Is added to.
    default_run : str
        Name of the run where no column gives one.
    only : str, optional
        Role that every quantity gets, such as "profile".
    """
    survey = Survey(block)
    layout = lay_out(survey, options)
    gathered.labels |= set(block.header)
    if not block.rows:
        raise DataError(
            f"{block.name} has a header but no rows; expected one row a sample under the header."
        )
    if layout.time is None:
        raise DataError(no_time(block, options))
    runs = row_runs(survey, layout, default_run)
    times = row_times(layout, survey)
    keep = _rows_with_time(block, survey, layout, runs, times, gathered)
    _note_time(layout, block, gathered)
    for run in dict.fromkeys(runs[row] for row in keep):
        gathered.add_run(run)
    _origins(survey, layout, runs, block, gathered)
    _repeated_rows(survey, layout, runs, times, keep, gathered)
    gathered.uses += layout.uses(survey)
    reader = LongReader if layout.is_long else WideReader
    reader(survey, layout, options, gathered, runs, times, keep, only).read()
    _preamble_settings(block, runs, keep, gathered)


def no_time(block: Block, options: Options) -> str:
    """Say that a table has no time."""
    names = ", ".join(repr(name) for name in block.header if name)
    wanted = f" named {options.time!r}" if options.time else ""
    return (
        f"{block.name} has no time column{wanted}; its columns are {names}. Name it, as in "
        "read_campaign(..., time='Culture day'), or head it time_h, Day or Date."
    )


def row_runs(survey: Survey, layout: Layout, default_run: str) -> list[str]:
    """Give the run of every row."""
    if layout.run is None:
        return [default_run] * len(survey.block.rows)
    cells = fill_down(survey.cells[layout.run])
    return [default_run if is_blank(cell) else run_name(cell) for cell in cells]


def _rows_with_time(
    block: Block,
    survey: Survey,
    layout: Layout,
    runs: list[str],
    times: list[Any],
    gathered: Gathered,
) -> list[int]:
    """Keep the rows that have a time; say what happened to the others."""
    keep = []
    taken = layout.taken()
    for row, time in enumerate(times):
        holds = any(
            survey.readings[p][row].kind == "number"
            for p in range(len(block.header))
            if p not in taken or p == layout.places.get("value")
        )
        first = next((str(c) for c in block.rows[row] if not is_blank(c)), "")
        if isinstance(time, (float, dt.datetime)):
            keep.append(row)
        elif FOOTERS.match(first) or (
            not holds and (time is None or len(_filled(block.rows[row])) < 2)
        ):
            if holds:
                gathered.warn(
                    f"Row {block.numbers[row]} of {block.name} ({first!r}) is not a sample "
                    "and was left out.",
                    "It has no time.",
                )
        elif time is None and holds:
            gathered.warn(
                f"row {block.numbers[row]} of {block.name} has values but no time and "
                "was left out.",
                "Fill in its time to use it.",
                runs[row],
            )
        elif time is not None:
            column = block.header[layout.time or 0]
            gathered.fail(
                f"the time in row {block.numbers[row]} of {block.name} (column "
                f"{column!r}) is {time!r}; "
                "expected a number, a date or a duration.",
                "Correct the cell, or delete the row.",
                runs[row],
            )
    return keep


def _filled(row: tuple[Any, ...]) -> list[Any]:
    return [cell for cell in row if not is_blank(cell)]


def _note_time(layout: Layout, block: Block, gathered: Gathered) -> None:
    name = block.header[layout.time or 0]
    if layout.kind == "elapsed" and layout.time_note:
        gathered.warn(
            f"Column {name!r} has no unit and was read as hours.",
            "If it counts days, head it 'Day' or give the unit, such as 'time (d)'.",
        )
    if layout.kind == "moment" and layout.order_open:
        gathered.warn(
            f"Dates such as 03/04/2024 in column {name!r} leave open whether the day or the month "
            f"comes first; the {layout.order} was taken to come first.",
            "Write dates as 2024-03-04 to be sure.",
        )


def _origins(
    survey: Survey, layout: Layout, runs: list[str], block: Block, gathered: Gathered
) -> None:
    """Note when each run was inoculated, where the sheet says so."""
    if layout.origin is not None:
        for run, cell in zip(runs, survey.cells[layout.origin], strict=True):
            moment = to_moment(cell, layout.order)
            if moment is not None:
                gathered.origins.setdefault(run, moment)
    moment = preamble_origin(block)
    if moment is not None and layout.kind == "moment":
        for run in dict.fromkeys(runs):
            gathered.origins.setdefault(run, moment)


def _repeated_rows(
    survey: Survey,
    layout: Layout,
    runs: list[str],
    times: list[Any],
    keep: list[int],
    gathered: Gathered,
) -> None:
    """Find rows that are there twice, and a row whose time goes back."""
    block = survey.block
    seen: dict[tuple[Any, ...], int] = {}
    for row in keep:
        content = (runs[row], str(times[row]), *(str(cell).strip() for cell in block.rows[row]))
        if content in seen:
            gathered.fail(
                f"row {block.numbers[row]} of {block.name} repeats row "
                f"{block.numbers[seen[content]]} "
                f"({when(times[row])}); each sample was expected once.",
                "Delete one of the two, or number true replicates in a column 'replicate'.",
                runs[row],
                times[row],
            )
        seen.setdefault(content, row)
    last: dict[tuple[str, str], int] = {}
    back = []
    for row in keep:
        series = (
            runs[row],
            str(block.rows[row][layout.places["quantity"]]) if layout.is_long else "",
        )
        before = last.get(series)
        if before is not None and type(times[before]) is type(times[row]):
            back += [(before, row)] if times[row] < times[before] else []
        last[series] = row
    if len(back) == 1 and len(keep) >= 4:  # more than one step back is another order of rows
        before, row = back[0]
        gathered.fail(
            f"time goes back from {when(times[before])} to {when(times[row])} in row "
            f"{block.numbers[row]} of {block.name}; times of a run were expected to increase.",
            "Correct the time, or sort the rows if it is right.",
            runs[row],
            times[row],
        )


def _preamble_settings(block: Block, runs: list[str], keep: list[int], gathered: Gathered) -> None:
    """Take what the lines above the header say about the run: clone, strain, medium, site."""
    for name, value in block.preamble.items():
        if key(name) in COVARIATE_WORDS and isinstance(value, str) and len(value) < 60:
            for run in dict.fromkeys(runs[row] for row in keep):
                gathered.add_setting(run, headers.snake(name), value.strip())
