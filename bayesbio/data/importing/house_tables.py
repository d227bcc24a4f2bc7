"""The house's own tables: runs, events, profiles and columns beside the measurements."""

from __future__ import annotations

import difflib
import re
from typing import Any

from bayesbio.data.column_report import ColumnUse
from bayesbio.data.event import EVENT_KINDS
from bayesbio.data.importing.buffer import Gathered
from bayesbio.data.importing.rows import gather
from bayesbio.data.importing.sheets import headers
from bayesbio.data.importing.sheets.cells import Reading, is_blank, read_cell, to_moment
from bayesbio.data.importing.sheets.columns import Options, Plan, Survey, plan_quantity
from bayesbio.data.importing.sheets.files import Block
from bayesbio.data.importing.sheets.structure import Layout, lay_out, row_times, run_name
from bayesbio.data.importing.values import Converter
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.lookup import key, unknown_name
from bayesbio.errors import DataError, UnitError

TABLES = ("runs", "measurements", "events", "profiles", "columns")
KIND_WORDS = ("kind", "event", "type", "eventtype", "eventkind", "action", "eventname")
KINDS = {
    "feed": "bolus",
    "addition": "bolus",
    "bolusfeed": "bolus",
    "bolusaddition": "bolus",
    "add": "bolus",
    "sampling": "sample",
    "samples": "sample",
    "withdrawal": "sample",
    "inoculate": "inoculation",
    "inoculum": "inoculation",
    "set": "switch",
    "setpoint": "switch",
    "step": "switch",
    "shift": "switch",
}


def read_columns_table(block: Block) -> dict[str, Any]:
    """Read columns.csv: how a foreign sheet's columns map (column, quantity, unit, role)."""
    places = {key(name): place for place, name in enumerate(block.header)}
    if "column" not in places:
        raise DataError(
            f"{block.name} has no column 'column'; expected the columns column, "
            "quantity, unit, role."
        )
    mapping: dict[str, Any] = {}
    for row in block.rows:
        cell: dict[str, str] = {
            name: run_name(row[p]) if not is_blank(row[p]) else "" for name, p in places.items()
        }
        if cell["column"]:
            mapping[cell["column"]] = {
                "quantity": cell.get("quantity") or cell.get("role") or cell["column"],
                "unit": cell.get("unit") or None,
                "role": cell.get("role") or None,
            }
    return mapping


def read_runs(block: Block, options: Options, gathered: Gathered) -> list[str]:
    """Read runs.csv: the static settings and covariates of each run; give the runs in order."""
    survey = Survey(block)
    layout = lay_out(survey, options)
    place = layout.run if layout.run is not None else _run_place(block)
    if place is None:
        there = ", ".join(repr(name) for name in block.header if name)
        raise DataError(f"{block.name} has no column 'run'; its columns are {there}.")
    names = [run_name(cell) if not is_blank(cell) else "" for cell in survey.cells[place]]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        gathered.fail(
            f"{block.name} has several rows for run {twice[0]!r}; one row a run was expected.",
            "Keep one of them.",
            twice[0],
        )
    gathered.labels |= set(block.header)
    gathered.uses.append(ColumnUse(block.header[place], "run", sheet=block.name))
    convert = Converter()
    for other, header in enumerate(block.header):
        if other != place and header:
            _settings_column(survey, other, header, names, options, gathered, convert)
    return [name for name in dict.fromkeys(names) if name]


def _run_place(block: Block) -> int | None:
    keys = [key(name) for name in block.header]
    return next((keys.index(word) for word in headers.RUN_WORDS if word in keys), None)


def _settings_column(
    survey: Survey,
    place: int,
    header: str,
    names: list[str],
    options: Options,
    gathered: Gathered,
    convert: Converter,
) -> None:
    """Read one column of settings: numbers in house units, moments of inoculation, or text."""
    block = survey.block
    plan = Plan(place, header, name=headers.snake(header))
    if survey.is_empty(place):
        plan.note = "empty"
    elif key(header) in (*headers.ORIGIN_WORDS, *headers.START_WORDS) and survey.is_moment(place):
        for name, cell in zip(names, survey.cells[place], strict=True):
            moment = to_moment(cell)
            if moment is not None:
                gathered.origins[name] = moment
        plan.role, plan.name, plan.note = "time", "", "time zero"
    elif survey.is_moment(place):
        plan.role = "covariate"
        for name, cell in zip(names, survey.cells[place], strict=True):
            moment = to_moment(cell)
            if moment is not None:
                gathered.add_setting(name, plan.name, moment.isoformat(sep=" "))
    elif survey.is_numeric(place) or (
        survey.count(place, "number") and headers.understand(header, options.words).words
    ):
        plan = _setting_numbers(survey, place, header, names, options, gathered, convert)
    elif options.role_of(header, None) == "not used" or key(header) in headers.IGNORED_WORDS:
        plan.note = "text"
    else:
        plan.role = "covariate"
        for name, cell in zip(names, survey.cells[place], strict=True):
            if not is_blank(cell) and read_cell(cell).kind != "missing":
                gathered.add_setting(name, plan.name, run_name(cell))
    gathered.uses.append(plan.use(block.name))


