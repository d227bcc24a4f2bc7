"""A table: one row per run or culture, with what each column is for."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.findings import Finding, Findings
from bayesbio.data.run import FLAGS, FrozenFrame
from bayesbio.errors import DataError, did_you_mean

TABLE_ROLES = ("factor", "response", "group")


@dataclasses.dataclass(frozen=True)
class TableColumn:
    """
    One column of a table.

    Parameters
    ----------
    name : str
        Its name, in the words of the house where it has one.
    role : {"factor", "response", "group"}
        Set or chosen, measured, or what rows have in common (run, round, block).
    unit : str
        Unit of its numbers; blank where the file gives none, and for levels.
    levels : tuple of str
        Levels of a factor or group that is a name; empty for numbers.
    header : str
        What the file calls it.

    Examples
    --------
    >>> TableColumn("glucose", "factor", "g/L").is_number
    True
    """

    name: str
    role: str
    unit: str = ""
    levels: tuple[str, ...] = ()
    header: str = ""

    def __post_init__(self) -> None:
        if self.role not in TABLE_ROLES:
            raise DataError(
                f"Column {self.name!r} has the role {self.role!r}; use factor, response or group."
            )
        object.__setattr__(self, "levels", tuple(str(level) for level in self.levels))

    @property
    def is_number(self) -> bool:
        """Tell whether it holds numbers rather than levels."""
        return not self.levels


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """
    One row per run or culture: factors, responses and groups, in house units.

    Its frames are copies: a table never changes. Tables are equal where their columns, rows, flags
    and limits are, in the same order.

    Parameters
    ----------
    frame : DataFrame
        Values; numbers are float, levels are text; missing is missing.
    columns : sequence of TableColumn
        One for every column of the frame, in its order.
    flags : DataFrame, optional
        Blank, below, above, between or excluded, for the responses; same index as the frame.
    findings : iterable of Finding
        What reading noticed.
    uppers : DataFrame, optional
        Upper limits of cells flagged between, whose lower limit is the value; NaN elsewhere.

    Raises
    ------
    DataError
        If columns and frame do not fit together, a flag is unknown, or the limits of an interval
        are reversed.

    Examples
    --------
    >>> columns = [TableColumn("glucose", "factor", "g/L"), TableColumn("titer", "response", "g/L")]
    >>> table = Table(pd.DataFrame({"glucose": [5.0, 9.0], "titer": [1.2, 1.9]}), columns)
    >>> table.factors, table.responses, table["titer"].tolist()
    (('glucose',), ('titer',), [1.2, 1.9])
    """

    frame: FrozenFrame = FrozenFrame()
    columns: Sequence[TableColumn] = ()
    flags: FrozenFrame = FrozenFrame()
    findings: Iterable[Finding] = Findings()
    uppers: FrozenFrame = FrozenFrame()

    def __post_init__(self) -> None:
        columns = tuple(self.columns)
        names = [column.name for column in columns]
        if names != [str(name) for name in self.frame.columns]:
            raise DataError(
                f"The table's columns are {list(self.frame.columns)} but {names} are described; "
                "describe every column once, in order."
            )
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"Two columns of the table are named {twice!r}; rename one.")
        frame = self.frame.reset_index(drop=True).copy()
        for column in columns:
            if column.is_number:
                frame[column.name] = frame[column.name].astype(float)
            else:
                frame[column.name] = frame[column.name].astype("str")
                unknown = set(frame[column.name].dropna()) - set(column.levels)
                if unknown:
                    raise DataError(
                        f"Column {column.name!r} holds {sorted(unknown)[0]!r}, which is "
                        "none of its "
                        f"levels {', '.join(column.levels)}."
                    )
        flags = pd.DataFrame("", index=frame.index, columns=list(self._named(columns, "response")))
        for name in self.flags.columns:
            if name in flags:
                flags[name] = self.flags[name].fillna("").to_numpy()
        wrong = sorted(set(flags.to_numpy().ravel().tolist()) - set(FLAGS))
        if wrong:
            raise DataError(
                f"The flag {wrong[0]!r} is unknown; use blank, below, above, between or excluded."
            )
        uppers = pd.DataFrame(np.nan, index=frame.index, columns=flags.columns, dtype=float)
        for name in self.uppers.columns:
            if name not in flags:
                continue
            between = flags[name] == "between"
            uppers.loc[between, name] = self.uppers[name].to_numpy(float)[between]
            turned = between & (uppers[name] < frame[name])
            if turned.any():
                row = int(turned.to_numpy().argmax())
                raise DataError(
                    f"Row {row + 1} of {name!r} lies between {frame.at[row, name]:g} and "
                    f"{uppers.at[row, name]:g}; give the lower limit first."
                )
        object.__setattr__(self, "frame", frame)
        object.__setattr__(self, "uppers", uppers)
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "flags", flags.astype("str"))
        object.__setattr__(self, "findings", Findings(self.findings))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Table):
            return False
        pairs = [(getattr(t, n) for t in (self, other)) for n in ("frame", "flags", "uppers")]
        return self is other or (
            self.columns == other.columns and all(one.equals(two) for one, two in pairs)
        )

    def __hash__(self) -> int:
        return hash(self.hash)

    @classmethod
    def of(cls, given: Any, *, responses: str | Iterable[str] = ()) -> Table:
        """
        Take a table as it is, or make one of a DataFrame as it stands.

        Parameters
        ----------
        given : Table or DataFrame
            Numbers of a DataFrame keep their values and have no unit; text and categories become
            levels. To have headers, units and flags read, use `read_table`.
        responses : name or names
            Columns of a DataFrame that were measured; the others are factors.

        Returns
        -------
        Table

        Raises
        ------
        DataError
            If it is neither.

        Examples
        --------
        >>> frame = pd.DataFrame({"medium": ["A", "B"], "titer": [1.2, 1.9]})
        >>> table = Table.of(frame, responses="titer")
        >>> table.levels("medium"), table.responses, Table.of(table) is table
        (('A', 'B'), ('titer',), True)
        """
        if isinstance(given, cls):
            return given
        if not isinstance(given, pd.DataFrame):
            raise DataError(
                f"A {type(given).__name__} came; expected a Table (bayesbio.data.read_table) or a "
                "DataFrame with one row per run or culture."
            )
        measured = {responses} if isinstance(responses, str) else set(responses)
        frame = given.rename(columns=str)
        columns = []
        for index, name in enumerate(frame.columns):
            values = frame.iloc[:, index]
            role = "response" if name in measured else "factor"
            levels: Iterable[Any] = ()
            if isinstance(values.dtype, pd.CategoricalDtype):
                levels = values.cat.categories
            elif not pd.api.types.is_numeric_dtype(values):
                levels = sorted(set(values.dropna().astype(str)))
            columns.append(TableColumn(name, role, levels=tuple(map(str, levels))))
            if columns[-1].levels and len(set(frame.columns)) == len(frame.columns):
                frame[name] = values.astype("str").where(values.notna())
        return cls(frame, columns)

    @staticmethod
    def _named(columns: Iterable[TableColumn], role: str) -> tuple[str, ...]:
        return tuple(column.name for column in columns if column.role == role)

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of what was set."""
        return self._named(self.columns, "factor")

    @property
    def responses(self) -> tuple[str, ...]:
        """Names of what was measured."""
        return self._named(self.columns, "response")

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of what rows have in common."""
        return self._named(self.columns, "group")

    def column(self, name: str) -> TableColumn:
        """Describe one column."""
        for column in self.columns:
            if column.name == name:
                return column
        names = ", ".join(column.name for column in self.columns)
        hint = did_you_mean(name, (column.name for column in self.columns))
        raise DataError(f"The table has no column {name!r}; its columns are {names}.{hint}")

    def unit(self, name: str) -> str:
        """Give the unit of a column; blank where none is known."""
        return self.column(name).unit

    def levels(self, name: str) -> tuple[str, ...]:
        """Give the levels of a column; empty for numbers."""
        return self.column(name).levels

    def flag(self, name: str) -> np.ndarray:
        """Give the flags of a column, shape (rows,); blank for what is no response."""
        self.column(name)
        if name in self.flags:
            return self.flags[name].to_numpy(str, copy=True)
        return np.full(len(self), "", dtype=str)

    def upper(self, name: str) -> np.ndarray:
        """Give the upper limits of cells flagged between, shape (rows,); NaN elsewhere."""
        self.column(name)
        if name in self.uppers:
            return self.uppers[name].to_numpy(float, copy=True)
        return np.full(len(self), np.nan)

    def readings(self, name: str) -> pd.DataFrame:
        """
        Give the readings of a column with what their flags say: excluded and missing ones are out.

        Parameters
        ----------
        name : str
            A column of numbers.

        Returns
        -------
        DataFrame
            Indexed by the row of the table; ``value``, ``flag`` and the interval ``lower`` to
            ``upper`` in which the true value lies: minus infinity to the limit where it is below
            one, the limit to infinity above, and the value itself where it was quantified.

        Raises
        ------
        DataError
            If there is no such column, or it holds levels.

        Examples
        --------
        >>> columns = [TableColumn("titer", "response", "g/L")]
        >>> flags = pd.DataFrame({"titer": ["", "below", "excluded"]})
        >>> Table(pd.DataFrame({"titer": [1.2, 0.1, 9.0]}), columns, flags).readings("titer")
           value   flag  lower  upper
        0    1.2           1.2    1.2
        1    0.1  below   -inf    0.1
        """
        column = self.column(name)
        if not column.is_number:
            raise DataError(
                f"Column {name!r} holds the levels {', '.join(column.levels[:5])}; readings are "
                "numbers. Choose another column, or write it as numbers."
            )
        values, flags = self[name], self.flag(name)
        lower = np.where(flags == "below", -np.inf, values)
        upper = np.select(
            [flags == "above", flags == "between"], [np.inf, self.upper(name)], values
        )
        readings = pd.DataFrame({"value": values, "flag": flags, "lower": lower, "upper": upper})
        return readings.astype({"flag": "str"})[np.isfinite(values) & (flags != "excluded")]

    def quantified(self, name: str) -> pd.Series:
        """Give the readings of a column that have a value, without flag; indexed by row."""
        readings = self.readings(name)
        return readings.loc[readings["flag"] == "", "value"].rename(name)

    def __getitem__(self, name: str) -> np.ndarray:
        column = self.column(name)
        values = self.frame[name]
        return values.to_numpy(float, copy=True) if column.is_number else values.to_numpy(object)

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[str]:
        return (column.name for column in self.columns)

    def __repr__(self) -> str:
        return (
            f"Table of {len(self)} rows: factors {', '.join(self.factors) or 'none'}; responses "
            f"{', '.join(self.responses) or 'none'}; groups {', '.join(self.groups) or 'none'}"
        )

    @functools.cached_property
    def hash(self) -> str:
        """Sha256 of the content, independent of the order of rows and of float noise."""
        described = [
            [c.name, c.role, c.unit, sorted(c.levels)]
            for c in sorted(self.columns, key=lambda c: c.name)
        ]
        names = [row[0] for row in described]
        rows = sorted(
            [_text(self.frame.at[row, name]) for name in names]
            + [str(self.flags.at[row, name]) for name in names if name in self.flags]
            + [_text(value) for value in self.uppers.loc[row].dropna()]
            for row in self.frame.index
        )
        content = json.dumps([described, rows], sort_keys=True)
        return hashlib.sha256(content.encode("utf-8")).hexdigest()

    def to_frame(self) -> pd.DataFrame:
        """Give the values as a DataFrame of one's own."""
        return self.frame.copy()

    def select(self, rows: Any = None, *, columns: Iterable[str] | None = None) -> Table:
        """
        Keep some rows or some columns.

        Parameters
        ----------
        rows : boolean mask or positions, optional
        columns : names, optional

        Returns
        -------
        Table
        """
        names = list(self) if columns is None else [self.column(name).name for name in columns]
        frame, flags = self.frame, self.flags
        if rows is not None:
            chosen = np.asarray(rows)
            frame = frame.iloc[chosen.nonzero()[0] if chosen.dtype == bool else chosen]
            flags = flags.loc[frame.index]
        return Table(
            frame[names].reset_index(drop=True),
            [self.column(name) for name in names],
            flags.reset_index(drop=True),
            self.findings,
            self.uppers.loc[frame.index].reset_index(drop=True),
        )

    def replace(self, **changes: Any) -> Table:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Give the whole content as plain lists and dictionaries, ready for JSON."""
        values = {
            name: [None if pd.isna(value) else value for value in self.frame[name].tolist()]
            for name in self
        }
        return {
            "columns": [dataclasses.asdict(column) for column in self.columns],
            "values": values,
            "flags": {name: self.flags[name].tolist() for name in self.flags},
            "findings": Findings(self.findings).to_list(),
            "uppers": {
                name: [None if pd.isna(value) else value for value in self.uppers[name].tolist()]
                for name in self.uppers
                if self.uppers[name].notna().any()
            },
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Table:
        """
        Rebuild a table from what `to_dict` gave.

        Examples
        --------
        >>> table = Table(pd.DataFrame({"titer": [1.2]}), [TableColumn("titer", "response", "g/L")])
        >>> Table.from_dict(table.to_dict()).hash == table.hash
        True
        """
        columns = [
            TableColumn(**{**row, "levels": tuple(row["levels"])}) for row in content["columns"]
        ]
        frame = pd.DataFrame({c.name: content["values"][c.name] for c in columns})
        return cls(
            frame,
            columns,
            pd.DataFrame(content.get("flags", {})),
            Findings.from_list(content.get("findings", ())),
            pd.DataFrame(content.get("uppers", {}), dtype=float),
        )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else format(float(value) + 0.0, ".12g")
