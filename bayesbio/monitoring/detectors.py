"""What others use to tell unusual runs: principal components, isolation forest, daily limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy import stats

from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Run
from bayesbio.errors import DataError
from bayesbio.monitoring.alignment import Alignment

EXPLAINED = 0.8  # share of the variance that the components kept have to explain
TREES = 200


class FaultScore(NamedTuple):
    """What a baseline says of a run."""

    score: float  # the higher, the more unusual
    alarm: bool
    alarm_time: float | None  # when the limit was first passed [h]


@dataclasses.dataclass(frozen=True, eq=False)
class FaultBaseline:
    """
    A usual way to tell unusual runs, learned from good ones.

    Every reading is centred and scaled by its day; missing ones count as usual.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> def run(name, level=1.0):
    ...     values = level + rng.normal(0.0, 0.1, 4)
    ...     rows = {"time_h": [0.0, 24.0, 48.0, 72.0], "quantity": "titer", "value": values}
    ...     return Run(name, pd.DataFrame(rows))
    >>> fitted = DailyLimits.fit([run(f"R{n}") for n in range(20)])
    >>> fitted.score(run("high", 2.0)).alarm
    True
    """

    alignment: Alignment
    centre: np.ndarray  # shape (days, quantities)
    scale: np.ndarray  # shape (days, quantities)
    good: np.ndarray  # standardised good runs, shape (runs, days, quantities)
    rate: float  # false alarms a run that the limits are made for
    name: ClassVar[str] = ""

    @classmethod
    def fit(
        cls, runs: Campaign | Iterable[Run], *, false_alarm_rate: float = 0.05
    ) -> FaultBaseline:
        """Learn from good runs, three or more, for so many false alarms a run."""
        campaign = runs if isinstance(runs, Campaign) else Campaign(list(runs))
        if len(campaign) < 3:
            raise DataError(f"{len(campaign)} good runs came; at least 3 are needed.")
        alignment = Alignment.of(campaign)
        stacked = np.array([alignment.unfold(run) for run in campaign])
        seen = np.isfinite(stacked)
        count = np.maximum(seen.sum(axis=0), 1)
        known = np.where(seen, stacked, 0.0)
        centre = known.sum(axis=0) / count
        square = np.where(seen, np.square(stacked - centre), 0.0).sum(axis=0)
        scale = np.sqrt(square / np.maximum(count - 1, 1))
        scale[scale <= 1e-9 * np.maximum(np.abs(centre), 1e-9)] = np.inf  # never differs
        made = cls(alignment, centre, scale, stacked, false_alarm_rate)
        good = np.array([made._standardised(each) for each in stacked])
        return dataclasses.replace(made, good=good)._learned()

    def _learned(self) -> FaultBaseline:
        return self

    def _standardised(self, cells: np.ndarray) -> np.ndarray:
        return np.where(np.isfinite(cells), (cells - self.centre) / self.scale, 0.0)

    def score(self, run: Run) -> FaultScore:
        """Judge a run."""
        cells = self.alignment.unfold(run)
        ratio = self._ratios(self._standardised(cells))
        return self._told(ratio, np.isfinite(cells).any(axis=1))

    def _ratios(self, cells: np.ndarray) -> np.ndarray:
        """Statistic divided by its limit, one a day or one for the whole run."""
        raise NotImplementedError

    def _told(self, ratio: np.ndarray, read: np.ndarray) -> FaultScore:
        last = self.alignment.days[read][-1] if read.any() else self.alignment.days[0]
        if len(ratio) == 1:  # judged when the run is over
            alarm = bool(ratio[0] > 1.0)
            return FaultScore(float(ratio[0]), alarm, float(last) if alarm else None)
        ratio = np.where(read, ratio, 0.0)
        above = np.flatnonzero(ratio > 1.0)
        when = float(self.alignment.days[above[0]]) if len(above) else None
        return FaultScore(float(ratio.max()), bool(len(above)), when)


class _Components(NamedTuple):
    """Principal components of rows, with limits of Hotelling's T2 and of what is left over."""

    loadings: np.ndarray
    variances: np.ndarray
    limit: float
    limit_left: float

    @classmethod
    def of(cls, rows: np.ndarray, rate: float) -> _Components:
        number = len(rows)
        _, singular, right = np.linalg.svd(rows, full_matrices=False)
        variances = np.square(singular) / max(number - 1, 1)
        share = np.cumsum(variances) / max(variances.sum(), 1e-300)
        kept = min(int(np.searchsorted(share, EXPLAINED)) + 1, max(number - 2, 1), len(variances))
        factor = kept * (number**2 - 1.0) / (number * max(number - kept, 1))
        limit = factor * stats.f.isf(0.5 * rate, kept, max(number - kept, 1))
        left = np.square(rows - rows @ right[:kept].T @ right[:kept]).sum(axis=1)
        mean, variance = left.mean(), left.var(ddof=1)
        if variance > 1e-12 * mean**2 and mean > 1e-12:
            weight = 0.5 * variance / mean
            limit_left = weight * stats.chi2.isf(0.5 * rate, mean / weight)
        else:
            limit_left = np.inf
        return cls(right[:kept], np.maximum(variances[:kept], 1e-12), limit, limit_left)

    def ratio(self, row: np.ndarray) -> float:
        scores = self.loadings @ row
        left = row - self.loadings.T @ scores
        squared = np.square(scores) / self.variances
        return float(max(squared.sum() / self.limit, left @ left / self.limit_left))


