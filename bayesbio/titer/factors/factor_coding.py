"""From the cells of a table to numbers a model can use: standardised, or the number of a level."""

from __future__ import annotations

import dataclasses
import difflib
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
    """
    How one factor is turned into numbers.

    Parameters
    ----------
    name, unit : str
    centre, spread : float [unit of the factor]
        Mean and standard deviation of what was fitted; a number enters as (x - centre) / spread.
    low, high : float [unit of the factor]
        Smallest and largest value fitted.
    levels : tuple of str
        Of a factor that is a name; empty for numbers.
    """

    name: str
    unit: str = ""
    centre: float = 0.0
    spread: float = 1.0
    low: float = 0.0
    high: float = 0.0
    levels: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Tell whether it holds numbers rather than levels."""
        return not self.levels

    def encode(self, values: Any) -> np.ndarray:
        """
        Give standardised numbers (NaN where missing), or the numbers of levels.

        A level that was not fitted gets -1; a missing one the level ``(not recorded)`` where rows
        without a level were fitted, else -1.
        """
        if self.is_number:
            return (np.asarray(values, dtype=float) - self.centre) / self.spread
        known = {level: place for place, level in enumerate(self.levels)}
        given = [NOT_RECORDED if _is_missing(value) else str(value) for value in values]
        return np.array([known.get(value, -1) for value in given], dtype=int)


@dataclasses.dataclass(frozen=True)
class Coding:
    """
    How the factors of a table are turned into numbers.

    Parameters
    ----------
    codes : tuple of FactorCode

    Examples
    --------
    >>> columns = [TableColumn("ph", "factor"), TableColumn("titer", "response", "g/L")]
    >>> table = Table(pd.DataFrame({"ph": [6.8, 7.2], "titer": [1.0, 2.0]}), columns)
    >>> coding, noticed = Coding.of_table(table, ["ph"])
    >>> coding.cells({"ph": [7.2]})["ph"].round(3).tolist()
    [1.0]
    """

    codes: tuple[FactorCode, ...]

    @classmethod
    def of_table(cls, table: Table, factors: Iterable[str]) -> tuple[Coding, list[str]]:
        """
        Learn centres, ranges and levels; leave out factors that do not vary.

        Returns
        -------
        Coding
        list of str
            What was noticed: constant factors, exact copies, missing cells.

        Raises
        ------
        DataError
            If a factor is unknown, or none varies.
        """
        codes, noticed = [], []
        for name in factors:
            column = table.column(name)
            values = table[name]
            missing = np.array([_is_missing(value) for value in values])
            if column.is_number:
                known = values[~missing]
                if not known.size or np.ptp(known) <= CONSTANT * np.abs(known).max():
                    at = f" ({known[0]:g} {column.unit}".rstrip() + ")" if known.size else ""
                    noticed.append(
                        f"{name} is the same in every row{at}: nothing can be learned about it, "
                        "and it was left out."
                    )
                    continue
                code = FactorCode(
                    name,
                    column.unit,
                    float(known.mean()),
                    float(known.std()),
                    float(known.min()),
                    float(known.max()),
                )
            else:
                used = [level for level in column.levels if (values[~missing] == level).any()]
                if len(used) + bool(missing.any()) < 2:
                    noticed.append(
                        f"{name} is {', '.join(used) or 'missing'} in every row: nothing can be "
                        "learned about it, and it was left out."
                    )
                    continue
                levels = (*used, *([NOT_RECORDED] if missing.any() else []))
                code = FactorCode(name, levels=levels)
            if missing.any():
                how = (
                    "they are drawn along with the model, given the other factors of their row"
                    if code.is_number
                    else f"they make a level of their own, {NOT_RECORDED}"
                )
                noticed.append(f"{name} is missing in {missing.sum()} of {len(table)} rows; {how}.")
            codes.append(code)
        if not codes:
            raise DataError(
                f"None of the factors ({', '.join(factors) or 'none given'}) varies in the "
                f"{len(table)} rows, so there is nothing to explain the response with. Give the "
                "role factor to the columns that were set: read_table(..., factors=[...])."
            )
        coding = cls(tuple(codes))
        noticed += coding.copies(table)
        return coding, noticed

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
        lower = {known.lower(): known for known in self.names}
        near = difflib.get_close_matches(str(name).lower(), lower, n=1)
        hint = f" Did you mean {lower[near[0]]!r}?" if near else ""
        raise DataError(
            f"{name!r} is none of the factors that were fitted: {', '.join(self.names)}.{hint}"
        )

    def cells(self, rows: Any) -> dict[str, np.ndarray]:
        """
        Encode rows.

        Parameters
        ----------
        rows : DataFrame or mapping of factor to values

        Returns
        -------
        dict of factor to array, shape (rows,)

        Raises
        ------
        DataError
            If a factor is missing altogether.
        """
        lacking = [name for name in self.names if name not in rows]
        if lacking:
            raise DataError(
                f"The rows have no {', '.join(lacking)}; give every factor that was fitted "
                f"({', '.join(self.names)}), NaN where a value is not known."
            )
        return {code.name: code.encode(rows[code.name]) for code in self.codes}

    def copies(self, table: Table) -> list[str]:
        """Tell which numeric factors are exact copies of an earlier one, up to scale."""
        said = []
        scores = {name: self[name].encode(table[name]) for name in self.numbers}
        for place, name in enumerate(self.numbers):
            for earlier in self.numbers[:place]:
                one, other = scores[earlier], scores[name]
                for sign, word in ((1.0, ""), (-1.0, ", reversed")):
                    if np.allclose(one, sign * other, rtol=0.0, atol=1e-8, equal_nan=True):
                        said.append(
                            f"{name} is an exact copy of {earlier} (up to unit and offset{word}): "
                            "the two cannot be told apart, and share what they do."
                        )
        return said

    def to_dict(self) -> list[dict[str, Any]]:
        """Give the codes as plain lists and dictionaries, ready for JSON."""
        return [dataclasses.asdict(code) for code in self.codes]

    @classmethod
    def from_dict(cls, content: Iterable[Mapping[str, Any]]) -> Coding:
        """Rebuild what `to_dict` gave."""
        return cls(tuple(FactorCode(**{**c, "levels": tuple(c["levels"])}) for c in content))


def as_table(given: Table | pd.DataFrame, response: str) -> Table:
    """
    Take a Table as it is, and make one of a DataFrame: text and categories become levels.

    Raises
    ------
    DataError
        If it is neither, or the response is missing.
    """
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


def _is_missing(value: Any) -> bool:
    return value is None or bool(value != value) or value is pd.NA
