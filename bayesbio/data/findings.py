"""What reading and checks report: findings, and how each column of a sheet was understood."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

from bayesbio.errors import BayesbioError, DataError, UnitError

SEVERITIES = ("error", "warning")
SUBJECTS: dict[str, type[BayesbioError]] = {"data": DataError, "unit": UnitError}


@dataclasses.dataclass(frozen=True)
class Finding:
    """
    One thing that a check noticed.

    Parameters
    ----------
    severity : {"error", "warning"}
        An error stops; a warning is carried into the report.
    run : str
        The run it concerns, or blank.
    time : float [h], optional
        When in the run.
    what : str
        What came and what was expected.
    what_to_do : str
        The next step.
    subject : {"data", "unit"}
        Which error it becomes when it stops.
    quantity : str
        The measured quantity it concerns, or blank.

    Examples
    --------
    >>> print(Finding("warning", "R1", 24.0, "Titer is ten times its neighbours.", "Check it."))
    Run 'R1': Titer is ten times its neighbours. Check it.
    """

    severity: str
    run: str
    time: float | None
    what: str
    what_to_do: str
    subject: str = "data"
    quantity: str = ""

    def __str__(self) -> str:
        where = f"Run {self.run!r}: " if self.run else ""
        return f"{where}{self.what} {self.what_to_do}".strip()

    def error(self) -> BayesbioError:
        """Make the error that this finding raises."""
        return SUBJECTS[self.subject](str(self))


def error(
    what: str,
    what_to_do: str = "",
    *,
    run: str = "",
    time: float | None = None,
    subject: str = "data",
    quantity: str = "",
) -> Finding:
    """
    Make a finding that stops.

    Examples
    --------
    >>> error("Titer is text.", run="R1").severity
    'error'
    """
    time = None if time is None else float(time)
    return Finding("error", run, time, what, what_to_do, subject, quantity)


def warning(
    what: str,
    what_to_do: str = "",
    *,
    run: str = "",
    time: float | None = None,
    subject: str = "data",
    quantity: str = "",
) -> Finding:
    """
    Make a finding that is carried into the report.

    Examples
    --------
    >>> warning("Titer falls.", run="R1").severity
    'warning'
    """
    finding = error(what, what_to_do, run=run, time=time, subject=subject, quantity=quantity)
    return dataclasses.replace(finding, severity="warning")


@dataclasses.dataclass(frozen=True)
class Findings(Sequence[Finding]):
    """
    Every finding of a check, errors first.

    Examples
    --------
    >>> print(Findings())
    No findings.
    """

    items: tuple[Finding, ...] = ()

    def __init__(self, items: Iterable[Finding] = ()) -> None:
        unique = dict.fromkeys(items)
        ordered = sorted(unique, key=lambda item: SEVERITIES.index(item.severity))
        object.__setattr__(self, "items", tuple(ordered))

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> Findings: ...
    def __getitem__(self, index: int | slice) -> Finding | Findings:
        """Give one finding, or some."""
        return Findings(self.items[index]) if isinstance(index, slice) else self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.items)

    def __add__(self, others: Iterable[Finding]) -> Findings:
        return Findings((*self.items, *others))

    def __str__(self) -> str:
        if not self.items:
            return "No findings."
        return "\n".join(f"{item.severity}: {item}" for item in self.items)

    @property
    def errors(self) -> Findings:
        """Those that stop."""
        return Findings(item for item in self.items if item.severity == "error")

    @property
    def warnings(self) -> Findings:
        """Those that are carried into the report."""
        return Findings(item for item in self.items if item.severity == "warning")

    def about(
        self,
        runs: Iterable[str],
        *,
        quantities: Iterable[str] | None = None,
        until: float | None = None,
    ) -> Findings:
        """
        Keep what concerns these runs and quantities, or the campaign as a whole.

        Parameters
        ----------
        runs : names
        quantities : names, optional
        until : float, optional [h]
            Findings at later times go.

        Examples
        --------
        >>> len(Findings([Finding("error", "R7", 8.0, "a", "b")]).about(["R1", "R2"]))
        0
        """
        names = set(runs)
        wanted = None if quantities is None else set(quantities)
        return Findings(
            item
            for item in self.items
            if (not item.run or item.run in names)
            and (wanted is None or not item.quantity or item.quantity in wanted)
            and (until is None or item.time is None or item.time <= until)
        )

    def merged(self) -> Findings:
        """
        Say once what was noticed in several runs.

        Findings that differ only in their run and numbers become one, that of the first run, which
        names the others.

        Examples
        --------
        >>> print(Findings(
        ...     Finding("warning", run, None, f"Titer jumps by {jump}.", "Check it.")
        ...     for run, jump in [("R1", 9), ("R2", 12), ("R3", 8)]
        ... ).merged())
        warning: Run 'R1': Titer jumps by 9. Check it. (The same in R2, R3.)
        """
        alike: dict[tuple[str, str, str], list[Finding]] = {}
        for item in self.items:
            pattern = re.sub(r"[-\d.]+", "#", item.what)
            alike.setdefault((item.severity, pattern, item.what_to_do), []).append(item)
        merged_items = []
        for first, *others in alike.values():
            names = list(dict.fromkeys(item.run for item in others if item.run != first.run))
            also = f" (The same in {', '.join(names)}.)" if names else ""
            merged_items.append(dataclasses.replace(first, what_to_do=f"{first.what_to_do}{also}"))
        return Findings(merged_items)

    def require(self) -> None:
        """
        Raise the first error; say how many more there are.

        Raises
        ------
        DataError, UnitError
            If there is an error among the findings.
        """
        errors = self.errors
        if not errors:
            return
        more = len(errors) - 1
        tail = (
            f" ({more} more: read with strict=False and print campaign.findings.)" if more else ""
        )
        raise type(errors[0].error())(f"{errors[0]}{tail}")

    def to_list(self) -> list[dict[str, Any]]:
        """Give the findings as plain dictionaries."""
        return [dataclasses.asdict(item) for item in self.items]

    @classmethod
    def from_list(cls, rows: Iterable[dict[str, Any]]) -> Findings:
        """Rebuild findings from plain dictionaries."""
        return cls(Finding(**row) for row in rows)


COLUMN_ROLES = (
    "run",
    "time",
    "measurement",
    "profile",
    "setting",
    "bolus",
    "feed",
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

    def unit_of(self, quantity: str, *, role: str = "measurement") -> str | None:
        """
        Find the unit that the values of a quantity came in; None where no column has that role.

        Examples
        --------
        >>> Columns([ColumnUse("Day", "time", "time", "d", "h")]).unit_of("time", role="time")
        'd'
        """
        stated = (u.unit for u in self if (u.quantity, u.role) == (quantity, role) and u.unit)
        return next(stated, None)

    def to_list(self) -> list[dict[str, Any]]:
        """Give the columns as plain dictionaries."""
        return [dataclasses.asdict(item) for item in self.items]

    @classmethod
    def from_list(cls, rows: Iterable[dict[str, Any]]) -> Columns:
        """Rebuild columns from plain dictionaries."""
        return cls(ColumnUse(**row) for row in rows)
