"""A campaign: the runs that are analysed together, and how it is read."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd

from bayesbio.data.checks.campaign_checks import check
from bayesbio.data.findings import Columns, Finding, Findings
from bayesbio.data.importing.campaign_reader import Source, import_campaign
from bayesbio.data.run import Run
from bayesbio.data.table import Table
from bayesbio.data.table_courses import runs_of_table
from bayesbio.data.vocabulary import quantities as vocabulary
from bayesbio.errors import DataError, did_you_mean

FRAME_COLUMNS = ("run", "time_h", "quantity", "value", "unit", "replicate", "flag")
DETAIL_COLUMNS = (*FRAME_COLUMNS, "sd", "value_upper")


@dataclasses.dataclass(frozen=True, eq=False)
class Campaign:
    """
    An immutable set of runs, in house units.

    Campaigns are equal where their runs are, in the same order, and their units.

    Parameters
    ----------
    runs : iterable of Run
        Names are unique; their order is the order of the campaign.
    units : mapping of quantity to unit text, optional
        House units of what is not in the shipped vocabulary, or differs from it.
    findings : iterable of Finding
        What reading and checking noticed; what concerns a run that is not there is left out.
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
        names: dict[str, None] = {}
        for run in runs:
            if run.name in names:
                twice = run.name
                break
            names[run.name] = None
        else:
            twice = None
        if twice is not None:
            raise DataError(
                f"Two runs are named {twice!r}; names are unique in a campaign. Rename one, or "
                "put their measurements into one run."
            )
        object.__setattr__(self, "runs", runs)
        object.__setattr__(self, "units", MappingProxyType(_units_of(runs, dict(self.units))))
        object.__setattr__(self, "findings", Findings(self.findings).about(names))
        object.__setattr__(self, "columns", Columns(self.columns))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Campaign) and (
            self is other or (self.names == other.names and self.hash == other.hash)
        )

    def __hash__(self) -> int:
        return hash(self.hash)

    def __reduce__(self) -> tuple[Any, ...]:
        return Campaign.from_dict, (self.to_dict(),)

    def __getitem__(self, name: str) -> Run:
        for run in self.runs:
            if run.name == str(name):
                return run
        hint = did_you_mean(name, self.names)
        raise DataError(f"There is no run {name!r}; the runs are {', '.join(self.names)}.{hint}")

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

    @functools.cached_property
    def hash(self) -> str:
        """
        Sha256 of the content, as hexadecimal text.

        It depends neither on the order of rows or runs in the file nor on what a unit conversion
        does beyond the twelfth digit.
        """
        content = [json.loads(run.content) for run in sorted(self.runs, key=lambda run: run.name)]
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
        chosen = list(self.runs) if runs is None else [self[name] for name in _names(runs)]
        wanted = None if quantities is None else _names(quantities)
        for name in wanted or ():
            if name not in self.quantities:
                raise DataError(
                    f"Nothing named {name!r} was measured; measured were "
                    f"{', '.join(self.quantities)}.{did_you_mean(name, self.quantities)}"
                )
        cut = [_cut(run, wanted, until) for run in chosen]
        findings = Findings(self.findings).about(self.names, quantities=wanted, until=until)
        return self.replace(runs=cut, findings=findings)

    def without(self, runs: str | Iterable[str]) -> Campaign:
        """Return the campaign without one run or several."""
        leave = {self[name].name for name in _names(runs)}
        chosen = [run for run in self.runs if run.name not in leave]
        return self.replace(runs=chosen)

    @classmethod
    def of(cls, given: Any) -> Campaign:
        """
        Make a campaign of whatever holds runs.

        Parameters
        ----------
        given : Campaign, Run, Table, DataFrame, path, or iterable or mapping of Run
            A path or a DataFrame is read by `read_campaign`. A table with a time column holds
            courses, one row a sample; without one, each row is a run that was read once, at its
            end. Flags are honoured.

        Returns
        -------
        Campaign

        Raises
        ------
        DataError
            If it holds no runs.

        Examples
        --------
        >>> Campaign.of(Run("R1")).names
        ('R1',)
        >>> Campaign.of(pd.DataFrame({"run": "A", "time_h": [0, 5], "titer (g/L)": [0, 1]})).names
        ('A',)
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, str | os.PathLike | pd.DataFrame):
            return read_campaign(given)
        if isinstance(given, Table):
            runs, units = runs_of_table(given)
            return cls(runs, units=units)
        if isinstance(given, Mapping):
            given = list(given.values())
        runs = [given] if isinstance(given, Run) else given
        runs = list(runs) if isinstance(runs, Iterable) else []
        if runs and all(isinstance(run, Run) for run in runs):
            return cls(runs)
        raise DataError(
            f"A {type(given).__name__} came, which holds no runs; expected a Campaign "
            "(bayesbio.data.read_campaign), runs, a Table, a DataFrame or the path of a file."
        )

    def replace(self, **changes: Any) -> Campaign:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Give the whole content as plain lists and dictionaries, ready for JSON."""
        return {
            "runs": [run.to_dict() for run in self.runs],
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
            [Run.from_dict(row) for row in content["runs"]],
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


def read_campaign(
    path: Source,
    *,
    run: str | Sequence[str] | None = None,
    time: str | None = None,
    columns: Mapping[str, Any] | None = None,
    roles: Mapping[str, str] | None = None,
    quantities: Mapping[str, Any] | None = None,
    model: Any = None,
    dialect: str | os.PathLike[str] | None = None,
    decimal: str | None = None,
    strict: bool = True,
) -> Campaign:
    """
    Read the runs of a campaign and convert everything to house units.

    Parameters
    ----------
    path : path or DataFrame
        A folder with measurements.csv (and runs, events, profiles, columns), one CSV file, an
        Excel workbook, or a DataFrame; a list of a file and files that say what its feeds hold
        (name, component, concentration, unit), as a sheet 'feeds' does. Foreign sheets are read as
        they come: aliases, units in headers or in a row below them, one sheet a run, long exports
        of laboratory systems, preambles, replicate columns, days and dates, ``<0.2``, ``n.d.``,
        decimal commas.
    run, time : str, optional
        Names of the columns that hold the run and the time, where they are not recognised; a run
        that several columns name together is ``run=("Clone", "Replicate")``.
    columns : mapping of header to quantity, optional
        Such as ``{"Glc YSI": "glucose [mM]"}``; "ignore" leaves a column out.
    roles : mapping of header or quantity to role, optional
        measurement, profile, setting, run, time, replicate, bolus, sample, covariate or ignore.
    quantities : mapping of name to unit, optional
        New quantities, such as ``{"hare": "1"}``.
    model : process model, optional
        Its states, outputs, inputs and settings, with their units, extend the vocabulary.
    dialect : name or path, optional
        Further words of an instrument or a laboratory: a TOML file that names what it adds to the
        generic words, such as ``[columns]`` with ``"Glc-04" = "glucose [mM]"``.
    decimal : {".", ","}, optional
        The decimal sign of texts, where the file leaves open what 1,234 is.
    strict : bool
        Raise at the first error; if False, keep errors in ``campaign.findings``.

    Returns
    -------
    Campaign
        ``print(campaign.columns)`` tells how every column was understood.

    Raises
    ------
    DataError, UnitError
        If the file cannot be understood, or holds values that cannot be.

    Examples
    --------
    >>> sheet = pd.DataFrame({"Batch ID": ["B1", "B1"], "Day": [0, 1], "Glc [mM]": [30.0, "<2.0"]})
    >>> campaign = read_campaign(sheet)
    >>> campaign["B1"].measurements[["time_h", "quantity", "value", "flag"]].values.tolist()
    [[0.0, 'glucose', 5.40468, ''], [24.0, 'glucose', 0.360312, 'below']]
    """
    imported = import_campaign(
        path,
        model=model,
        quantities=quantities,
        dialect=dialect,
        decimal=decimal,
        run=run,
        time=time,
        columns=columns,
        roles=roles,
    )
    campaign = Campaign(
        imported.runs, units=imported.units, findings=imported.findings, columns=imported.columns
    )
    findings = check(campaign, model)
    if strict:
        findings.require()
        imported.require_measurements()
    return campaign.replace(findings=findings)
