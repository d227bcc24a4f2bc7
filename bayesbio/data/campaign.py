"""A campaign: the runs that are analysed together."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.column_report import Columns
from bayesbio.data.event import Event
from bayesbio.data.findings import Finding, Findings
from bayesbio.data.run import MEASUREMENT_COLUMNS, Profile, Run
from bayesbio.data.vocabulary import lookup as vocabulary
from bayesbio.errors import DataError

FRAME_COLUMNS = ("run", "time_h", "quantity", "value", "unit", "replicate", "flag")
DETAIL_COLUMNS = (*FRAME_COLUMNS, "sd", "value_upper")


@dataclasses.dataclass(frozen=True)
class Campaign:
    """
    An immutable set of runs, in house units.

    Parameters
    ----------
    runs : iterable of Run
        Names are unique; their order is the order of the campaign.
    units : mapping of quantity to unit text, optional
        House units of what is not in the shipped vocabulary, or differs from it.
    findings : iterable of Finding
        What reading and checking noticed.
    columns : iterable of ColumnUse
        How the columns of the file were understood.

    Raises
    ------
    DataError
        If two runs share a name.

    Examples
    --------
    >>> measured = pd.DataFrame({"time_h": [0.0, 24.0], "quantity": "glucose", "value": [6.0, 4.5]})
    >>> campaign = Campaign([Run("R1", measured)])
    >>> campaign.names, campaign.quantities, campaign.units["glucose"]
    (('R1',), ('glucose',), 'g/L')
    """

    runs: Iterable[Run] = ()
    units: Mapping[str, str] = dataclasses.field(default_factory=dict)
    findings: Iterable[Finding] = Findings()
    columns: Iterable[Any] = Columns()

    def __post_init__(self) -> None:
        runs = tuple(self.runs)
        names = [run.name for run in runs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(
                f"Two runs are named {twice[0]!r}; names are unique in a campaign. Rename one, or "
                "put their measurements into one run."
            )
        object.__setattr__(self, "runs", runs)
        object.__setattr__(self, "units", MappingProxyType(_units_of(runs, dict(self.units))))
        object.__setattr__(self, "findings", Findings(self.findings))
        object.__setattr__(self, "columns", Columns(self.columns))

    def __reduce__(self) -> tuple[Any, ...]:
        return Campaign.from_dict, (self.to_dict(),)

    def __getitem__(self, name: str) -> Run:
        for run in self.runs:
            if run.name == str(name):
                return run
        raise DataError(f"There is no run {name!r}; the runs are {', '.join(self.names)}.")

    def __contains__(self, name: object) -> bool:
        return str(name) in self.names

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the runs, in the order of the campaign."""
        return tuple(run.name for run in self.runs)

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of what was measured in any run, in alphabetical order."""
        return tuple(sorted({name for run in self.runs for name in run.quantities}))

    def __repr__(self) -> str:
        rows = sum(len(run.measurements) for run in self.runs)
        return (
            f"Campaign of {len(self)} runs ({', '.join(self.names[:6])}"
            f"{', ...' if len(self) > 6 else ''}), {rows} measurements of "
            f"{', '.join(self.quantities) or 'nothing'}; "
            f"{len(Findings(self.findings).errors)} errors, "
            f"{len(Findings(self.findings).warnings)} warnings"
        )

    @property
    def hash(self) -> str:
        """
        Sha256 of the content, as hexadecimal text.

        It depends neither on the order of rows or runs in the file nor on what a unit conversion
        does beyond the twelfth digit.
        """
        content = [_canonical(run) for run in sorted(self.runs, key=lambda run: run.name)]
        units = {name: self.units[name] for name in sorted(self.units)}
        text = json.dumps({"runs": content, "units": units}, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def to_frame(self, *, details: bool = False) -> pd.DataFrame:
        """
        Give every measurement as one tidy table.

        Parameters
        ----------
        details : bool
            Add the columns sd and value_upper.

        Returns
        -------
        DataFrame
            Columns run, time_h, quantity, value, unit, replicate, flag; rows ordered by run (order
            of the campaign), time, quantity, replicate. Excluded rows are present with their flag.
        """
        parts = []
        for run in self.runs:
            rows = run.measurements.copy()
            rows.insert(0, "run", run.name)
            rows["unit"] = rows["quantity"].map(dict(self.units)).astype("str")
            if len(rows):
                parts.append(rows)
        wanted = list(DETAIL_COLUMNS if details else FRAME_COLUMNS)
        if not parts:
            empty = Run("none").measurements.assign(run="", unit="").astype({"run": "str"})
            return empty.astype({"unit": "str"})[wanted]
        frame = pd.concat(parts, ignore_index=True)
        return frame.astype({"run": "str"})[wanted]

    def settings_frame(self) -> pd.DataFrame:
        """Give the settings and covariates, one row a run, indexed by run."""
        frame = pd.DataFrame([dict(run.settings) for run in self.runs], index=list(self.names))
        frame.index.name = "run"
        return frame

    def select(
        self,
        runs: str | Iterable[str] | None = None,
        *,
        quantities: str | Iterable[str] | None = None,
        until: float | None = None,
    ) -> Campaign:
        """
        Keep some runs, some measured quantities, or the time up to a moment.

        Parameters
        ----------
        runs : name or names, optional
            Which runs, in this order.
        quantities : name or names, optional
            Which measured quantities; settings, events and profiles stay.
        until : float, optional [h]
            Measurements and events up to and including this time; profiles stay whole, they are
            plans as well as records.

        Returns
        -------
        Campaign

        Raises
        ------
        DataError
            If a run or a quantity of that name is not there.
        """
        kept = list(self.runs) if runs is None else [self[name] for name in _names(runs)]
        wanted = None if quantities is None else _names(quantities)
        for name in wanted or ():
            if name not in self.quantities:
                raise DataError(
                    f"Nothing named {name!r} was measured; measured were "
                    f"{', '.join(self.quantities)}."
                )
        cut = [_cut(run, wanted, until) for run in kept]
        return Campaign(cut, units=self.units, findings=self.findings, columns=self.columns)

    def without(self, runs: str | Iterable[str]) -> Campaign:
        """Return the campaign without one run or several."""
        leave = {self[name].name for name in _names(runs)}
        kept = [run for run in self.runs if run.name not in leave]
        return self.replace(runs=kept)

    def replace(self, **changes: Any) -> Campaign:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Give the whole content as plain lists and dictionaries, ready for JSON."""
        return {
            "runs": [_run_to_dict(run) for run in self.runs],
            "units": dict(self.units),
            "findings": Findings(self.findings).to_list(),
            "columns": Columns(self.columns).to_list(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Campaign:
        """
        Rebuild a campaign from what `to_dict` gave.

        Examples
        --------
        >>> Campaign.from_dict(Campaign([Run("R1")]).to_dict()).names
        ('R1',)
        """
        return cls(
            [_run_from_dict(row) for row in content["runs"]],
            units=content.get("units", {}),
            findings=Findings.from_list(content.get("findings", ())),
            columns=Columns.from_list(content.get("columns", ())),
        )


def _names(given: str | Iterable[str]) -> list[str]:
    return [given] if isinstance(given, str) else [str(name) for name in given]


def _cut(run: Run, quantities: list[str] | None, until: float | None) -> Run:
    rows, events = run.measurements, run.events
    if quantities is not None:
        rows = rows[rows["quantity"].isin(quantities)]
    if until is not None:
        rows = rows[rows["time_h"] <= until]
        events = tuple(event for event in events if not event.hour > until)
    return run.replace(measurements=rows, events=events)


def _units_of(runs: tuple[Run, ...], given: dict[str, str]) -> dict[str, str]:
    """House unit of every number in the runs: as given, else as in the vocabulary."""
    names: dict[str, None] = {}
    for run in runs:
        names |= dict.fromkeys(run.quantities) | dict.fromkeys(run.profiles)
        names |= {name: None for name, value in run.settings.items() if not isinstance(value, str)}
        names |= dict.fromkeys(event.quantity for event in run.events if event.quantity)
    units = {}
    for name in names:
        word = None if name in given else vocabulary.find(name)
        units[name] = given.get(name, word.unit if word is not None else "1")
    return {**units, **given}


def _digits(value: Any) -> Any:
    """Round a number to twelve significant digits as text, so that float noise does not count."""
    if isinstance(value, Mapping):
        return [[name, _digits(part)] for name, part in value.items()]
    if isinstance(value, (bool, np.bool_)) or value is None or isinstance(value, str):
        return value if not isinstance(value, np.bool_) else bool(value)
    return format(float(value) + 0.0, ".12g")


def _canonical(run: Run) -> dict[str, Any]:
    rows = sorted(
        [str(v) if isinstance(v, str) else _digits(v) for v in row]
        for row in run.measurements.itertuples(index=False)
    )
    return {
        "name": run.name,
        "measurements": rows,
        "settings": {name: _digits(run.settings[name]) for name in sorted(run.settings)},
        "events": sorted(
            ([_digits(part) for part in event.to_list()] for event in run.events),
            key=lambda row: [str(part) for part in row],
        ),
        "profiles": {
            name: [profile.interpolation, [[_digits(v) for v in p] for p in profile.points]]
            for name, profile in sorted(run.profiles.items())
        },
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _run_to_dict(run: Run) -> dict[str, Any]:
    table = {}
    for name in MEASUREMENT_COLUMNS:
        column = run.measurements[name].tolist()
        table[name] = [None if isinstance(v, float) and np.isnan(v) else v for v in column]
    return {
        "name": run.name,
        "measurements": table,
        "settings": {name: _plain(value) for name, value in run.settings.items()},
        "events": [event.to_dict() for event in run.events],
        "profiles": {
            name: {
                "points": [list(p) for p in profile.points],
                "interpolation": profile.interpolation,
            }
            for name, profile in run.profiles.items()
        },
    }


def _run_from_dict(row: Mapping[str, Any]) -> Run:
    profiles = {
        name: Profile(tuple((t, v) for t, v in profile["points"]), profile["interpolation"])
        for name, profile in row["profiles"].items()
    }
    measurements = pd.DataFrame(dict(row["measurements"]))
    for name in ("sd", "value_upper"):
        measurements[name] = pd.to_numeric(measurements[name]).astype(float)
    return Run(
        row["name"],
        measurements,
        settings=row["settings"],
        events=[Event.from_dict(event) for event in row["events"]],
        profiles=profiles,
    )
