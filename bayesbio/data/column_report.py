"""How each column of a foreign sheet was understood."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

COLUMN_ROLES = (
    "run",
    "time",
    "measurement",
    "profile",
    "setting",
    "bolus",
    "sample",
    "replicate",
    "flag",
    "sd",
    "value_upper",
    "quantity",
    "value",
    "unit",
    "covariate",
    "not used",
)


@dataclasses.dataclass(frozen=True)
class ColumnUse:
    """
    How one column was understood.

    Parameters
    ----------
    column : str
        Its header as it stands in the file.
    role : str
        What it serves as, one of ``COLUMN_ROLES``.
    quantity : str
        The quantity it holds, or blank.
    unit : str
        The unit its values came in.
    house_unit : str
        The unit they were converted to.
    replicate : int
        Which of several columns of the same quantity, or 0.
    note : str
        What was assumed.
    sheet : str
        File or sheet it stands in.

    Examples
    --------
    >>> print(ColumnUse("Glc (mM)", "measurement", "glucose", "mM", "g/L"))
    'Glc (mM)' -> glucose (measurement), mM -> g/L
    """

    column: str
    role: str
    quantity: str = ""
    unit: str = ""
    house_unit: str = ""
    replicate: int = 0
    note: str = ""
    sheet: str = ""

    def __str__(self) -> str:
        text = f"{self.column!r} -> "
        if self.quantity and self.quantity != self.role:
            text += f"{self.quantity} ({self.role}"
            text += f", replicate {self.replicate})" if self.replicate else ")"
        else:
            text += self.role
        if self.house_unit:
            given = self.unit or self.house_unit
            same = given == self.house_unit
            text += f", {given}" if same else f", {given} -> {self.house_unit}"
        return text + (f"; {self.note}" if self.note else "")


@dataclasses.dataclass(frozen=True)
class Columns(Sequence[ColumnUse]):
    """
    How every column was understood; ``print`` it to read it.

    Examples
    --------
    >>> print(Columns([ColumnUse("Batch", "run")]))
    'Batch' -> run
    """

    items: tuple[ColumnUse, ...] = ()

    def __init__(self, items: Iterable[ColumnUse] = ()) -> None:
        object.__setattr__(self, "items", tuple(dict.fromkeys(items)))

    @overload
    def __getitem__(self, index: int) -> ColumnUse: ...
    @overload
    def __getitem__(self, index: slice) -> Columns: ...
    def __getitem__(self, index: int | slice) -> ColumnUse | Columns:
        """Give one column, or some."""
        return Columns(self.items[index]) if isinstance(index, slice) else self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[ColumnUse]:
        return iter(self.items)

    def __add__(self, others: Iterable[ColumnUse]) -> Columns:
        return Columns((*self.items, *others))

    def __str__(self) -> str:
        sheets = list(dict.fromkeys(item.sheet for item in self.items))
        lines = []
        for sheet in sheets:
            inside = [item for item in self.items if item.sheet == sheet]
            lines += [f"{sheet}:"] if len(sheets) > 1 else []
            lines += [f"{'  ' if len(sheets) > 1 else ''}{item}" for item in inside]
        return "\n".join(lines) if lines else "No columns were read."

    def used_as(self, role: str) -> tuple[ColumnUse, ...]:
        """Give the columns that serve in one role."""
        return tuple(item for item in self.items if item.role == role)

    def to_list(self) -> list[dict[str, Any]]:
        """Give the columns as plain dictionaries."""
        return [dataclasses.asdict(item) for item in self.items]

    @classmethod
    def from_list(cls, rows: Iterable[dict[str, Any]]) -> Columns:
        """Rebuild columns from plain dictionaries."""
        return cls(ColumnUse(**row) for row in rows)
