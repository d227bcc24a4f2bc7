"""Read a campaign from a folder, a CSV file, an Excel workbook or a DataFrame."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bayesbio.data.column_report import Columns, ColumnUse
from bayesbio.data.findings import Findings
from bayesbio.data.importing.assemble import assemble
from bayesbio.data.importing.buffer import Gathered
from bayesbio.data.importing.house_tables import (
    read_columns_table,
    read_events,
    read_profiles,
    read_runs,
    tables_of,
)
from bayesbio.data.importing.rows import gather, no_time, preamble_run
from bayesbio.data.importing.sheets.columns import (
    Options,
    Survey,
    check_role,
    find_header,
    missing_column,
)
from bayesbio.data.importing.sheets.files import (
    EXCEL,
    TEXT,
    Block,
    Sheet,
    read_sheets,
    sheet_of_frame,
    take_apart,
)
from bayesbio.data.importing.sheets.structure import lay_out
from bayesbio.data.run import Run
from bayesbio.data.vocabulary import lookup as vocabulary
from bayesbio.data.vocabulary import units
from bayesbio.errors import DataError, did_you_mean

PLAIN_TITLES = re.compile(
    r"(sheet|tabelle|blatt|feuil|hoja|table)?\s*\d*|data|daten|measurements?|export|raw.*|results?",
    re.I,
)


@dataclasses.dataclass(frozen=True)
class ImportedCampaign:
    """What a file holds: runs in house units, and what importing noticed."""

    runs: list[Run]
    units: dict[str, str]
    findings: Findings
    columns: Columns

    def require_measurements(self) -> None:
        """
        Refuse a file of which nothing was understood.

        Raises
        ------
        DataError
            If there are columns, and none became a measurement, profile, event or setting.
        """
        for run in self.runs:
            if run.quantities or run.profiles or run.events or run.settings:
                return
        if self.columns:
            raise DataError(
                "No column was understood as a measurement. How the columns were read:\n"
                f"{self.columns}\nName them, as in columns={{'Glc YSI': 'glucose [mM]'}}."
            )


def import_campaign(
    path: str | os.PathLike[str] | pd.DataFrame,
    *,
    run: str | None = None,
    time: str | None = None,
    columns: Mapping[str, Any] | None = None,
    roles: Mapping[str, str] | None = None,
    quantities: Mapping[str, Any] | None = None,
    model: Any = None,
) -> ImportedCampaign:
    """Import runs; the arguments are those of `bayesbio.data.read_campaign`."""
    options = _options(run, time, columns, roles, quantities, model)
    gathered = Gathered()
    order: list[str] = []
    if isinstance(path, pd.DataFrame):
        _read_foreign([sheet_of_frame(path)], "run 1", options, gathered)
    else:
        order = _read_path(Path(path), options, gathered)
    _check_names(options, gathered)
    runs, house_units = assemble(gathered, order)
    return ImportedCampaign(runs, house_units, Findings(gathered.findings), Columns(gathered.uses))


def _options(
    run: str | None,
    time: str | None,
    columns: Mapping[str, Any] | None,
    roles: Mapping[str, str] | None,
    quantities: Mapping[str, Any] | None,
    model: Any,
) -> Options:
    for given in (quantities or {}).values():
        if not isinstance(given, vocabulary.Quantity):
            units.unit(str(given))
    for role in (roles or {}).values():
        check_role(role)
    declared = list(quantities or {})
    if model is not None:
        declared += [*model.State._fields, *getattr(model, "output_names", ())]
    return Options(
        vocabulary.extended(quantities, model),
        declared=tuple(declared),
        run=run,
        time=time,
        columns=dict(columns or {}),
        roles=dict(roles or {}),
        event_kinds=tuple(getattr(model, "event_kinds", ())),
    )


def _read_path(path: Path, options: Options, gathered: Gathered) -> list[str]:
    """Read a folder or a file; give the order of the runs if the file states one."""
    if path.is_dir():
        files = sorted(
            p
            for p in path.iterdir()
            if p.suffix.lower() in (*EXCEL, *TEXT) and not p.name.startswith(("~", "."))
        )
        tables = tables_of([p.stem for p in files])
        if "measurements" in tables or "runs" in tables:
            sheets = {
                t: read_sheets(next(p for p in files if p.stem == stem))[0]
                for t, stem in tables.items()
                if next(p for p in files if p.stem == stem).stat().st_size
            }
            return _read_house(sheets, options, gathered)
        if not files:
            raise DataError(
                f"The folder {path} holds no table; expected measurements.csv, or CSV or "
                "Excel files "
                "with one run each."
            )
        if len(files) == 1:
            return _read_path(files[0], options, gathered)
        found = [
            dataclasses.replace(sheet, name=file.stem) if len(pages) == 1 else sheet
            for file in files
            for pages in [read_sheets(file)]
            for sheet in pages
        ]
        _read_foreign(found, path.name, options, gathered)
        return []
    sheets_read = read_sheets(path)
    tables = tables_of([sheet.name for sheet in sheets_read])
    if len(sheets_read) > 1 and "measurements" in tables:
        named = {sheet.name: sheet for sheet in sheets_read}
        return _read_house({t: named[name] for t, name in tables.items()}, options, gathered)
    _read_foreign(sheets_read, path.stem, options, gathered)
    return []


def _block(sheet: Sheet, options: Options) -> Block | None:
    knows = functools.lru_cache(maxsize=None)(options.knows)
    return take_apart(sheet, knows)


def _read_house(sheets: Mapping[str, Sheet], options: Options, gathered: Gathered) -> list[str]:
    """Read the house's own tables."""
    if "columns" in sheets:
        block = _block(dataclasses.replace(sheets["columns"], headed=True), options)
        if block is not None:
            mapping = read_columns_table(block)
            options = dataclasses.replace(options, columns={**mapping, **options.columns})
    blocks = {name: _block(sheet, options) for name, sheet in sheets.items() if name != "columns"}
    order: list[str] = []
    runs = blocks.get("runs")
    if runs is not None:
        order = read_runs(runs, options, gathered)
        for name in order:
            gathered.add_run(name)
    only_run = order[0] if len(order) == 1 else "run 1"
    measurements = blocks.get("measurements")
    measured: set[str] = set()
    if measurements is not None and measurements.rows:
        _check_named([measurements], options)
        alone = Gathered()
        gather(measurements, options, alone, default_run=only_run)
        measured = set(alone.runs)
        _merge(alone, gathered)
    elif measurements is not None and not order:
        raise DataError("measurements has a header but no rows; expected one row a sample.")
    only_run = next(iter(measured)) if len(measured) == 1 else only_run
    for table, reader in (("events", read_events), ("profiles", read_profiles)):
        block = blocks.get(table)
        if block is not None:
            reader(block, options, gathered, only_run)
    _runs_in_one_table(order, measured, runs is not None, gathered)
    return order


