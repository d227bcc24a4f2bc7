"""The subject of a report: the evidence of a result, with what several sections draw of it."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.inference.diagnostics.evidence import Evidence

GRID = 61  # times at which a course is drawn
DRAWS = 600  # behind a band: its edges are then right to 1 % of probability


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """
    Evidence of a result and, for a calibration, its predicted courses: each computed once.

    Parameters
    ----------
    evidence : Evidence
        What ``result.evidence()`` gave.
    """

    evidence: Evidence

    @cached_property
    def draws(self) -> xr.Dataset:
        """Posterior draws as a Dataset."""
        tree = self.evidence.tree
        return tree["posterior"].to_dataset() if "posterior" in tree.children else xr.Dataset()

    @cached_property
    def scalars(self) -> list[str]:
        """Names of unknowns that are single numbers."""
        names = [str(name) for name, values in self.draws.data_vars.items() if values.ndim == 2]
        if self.evidence.calibration is not None:
            names = [name for name in self.evidence.summary.index.astype(str) if name in names]
        return names

    @cached_property
    def courses(self) -> xr.Dataset:
        """Predicted courses of every calibrated run, blank after its last sample."""
        return courses_of(self.evidence.calibration.thinned(DRAWS))

    @cached_property
    def measured(self) -> list[str]:
        """Measured quantities that the result predicts."""
        quantities = self.evidence.calibration.campaign.quantities
        return [name for name in quantities if name in self.courses]


def courses_of(result: Any) -> xr.Dataset:
    """
    Predict every run of a calibration or a quick look, blank after its last sample.

    Parameters
    ----------
    result : Calibration or QuickLook

    Returns
    -------
    Dataset, dims (chain, draw, run, time)
    """
    frame = result.campaign.to_frame()
    last = frame.groupby("run")["time_h"].max()
    times = np.linspace(min(0.0, float(frame["time_h"].min())), float(last.max()), GRID)
    prediction = result.predict(times=times, random_seed=0)
    ends = xr.DataArray(
        [float(last.get(str(run), times[-1])) for run in prediction["run"].to_numpy()],
        coords={"run": prediction["run"]},
        dims="run",
    )
    return prediction.where(prediction["time"] <= ends + times[1] - times[0])
