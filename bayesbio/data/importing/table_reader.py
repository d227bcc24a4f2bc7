"""Read a table: one row per run or culture, from a CSV file, a workbook or a DataFrame."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.findings import Finding, Findings
from bayesbio.data.importing.assemble import natural
from bayesbio.data.importing.sheets import headers
from bayesbio.data.importing.sheets.cells import is_blank, to_moment
from bayesbio.data.importing.sheets.columns import (
    Options,
    Plan,
    Survey,
    find_header,
    missing_column,
    plan_quantity,
)
from bayesbio.data.importing.sheets.files import read_sheets, sheet_of_frame, take_apart
from bayesbio.data.importing.sheets.structure import run_name
from bayesbio.data.importing.values import Converter
from bayesbio.data.table import Table, TableColumn
from bayesbio.data.vocabulary import lookup as vocabulary
from bayesbio.data.vocabulary import words_upstream
from bayesbio.data.vocabulary.lookup import Quantity, key
from bayesbio.errors import DataError, UnitError

GROUP_WORDS = frozenset(
    (
        *headers.RUN_WORDS,
        *headers.REPLICATE_WORDS,
        "round",
        "block",
        "campaign",
        "plate",
        "day",
        "week",
        "sampleid",
        "sample",
        "cask",
        "assay",
        "doe",
        "dbtl",
        "cycle",
        "expnumber",
        "runorder",
        "seq",
        "index",
    )
)
RESULTS = frozenset(
    word.name for word in (*words_upstream.COUNTS, *words_upstream.PRODUCTS)
) | frozenset(
    [
        "lactate",
        "ammonium",
        "pyruvate",
        "acetate",
        "citrate",
        "malate",
        "succinate",
        "fumarate",
        "formate",
        "itaconate",
        "propionate",
        "butyrate",
        "gluconate",
        "alpha_ketoglutarate",
        "oxalate",
        "ethanol",
        "butanol",
        "isobutanol",
        "acetone",
        "butanediol",
        "propanediol",
        "acetoin",
        "xylitol",
        "penicillin",
        "lycopene",
        "polyhydroxybutyrate",
        "tryptophan",
        "lysine",
        "step_yield",
        "reaction_yield",
        "conversion",
        "selectivity",
        "log_reduction",
        "specific_growth_rate",
        "specific_productivity",
    ]
)  # what a table of cultures measures rather than sets
RESPONSE_WORDS = frozenset(
    ("yield", "response", "titer", "titre", "score", "y", "purity", "quality")
)


def read_table(
    path: str | os.PathLike[str] | pd.DataFrame,
    *,
    factors: Iterable[str] | None = None,
    responses: Iterable[str] | None = None,
    groups: Iterable[str] | None = None,
    columns: Mapping[str, Any] | None = None,
    quantities: Mapping[str, Any] | None = None,
    strict: bool = True,
) -> Table:
    """
    Read a table with one row per run or culture.

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
    options = Options(
        vocabulary.extended(quantities),
        declared=tuple(quantities or {}),
        columns=dict(columns or {}),
    )
    sheet = sheet_of_frame(path) if isinstance(path, pd.DataFrame) else read_sheets(Path(path))[0]
    block = take_apart(sheet, options.knows)
    if block is None or not block.rows:
        raise DataError(
            f"{sheet.name} holds no rows; expected a header row and one row a run or culture."
        )
    survey = Survey(block)
    told = _told({"factor": factors, "response": responses, "group": groups}, block.header, options)
    for name in options.columns:
        if find_header(block.header, str(name)) is None:
            raise missing_column(str(name), block.header, block.name)
    reader = _Reader(survey, options, told)
    for place, header in enumerate(block.header):
        if header:
            reader.read(place, header)
    table = Table(
        pd.DataFrame(reader.values),
        reader.columns,
        pd.DataFrame(reader.flags),
        Findings(reader.findings),
    )
    if strict:
        Findings(reader.findings).require()
    return table


def _told(
    named: Mapping[str, Iterable[str] | None], header: tuple[str, ...], options: Options
) -> dict[int, str]:
    """Find the columns whose role the user named."""
    told: dict[int, str] = {}
    meant = [headers.understand(name, options.words).words if name else () for name in header]
    for role, names in named.items():
        for name in [names] if isinstance(names, str) else names or ():
            place = find_header(header, name)
            if place is None:
                place = next(
                    (p for p, words in enumerate(meant) if words and words[0].name == name), None
                )
            if place is None:
                raise missing_column(name, header, "The table")
            told[place] = role
    return told


