"""Read a table: one row per run or culture, from a CSV file, a workbook or a DataFrame."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.findings import Finding, Findings, error, warning
from bayesbio.data.importing.campaign_reader import vocabulary_with
from bayesbio.data.importing.columns import (
    ColumnPlan,
    ReadOptions,
    find_header,
    missing_column,
    plan_quantity,
)
from bayesbio.data.importing.entries import Converter, marks, natural
from bayesbio.data.importing.sheets.blocks import Block, Column, take_apart
from bayesbio.data.importing.sheets.cells import is_blank, plain_text
from bayesbio.data.importing.sheets.curves import curves_of, over_volume, table_of_curves
from bayesbio.data.importing.sheets.dialect import dialect_named
from bayesbio.data.importing.sheets.files import read_sheets, sheet_of_frame
from bayesbio.data.importing.sheets.headers import Header, snake
from bayesbio.data.table import Table, TableColumn
from bayesbio.data.vocabulary.quantities import Quantity
from bayesbio.errors import DataError, UnitError


def read_table(
    path: str | os.PathLike[str] | pd.DataFrame,
    *,
    factors: Iterable[str] | None = None,
    responses: Iterable[str] | None = None,
    groups: Iterable[str] | None = None,
    columns: Mapping[str, Any] | None = None,
    quantities: Mapping[str, Any] | None = None,
    dialect: str | os.PathLike[str] | None = None,
    decimal: str | None = None,
    strict: bool = True,
) -> Table:
    """
    Read a table with one row per run or culture; of a chromatogram one row per volume.

    Parameters
    ----------
    path : path or DataFrame
        A CSV file, an Excel workbook (its first table) or a DataFrame.
    factors, responses, groups : names, optional
        What was set, measured, or rows have in common; by header or by quantity. What is not named
        is found: texts and identifiers are groups or factors, measured quantities of the vocabulary
        are responses, other numbers are factors.
    columns : mapping of header to quantity, optional
        Such as ``{"Glc YSI": "glucose [mM]"}``; "ignore" leaves a column out.
    quantities : mapping of name to unit, optional
        New quantities.
    dialect : name or path, optional
        Further words of a laboratory, see `bayesbio.data.read_campaign`.
    decimal : {".", ","}, optional
        The decimal sign of texts, where the file leaves it open.
    strict : bool
        Raise at the first error; if False, keep errors in ``table.findings``.

    Returns
    -------
    Table

    Raises
    ------
    DataError, UnitError
        If the file cannot be understood.

    Examples
    --------
    >>> sheet = pd.DataFrame({"kh2po4 (g/L)": [1.0, 2.0], "Titer (mg/L)": ["<50", 900]})
    >>> table = read_table(sheet, factors=["kh2po4 (g/L)"])
    >>> table["titer"].tolist(), table.flag("titer").tolist()
    ([0.05, 0.9], ['below', ''])
    """
    options = ReadOptions(
        vocabulary_with(quantities),
        declared=tuple(quantities or {}),
        columns=dict(columns or {}),
        dialect=dialect_named(dialect),
        decimal=decimal,
    )
    sheet = sheet_of_frame(path) if isinstance(path, pd.DataFrame) else read_sheets(Path(path))[0]
    if (curves := table_of_curves(sheet)) is not None:
        sheet, texts, signals = curves
        groups, responses = groups or texts, responses or signals
    block = take_apart(sheet, options.knows, options.dialect, options.decimal)
    if block is None or not len(block):
        raise DataError(
            f"{sheet.name} holds no rows; expected a header row and one row a run or culture."
        )
    roles = _stated_roles(
        {"factor": factors, "response": responses, "group": groups}, block, options
    )
    for name in options.columns:
        if find_header(block.header, str(name)) is None:
            raise missing_column(str(name), block.header, block.name)
    reader = _Reader(block, options, roles)
    for column in block.columns:
        if column.header:
            reader.read(column)
    findings = Findings(reader.findings)
    if strict:
        findings.require()
    frame, flags, uppers = map(pd.DataFrame, (reader.values, reader.flags, reader.uppers))
    return Table(frame, reader.columns, flags, findings, uppers)


def chromatogram(path: str | os.PathLike[str]) -> str | None:
    """
    Say what a chromatogram over volume holds, and what can be done with it.

    Returns
    -------
    str or None
        None for any other file.

    Examples
    --------
    >>> chromatogram("there is none") is None
    True
    """
    file = Path(path)
    if not file.is_file():
        return None
    sheet = read_sheets(file)[0]
    curves = curves_of(sheet)
    timed = all(curve.is_timed for curve in curves)
    return None if timed else over_volume(sheet, curves)


def _stated_roles(
    named: Mapping[str, Iterable[str] | None], block: Block, options: ReadOptions
) -> dict[int, str]:
    """Give the roles that the user named, by the index of the column."""
    roles: dict[int, str] = {}
    meant = [options.headers.read(name).words if name else () for name in block.header]
    for role, names in named.items():
        for name in [names] if isinstance(names, str) else names or ():
            index = find_header(block.header, name)
            if index is None:
                same = (i for i, words in enumerate(meant) if words and words[0].name == name)
                index = next(same, None)
            if index is None:
                raise missing_column(name, block.header, "The table")
            roles[block.columns[index].index] = role
    return roles


class _Reader:
    """Reads the columns of a table one after the other."""

    def __init__(self, block: Block, options: ReadOptions, roles: Mapping[int, str]) -> None:
        self.block, self.options, self.roles = block, options, roles
        self.values: dict[str, list[Any]] = {}
        self.flags: dict[str, list[str]] = {}
        self.uppers: dict[str, list[float]] = {}
        self.columns: list[TableColumn] = []
        self.findings: list[Finding] = list(block.findings)
        self.convert = Converter()

    def read(self, column: Column) -> None:
        """Read one column."""
        header, role, dialect = column.header, self.roles.get(column.index), self.options.dialect
        target = self.options.target_of(header)
        if isinstance(target, str) and target.strip().lower() in ("ignore", "not used", ""):
            return
        if column.is_empty:
            self.findings.append(warning(f"Column {header!r} is empty and was left out."))
            return
        named = self.options.headers.read(header, column.unit or None)
        words = ("run", "replicate", "group")
        names_rows = not named.words and any(dialect.is_a(word, named.name) for word in words)
        if role == "group" or (role is None and names_rows):
            self._levels(column, "group")
        elif not column.is_numeric:
            levels, rows = len({str(cell) for cell in column.filled}), len(self.block)
            many = levels == rows or levels > max(20, 0.5 * rows)
            usual = "group" if many or column.is_moment else "factor"
            self._levels(column, role or usual)
        else:
            self._numbers(column, role, named)

    def _name(self, wanted: str, header: str) -> str:
        """Give a name that is not taken yet."""
        name = wanted
        if name in self.values:
            name = snake(header)
        number = 2
        while name in self.values:
            name, number = f"{wanted}_{number}", number + 1
        return name

    def _levels(self, column: Column, role: str) -> None:
        texts: list[str | None] = []
        for cell, moment in zip(column.cells, column.moments, strict=True):
            dated = moment if not isinstance(cell, str) else None
            text = plain_text(cell) if dated is None else dated.isoformat(sep=" ")
            texts.append(None if is_blank(cell) else text)
        levels = tuple(sorted({text for text in texts if text is not None}, key=natural))
        name = self._name(snake(column.header), column.header)
        self.values[name] = texts
        self.columns.append(TableColumn(name, role, "", levels, column.header))
        if role == "response":
            self.flags[name] = [""] * len(texts)

    def _numbers(self, column: Column, role: str | None, named: Header) -> None:
        plan = self._plan(column, named)
        word, header = plan.word, column.header
        name = self._name(word.name if word is not None else snake(named.name), header)
        role = role or self._role(plan, name)
        unit = word.unit if word is not None else ""
        self.findings += marks(header, name, column.readings, column.cells)
        self.values[name], flags, uppers = [], [], []
        for row, reading in enumerate(column.readings):
            where, house = f"{name} in row {self.block.numbers[row]}", None
            if reading.kind == "text":
                self.findings.append(
                    error(
                        f"{where} is {str(column.cells[row])!r}; expected a number.",
                        "Leave the cell empty if it was not measured.",
                    )
                )
            elif reading.kind == "number":
                try:
                    house = self.convert(reading, plan.unit, word) if word is not None else reading
                except UnitError as problem:
                    self.findings.append(
                        error(f"{where}: {problem}", f"Give it in {unit}.", subject="unit")
                    )
            value = np.nan if house is None else house.value
            if role == "response" and value < -1e-9 and unit in ("g/L", "1e6 cells/mL"):
                self.findings.append(
                    warning(
                        f"{where} is {value:g} {unit}; concentrations are zero or more.",
                        "Correct it, or leave the row out with select.",
                    )
                )
            self.values[name].append(value)
            flags.append("" if house is None else house.flag)
            uppers.append(np.nan if house is None else house.upper)
        if role == "response":
            self.flags[name], self.uppers[name] = flags, uppers
        elif any(flags):
            self.findings.append(
                warning(
                    f"Column {header!r} is a factor, and {sum(map(bool, flags))} of its cells "
                    "state a limit ('<' or '>'); the limit was taken as its value.",
                    f"If it was measured, read it with responses=[{header!r}].",
                )
            )
        self.columns.append(TableColumn(name, role, unit, (), header))

    def _plan(self, column: Column, named: Header) -> ColumnPlan:
        """Understand a header; a number without a unit keeps its name, unless it is a result."""
        header = column.header
        mapped = self.options.target_of(header) is not None
        declared = bool(named.words) and named.words[0].name in self.options.declared
        result = bool(named.words) and named.words[0].in_tables == "response"
        stated = mapped or declared or result or column.index in self.roles
        if named.unit is None and not (stated and (mapped or named.words)):
            return ColumnPlan(column.index, header)
        plan, findings = plan_quantity(header, column.unit, column.numbers, self.options)
        if findings and named.unit is not None and not mapped:
            word = Quantity(snake(named.name), named.unit, lower=None)
            plan, findings = ColumnPlan(column.index, header, word=word, unit=named.unit), []
        self.findings += findings
        if plan.note.startswith("no unit given"):
            self.findings.append(
                warning(
                    f"Column {header!r} has no unit; it was read in {plan.unit}.",
                    f"Give the unit, such as '{header} ({plan.unit})'.",
                )
            )
        if plan.role == "not used" and findings:
            plan.word = None
        return plan

    def _role(self, plan: ColumnPlan, name: str) -> str:
        if plan.word is not None and plan.word.in_tables == "response":
            return "response"
        words = self.options.dialect.headers["response"]
        return "response" if set(name.split("_")) & set(words) else "factor"