def _merge(part: Gathered, whole: Gathered) -> None:
    for name in part.runs:
        whole.add_run(name)
    for name, values in part.settings.items():
        for setting, value in values.items():
            whole.add_setting(name, setting, value)
    whole.entries += part.entries
    whole.findings += part.findings
    whole.uses += part.uses
    whole.labels |= part.labels
    whole.words = {**part.words, **whole.words}
    whole.origins = {**part.origins, **whole.origins}


def _runs_in_one_table(
    order: list[str], measured: set[str], has_runs: bool, gathered: Gathered
) -> None:
    """Find runs that stand in one table and not in the others."""
    known = set(order) | measured
    if has_runs:
        for name in sorted(measured - set(order)):
            gathered.fail(
                "in measurements but not in runs; a row in both was "
                f"expected.{_nearest(name, order)}",
                "Add its row to runs, or correct the name.",
                name,
            )
        for name in sorted(set(order) - measured if measured else ()):
            gathered.warn(
                f"in runs but without measurements.{_nearest(name, measured - set(order))}",
                "It can be predicted, not fitted; correct the name if it was measured.",
                name,
            )
    others = {event[0]: "events" for event in gathered.events}
    others |= {entry.run: "profiles" for entry in gathered.entries if entry.role == "profile"}
    for name in sorted(set(others) - known):
        gathered.fail(
            f"in {others[name]} but in no other table.{_nearest(name, known)}",
            "Correct the name, or add the run.",
            name,
        )


