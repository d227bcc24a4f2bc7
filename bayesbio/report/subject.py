"""The result that a report is about, with what several sections need of it computed once."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

GRID = 61  # times at which a course is drawn


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """
    A result with its verdict, summary and, for a calibration, its predicted courses.

    Parameters
    ----------
    result : Calibration, or another result with ``check``, ``summary``, ``hash`` and ``warnings``
    """

    result: Any

    @cached_property
    def verdict(self) -> Any:
        """Verdict of the result."""
        return self.result.check()

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Summary table of the result."""
        return self.result.summary()

    @property
    def is_process_model(self) -> bool:
        """Whether the result is a calibrated process model, with courses and equations."""
        model = getattr(self.result, "model", None)
        return hasattr(model, "derivatives") or hasattr(model, "solution")

    @cached_property
    def tree(self) -> xr.DataTree:
        """Posterior draws and what belongs to them; empty for a result in closed form."""
        tree = getattr(self.result, "posterior", None)
        return tree if isinstance(tree, xr.DataTree) else xr.DataTree()

    @cached_property
    def draws(self) -> xr.Dataset:
        """Posterior draws as a Dataset."""
        if "posterior" not in self.tree.children:
            return xr.Dataset()
        return self.tree["posterior"].to_dataset()

    @cached_property
    def scalars(self) -> list[str]:
        """Names of unknowns that are single numbers."""
        names = [str(name) for name, values in self.draws.data_vars.items() if values.ndim == 2]
        if self.is_process_model:
            names = [name for name in self.summary.index.astype(str) if name in names]
        return names

    @cached_property
    def courses(self) -> xr.Dataset:
        """Predicted courses of every calibrated run, blank after its last sample."""
        frame = self.result.campaign.to_frame()
        last = frame.groupby("run")["time_h"].max()
        times = np.linspace(min(0.0, float(frame["time_h"].min())), float(last.max()), GRID)
        prediction = self.result.predict(times=times, random_seed=0)
        ends = xr.DataArray(
            [float(last.get(str(run), times[-1])) for run in prediction["run"].to_numpy()],
            coords={"run": prediction["run"]},
            dims="run",
        )
        return prediction.where(prediction["time"] <= ends + times[1] - times[0])

    @cached_property
    def measured(self) -> list[str]:
        """Measured quantities that the result predicts."""
        return [name for name in self.result.campaign.quantities if name in self.courses]

    @property
    def warnings(self) -> list[str]:
        """Sentences about the data and the fit."""
        return [str(sentence) for sentence in getattr(self.result, "warnings", ())]