class _Reader:
    """Reads the columns of a table one after the other."""

    def __init__(self, survey: Survey, options: Options, told: Mapping[int, str]) -> None:
        self.survey, self.options, self.told = survey, options, told
        self.values: dict[str, list[Any]] = {}
        self.flags: dict[str, list[str]] = {}
        self.columns: list[TableColumn] = []
        self.findings: list[Finding] = []
        self.convert = Converter()

    def read(self, place: int, header: str) -> None:
        """Read one column."""
        survey, role = self.survey, self.told.get(place)
        target = self.options.columns.get(header)
        if isinstance(target, str) and key(target) in ("ignore", "notused", ""):
            return
        if survey.is_empty(place):
            self.warn(f"Column {header!r} is empty and was left out.")
            return
        found = headers.understand(header, self.options.words, survey.block.units[place] or None)
        names_rows = key(found.name) in GROUP_WORDS and not found.words
        if role == "group" or (role is None and names_rows):
            self._levels(place, header, "group")
        elif not survey.is_numeric(place):
            levels, rows = len({str(c) for c in survey.filled(place)}), len(survey.block.rows)
            long = levels == rows or levels > max(20, 0.5 * rows)
            dated = survey.is_moment(place)
            self._levels(place, header, role or ("group" if long or dated else "factor"))
        else:
            self._numbers(place, header, role, found)

    def warn(self, what: str, then: str = "") -> None:
        """Note a warning."""
        self.findings.append(Finding("warning", "", None, what, then))

    def _name(self, wanted: str, header: str) -> str:
        """Give a name that is not taken yet."""
        name = wanted
        if name in self.values:
            name = headers.snake(header)
        number = 2
        while name in self.values:
            name, number = f"{wanted}_{number}", number + 1
        return name

    def _levels(self, place: int, header: str, role: str) -> None:
        cells = self.survey.cells[place]
        texts: list[str | None] = []
        for cell in cells:
            moment = to_moment(cell) if not isinstance(cell, (int, float, str)) else None
            texts.append(
                None if is_blank(cell) else moment.isoformat(sep=" ") if moment else run_name(cell)
            )
        levels = tuple(sorted({text for text in texts if text is not None}, key=natural))
        name = self._name(headers.snake(header), header)
        self.values[name] = texts
        self.columns.append(TableColumn(name, role, "", levels, header))
        if role == "response":
            self.flags[name] = [""] * len(texts)

    def _numbers(self, place: int, header: str, role: str | None, found: headers.Header) -> None:
        plan = self._plan(place, header, found)
        word = plan.word
        name = self._name(word.name if word is not None else headers.snake(found.name), header)
        role = role or self._role(plan, name)
        unit = word.unit if word is not None else ""
        values, flags = [], []
        for row, reading in enumerate(self.survey.readings[place]):
            value, flag = np.nan, ""
            if reading.kind == "text":
                self.findings.append(
                    Finding(
                        "error",
                        "",
                        None,
                        f"{name} in row {self.survey.block.numbers[row]} is "
                        f"{str(self.survey.cells[place][row])!r}; expected a number.",
                        "Leave the cell empty if it was not measured.",
                    )
                )
            elif reading.kind == "number":
                try:
                    house = self.convert(reading, plan.unit, word) if word is not None else reading
                    value, flag = house.value, house.flag
                except UnitError as error:
                    self.findings.append(
                        Finding(
                            "error",
                            "",
                            None,
                            f"{name} in row {self.survey.block.numbers[row]}: {error}",
                            f"Give it in {unit}.",
                            "unit",
                        )
                    )
            if (
                role == "response"
                and word is not None
                and value < -1e-9
                and unit in ("g/L", "1e6 cells/mL")
            ):
                self.warn(
                    f"{name} in row {self.survey.block.numbers[row]} is {value:g} {unit}; "
                    "concentrations are zero or more.",
                    "Correct it, or leave the row out with select.",
                )
            values.append(value)
            flags.append(flag)
        self.values[name] = values
        if role == "response":
            self.flags[name] = flags
        self.columns.append(TableColumn(name, role, unit, (), header))

    def _plan(self, place: int, header: str, found: headers.Header) -> Plan:
        """Understand a header; a number without a unit keeps its name, unless it is a result."""
        mapped = header in self.options.columns
        declared = bool(found.words) and found.words[0].name in self.options.declared
        result = bool(found.words) and found.words[0].name in RESULTS
        if found.unit is None and not (mapped or declared or result or place in self.told):
            return Plan(place, header)
        if found.unit is None and not (mapped or found.words):
            return Plan(place, header)
        plan, findings = plan_quantity(
            header, self.survey.block.units[place], self.survey.numbers(place), self.options
        )
        if findings and found.unit is not None and not mapped:
            plan = Plan(
                place, header, word=Quantity(headers.snake(found.name), found.unit, lower=None)
            )
            plan.unit, findings = found.unit, []
        self.findings += findings
        if plan.note.startswith("no unit given"):
            self.warn(
                f"Column {header!r} has no unit; it was read in {plan.unit}.",
                f"Give the unit, such as '{header} ({plan.unit})'.",
            )
        if plan.role == "not used":
            plan.word = None if findings else plan.word
        return plan

    def _role(self, plan: Plan, name: str) -> str:
        if plan.word is not None and plan.word.name in RESULTS:
            return "response"
        return "response" if set(name.split("_")) & RESPONSE_WORDS else "factor"