def _nearest(name: str, names: Any) -> str:
    return did_you_mean(name, list(names))


def _read_foreign(sheets: list[Sheet], stem: str, options: Options, gathered: Gathered) -> None:
    """Read sheets of any kind: each gives measurements, or settings, or is left out."""
    blocks = [(sheet, _block(sheet, options)) for sheet in sheets]
    tables = [block for _, block in blocks if block is not None]
    _check_named(tables, options)
    if not tables:
        raise DataError(
            f"No table was found in {stem}; expected a header row and one row a sample."
        )
    timed: list[Block] = []
    untimed: list[Block] = []
    for block in tables:
        layout = lay_out(Survey(block), options) if block.rows else None
        (timed if layout is not None and layout.time is not None else untimed).append(block)
    if not timed:
        biggest = max(tables, key=lambda block: len(block.rows) * len(block.header))
        if not biggest.rows:
            raise DataError(f"{biggest.name} has a header but no rows; expected one row a sample.")
        raise DataError(no_time(biggest, options))
    for sheet, found in blocks:
        if found is None:
            gathered.uses.append(
                ColumnUse(sheet.name, "not used", note="no table", sheet=sheet.name)
            )
    names = _sheet_runs(timed, stem)
    for block, name in zip(timed, names, strict=True):
        gather(block, options, gathered, default_run=name)
    for block in untimed:
        _read_untimed(block, options, gathered)


def _read_untimed(block: Block, options: Options, gathered: Gathered) -> None:
    """Take a sheet without time as settings of runs if it names runs that are known."""
    survey = Survey(block)
    layout = lay_out(survey, options)
    if layout.run is not None and not layout.is_long:
        named = {str(cell).strip() for cell in survey.filled(layout.run)}
        if named & set(gathered.runs):
            read_runs(block, options, gathered)
            return
    gathered.uses.append(
        ColumnUse(block.name, "not used", note="a sheet without time", sheet=block.name)
    )
    gathered.warn(f"Sheet {block.name!r} has no time column and was not used.")


def _sheet_runs(blocks: list[Block], stem: str) -> list[str]:
    """Name the run of each sheet: as its preamble says, else its title, else the file."""
    stated = [preamble_run(block) for block in blocks]
    if len(blocks) == 1:
        title = blocks[0].name
        usable = title != "table" and not PLAIN_TITLES.fullmatch(title.strip())
        return [stated[0] or (title if usable else stem)]
    if all(stated) and len(set(stated)) == len(stated):
        return [str(name) for name in stated]
    return [block.name.strip() for block in blocks]


def _check_named(blocks: list[Block], options: Options) -> None:
    """Check that the columns a user named as run and time exist in some sheet."""
    for wanted in (options.run, options.time):
        if wanted is None or not blocks:
            continue
        if all(find_header(block.header, wanted) is None for block in blocks):
            raise missing_column(wanted, blocks[0].header, blocks[0].name)


def _check_names(options: Options, gathered: Gathered) -> None:
    """Check that every column a user mapped exists."""
    labels = {" ".join(label.split()).lower() for label in gathered.labels}
    used = {use.quantity for use in gathered.uses}
    for given, what in ((options.columns, "columns"), (options.roles, "roles")):
        for name in given:
            plain = " ".join(str(name).split()).lower()
            if plain in labels or (what == "roles" and name in used):
                continue
            hint = did_you_mean(str(name), sorted(gathered.labels))
            there = ", ".join(repr(label) for label in sorted(gathered.labels) if label)
            raise DataError(
                f"{what}= names {str(name)!r}, which is no column of the file; its columns are "
                f"{there}.{hint}"
            )
