"""Historical reference: matrix-t predictive of a run, grid times by quantities."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError
from bayesbio.monitoring.alignment import Alignment, Rows
from bayesbio.monitoring.references.matrix_t import MatrixTFit, Predictive, divided, fit_matrix_t
from bayesbio.monitoring.references.reference_course import ReferenceCourse
from bayesbio.monitoring.statistics.innovations import RunPredictive

LEAST_RUNS = 3
DRAWS = 1000  # of good runs, for who looks at them


@dataclasses.dataclass(frozen=True, eq=False)
class HistoricalReference:
    """
    Predictive distribution of a run given good ones: a matrix-t of grid times by quantities.

    Each quantity has a mean course and a spread by grid time, after the Box-Cox transform under
    which good runs are most nearly normal; for the standardised deviations see `fit_matrix_t`.
    """

    alignment: Alignment
    courses: tuple[ReferenceCourse, ...]
    learned: MatrixTFit

    @classmethod
    def of(
        cls, campaign: Campaign, quantities: Any = None
    ) -> tuple[HistoricalReference, dict[str, RunPredictive]]:
        """
        Learn from the good runs of a campaign.

        Beside the reference, each run with readings under the predictive of the runs without its
        fold. Fewer than three runs, or a quantity that was never read, are refused (`DataError`).
        """
        alignment = Alignment.of(campaign, quantities)
        by_run = {run.name: alignment.rows(run) for run in campaign}
        by_run = {name: table for name, table in by_run.items() if len(table.times)}
        tables = list(by_run.values())
        read = len(tables)
        if read < LEAST_RUNS:
            raise DataError(
                f"{read} good run{'s' * (read != 1)} with readings came; at least {LEAST_RUNS} are "
                "needed to tell what differs from run to run (15 or more to find small faults). "
                "Add good runs, or give a Calibration, which knows the process."
            )
        bare = cls(alignment, _courses(tables, alignment), MatrixTFit(_nothing(), (), 0.0))
        parts = divided(len(tables))
        without = [
            dataclasses.replace(
                bare,
                courses=_courses(
                    [table for table, out in zip(tables, part, strict=True) if not out], alignment
                ),
            )
            for part in parts
        ]
        folds = [
            (np.array([each._standardised(table)[0] for table in tables]), part)
            for each, part in zip(without, parts, strict=True)
        ]
        stacked = np.array([bare._standardised(table)[0] for table in tables])
        learned = fit_matrix_t(stacked, alignment.days, folds)
        reference = dataclasses.replace(bare, learned=dataclasses.replace(learned, held_out=()))
        by_fold = [
            dataclasses.replace(each, learned=dataclasses.replace(learned, predictive=predictive))
            for each, predictive in zip(without, learned.held_out, strict=True)
        ]
        held_out = {
            name: by_fold[n % len(by_fold)]._expected(table)
            for n, (name, table) in enumerate(by_run.items())
        }
        return reference, held_out

    from_runs: ClassVar[bool] = True

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is compared."""
        return self.alignment.quantities

    @property
    def duration(self) -> float:
        """From the first day of the clock to the last [h]."""
        return float(np.ptp(self.alignment.days))

    def expected(self, run: Run, *, until: float | None = None) -> RunPredictive:
        """Compare a run with what good runs say of it."""
        return self._expected(self.alignment.rows(run, until=until))

    def _expected(self, rows: Rows) -> RunPredictive:
        cells, times = self._standardised(rows)
        given, flat, width = self.learned.predictive, cells.ravel(), len(self.quantities)
        seen = np.flatnonzero(np.isfinite(flat))
        return RunPredictive(
            times[seen // width],
            seen % width,
            flat[seen],
            given.mean[seen],
            given.covariance[np.ix_(seen, seen)],
            given.freedom,
        )

    def value(self, place: int, times: np.ndarray, scaled: np.ndarray) -> np.ndarray:
        """Give readings of a quantity in its unit from spreads above its mean course."""
        return self.courses[place].value(times, scaled)

    def summary(self, units: Mapping[str, str]) -> pd.DataFrame:
        """Tell what good runs read by quantity and day: median and 90 % interval, in its unit."""
        given, width = self.learned.predictive, len(self.quantities)
        spread = np.sqrt(np.diag(given.covariance)).reshape(-1, width)
        mean = given.mean.reshape(-1, width)
        reach = stats.t(given.freedom).isf(0.05)
        rows = {}
        for place, name in enumerate(self.quantities):
            for number, day in enumerate(self.alignment.days):
                low, middle, high = (
                    float(self.value(place, np.array([day]), np.array([at]))[0])
                    for at in mean[number, place] + reach * spread[number, place] * np.r_[-1, 0, 1]
                )
                rows[f"{name} at {day:g} h"] = (units[name], low, middle, high)
        table = pd.DataFrame.from_dict(
            rows, orient="index", columns=["unit", "eti_5", "eti_50", "eti_95"]
        )
        return table.rename_axis("parameter")

    def posterior(self, units: Mapping[str, str], *, random_seed: int) -> xr.DataTree:
        """Draw good runs: dims chain, draw, time, by quantity."""
        rng = np.random.default_rng(random_seed)
        given, days = self.learned.predictive, self.alignment.days
        normal = rng.multivariate_normal(
            np.zeros(len(given.mean)), given.covariance, size=DRAWS, method="cholesky"
        )
        scale = np.sqrt(rng.chisquare(given.freedom, size=(DRAWS, 1)) / given.freedom)
        cells = (given.mean + normal / scale).reshape(DRAWS, len(days), -1)
        made = {
            name: (
                ("chain", "draw", "time"),
                np.array([self.value(place, days, one[:, place]) for one in cells])[None],
                {"units": units[name]},
            )
            for place, name in enumerate(self.quantities)
        }
        coords = {"chain": [0], "draw": np.arange(DRAWS), "time": days}
        return xr.DataTree.from_dict({"posterior": xr.Dataset(made, coords)})

    def _standardised(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Spreads above the mean course, shape (days, quantities), and the time of each day."""
        shape = (len(self.alignment.days), len(self.courses))
        total, count = np.zeros(shape), np.zeros(shape)
        for number, course in enumerate(self.courses):
            own = rows.place == number
            if own.any():
                deviation = course.deviation(rows.times[own], rows.values[own])
                np.add.at(total[:, number], rows.day[own], deviation)
        np.add.at(count, (rows.day, rows.place), 1.0)
        latest = np.full(shape[0], -np.inf)
        np.maximum.at(latest, rows.day, rows.times)
        return np.divide(total, count, out=np.full(shape, np.nan), where=count > 0), latest


def _courses(tables: Sequence[Rows], alignment: Alignment) -> tuple[ReferenceCourse, ...]:
    """Learn the course of every quantity; one that nobody read there is flat and wide."""
    times, _, quantity_index, values = (np.concatenate(part) for part in zip(*tables, strict=True))
    return tuple(
        ReferenceCourse.of(
            times[quantity_index == place], values[quantity_index == place], alignment.days
        )
        for place in range(len(alignment.quantities))
    )


def _nothing() -> Predictive:
    return Predictive(np.zeros(0), np.zeros((0, 0)), 1.0)
