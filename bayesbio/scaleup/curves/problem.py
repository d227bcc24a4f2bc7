"""Data and parameters of a scale model: runs, their volumes, readings and transforms."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data import Campaign


@dataclasses.dataclass(frozen=True, eq=False)
class ScaleProblem:
    """
    Runs, their scales and the unknown parameters of their curves.

    Parameters
    ----------
    campaign : Campaign
        Its runs, in order.
    curve : ProcessModel
        What every run follows.
    quantities : tuple of str
        What was measured and the curve predicts.
    names : tuple of str
        Parameters, and initial states that no run gives.
    positive : array of bool, (parameters,)
        Positive parameters follow their laws through their logarithm.
    centre, spread, unit_size : array, (parameters,)
        A parameter is exp(centre + z), or centre + unit_size z; the prior sd of z is `spread`.
    log10_volume : array, (runs,)
        Of the volumes in litres.
    scale : array of int, (runs,)
        Which scale each run belongs to.
    features : array, (features, runs), and feature_sd (features,)
        Covariates as natural logarithms around their means, and prior sd of their effects.
    covariate_centre : mapping of str to float
        Means of the logarithms of covariates.
    rows : DataFrame
        Readings of the quantities: run, time_h, quantity, value, value_upper, flag.
    warnings : tuple of str
        What a reader should know of the data.
    """

    campaign: Campaign
    curve: Any
    quantities: tuple[str, ...]
    names: tuple[str, ...]
    positive: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    unit_size: np.ndarray
    log10_volume: np.ndarray
    scale: np.ndarray
    features: np.ndarray
    feature_sd: np.ndarray
    covariate_centre: Mapping[str, float]
    rows: pd.DataFrame
    warnings: tuple[str, ...]

    @property
    def volumes(self) -> np.ndarray:
        """Volume of each run [L]."""
        return 10.0**self.log10_volume

    @property
    def initial_states(self) -> tuple[str, ...]:
        """Initial states among the parameters."""
        return tuple(name for name in self.names if name.startswith("initial_"))

    @property
    def replicated(self) -> bool:
        """Whether a scale has several runs."""
        return len(np.unique(self.scale)) < len(self.scale)

    def natural(self, z: np.ndarray) -> np.ndarray:
        """Parameters in their units, from z with the parameters along the last axis."""
        shown = np.where(self.positive, 0.0, z)
        return np.where(
            self.positive,
            np.exp(np.where(self.positive, self.centre + z, 0.0)),
            self.centre + self.unit_size * shown,
        )

    def standard(self, values: np.ndarray) -> np.ndarray:
        """Standardised parameters z from values in their units, parameters along the last axis."""
        logs = np.log(np.where(self.positive, values, 1.0)) - self.centre
        return np.where(self.positive, logs, (values - self.centre) / self.unit_size)

    def unit(self, name: str) -> str:
        """
        Give the unit of a posterior variable, such as lag_time_by_run or noise_titer.

        Examples
        --------
        ``problem.unit("lag_time_by_run")`` is "h".
        """
        units = self.curve.units
        if name.endswith("_relative"):
            return "1"
        parameter = name.removesuffix("_by_run")
        state = parameter.removeprefix("noise_").removeprefix("initial_")
        return str(units.get(parameter, units.get(state, "1")))

    def select(self, mask: np.ndarray) -> ScaleProblem:
        """Keep some of the runs."""
        if mask.all():
            return self
        names = np.array(self.campaign.names)[mask].tolist()
        return dataclasses.replace(
            self,
            campaign=self.campaign.select(names),
            log10_volume=self.log10_volume[mask],
            scale=self.scale[mask],
            features=self.features[:, mask],
            rows=self.rows[self.rows["run"].isin(names)].reset_index(drop=True),
        )
