"""What reading gathers: entries, settings, events, and how columns were understood."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from typing import Any

from bayesbio.data.column_report import ColumnUse
from bayesbio.data.findings import Finding
from bayesbio.data.vocabulary.lookup import Quantity


@dataclasses.dataclass
class Entry:
    """One value."""

    run: str
    time: float | dt.datetime
    quantity: str
    role: str
    value: float
    flag: str = ""
    upper: float = math.nan
    sd: float = math.nan
    replicate: int = 0
    row: int = 0
    column: str = ""


@dataclasses.dataclass
class Gathered:
    """Everything that the sheets of one file gave."""

    entries: list[Entry] = dataclasses.field(default_factory=list)
    runs: list[str] = dataclasses.field(default_factory=list)
    settings: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    origins: dict[str, dt.datetime] = dataclasses.field(default_factory=dict)
    words: dict[str, Quantity] = dataclasses.field(default_factory=dict)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    uses: list[ColumnUse] = dataclasses.field(default_factory=list)
    events: list[tuple[str, float | dt.datetime, str, str, float]] = dataclasses.field(
        default_factory=list
    )
    interpolations: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    labels: set[str] = dataclasses.field(default_factory=set)  # headers and analytes met

    def add_run(self, name: str) -> None:
        """Note that a run exists."""
        if name not in self.runs:
            self.runs.append(name)

    def add_setting(self, run: str, name: str, value: Any) -> None:
        """Note a constant of a run."""
        self.settings.setdefault(run, {}).setdefault(name, value)

    def warn(self, what: str, then: str = "", run: str = "") -> None:
        """Note a warning."""
        self.findings.append(Finding("warning", run, None, what, then))

    def fail(
        self, what: str, then: str, run: str = "", time: Any = None, subject: str = "data"
    ) -> None:
        """Note an error."""
        moment = time if isinstance(time, float) else None
        self.findings.append(Finding("error", run, moment, what, then, subject))
