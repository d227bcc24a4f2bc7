"""Coding of factors: standardised numbers, level indices, and rows that are missing either."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.table import Table, TableColumn
from bayesbio.errors import DataError, did_you_mean

NOT_RECORDED = "(not recorded)"
# A column whose values agree to this share of their size does not vary.
CONSTANT = 1e-12


@dataclasses.dataclass(frozen=True)
class FactorCode:
    """Coding of one factor."""

    name: str
    unit: str = ""
    centre: float = 0.0  # a number enters as (x - centre) / spread
    spread: float = 1.0
    low: float = 0.0  # smallest fitted value
    high: float = 0.0  # largest fitted value
    levels: tuple[str, ...] = ()  # of a factor that is a name; empty for numbers
    with_missing: bool = False  # rows without a level form a group, with the index len(levels)

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers rather than levels."""
        return not self.levels

    @property
    def indicator_names(self) -> tuple[str, ...]:
        """Names of the level indices, rows without a level last."""
        return (*self.levels, *([NOT_RECORDED] if self.with_missing else []))

    def encode(self, values: Any) -> np.ndarray:
        """Standardised numbers (NaN where missing), or level indices (-1 where not fitted)."""
        if self.is_number:
            try:
                numbers = np.asarray(values, dtype=float)
            except (TypeError, ValueError):
                raise DataError(
                    f"{self.name} was fitted as a number, but {list(values)[:3]} came; give numbers"
                    f"{f' [{self.unit}]' if self.unit else ''}, NaN where a value is not known."
                ) from None
            return (numbers - self.centre) / self.spread
        index = {level: number for number, level in enumerate(self.levels)}
        missing = len(self.levels) if self.with_missing else -1
        return np.array(
            [
                missing
                if is_missing(value)
                else index.get(str(value), missing if str(value) == NOT_RECORDED else -1)
                for value in values
            ],
            dtype=int,
        )

    def decode(self, scores: Any) -> Any:
        """Give numbers in the unit of the factor from standardised ones."""
        return self.centre + self.spread * scores


