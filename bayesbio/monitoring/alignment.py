"""Runs side by side on a common clock, whatever their own says; missing is missing."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Run
from bayesbio.errors import DataError

MOST_DAYS = 30  # points of a common clock
MOST_CELLS = 240  # days times quantities
COMMON = 0.8  # share of the readings that fall on shared times where runs share a clock
SAME_TIME = 0.26  # readings this close [h] count as simultaneous


class Readings(NamedTuple):
    """Readings of a run, one entry each: times [h], names of quantities, values."""

    times: np.ndarray
    names: np.ndarray
    values: np.ndarray


class Rows(NamedTuple):
    """Readings of a run on a common grid: times [h], grid index, quantity index, values."""

    times: np.ndarray
    day: np.ndarray
    place: np.ndarray
    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class Alignment:
    """
    A common clock for runs sampled at times of their own.

    Parameters
    ----------
    quantities : tuple of str
        What is compared, measured or controlled.
    days : array, shape (days,) [h]
        Points of the common clock; a reading belongs to the nearest one.
    last, first : float [h]
        Readings after or before it have nothing to be compared with.

    Examples
    --------
    >>> import pandas as pd
    >>> times = np.arange(0.0, 60.0, 12.0)
    >>> runs = [
    ...     Run(f"R{n}", pd.DataFrame({"time_h": times, "quantity": "titer", "value": n * times}))
    ...     for n in (1, 2, 3)
    ... ]
    >>> clock = Alignment.of(Campaign(runs))
    >>> clock.days.tolist(), clock.unfold(runs[0]).ravel().tolist()
    ([0.0, 12.0, 24.0, 36.0, 48.0], [0.0, 12.0, 24.0, 36.0, 48.0])
    """

    quantities: tuple[str, ...]
    days: np.ndarray
    last: float
    first: float = -np.inf

    @classmethod
    def of(cls, campaign: Campaign, quantities: Iterable[str] | None = None) -> Alignment:
        """
        Find a clock that suits the runs of a campaign.

        By default everything that was measured or controlled and is not always the same is
        compared. A quantity that was never read is refused (`DataError`).
        """
        tables = [readings(run) for run in campaign]
        times = np.concatenate([table.times for table in tables] or [np.zeros(0)])
        if not len(times):
            raise DataError(
                "The runs hold no readings; runs with measurements or measured profiles are "
                "needed to learn what is usual."
            )
        names = np.concatenate([table.names for table in tables])
        values = np.concatenate([table.values for table in tables])
        known = sorted(set(names))
        if quantities is None:
            chosen = tuple(name for name in known if np.ptp(values[names == name]) > 0.0)
            if not chosen:
                raise DataError("Every reading of every quantity is the same: nothing to compare.")
        else:
            chosen = tuple(dict.fromkeys(str(name) for name in quantities))
            for name in chosen:
                if name not in known:
                    raise DataError(
                        f"No run has a reading of {name!r}; read were {', '.join(known)}. Check "
                        "the name, or leave it out."
                    )
        kept = times[np.isin(names, np.array(chosen, object))]
        counts = [
            len(set(table.times[[name in chosen for name in table.names]])) for table in tables
        ]
        most = max(2, min(MOST_DAYS, MOST_CELLS // len(chosen)))
        days = _clock(kept, [count for count in counts if count], most)
        gap = np.diff(days).max() if len(days) > 1 else 1.0
        return cls(chosen, days, float(kept.max() + 0.5 * gap), float(kept.min() - 0.5 * gap))

    def place(self, times: Any) -> np.ndarray:
        """Give the nearest day of each time [h], shape (n,); -1 before the first or after all."""
        times = np.asarray(times, float)
        middle = 0.5 * (self.days[:-1] + self.days[1:])
        outside = (times > self.last) | (times < self.first)
        return np.where(outside, -1, np.searchsorted(middle, times, side="left"))

    def rows(self, run: Run, *, until: float | None = None) -> Rows:
        """Give the readings of a run that have a day, by time."""
        found = readings(run)
        place = np.array([self._places.get(name, -1) for name in found.names], int)
        day = self.place(found.times)
        kept = (place >= 0) & (day >= 0)
        if until is not None:
            kept &= found.times <= until
        order = np.flatnonzero(kept)
        order = order[np.lexsort((place[order], found.times[order]))]
        return Rows(found.times[order], day[order], place[order], found.values[order])

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.quantities)}

    def unfold(self, run: Run, *, until: float | None = None) -> np.ndarray:
        """Give a run as an array, shape (days, quantities): means of what was read, else NaN."""
        rows = self.rows(run, until=until)
        total, count = np.zeros((2, len(self.days), len(self.quantities)))
        np.add.at(total, (rows.day, rows.place), rows.values)
        np.add.at(count, (rows.day, rows.place), 1.0)
        return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def readings(run: Run) -> Readings:
    """
    Gather everything read in a run: measurements, and controls at the points of their profiles.

    Replicates are averaged; values beyond a limit count at the limit, excluded ones do not count.
    """
    rows = run.measurements
    told = rows["flag"].to_numpy(object) != "excluded"
    times = [rows["time_h"].to_numpy(float)[told]]
    names = [rows["quantity"].to_numpy(object)[told]]
    values = [rows["value"].to_numpy(float)[told]]
    measured = set(names[0])
    for name, profile in run.profiles.items():
        if name not in measured:
            times.append(profile.times)
            names.append(np.full(len(profile.times), name, object))
            values.append(profile.values)
    found = Readings(np.concatenate(times), np.concatenate(names), np.concatenate(values))
    keys = list(zip(found.times.tolist(), found.names.tolist(), strict=True))
    if len(set(keys)) == len(keys):
        return found
    sums: dict[tuple[float, str], list[float]] = {}
    for key, value in zip(keys, found.values.tolist(), strict=True):
        sums.setdefault(key, []).append(value)
    return Readings(
        np.array([time for time, _ in sums]),
        np.array([name for _, name in sums], object),
        np.array([float(np.mean(each)) for each in sums.values()]),
    )


def _clock(times: np.ndarray, counts: Sequence[int], most: int) -> np.ndarray:
    """Shared times where runs share them, else times between which readings are spread evenly."""
    found, number = np.unique(np.round(times / SAME_TIME) * SAME_TIME, return_counts=True)
    exact = np.unique(times)
    wanted = int(np.clip(np.median(counts), 1, most))
    shared = number >= 0.5 * len(counts)
    if number[shared].sum() >= COMMON * len(times) and shared.sum() <= most:
        days = [times[np.abs(times - each) <= SAME_TIME].mean() for each in found[shared]]
        return _apart(np.array(days))
    if len(exact) <= wanted:
        return exact
    edges = np.quantile(times, np.linspace(0.0, 1.0, 2 * wanted + 1)[1::2])
    return _apart(edges)


def _apart(days: np.ndarray) -> np.ndarray:
    """Leave out days that coincide with the one before."""
    days = np.unique(days)
    return days[np.concatenate([[True], np.diff(days) > SAME_TIME])] if len(days) > 1 else days
