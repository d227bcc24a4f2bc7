"""What a model without mechanism may know of a run: settings, feeds, controls, first readings."""

from __future__ import annotations

import dataclasses

import numpy as np

from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Profile, Run

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
        found = _described(run, times)
        kept = np.empty((len(times), len(self.columns)))
        for place, (name, mean) in enumerate(zip(self.columns, self.means, strict=True)):
            absent = 0.0 if name.startswith(ZERO_WHERE_ABSENT) else mean
            kept[:, place] = found.get(name, np.full(len(times), absent))
        return kept


def _described(run: Run, times: np.ndarray) -> dict[str, np.ndarray]:
    """Every feature of a run by name, each of shape (times,)."""
    found: dict[str, np.ndarray] = {}
    for name, value in run.settings.items():
        if isinstance(value, str):
            found[f"is {name} {value}"] = np.ones(len(times))
        elif value is not None and np.isfinite(value):
            found[f"setting {name}"] = np.full(len(times), float(value))
    for event in run.fixed_events:
        if event.kind == "bolus":
            fed = found.setdefault(f"fed {event.quantity}", np.zeros(len(times)))
            fed += event.amount * (times > event.hour)
    for name, profile in {**_switched(run), **run.profiles}.items():
        found[f"present {name}"] = np.asarray(profile.at(times), dtype=float)
        found[f"integral {name}"] = integral(profile, times)
    quantified = run.measurements[run.measurements["flag"] == ""]
    if len(quantified):
        first = quantified[quantified["time_h"] == quantified["time_h"].min()]
        for name, value in first.groupby("quantity")["value"].mean().items():
            found[f"first {name}"] = np.full(len(times), value)
    return found


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
    Integral of a profile from time zero.

    Parameters
    ----------
    profile : Profile
        A control, held constant before its first and after its last point.
    times : array, shape (n,) [h]
        Upper ends of the integral.

    Returns
    -------
    array, shape (n,) [unit of the control x h]

    Examples
    --------
    >>> integral(Profile([(0.0, 1.0), (10.0, 3.0)]), [5.0, 12.0]).tolist()
    [7.5, 26.0]
    >>> integral(Profile([(0.0, 1.0), (10.0, 3.0)], "step"), [5.0, 12.0]).tolist()
    [5.0, 16.0]
    """
    times = np.asarray(times, dtype=float)
    knots = np.unique(np.concatenate([profile.times, times, [0.0]]))
    values = np.asarray(profile.at(knots), dtype=float)
    right = values[:-1] if profile.interpolation == "step" else values[1:]
    areas = 0.5 * (values[:-1] + right) * np.diff(knots)
    cumulated = np.concatenate([[0.0], np.cumsum(areas)])
    place = np.searchsorted(knots, times)
    return cumulated[place] - cumulated[np.searchsorted(knots, 0.0)]