@dataclasses.dataclass(frozen=True)
class Coding:
    """
    Coding of all factors of a table.

    Parameters
    ----------
    codes : tuple of FactorCode

    Examples
    --------
    >>> columns = [TableColumn("ph", "factor"), TableColumn("titer", "response", "g/L")]
    >>> table = Table(pd.DataFrame({"ph": [6.8, 7.2], "titer": [1.0, 2.0]}), columns)
    >>> coding, warnings = Coding.of_table(table, ["ph"])
    >>> coding.cells({"ph": [7.2]})["ph"].round(3).tolist()
    [1.0]
    """

    codes: tuple[FactorCode, ...]

    @classmethod
    def of_table(cls, table: Table, factors: Iterable[str]) -> tuple[Coding, list[str]]:
        """
        Estimate centres and ranges, list levels, and leave out factors that do not vary.

        Gives warnings beside: constant factors, exact copies, missing cells. Refuses (`DataError`)
        unknown factors, and tables in which none varies.
        """
        codes, warnings = [], []
        for name in factors:
            column, values = table.column(name), table[name]
            missing = np.array([is_missing(value) for value in values])
            code, constant = (_number_code if column.is_number else _level_code)(
                column, values, missing
            )
            if code is None:
                warnings.append(f"{constant}: nothing can be learned about it; it was left out.")
                continue
            if missing.any():
                how = (
                    "they are drawn along with the model, given the other factors of their row"
                    if code.is_number
                    else f"they form a group of their own, {NOT_RECORDED}"
                )
                warnings.append(
                    f"{name} is missing in {missing.sum()} of {len(table)} rows; {how}."
                )
            codes.append(code)
        if not codes:
            raise DataError(
                f"None of the factors ({', '.join(factors) or 'none given'}) varies in the "
                f"{len(table)} rows, so there is nothing to explain the response with. Give the "
                "role factor to the columns that were set: read_table(..., factors=[...])."
            )
        coding = cls(tuple(codes))
        return coding, [*warnings, *coding.copies(table)]

    def __iter__(self) -> Any:
        return iter(self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the factors that vary."""
        return tuple(code.name for code in self.codes)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of those that are numbers."""
        return tuple(code.name for code in self.codes if code.is_number)

    def __getitem__(self, name: str) -> FactorCode:
        for code in self.codes:
            if code.name == name:
                return code
        raise DataError(
            f"{name!r} is none of the factors that were fitted: {', '.join(self.names)}."
            f"{did_you_mean(str(name), self.names)}"
        )

    def cells(self, rows: Any) -> dict[str, np.ndarray]:
        """Encode rows, shape (rows,) by factor; a factor missing altogether is refused."""
        lacking = [name for name in self.names if name not in rows]
        if lacking:
            raise DataError(
                f"The rows have no {', '.join(lacking)}; give every factor that was fitted "
                f"({', '.join(self.names)}), NaN where a value is not known."
            )
        return {code.name: code.encode(rows[code.name]) for code in self.codes}

    def copies(self, table: Table) -> list[str]:
        """Name numeric factors that are exact copies of an earlier one, up to unit and offset."""
        warnings = []
        scores = {name: self[name].encode(table[name]) for name in self.numbers}
        for number, name in enumerate(self.numbers):
            for earlier in self.numbers[:number]:
                for sign, word in ((1.0, ""), (-1.0, ", reversed")):
                    if np.allclose(
                        scores[earlier], sign * scores[name], rtol=0.0, atol=1e-8, equal_nan=True
                    ):
                        warnings.append(
                            f"{name} is an exact copy of {earlier} (up to unit and offset{word}): "
                            "their effects cannot be distinguished, and are shared between them."
                        )
        return warnings

    def outside(self, rows: Any) -> np.ndarray:
        """Mark rows beyond the fitted range of a number, or with a level that was not fitted."""
        found = np.zeros(len(next(iter(self.cells(rows).values()))), dtype=bool)
        for code in self.codes:
            cells = code.encode(rows[code.name])
            if code.is_number:
                values = code.decode(cells)
                slack = 1e-9 * (code.high - code.low)
                found |= (values < code.low - slack) | (values > code.high + slack)
            else:
                found |= cells < 0
        return found


def _number_code(
    column: TableColumn, values: np.ndarray, missing: np.ndarray
) -> tuple[FactorCode | None, str]:
    read = values[~missing]
    if not read.size or np.ptp(read) <= CONSTANT * np.abs(read).max():
        at = f" ({read[0]:g} {column.unit}".rstrip() + ")" if read.size else ""
        return None, f"{column.name} is the same in every row{at}"
    centre, spread = float(read.mean()), float(read.std())
    low, high = float(read.min()), float(read.max())
    return FactorCode(column.name, column.unit, centre, spread, low, high), ""


def _level_code(
    column: TableColumn, values: np.ndarray, missing: np.ndarray
) -> tuple[FactorCode | None, str]:
    used = tuple(level for level in column.levels if (values[~missing] == level).any())
    if not used or len(used) + bool(missing.any()) < 2:
        return None, f"{column.name} is {', '.join(used) or 'missing'} in every row"
    return FactorCode(column.name, levels=used, with_missing=bool(missing.any())), ""


def as_table(given: Table | pd.DataFrame, response: str) -> Table:
    """Table of a DataFrame, whose text and categories become levels; a Table as it is."""
    if isinstance(given, Table):
        table = given
    elif isinstance(given, pd.DataFrame):
        frame, columns = given.copy(), []
        for name in given.columns:
            values = given[name]
            role = "response" if name == response else "factor"
            if pd.api.types.is_numeric_dtype(values):
                columns.append(TableColumn(str(name), role))
                continue
            ordered = isinstance(values.dtype, pd.CategoricalDtype)
            levels = values.cat.categories if ordered else sorted(set(values.dropna().astype(str)))
            frame[name] = values.astype("str").where(values.notna())
            columns.append(TableColumn(str(name), role, levels=tuple(map(str, levels))))
        frame.columns = frame.columns.map(str)
        table = Table(frame, columns)
    else:
        raise DataError(
            f"A {type(given).__name__} came; expected a Table (bayesbio.data.read_table) or a "
            "DataFrame with one row per culture."
        )
    if response not in tuple(table):
        hint = did_you_mean(response, table) or " Name the one that holds the titer."
        raise DataError(
            f"The table has no column {response!r}; its columns are {', '.join(table)}.{hint}"
        )
    return table


def as_rows(given: Any) -> pd.DataFrame:
    """Make a DataFrame of rows from a Table, a DataFrame, one mapping or a list of them."""
    if isinstance(given, Table):
        return given.to_frame()
    if isinstance(given, pd.DataFrame):
        return given.reset_index(drop=True)
    if isinstance(given, pd.Series):
        return pd.DataFrame([given.to_dict()])
    if isinstance(given, Mapping):
        scalar = all(np.ndim(value) == 0 for value in given.values())
        return pd.DataFrame([dict(given)] if scalar else dict(given))
    if isinstance(given, list | tuple) and all(isinstance(row, Mapping) for row in given):
        return pd.DataFrame([dict(row) for row in given])
    raise DataError(
        f"Rows came as {type(given).__name__}; expected a Table, a DataFrame, a mapping of factor "
        "to value, or a list of such mappings."
    )


def is_missing(value: Any) -> bool:
    """Whether a cell is empty."""
    return value is None or value is pd.NA or bool(value != value)