def _setting_numbers(
    survey: Survey,
    place: int,
    header: str,
    names: list[str],
    options: Options,
    gathered: Gathered,
    convert: Converter,
) -> Plan:
    block = survey.block
    plan, findings = plan_quantity(
        header, block.units[place], survey.numbers(place), options, constant=True
    )
    plan.place = place
    gathered.findings += findings
    if plan.role == "not used":
        return plan
    if plan.word is None:
        for name, reading in zip(names, survey.readings[place], strict=True):
            if reading.kind == "number":
                gathered.add_setting(name, plan.name, reading.value)
            elif reading.kind == "text":
                _text_setting(plan, name, survey, names, gathered)
        return plan
    plan.role = "setting"
    if plan.note.startswith("no unit given") and header == plan.word.name:
        plan.note = "" if plan.unit == plan.word.unit else plan.note
    for name, reading in zip(names, survey.readings[place], strict=True):
        if reading.kind == "text":
            _text_setting(plan, name, survey, names, gathered)
        if reading.kind != "number":
            continue
        try:
            value = convert(reading, plan.unit, plan.word).value
        except UnitError as error:
            gathered.fail(
                f"setting {plan.word.name} is given in {reading.unit or plan.unit!r}: {error}",
                f"Give it in {plan.word.unit}.",
                name,
                None,
                "unit",
            )
            continue
        gathered.words.setdefault(plan.word.name, plan.word)
        gathered.add_setting(name, plan.word.name, value)
    return plan


def _text_setting(
    plan: Plan, name: str, survey: Survey, names: list[str], gathered: Gathered
) -> None:
    cell = survey.cells[plan.place][names.index(name)]
    gathered.fail(
        f"the setting {plan.header!r} in {survey.block.name} is {str(cell)!r}; expected a number.",
        "Correct the cell, or leave it empty.",
        name,
    )


def read_events(block: Block, options: Options, gathered: Gathered, default_run: str) -> None:
    """Read events.csv: run, time, kind, quantity, value, unit; one row per quantity."""
    if not block.rows:
        return
    survey = Survey(block)
    layout = lay_out(survey, options)
    keys = [key(name) for name in block.header]
    kind_place = next((keys.index(word) for word in KIND_WORDS if word in keys), None)
    gathered.labels |= set(block.header)
    for wanted, place in (
        ("time", layout.time),
        ("kind", kind_place),
        ("value", _value(layout, keys)),
    ):
        if place is None:
            names = ", ".join(repr(name) for name in block.header if name)
            raise DataError(
                f"{block.name} has no column {wanted!r}; expected run, time_h, kind, "
                "quantity, value, "
                f"unit, and found {names}."
            )
    times = row_times(layout, survey)
    runs = [
        run_name(c) if not is_blank(c) else default_run
        for c in (survey.cells[layout.run] if layout.run is not None else [None] * len(times))
    ]
    gathered.uses += layout.uses(survey)
    gathered.uses.append(ColumnUse(block.header[kind_place or 0], "event", sheet=block.name))
    place_of = {name: keys.index(name) for name in ("quantity", "value", "unit") if name in keys}
    convert = Converter()
    for row, cells in enumerate(block.rows):
        number, run, time = block.numbers[row], runs[row], times[row]
        if time is None or isinstance(time, str):
            gathered.fail(
                f"row {number} of {block.name} has {time!r} for a time; expected a number or "
                "a date.",
                "Fill in the time.",
                run,
            )
            continue
        kind = _kind(cells[kind_place or 0], options)
        if kind is None:
            _unknown_kind(cells[kind_place or 0], number, block, options, gathered, run)
            continue
        if kind == "stop":
            gathered.events.append((run, time, kind, "", 0.0))
            continue
        text = run_name(cells[place_of["quantity"]]) if "quantity" in place_of else ""
        text = (
            ""
            if is_blank(cells[place_of["quantity"]] if "quantity" in place_of else None)
            else text
        )
        stated = cells[place_of["unit"]] if "unit" in place_of else None
        unit = "" if is_blank(stated) else str(stated).strip()
        reading = read_cell(cells[place_of["value"]], block.decimal)
        if reading.kind != "number":
            gathered.fail(
                f"event {kind!r} in row {number} of {block.name} has the value "
                f"{cells[place_of['value']]!r}; expected a number.",
                "Fill in the amount.",
                run,
            )
            continue
        event = _event(kind, text, unit, reading, number, block, options, gathered, run, convert)
        if event is not None:
            gathered.events.append((run, time, kind, *event))


