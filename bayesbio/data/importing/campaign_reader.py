"""Import a campaign: files -> cells -> headers -> layout -> values -> runs."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bayesbio.data.findings import Columns, ColumnUse, Findings
from bayesbio.data.importing.columns import (
    ReadOptions,
    by_company,
    check_role,
    find_header,
    missing_column,
)
from bayesbio.data.importing.doses import read_doses
from bayesbio.data.importing.entries import Entries, assemble, hours_of_runs
from bayesbio.data.importing.feeds import Feed, read_feeds, stock_of
from bayesbio.data.importing.house_tables import (
    read_columns_table,
    read_events,
    read_profiles,
    read_runs,
    tables_of,
)
from bayesbio.data.importing.layout import Layout, lay_out
from bayesbio.data.importing.rows import no_time, preamble_run, read_rows
from bayesbio.data.importing.sheets.blocks import Block, take_apart
from bayesbio.data.importing.sheets.cells import is_blank, plain_text
from bayesbio.data.importing.sheets.dialect import dialect_named, recognised
from bayesbio.data.importing.sheets.doses import Named, dose_tables
from bayesbio.data.importing.sheets.files import EXCEL, TEXT, Sheet, read_sheets, sheet_of_frame
from bayesbio.data.importing.sheets.headers import snake
from bayesbio.data.importing.sheets.plates import is_endpoint
from bayesbio.data.importing.sheets.reshaping import SEARCHED, reshaped
from bayesbio.data.run import Run
from bayesbio.data.vocabulary import quantities as vocabulary
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.quantities import Quantity, key
from bayesbio.errors import DataError, did_you_mean

STOCK_AND_VOLUME = re.compile(r"\d\s*(%|m?g/m?l|mm\b|m?mol/l).*[\[( ][um]?l\b", re.IGNORECASE)
type Source = str | os.PathLike[str] | pd.DataFrame | Sequence[str | os.PathLike[str]]


@dataclasses.dataclass(frozen=True)
class ImportedCampaign:
    """What a file holds: runs in house units, and what importing noticed."""

    runs: list[Run]
    units: dict[str, str]
    findings: Findings
    columns: Columns
    times: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)

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
    path: Source,
    *,
    model: Any = None,
    quantities: Mapping[str, Any] | None = None,
    dialect: str | os.PathLike[str] | None = None,
    known_feeds: Mapping[str, Mapping[str, float]] | None = None,
    planned: bool = False,
    **stated: Any,
) -> ImportedCampaign:
    """
    Import runs; the arguments are those of `bayesbio.data.read_campaign`.

    With ``planned``, a sheet 'plan' is read, not the runs beside it; ``known_feeds`` says what a
    litre of feeds holds that no sheet describes [amount unit of the quantity/L].
    """
    declared = list(quantities or {})
    if model is not None:
        declared += [*model.State._fields, *getattr(model, "output_names", ())]
    options = ReadOptions(
        vocabulary_with(quantities, model),
        declared=tuple(declared),
        inputs=tuple(getattr(model, "inputs", ())),
        event_kinds=tuple(getattr(model, "event_kinds", ())),
        dialect=dialect_named(dialect),
        planned=planned,
        **{name: value for name, value in stated.items() if value is not None},
    )
    for role in options.roles.values():
        check_role(role)
    importer = _Importer(options)
    importer.know_feeds(known_feeds or {})
    order: list[str] = []
    if isinstance(path, pd.DataFrame):
        importer.read_foreign([sheet_of_frame(path)], "run 1")
    else:
        main, *feeds = [path] if isinstance(path, str | os.PathLike) else path
        for file in feeds:
            importer.read_file_of_feeds(Path(file))
        order = importer.read_path(Path(main))
    importer.check_names()
    if importer.entries.doses:
        read_doses(importer.entries, importer.feeds, importer.options)
    times = hours_of_runs(importer.entries)
    runs, house_units = assemble(importer.entries, order)
    findings, uses = Findings(importer.entries.findings), Columns(importer.entries.uses)
    return ImportedCampaign(runs, house_units, findings, uses, times)


def vocabulary_with(
    quantities: Mapping[str, Any] | None, model: Any = None
) -> vocabulary.Vocabulary:
    """Give the vocabulary with a user's quantities, whose units are checked."""
    for given in (quantities or {}).values():
        if not isinstance(given, Quantity):
            units.unit(str(given))
    return vocabulary.extended(quantities, model)


