"""Features of runs and of tables, for regressors without mechanism."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Profile, Run
from bayesbio.data.table import Table

ZERO_WHERE_ABSENT = ("fed ", "is ")  # a feed that was not given, a clone that is another


@dataclasses.dataclass(frozen=True)
class RunFeatures:
    """
    Numbers that describe a run up to each moment, in the same columns for every run.

    Settings and first readings are constants of the run; the amount fed so far, and each control's
    present value and integral so far, change with time. Columns that do not differ within the
    campaign, or that some of its runs lack, are left out; what a new run lacks is set to the mean
    of the campaign.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns.
    means : tuple of float
        Their means over the readings of the campaign, in column order.

    Examples
    --------
    >>> runs = [Run("R1", settings={"feed": 1.0}), Run("R2", settings={"feed": 3.0})]
    >>> features = RunFeatures.from_campaign(Campaign(runs))
    >>> features.columns
    ('setting feed',)
    >>> features.of(Run("R3"), [0.0, 24.0]).ravel().tolist()
    [2.0, 2.0]
    """

    columns: tuple[str, ...]
    means: tuple[float, ...]

    @classmethod
    def from_campaign(cls, campaign: Campaign) -> RunFeatures:
        """Find the columns that differ within a campaign."""
        described = []
        for run in campaign:
            times = run.times() if len(run.measurements) else np.zeros(1)
            described.append(_described(run, times))
        columns, means = [], []
        for name in sorted({name for run in described for name in run}):
            parts = [run[name] for run in described if name in run]
            if name.startswith(ZERO_WHERE_ABSENT):
                parts += [np.zeros(1)] * (len(described) - len(parts))
            values = np.concatenate(parts)
            if len(parts) == len(described) and np.ptp(values) > 0:
                columns.append(name)
                means.append(float(values.mean()))
        return cls(tuple(columns), tuple(means))

    def of(self, run: Run, times: object) -> np.ndarray:
        """Describe a run at some times [h]; shape (times, columns)."""
        times = np.asarray(times, dtype=float)
        described = _described(run, times)
        columns = np.empty((len(times), len(self.columns)))
        for number, (name, mean) in enumerate(zip(self.columns, self.means, strict=True)):
            absent = 0.0 if name.startswith(ZERO_WHERE_ABSENT) else mean
            columns[:, number] = described.get(name, np.full(len(times), absent))
        return columns


def _described(run: Run, times: np.ndarray) -> dict[str, np.ndarray]:
    """Every feature of a run by name, each of shape (times,)."""
    features: dict[str, np.ndarray] = {}
    for name, value in run.settings.items():
        if isinstance(value, str):
            features[f"is {name} {value}"] = np.ones(len(times))
        elif value is not None and np.isfinite(value):
            features[f"setting {name}"] = np.full(len(times), float(value))
    for event in run.fixed_events:
        if event.kind == "bolus":
            fed = features.setdefault(f"fed {event.quantity}", np.zeros(len(times)))
            fed += event.amount * (times > event.hour)
    for name, profile in {**_switched(run), **run.profiles}.items():
        features[f"present {name}"] = np.asarray(profile.at(times), dtype=float)
        features[f"integral {name}"] = integral(profile, times)
    quantified = run.measurements[run.measurements["flag"] == ""]
    if len(quantified):
        first = quantified[quantified["time_h"] == quantified["time_h"].min()]
        for name, value in first.groupby("quantity")["value"].mean().items():
            features[f"first {name}"] = np.full(len(times), value)
    return features


def _switched(run: Run) -> dict[str, Profile]:
    """Step profiles of the inputs that events switch."""
    points: dict[str, dict[float, float]] = {}
    for event in run.fixed_events:
        if event.kind == "switch":
            before = run.settings.get(event.quantity, 0.0)
            points.setdefault(event.quantity, {min(0.0, event.hour): float(before)})
            points[event.quantity][event.hour] = event.amount
    return {name: Profile(tuple(sorted(given.items())), "step") for name, given in points.items()}


def integral(profile: Profile, times: object) -> np.ndarray:
    """
    Integral of a profile from time zero to `times` [h]; shape (times,), unit of the control x h.

    Examples
    --------
    >>> integral(Profile([(0.0, 1.0), (10.0, 3.0)]), [5.0, 12.0]).tolist()
    [7.5, 26.0]
    """
    times = np.asarray(times, dtype=float)
    knots = np.unique(np.concatenate([profile.times, times, [0.0]]))
    values = np.asarray(profile.at(knots), dtype=float)
    right = values[:-1] if profile.interpolation == "step" else values[1:]
    areas = 0.5 * (values[:-1] + right) * np.diff(knots)
    cumulated = np.concatenate([[0.0], np.cumsum(areas)])
    index = np.searchsorted(knots, times)
    return cumulated[index] - cumulated[np.searchsorted(knots, 0.0)]


@dataclasses.dataclass(frozen=True)
class TabularFeatures:
    """
    Numbers that stand for the factors of a table: as they are, or one indicator per level.

    Parameters
    ----------
    factors : tuple of str
        Which columns.
    levels : mapping of factor to tuple of str
        Of those that are names; a level that was not there before has no indicator.
    means : mapping of factor to float
        What stands for a missing number.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesbio.data import TableColumn
    >>> columns = [TableColumn("clone", "factor", levels=("A", "B")), TableColumn("ph", "factor")]
    >>> table = Table(pd.DataFrame({"clone": ["A", "B"], "ph": [6.8, np.nan]}), columns)
    >>> TabularFeatures.of_table(table).of(table).tolist()
    [[1.0, 0.0, 6.8], [0.0, 1.0, 6.8]]
    """

    factors: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    means: Mapping[str, float]

    @classmethod
    def of_table(cls, table: Table, factors: Iterable[str] | None = None) -> TabularFeatures:
        """Learn levels and means from the rows of a table; by default of all its factors."""
        chosen = table.factors if factors is None else tuple(factors)
        levels, means = {}, {}
        for name in chosen:
            column = table.column(name)
            if column.is_number:
                values = table[name][np.isfinite(table[name])]
                means[name] = float(values.mean()) if values.size else 0.0
            else:
                levels[name] = column.levels
        return cls(chosen, levels, means)

    def of(self, table: Table) -> np.ndarray:
        """Give the features of the rows of a table, shape (rows, features)."""
        blocks = []
        for name in self.factors:
            values = table[name]
            if name in self.levels:
                blocks.append(np.array([values == level for level in self.levels[name]]).T)
            else:
                blocks.append(np.where(np.isfinite(values), values, self.means[name])[:, None])
        return np.hstack(blocks).astype(float) if blocks else np.zeros((len(table), 0))
