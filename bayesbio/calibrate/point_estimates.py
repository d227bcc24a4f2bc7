"""Maximum a posteriori estimates: a quick look with the data overlaid, and no uncertainty."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate.completion import one_draw, options_of
from bayesbio.calibrate.coordinates.starts import CompiledProblem
from bayesbio.calibrate.predicting.predictor import Predictor
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import (
    FitRequest,
    Noises,
    PredictionRequest,
    Priors,
    Tolerances,
    Vary,
)
from bayesbio.data import Campaign, Event
from bayesbio.inference import Mode, Noise
from bayesbio.inference.archive.representation import short_repr
from bayesbio.mechanistic import ProcessModel

LABEL = "quick look: most probable parameters, without uncertainty"


@dataclasses.dataclass(frozen=True, eq=False)
class QuickLook:
    """
    Most probable parameters of a calibration; a first impression, not a result.

    Attributes
    ----------
    model : ProcessModel
    campaign : Campaign
    draws : Dataset
        One chain and one draw: the mode.
    noise : mapping of quantity to Noise
    options : mapping
    converged : bool
        Whether the search ended at a stationary point.
    other_modes : DataFrame
        Where other ascents ended that are far from the most probable parameters: below (log density
        below theirs, nat) and one column a parameter; empty where all ascents agreed. A row within
        a few nat is another explanation of the data; `approximate(..., method="smc")` weighs it.
    """

    model: ProcessModel
    campaign: Campaign
    draws: xr.Dataset
    noise: Mapping[str, Noise]
    options: Mapping[str, Any]
    converged: bool
    other_modes: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    label: str = LABEL

    __repr__ = short_repr

    @functools.cached_property
    def predictor(self) -> Predictor:
        """What predicts from the mode."""
        return Predictor.from_options(
            self.model, self.campaign, self.draws, self.noise, self.options
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Findings in the data, and what could not be done as usual, one sentence each."""
        return (*self.options["findings"], *self.options["warnings"])

    def summary(self) -> pd.DataFrame:
        """
        Estimates by name.

        Returns
        -------
        DataFrame
            Index: name, with its group in brackets. Columns unit, estimate, and for each of the
            `other_modes` one ``other, <how far below> nat below``, empty where values differ by
            group.
        """
        rows = {}
        for name, values in self.draws.data_vars.items():
            mode = values.isel(chain=0, draw=0)
            if mode.ndim == 0:
                rows[str(name)] = (self.unit(str(name)), float(mode))
            else:
                labels = mode[mode.dims[0]].to_numpy()
                for label, value in zip(labels, mode.to_numpy(), strict=True):
                    entry = f"{name}[{label}]"
                    rows[entry] = (self.unit(entry), float(value))
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["unit", "estimate"])
        for _, mode in self.other_modes.iterrows():
            table[f"other, {mode['below']:.1f} nat below"] = mode.reindex(table.index)
        return table

    def unit(self, name: str) -> str:
        """Look the unit of a variable up, as `Calibration.unit` does."""
        return self.predictor.unit(name)

    def predict(
        self,
        runs: Any = None,
        *,
        times: Any = None,
        until: float | None = None,
        settings: Mapping[str, Any] | None = None,
        profiles: Mapping[str, Any] | None = None,
        events: Sequence[Event] | None = None,
        noise: bool = False,
        random_seed: int = 0,
        outside: str = "flag",
    ) -> xr.Dataset:
        """Predict as `Calibration.predict` does, with one chain and one draw."""
        request = PredictionRequest(
            runs, times, until, settings, profiles, events, noise, random_seed, outside
        )
        return self.predictor.predict(request)


def quick_look(
    campaign: Campaign,
    model: ProcessModel,
    *,
    priors: Priors | None = None,
    vary: Vary | None = None,
    noise: Noises = None,
    covariates: Mapping[str, str] | None = None,
    random_seed: int,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> QuickLook:
    """
    Find the most probable parameters from several starts: seconds, and no uncertainty.

    Parameters
    ----------
    campaign, model, priors, vary, noise, covariates, random_seed, rtol, atol
        As for `fit`. Standard deviations between groups are held at their prior medians, because
        a hierarchical density has no finite mode.

    Returns
    -------
    QuickLook

    Raises
    ------
    DataError, UnitError, ModelError, CalibrationError
        As `fit`.

    Examples
    --------
    >>> from bayesbio.data import read_campaign
    >>> from bayesbio.mechanistic import BatchCulture
    >>> campaign = read_campaign("runs.csv")  # doctest: +SKIP
    >>> quick_look(campaign, BatchCulture(), random_seed=1).summary()  # doctest: +SKIP
    """
    tolerances = Tolerances(rtol, atol)
    formulation = formulate(FitRequest(campaign, model, priors, vary, noise, covariates))
    problem = CompiledProblem.of(formulation, tolerances)
    start = problem.start(random_seed=random_seed)
    return QuickLook(
        model=formulation.model,
        campaign=formulation.campaign,
        draws=one_draw(problem, start.mode.values),
        noise=formulation.noise,
        options=options_of(
            formulation, tolerances, random_seed=random_seed, warnings=start.warnings
        ),
        converged=start.mode.converged,
        other_modes=_other_modes(problem, start.mode),
    )


def _other_modes(problem: CompiledProblem, mode: Mode) -> pd.DataFrame:
    """Scalar parameters where other ascents ended, best first."""
    rows = []
    for below, point in mode.elsewhere:
        values = problem.density.values(point)
        names = [name for name in problem.parameter_names(values) if np.ndim(values[name]) == 0]
        scalars = {name: float(values[name]) for name in names}
        rows.append({"below": below, **scalars})
    return pd.DataFrame(rows)