@dataclasses.dataclass(frozen=True, eq=False)
class MultiwayPCA(FaultBaseline):
    """
    Multiway principal components: each run one row, T2 and SPE when it is over.

    Nomikos and MacGregor (1995), Technometrics 37, 41-59.
    """

    name: ClassVar[str] = "PCA unfolded"
    components: _Components | None = None

    def _learned(self) -> MultiwayPCA:
        rows = self.good.reshape(len(self.good), -1)
        return dataclasses.replace(self, components=_Components.of(rows, self.rate))

    def _ratios(self, cells: np.ndarray) -> np.ndarray:
        assert self.components is not None
        return np.array([self.components.ratio(cells.ravel())])


@dataclasses.dataclass(frozen=True, eq=False)
class LocalPCA(FaultBaseline):
    """Principal components of each day and the day before it: T2 and SPE day by day."""

    name: ClassVar[str] = "PCA local"
    components: tuple[_Components, ...] = ()

    def _learned(self) -> LocalPCA:
        days = self.good.shape[1]
        made = [
            _Components.of(
                self.good[:, max(day - 1, 0) : day + 1].reshape(len(self.good), -1),
                self.rate / days,
            )
            for day in range(days)
        ]
        return dataclasses.replace(self, components=tuple(made))

    def _ratios(self, cells: np.ndarray) -> np.ndarray:
        return np.array(
            [
                part.ratio(cells[max(day - 1, 0) : day + 1].ravel())
                for day, part in enumerate(self.components)
            ]
        )


@dataclasses.dataclass(frozen=True, eq=False)
class DailyLimits(FaultBaseline):
    """Limits for every quantity on every day, from Student's t, shared out over all of them."""

    name: ClassVar[str] = "daily limits"

    def _ratios(self, cells: np.ndarray) -> np.ndarray:
        number, days, width = self.good.shape
        reach = stats.t(number - 1).isf(0.5 * self.rate / (days * width))
        return np.abs(cells).max(axis=1) / (reach * np.sqrt(1.0 + 1.0 / number))


@dataclasses.dataclass(frozen=True, eq=False)
class IsolationForestDetector(FaultBaseline):
    """Isolation forest on whole runs; the limit is a quantile of the good ones."""

    name: ClassVar[str] = "isolation forest"
    forest: Any = None
    limit: float = 1.0

    def _learned(self) -> IsolationForestDetector:
        from sklearn.ensemble import IsolationForest

        rows = self.good.reshape(len(self.good), -1)
        forest = IsolationForest(n_estimators=TREES, random_state=0).fit(rows)
        limit = float(np.quantile(-forest.score_samples(rows), 1.0 - self.rate))
        return dataclasses.replace(self, forest=forest, limit=limit)

    def _ratios(self, cells: np.ndarray) -> np.ndarray:
        return -self.forest.score_samples(cells.reshape(1, -1)) / self.limit


FAULT_BASELINES: Mapping[str, type[FaultBaseline]] = MappingProxyType(
    {kind.name: kind for kind in (MultiwayPCA, LocalPCA, IsolationForestDetector, DailyLimits)}
)