class _Importer:
    """Reads the sheets of one file or folder into entries."""

    def __init__(self, options: ReadOptions) -> None:
        self.options, self.entries = options, Entries()
        self.feeds: dict[tuple[str, str], Feed] = {}
        self.has_example = False

    def know_feeds(self, contents: Mapping[str, Mapping[str, float]]) -> None:
        """Take what feeds hold from runs read before."""
        words = self.options.words
        for name, held in contents.items():
            known = {what: words.quantity(what) for what in held if words.find(what) is not None}
            self.feeds["", self.options.feed_key(name)] = Feed(name, held, known)
        names = {name: feed.name for (_, name), feed in self.feeds.items()}
        self.options = dataclasses.replace(self.options, feeds=names)

    def pages(self, path: Path) -> list[Sheet]:
        """Read the sheets of a file without the rows of the template's example."""
        example = self.options.dialect.sheets["example"]
        pages = []
        for page in read_sheets(path):
            mine = [
                number
                for number, row in enumerate(page.rows)
                if not example.fullmatch(next((plain_text(c) for c in row if not is_blank(c)), ""))
            ]
            if len(mine) < len(page.rows):
                self.has_example = True
                rows = tuple(page.rows[number] for number in mine)
                numbers = tuple(page.numbers[number] for number in mine)
                page = dataclasses.replace(page, rows=rows, numbers=numbers)
            pages.append(page)
        return pages

    def without_plan(self, pages: list[Sheet]) -> list[Sheet]:
        """Leave the plan beside runs out, or the runs beside a plan where that is asked for."""
        if len(pages) == 1:
            return pages
        plan = next((p for p in pages if tables_of([p.name]).get("plan")), None)
        if plan is None:
            return pages
        if self.options.planned and len(plan.rows) > 1:
            return [page for page in pages if page is plan or tables_of([page.name]).get("feeds")]
        return [page for page in pages if page is not plan]

    def read_file_of_feeds(self, path: Path) -> None:
        """
        Read a file that says what feeds hold.

        Raises
        ------
        DataError
            If it does not.
        """
        found = [self.take_feeds(sheet, sure=True) for sheet in read_sheets(path)]
        if not any(found):
            raise DataError(
                f"{path.name} does not say what feeds hold; expected the columns name, component, "
                "concentration, unit, such as Feed A, glucose, 70, g/L."
            )

    def take_feeds(self, sheet: Sheet, *, sure: bool = False) -> bool:
        """Read a sheet if it says what feeds hold; tell whether it does."""
        found = read_feeds(sheet, self.options, self.entries, sure=sure)
        self.feeds |= found
        self.know_feeds({})
        return bool(found)

    def read_path(self, path: Path) -> list[str]:
        """Read a folder or a file; give the order of the runs if the file states one."""
        if not path.is_dir():
            pages = self.without_plan(self.pages(path))
            tables = tables_of([sheet.name for sheet in pages]) if len(pages) > 1 else {}
            if "measurements" in tables or {"runs", "events"} <= set(tables):
                named = {sheet.name: sheet for sheet in pages}
                return self.read_house({table: named[name] for table, name in tables.items()})
            self.read_foreign(pages, path.stem)
            return []
        files = sorted(
            file
            for file in path.iterdir()
            if file.suffix.lower() in (*EXCEL, *TEXT) and not file.name.startswith(("~", "."))
        )
        by_stem = {file.stem: file for file in reversed(files)}
        tables = tables_of(list(by_stem))
        if "measurements" in tables or "runs" in tables:
            filled = {t: by_stem[s] for t, s in tables.items() if by_stem[s].stat().st_size}
            pages = [dataclasses.replace(self.pages(f)[0], name=t) for t, f in filled.items()]
            pages = self.without_plan(pages)
            if len(pages) and {page.name for page in pages} <= {"plan", "feeds"}:
                self.read_foreign(pages, path.name)
                return []
            return self.read_house({page.name: page for page in pages})
        if not files:
            raise DataError(
                f"The folder {path} holds no table; expected measurements.csv, or CSV or Excel "
                "files with one run each."
            )
        if len(files) == 1:
            return self.read_path(files[0])
        sheets = []
        for file in files:
            pages = read_sheets(file)
            alone = len(pages) == 1
            sheets += [dataclasses.replace(pages[0], name=file.stem)] if alone else pages
        self.read_foreign(sheets, path.name)
        return []

    def block(self, sheet: Sheet) -> Block | None:
        """Take a sheet apart."""
        options = self.options
        block = take_apart(sheet, options.knows, options.dialect, options.decimal)
        self.entries.findings += block.findings if block is not None else ()
        return block

    def layout(self, sheet: Sheet) -> Layout | None:
        """Take a sheet apart and find its ordering columns."""
        block = self.block(sheet)
        if block is None:
            return None
        for column in block.columns:
            if STOCK_AND_VOLUME.search(column.header[:200]):
                name = self.options.headers.read(column.header).name
                if held := stock_of(name, self.options):
                    self.know_feeds({name: held})
        numbers = [(column.header, column.numbers) for column in block.columns]
        meant, findings = by_company(numbers, self.options)
        if meant:
            self.entries.findings += findings
            mapping = {**meant, **self.options.columns}
            self.options = dataclasses.replace(self.options, columns=mapping)
        return lay_out(block, self.options)

    def read_house(self, sheets: Mapping[str, Sheet]) -> list[str]:
        """Read the house's own tables; give the order of the runs."""
        entries = self.entries
        if "columns" in sheets:
            block = self.block(dataclasses.replace(sheets["columns"], headed=True))
            if block is not None:
                mapping = {**read_columns_table(block), **self.options.columns}
                self.options = dataclasses.replace(self.options, columns=mapping)
        if "feeds" in sheets:
            self.take_feeds(sheets["feeds"], sure=True)
        self._share_a_key(sheets)
        apart = ("columns", "feeds")
        layouts = {n: self.layout(sheet) for n, sheet in sheets.items() if n not in apart}
        runs, measurements = layouts.get("runs"), layouts.get("measurements")
        order = [] if runs is None else read_runs(runs, self.options, entries)
        entries.runs |= dict.fromkeys(order)
        only_run = order[0] if len(order) == 1 else "run 1"
        measured: dict[str, None] = {}
        if measurements is not None and len(measurements.block):
            self._check_named([measurements])
            entries.runs = measured
            read_rows(measurements, self.options, entries, default_run=only_run)
            entries.runs = dict.fromkeys(order) | measured
        elif measurements is not None and not order:
            if self.has_example:
                raise DataError(
                    "There is only the example of the template, which is never read. Write your "
                    "runs below it."
                )
            raise DataError("measurements has a header but no rows; expected one row a sample.")
        only_run = next(iter(measured)) if len(measured) == 1 else only_run
        for table, reader in (("events", read_events), ("profiles", read_profiles)):
            layout = layouts.get(table)
            if layout is not None:
                reader(layout, self.options, entries, only_run)
        self._runs_in_one_table(order, set(measured), runs is not None)
        return order

    def _share_a_key(self, sheets: Mapping[str, Sheet]) -> None:
        """Take the columns that a table of runs without names shares with the others as its key."""
        heads = {
            name: [plain_text(cell) for cell in sheet.rows[0]]
            for name, sheet in sheets.items()
            if name in ("runs", "measurements", "events", "profiles") and sheet.rows
        }
        head = heads.pop("runs", [])
        dialect = self.options.dialect
        if not head or self.options.run_key or any(dialect.is_a("run", name) for name in head):
            return
        shared = [
            place
            for place, name in enumerate(head)
            if name and heads and all(name in other for other in heads.values())
        ]
        keys = [tuple(plain_text(row[i]) for i in shared) for row in sheets["runs"].rows[1:]]
        if shared and len(set(keys)) == len(keys):
            names = [head[place] for place in shared]
            self.options = dataclasses.replace(self.options, run=names)

    def _runs_in_one_table(self, order: list[str], measured: set[str], has_runs: bool) -> None:
        """Find runs that stand in one table and not in the others."""
        entries, known = self.entries, set(order) | measured
        if has_runs:
            for name in sorted(measured - set(order)):
                entries.fail(
                    "in measurements but not in runs; a row in both was "
                    f"expected.{did_you_mean(name, order)}",
                    "Add its row to runs, or correct the name.",
                    run=name,
                )
            for name in sorted(set(order) - measured if measured else ()):
                entries.warn(
                    "in runs but without measurements."
                    f"{did_you_mean(name, sorted(measured - set(order)))}",
                    "It can be predicted, not fitted; correct the name if it was measured.",
                    run=name,
                )
        others = {event[0]: "events" for event in entries.events}
        others |= {entry.run: "profiles" for entry in entries.values if entry.role == "profile"}
        for name in sorted(set(others) - known):
            entries.fail(
                f"in {others[name]} but in no other table.{did_you_mean(name, sorted(known))}",
                "Correct the name, or add the run.",
                run=name,
            )

    def read_foreign(self, sheets: list[Sheet], stem: str) -> None:
        """Read sheets of any kind: each gives measurements, or settings, or is left out."""
        if len(sheets) > 1:
            sheets = [sheet for sheet in sheets if not self.take_feeds(sheet)]
        sheets = self._as_tables(sheets)
        if self.options.dialect.doses and self._read_doses(sheets[0]):
            return
        layouts = {sheet.name: self.layout(sheet) for sheet in sheets}
        tables = [layout for layout in layouts.values() if layout is not None]
        self._check_named(tables)
        if not any(layout.time is not None for layout in tables):
            _refuse_endpoints(sheets)
        if not tables:
            raise DataError(
                f"No table was found in {stem}; expected a header row and one row a sample."
            )
        timed = [layout for layout in tables if len(layout.block) and layout.time is not None]
        planned = [layout for layout in tables if layout.run is not None and len(layout.block)]
        if not timed and self.options.planned and planned:  # a plan may have one row a run
            for each in planned:
                names = read_runs(each, self.options, self.entries)
                self.entries.runs |= dict.fromkeys(names)
            return
        if not timed:
            biggest = max((t.block for t in tables), key=lambda b: len(b) * len(b.columns))
            if not len(biggest):
                raise DataError(
                    f"{biggest.name} has a header but no rows; expected one row a sample."
                )
            raise DataError(no_time(biggest, self.options))
        for name, layout in layouts.items():
            if layout is None:
                self.entries.uses.append(ColumnUse(name, "not used", note="no table", sheet=name))
        for layout, run in zip(timed, self._sheet_runs(timed, stem), strict=True):
            read_rows(layout, self.options, self.entries, default_run=run)
        for layout in tables:
            if layout not in timed:
                self._read_untimed(layout)

    def _as_tables(self, sheets: list[Sheet]) -> list[Sheet]:
        """Recognise the dialect of an instrument, and bring its sheets into the form of tables."""
        options = self.options
        if options.dialect.name == "generic":
            texts = [
                cell
                for sheet in sheets
                for row in sheet.rows[:SEARCHED]
                for cell in row
                if isinstance(cell, str)
            ]
            found = recognised(texts)
            if found is not None:
                options = dataclasses.replace(options, dialect=dialect_named(found))
                self.options = options
                note = f"read as an export of {options.dialect.name}"
                name = sheets[0].name
                self.entries.uses.append(ColumnUse(name, "not used", note=note, sheet=name))
        return reshaped(sheets, options.dialect, options.words)

    def _read_doses(self, sheet: Sheet) -> bool:
        """Read a pharmacometric table as the house's own tables; tell whether it is one."""
        tables = dose_tables(sheet, self.options.dialect, self._meaning)
        if tables is None:
            return False
        words = self.options.words.extended(tables.quantities.values())
        self.options = dataclasses.replace(self.options, words=words)
        self.read_house(tables.sheets)
        return True

    def _meaning(self, label: str) -> Named:
        """Give what a label of a pharmacometric table means: as the user says, else the words."""
        self.entries.labels.add(label)
        target = self.options.target_of(label)
        given = target.get("quantity", "") if isinstance(target, Mapping) else target
        if given is not None and key(str(given)) in ("", "ignore", "notused", "none"):
            return Named("")
        header = self.options.headers.read(label if given is None else str(given))
        unit = target.get("unit") if isinstance(target, Mapping) else header.unit
        name = header.words[0].name if header.words else snake(header.name)
        known = given is not None or bool(header.words)
        return Named(name, unit or "", known, not header.words)

    def _read_untimed(self, layout: Layout) -> None:
        """Take a sheet without time as settings of runs if it names runs that are known."""
        name = layout.block.name
        cells = [] if layout.run is None or layout.is_long else layout.run.filled
        if {plain_text(cell) for cell in cells} & set(self.entries.runs):
            read_runs(layout, self.options, self.entries)
            return
        use = ColumnUse(name, "not used", note="a sheet without time", sheet=name)
        self.entries.uses.append(use)
        self.entries.warn(f"Sheet {name!r} has no time column and was not used.")

    def _sheet_runs(self, layouts: list[Layout], stem: str) -> list[str]:
        """Name the run of each sheet: as its preamble says, else its title, else the file."""
        stated = [preamble_run(layout.block, self.options) for layout in layouts]
        titles = [plain_text(layout.block.name) for layout in layouts]
        if len(layouts) == 1:
            plain = self.options.dialect.sheets["plain"]
            named = titles[0] != "table" and not plain.fullmatch(titles[0])
            return [stated[0] or (titles[0] if named else stem)]
        if all(stated) and len(set(stated)) == len(stated):
            return [str(name) for name in stated]
        return titles

    def _check_named(self, layouts: list[Layout]) -> None:
        """Check that the columns a user named as run and time exist in some sheet."""
        for wanted in (*self.options.run_key, self.options.time):
            headers = [layout.block.header for layout in layouts]
            if wanted is None or not headers:
                continue
            if all(find_header(header, wanted) is None for header in headers):
                raise missing_column(wanted, headers[0], layouts[0].block.name)

    def check_names(self) -> None:
        """Check that every column a user mapped exists."""
        labels = {" ".join(label.split()).lower() for label in self.entries.labels}
        used = {use.quantity for use in self.entries.uses}
        there = sorted(label for label in self.entries.labels if label)
        for given, what in ((self.options.columns, "columns"), (self.options.roles, "roles")):
            for name in given:
                plain = " ".join(str(name).split()).lower()
                if plain in labels or (what == "roles" and name in used):
                    continue
                raise DataError(
                    f"{what}= names {str(name)!r}, which is no column of the file; its columns are "
                    f"{', '.join(map(repr, there))}.{did_you_mean(name, there)}"
                )


def _refuse_endpoints(sheets: list[Sheet]) -> None:
    """Refuse plates that were read once."""
    for sheet in sheets:
        if is_endpoint(sheet.rows[:SEARCHED]):
            raise DataError(
                f"{sheet.name} holds a plate that was read once, and runs are over time; expected "
                "a table with the time of each reading. Export the kinetic readings: a column of "
                "times and one of each well, or a row of each well."
            )
