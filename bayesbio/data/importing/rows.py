"""From a block to entries: rows get their run and time, columns their quantity."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from bayesbio.data.findings import error, warning
from bayesbio.data.importing.columns import ReadOptions
from bayesbio.data.importing.entries import Entries, when
from bayesbio.data.importing.layout import Layout, row_runs, row_times
from bayesbio.data.importing.long import LongReader
from bayesbio.data.importing.sheets.blocks import Block
from bayesbio.data.importing.sheets.cells import is_blank, plain_text, to_moment
from bayesbio.data.importing.sheets.headers import snake
from bayesbio.data.importing.wide import Rows, WideReader
from bayesbio.data.vocabulary.quantities import key
from bayesbio.errors import DataError

LONGEST_SETTING = 60  # characters of a text above the header that is a setting


def preamble_run(block: Block, options: ReadOptions) -> str | None:
    """Find the name of the run in the lines above the header."""
    named = {key(name): value for name, value in reversed(block.preamble.items())}
    names = (named[word] for word in options.dialect.headers["run"] if word in named)
    return next((plain_text(value) for value in names if not is_blank(value)), None)


def preamble_origin(block: Block, options: ReadOptions) -> dt.datetime | None:
    """Find in the lines above the header when the run was inoculated."""
    for role in ("inoculation", "start"):
        for name, value in block.preamble.items():
            moment = to_moment(value) if options.dialect.is_a(role, name) else None
            if moment is not None:
                return moment
    return None


def read_rows(
    layout: Layout,
    options: ReadOptions,
    entries: Entries,
    *,
    default_run: str,
    only: str | None = None,
) -> None:
    """
    Read a block of measurements into entries, settings and findings.

    Parameters
    ----------
    layout : Layout
        The block with its ordering columns.
    options : ReadOptions
    entries : Entries
        Is added to.
    default_run : str
        Name of the run where no column gives one.
    only : str, optional
        Role that every quantity gets, such as "profile".

    Raises
    ------
    DataError
        If there are no rows, or no column of times.
    """
    block = layout.block
    entries.labels |= set(block.header)
    if not len(block):
        raise DataError(
            f"{block.name} has a header but no rows; expected one row a sample under the header."
        )
    if layout.time is None:
        raise DataError(no_time(block, options))
    runs, times = row_runs(layout, default_run), row_times(layout)
    rows = Rows(layout, options, entries, runs, times, [], only)
    _rows_with_time(rows)
    _note_time(rows)
    entries.runs |= dict.fromkeys(rows.runs[row] for row in rows.used)
    if only is None:
        entries.times += [(rows.runs[row], rows.times[row]) for row in rows.used]
    _origins(rows)
    _repeated_rows(rows)
    _time_going_back(rows)
    _vessels_at_the_same_times(rows)
    entries.uses += layout.uses()
    (LongReader if layout.is_long else WideReader)(rows).read()
    _preamble_settings(rows)


def no_time(block: Block, options: ReadOptions) -> str:
    """Say that a table has no time."""
    names = ", ".join(repr(name) for name in block.header if name)
    wanted = f" named {options.time!r}" if options.time else ""
    return (
        f"{block.name} has no time column{wanted}; its columns are {names}. Name it, as in "
        "read_campaign(..., time='Culture day'), or head it time_h, Day or Date."
    )


def _rows_with_time(rows: Rows) -> None:
    """Keep the rows that have a time; say what happened to the others."""
    layout, block, entries = rows.layout, rows.layout.block, rows.entries
    measured = [*layout.others(), *([layout.roles["value"]] if "value" in layout.roles else [])]
    footer = rows.options.dialect.sheets["footer"]
    for row, time in enumerate(rows.times):
        if isinstance(time, float | dt.datetime):
            rows.used.append(row)
            continue
        holds = any(column.readings[row].kind == "number" for column in measured)
        filled = [cell for cell in block.row(row) if not is_blank(cell)]
        first, number = plain_text(filled[0])[:60] if filled else "", block.numbers[row]
        if footer.match(first) or (not holds and (time is None or len(filled) < 2)):
            if holds:
                entries.warn(
                    f"Row {number} of {block.name} ({first!r}) is not a sample and was left out.",
                    "It has no time.",
                )
        elif time is None and holds:
            entries.warn(
                f"row {number} of {block.name} has values but no time and was left out.",
                "Fill in its time to use it.",
                run=rows.runs[row],
            )
        elif time is not None:
            assert layout.time is not None
            entries.fail(
                f"the time in row {number} of {block.name} (column {layout.time.header!r}) is "
                f"{time[:60]!r}; expected a number, a date or a duration.",
                "Correct the cell, or delete the row.",
                run=rows.runs[row],
            )


def _note_time(rows: Rows) -> None:
    layout = rows.layout
    assert layout.time is not None
    name = layout.time.header
    if layout.kind == "elapsed" and layout.time_note.startswith("no unit"):
        rows.entries.warn(
            f"Column {name!r} has no unit and was read as hours.",
            "If it counts days, head it 'Day' or give the unit, such as 'time (d)'.",
        )
    if layout.kind == "moment" and layout.order_open:
        other = "day" if layout.order == "month" else "month"
        took = (
            f"the {layout.order} was taken to come first, as samples are then a few days apart; "
            f"with the {other} first they are months apart."
        )
        asked = layout.order_open == "open"
        report = error if asked else warning
        example = next(cell for cell in layout.time.filled if isinstance(cell, str))
        rows.entries.findings.append(
            report(
                f"Dates such as {example.split()[0]} in column {name!r} leave open whether the day "
                f"or the month comes first; {'expected dates that say it.' if asked else took}",
                f"Say which: columns={{{name!r}: 'time [month/day/year]'}} or "
                "'time [day/month/year]'; or write dates as 2024-03-04.",
            )
        )


def _origins(rows: Rows) -> None:
    """Note when each run was inoculated, where the sheet says so."""
    layout, origins = rows.layout, rows.entries.origins
    if layout.origin is not None:
        for run, cell in zip(rows.runs, layout.origin.cells, strict=True):
            moment = to_moment(cell, layout.order)
            if moment is not None:
                origins.setdefault(run, moment)
    moment = preamble_origin(layout.block, rows.options)
    if moment is not None and layout.kind == "moment":
        for run in dict.fromkeys(rows.runs):
            origins.setdefault(run, moment)


def _repeated_rows(rows: Rows) -> None:
    """Find rows that are there twice."""
    block, seen = rows.layout.block, dict[tuple[Any, ...], int]()
    for row in rows.used:
        time, run = rows.times[row], rows.runs[row]
        content = (run, str(time), *(str(cell).strip() for cell in block.row(row)))
        if content in seen:
            rows.entries.fail(
                f"row {block.numbers[row]} of {block.name} repeats row "
                f"{block.numbers[seen[content]]} ({when(time)}); each sample was expected once.",
                "Delete one of the two, or number true replicates in a column 'replicate'.",
                run=run,
                time=time,
            )
        seen.setdefault(content, row)


def _time_going_back(rows: Rows) -> None:
    """Find rows whose time goes back: one slip, or vessels that nothing tells apart."""
    block, times = rows.layout.block, rows.times
    last: dict[tuple[str, str, str], int] = {}
    back, forward = [], dict.fromkeys(rows.runs, 0)
    for row in rows.used:
        quantity = str(rows.layout.cell("quantity", row)) if rows.layout.is_long else ""
        course = rows.runs[row], quantity, str(rows.layout.cell("replicate", row))
        before = last.get(course)
        if before is not None and type(times[before]) is type(times[row]):
            goes_back = times[row] < times[before] and not _apart(rows, before, row)
            back += [(before, row)] if goes_back else []
            forward[rows.runs[row]] += times[row] > times[before]
        last[course] = row
    if len(back) == 1 and len(rows.used) >= 4:
        ((before, row),) = back
        rows.entries.fail(
            f"time goes back from {when(times[before])} to {when(times[row])} in row "
            f"{block.numbers[row]} of {block.name}; times of a run were expected to increase.",
            "Correct the time, or sort the rows if it is right.",
            run=rows.runs[row],
            time=times[row],
        )
    elif len(rows.used) >= 4:
        _back_and_forth(rows, back, forward)


def _back_and_forth(
    rows: Rows, back: Sequence[tuple[int, int]], forward: Mapping[str, int]
) -> None:
    """Refuse unnamed rows that go back and forth in time, as several vessels do; warn of named."""
    block, times = rows.layout.block, rows.times
    for run in dict.fromkeys(rows.runs[row] for _, row in back):
        steps = [step for step in back if rows.runs[step[1]] == run]
        if forward[run] < 2 or len(steps) < 2:
            continue
        before, row = steps[0]
        report = rows.entries.fail if rows.layout.run is None else rows.entries.warn
        report(
            f"its rows in {block.name} go back in time {len(steps)} times (first from "
            f"{when(times[before])} to {when(times[row])} in row {block.numbers[row]}), as rows of "
            "several vessels do; no column tells them apart.",
            "Name the columns that say the vessel, as in run='Clone,Replicate', or add a column "
            "'run'; sort the rows by time if they are of one vessel.",
            run=run,
            time=times[row],
        )


def _vessels_at_the_same_times(rows: Rows) -> None:
    """Refuse rows at the same times that keep apart in the same order, as several vessels do."""
    layout, at = rows.layout, dict[Any, list[int]]()
    if layout.run is not None or layout.is_long or "replicate" in layout.roles:
        return
    for row in rows.used:
        at.setdefault(rows.times[row], []).append(row)
    size = len(next(iter(at.values()), []))
    if size < 2 or len(at) < 5 or any(len(group) != size for group in at.values()):
        return
    apart = 0
    for column in layout.others():
        if all(column.readings[row].kind == "number" for row in rows.used):
            groups = [[column.readings[row].value for row in group] for group in at.values()][1:]
            orders = {tuple(sorted(range(size), key=group.__getitem__)) for group in groups}
            wide = sum(max(g) - min(g) > 0.1 * abs(sum(g) / size) for g in groups)
            apart += len(orders) == 1 and 2 * wide > len(groups)
    if apart > (size < 3):
        rows.entries.fail(
            f"{layout.block.name} has {size} rows at each time, whose values keep apart in the "
            "same order, as those of several vessels do; no column tells them apart.",
            "Name the vessel of each row in a column 'run', or number true replicates of one "
            "vessel in a column 'replicate'.",
            run=rows.runs[rows.used[0]],
        )


def _apart(rows: Rows, one: int, other: int) -> bool:
    """Tell whether two rows fill no column in common, as assays pasted below each other do."""
    return not rows.layout.is_long and not any(
        column.readings[one].kind == column.readings[other].kind == "number"
        for column in rows.layout.others()
    )


def _preamble_settings(rows: Rows) -> None:
    """Take what the lines above the header say about the run: clone, strain, medium, site."""
    for name, value in rows.layout.block.preamble.items():
        covariate = rows.options.dialect.is_a("covariate", name) and isinstance(value, str)
        if covariate and len(value) < LONGEST_SETTING:
            for run in dict.fromkeys(rows.runs[row] for row in rows.used):
                rows.entries.add_setting(run, snake(name), plain_text(value))