def _value(layout: Layout, keys: list[str]) -> int | None:
    return layout.places.get("value", keys.index("value") if "value" in keys else None)


def _kind(cell: Any, options: Options) -> str | None:
    given = "" if is_blank(cell) else str(cell).strip().lower()
    kinds = (*EVENT_KINDS, *options.event_kinds)
    if given in kinds:
        return given
    return KINDS.get(key(given)) or next((kind for kind in kinds if key(kind) == key(given)), None)


def _unknown_kind(
    cell: Any, number: int, block: Block, options: Options, gathered: Gathered, run: str
) -> None:
    kinds = (*EVENT_KINDS, *options.event_kinds)
    given = "" if is_blank(cell) else str(cell)
    close = difflib.get_close_matches(given.lower(), kinds, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    gathered.fail(
        f"the kind of event in row {number} of {block.name} is {given!r}; expected one of "
        f"{', '.join(kinds)}.{hint}",
        "Correct it.",
        run,
    )


def _event(
    kind: str,
    text: str,
    unit: str,
    reading: Reading,
    number: int,
    block: Block,
    options: Options,
    gathered: Gathered,
    run: str,
    convert: Converter,
) -> tuple[str, float] | None:
    """Give quantity and value of one row of events, in house units."""
    if not text and kind == "sample":
        text = "volume"
    found = headers.understand(text, options.words, unit or None)
    if not found.words:
        gathered.fail(
            unknown_name(text, options.words.nearest(text)),
            f"It stands in row {number} of {block.name}.",
            run,
        )
        return None
    word, stated = found.words[0], unit or found.unit or ""
    if stated and not units.is_unit(stated):
        gathered.fail(
            f"the unit in row {number} of {block.name} is {stated!r}, which is not known here; "
            f"expected one like {word.amount_unit}.",
            "Correct it.",
            run,
            None,
            "unit",
        )
        return None
    by_amount = kind in ("bolus", "sample")
    if by_amount and stated and word.name != "volume" and units.same_dimension(stated, "L"):
        volume = options.words.find("volume")
        word = volume if volume is not None else word
    target = word.amount_unit if by_amount else word.unit
    try:
        value = convert(reading, stated, word, target).value
    except UnitError:
        advice = "a bolus is an amount" if kind == "bolus" else f"a {kind} was expected to be one"
        gathered.fail(
            f"the {kind} of {word.name} in row {number} of {block.name} is given in "
            f"{stated!r}; {advice} "
            f"in a unit like {target}.",
            "Correct value and unit.",
            run,
            None,
            "unit",
        )
        return None
    if value < 0 and by_amount:
        gathered.fail(
            f"the {kind} of {word.name} in row {number} of {block.name} is {value:g} "
            f"{target}; amounts "
            "are zero or more.",
            "Correct the sign; what is taken out is a sample.",
            run,
        )
        return None
    gathered.words.setdefault(word.name, word)
    return word.name, value


def read_profiles(block: Block, options: Options, gathered: Gathered, default_run: str) -> None:
    """Read profiles.csv: run, time, quantity, value, unit, interpolation; or one column each."""
    if not block.rows:
        return
    before = len(gathered.uses)
    gather(block, options, gathered, default_run=default_run, only="profile")
    names = {use.column: use.quantity for use in gathered.uses[before:]}
    keys = [key(name) for name in block.header]
    if "interpolation" not in keys:
        return
    place = keys.index("interpolation")
    survey = Survey(block)
    layout = lay_out(survey, options)
    for row, cells in enumerate(block.rows):
        given = "" if is_blank(cells[place]) else str(cells[place]).strip().lower()
        run = default_run if layout.run is None else run_name(survey.cells[layout.run][row])
        name = names.get(run_name(cells[layout.places["quantity"]]), "") if layout.is_long else "*"
        if given in ("step", "hold", "previous", "zero", "constant"):
            gathered.interpolations.setdefault((run, name), "step")
        elif given in ("linear", "ramp"):
            gathered.interpolations.setdefault((run, name), "linear")
        elif given:
            gathered.fail(
                f"the interpolation in row {block.numbers[row]} of {block.name} is "
                f"{given!r}; expected "
                "linear or step.",
                "Correct it.",
                run,
            )


def tables_of(names: list[str]) -> dict[str, str]:
    """
    Find the house's tables among the names of files or sheets.

    Examples
    --------
    >>> tables_of(["Runs", "measurements", "notes"])
    {'runs': 'Runs', 'measurements': 'measurements'}
    """
    found = {re.sub(r"\s+", "", name).lower(): name for name in names}
    return {table: found[table] for table in TABLES if table in found}
