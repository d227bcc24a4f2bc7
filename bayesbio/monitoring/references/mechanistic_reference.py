"""Mechanistic reference: posterior predictive of a new run of a calibrated process model."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate import Calibration, calibration_from_archive
from bayesbio.data import Run
from bayesbio.errors import DataError
from bayesbio.monitoring.alignment import readings
from bayesbio.monitoring.references.reference_course import backward, forward
from bayesbio.monitoring.statistics.innovations import RunPredictive

RELATIVE = ("lognormal", "proportional")  # noise that is normal on the scale of the logarithm
MOST_DRAWS = 2000  # half tell what to expect, half how usual runs scatter around it
SMALLEST_SHARE = 1e-6  # of a variance, for the noise


@dataclasses.dataclass(frozen=True, eq=False)
class MechanisticReference:
    """
    Predictive of a run from the posterior of a process model.

    Draws of parameters, effects of a new run and starting values give the joint spread of all
    readings of a run under its own settings, feeds and events; the noise of the assays is added.
    The draws are described by their mean and covariance, on the scale of the logarithm where the
    noise is relative, so that the next reading given the earlier ones has a closed form.
    """

    calibration: Calibration
    quantities: tuple[str, ...]  # measured quantities that the model predicts with a noise

    from_runs: ClassVar[bool] = False

    @classmethod
    def of(
        cls, calibration: Calibration, quantities: Iterable[str] | None = None
    ) -> MechanisticReference:
        """Take what the calibration was fitted to, or some of it."""
        known = tuple(sorted(calibration.noise))
        chosen = known if quantities is None else tuple(dict.fromkeys(map(str, quantities)))
        for name in chosen:
            if name not in known:
                raise DataError(
                    f"The calibration has no readings of {name!r}; it was fitted to "
                    f"{', '.join(known)}. Monitor those, or learn from a table of good runs."
                )
        return cls(calibration, chosen)

    @functools.cached_property
    def duration(self) -> float:
        """Of the longest run that was calibrated [h]."""
        return max(max(run.times(), default=0.0) for run in self.calibration.campaign)

    def expected(self, run: Run, *, until: float | None = None) -> RunPredictive:
        """Compare a run with what the model says of a new run that is treated the same."""
        return self.with_simulated(run, until=until)[0]

    def with_simulated(
        self, run: Run, *, until: float | None = None
    ) -> tuple[RunPredictive, list[RunPredictive]]:
        """
        Predictive of a run under its own plan, and readings of new runs at the same times.

        Those come from other draws than what is expected, so that they are new to it.
        """
        read = readings(run)
        quantity_index = np.array(
            [self.quantities.index(name) if name in self.quantities else -1 for name in read.names],
            int,
        )
        kept = (quantity_index >= 0) & (read.times <= (np.inf if until is None else until))
        order = np.flatnonzero(kept)
        order = order[np.lexsort((quantity_index[order], read.times[order]))]
        order = order[~self._start_was_read(run, read.times[order], quantity_index[order])]
        times, quantity_index = read.times[order], quantity_index[order]
        if not len(times):
            none = np.zeros(0)
            return RunPredictive(times, quantity_index, none, none, np.zeros((0, 0)), np.inf), []
        exact, noisy = self._draws(run, times, quantity_index)
        known, others = exact[::2], noisy[1::2]
        noise = np.square(noisy[::2] - known).mean(axis=0)
        for place in np.unique(
            quantity_index
        ):  # what is used up is read with noise like what is not
            own = quantity_index == place
            plenty = np.argmax(known[:, own].mean(axis=0))
            noise[own] = np.maximum(noise[own], noise[own][plenty])
        noise = np.maximum(noise, SMALLEST_SHARE * noisy.var(axis=0)) + 1e-300
        covariance = np.cov(known.T, ddof=1).reshape(len(times), len(times)) + np.diag(noise)
        values = self._scaled(read.values[order], quantity_index)
        found = RunPredictive(
            times, quantity_index, values, known.mean(axis=0), covariance, float(len(known))
        )
        return found, [dataclasses.replace(found, reading=each) for each in others]

    def value(self, place: int, times: np.ndarray, scaled: np.ndarray) -> np.ndarray:
        """Give readings of a quantity in its unit from their scaled values."""
        return backward(scaled, self._power(place))

    def summary(self, units: Mapping[str, str]) -> pd.DataFrame:
        """Tell what is known of the parameters."""
        return self.calibration.summary().rename_axis("parameter")

    def posterior(self, units: Mapping[str, str], *, random_seed: int) -> xr.DataTree:
        """Draws of the parameters."""
        return self.calibration.posterior

    def _power(self, place: int) -> float:
        return 0.0 if self.calibration.noise[self.quantities[place]].kind in RELATIVE else 1.0

    def _scaled(self, values: np.ndarray, quantity_index: np.ndarray) -> np.ndarray:
        """Values on the scale where their noise is normal, shape (..., readings)."""
        scaled = np.array(values, float)
        for place in np.unique(quantity_index):
            own = quantity_index == place
            if self._power(place) == 0.0:
                scaled[..., own] = forward(np.maximum(scaled[..., own], self._least[place]), 0.0)
        return scaled

    @functools.cached_property
    def _least(self) -> list[float]:
        """Half of the smallest reading of each quantity: what is used up cannot get much lower."""
        rows = self.calibration.campaign.to_frame()
        rows = rows[rows["value"] > 0.0].groupby("quantity")["value"].min()
        return [0.5 * float(rows.get(name, 1.0)) for name in self.quantities]

    def _draws(
        self, run: Run, times: np.ndarray, quantity_index: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws of every reading without and with noise, shape (draws, readings), scaled."""
        new = run.replace(name=f"{run.name} (as a new run)")
        moments = np.unique(times)
        where = np.searchsorted(moments, times)
        found = []
        for noise in (False, True):
            course = self.thinned.predict([new], times=moments, noise=noise, random_seed=0)
            stacked = [
                course[name].isel(run=0).stack(sample=("chain", "draw")).to_numpy()
                for name in self.quantities
            ]
            values = np.array(
                [stacked[place][at] for place, at in zip(quantity_index, where, strict=True)]
            )
            found.append(values.T)
        solved = np.isfinite(found[0]).all(axis=1) & np.isfinite(found[1]).all(axis=1)
        exact, noisy = (self._scaled(values[solved], quantity_index) for values in found)
        return exact, noisy

    @functools.cached_property
    def thinned(self) -> Calibration:
        """The calibration with no more draws than the covariance of readings needs."""
        posterior = self.calibration.posterior["posterior"].to_dataset()
        total = posterior.sizes["chain"] * posterior.sizes["draw"]
        step = max(1, total // MOST_DRAWS)
        kept = posterior.isel(draw=slice(None, None, step))
        return dataclasses.replace(
            self.calibration, posterior=xr.DataTree.from_dict({"posterior": kept})
        )

    def _start_was_read(
        self, run: Run, times: np.ndarray, quantity_index: np.ndarray
    ) -> np.ndarray:
        """Tell which readings the model starts a new run from: they cannot be unexpected."""
        draws = self.calibration.draws
        started = [
            f"initial_{name}" in draws
            and "run" in draws[f"initial_{name}"].dims
            and run.settings.get(f"initial_{name}") is None
            for name in self.quantities
        ]
        return (times <= 0.0) & np.array(started, bool)[quantity_index]

    def to_saved(self) -> dict[str, Any]:
        """Give the calibration as its archive holds it."""
        return {
            "quantities": self.quantities,
            "posterior": self.calibration.posterior,
            "calibration": self.calibration.archive_content(),
        }

    @classmethod
    def from_saved(cls, saved: Mapping[str, Any], model: Any = None) -> MechanisticReference:
        """Rebuild what `to_saved` gave."""
        calibration = calibration_from_archive(saved["posterior"], saved["calibration"], model)
        return cls(calibration, tuple(saved["quantities"]))
