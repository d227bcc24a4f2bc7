"""Prior predictive check: what the priors predict before any sampling, beside the readings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

from bayesbio.calibrate.completion import options_of
from bayesbio.calibrate.coordinates.starts import auxiliary_variables
from bayesbio.calibrate.model import statistical_model
from bayesbio.calibrate.predicting.noise_draws import add_noise
from bayesbio.calibrate.predicting.predictor import Predictor
from bayesbio.calibrate.problem.formulation import Formulation, formulate
from bayesbio.calibrate.requests import FitRequest, Noises, Priors, Tolerances, Vary
from bayesbio.data import Campaign
from bayesbio.errors import CalibrationError
from bayesbio.mechanistic import ProcessModel

POINTS = 61  # times of a course, from the start to the last reading
INSIDE = 0.8  # share of readings that a prior should hold in its central 90 % band
MUCH_WIDER = 30.0  # a band this many times as wide as the readings spread says little
FAILING = 0.05  # share of draws without a solution that is worth a sentence


@dataclasses.dataclass(frozen=True, eq=False)
class PriorCheck:
    """
    Draws from the priors and what they predict; made by `prior_check`.

    Attributes
    ----------
    campaign : Campaign
    draws : Dataset
        Draws from the priors, dims (chain, draw, ...).
    prediction : Dataset
        Courses with measurement noise on an even grid, dims (chain, draw, run, time): what
        `bayesbio.report.draw_prior_check` draws.
    readings : DataTree or mapping of str to Dataset
        ``posterior_predictive`` (here: prior predictive) and ``observed_data`` at the readings.
    options : mapping
        Priors and their sources as text, and the findings of the formulation.
    """

    campaign: Campaign
    draws: xr.Dataset
    prediction: xr.Dataset
    readings: Mapping[str, xr.Dataset]
    options: Mapping[str, Any]

    def summary(self) -> pd.DataFrame:
        """
        Compare each quantity with its prior predictive band.

        Returns
        -------
        DataFrame
            Index quantity. Columns readings (quantified ones), inside (share of them in the central
            90 % band), too_low and too_high (shares below and above it), times_wider (median width
            of the band over the central 90 % of the readings), unsolved (share of draws without a
            solution), verdict (a sentence).
        """
        rows = {}
        for quantity, values in self.readings["posterior_predictive"].data_vars.items():
            observed = self.readings["observed_data"][quantity]
            exact = (observed[f"{quantity}_flag"] == "").to_numpy()
            read = observed.to_numpy()[exact]
            drawn = values.to_numpy()[..., exact].reshape(-1, exact.sum())
            solved = np.isfinite(drawn).all(axis=1)
            low, high = np.quantile(drawn[solved], [0.05, 0.95], axis=0)
            below, above = np.mean(read < low), np.mean(read > high)
            spread = np.ptp(np.quantile(read, [0.05, 0.95])) if len(read) else np.nan
            row = {
                "readings": int(exact.sum()),
                "inside": float(1.0 - below - above),
                "too_low": float(below),
                "too_high": float(above),
                "times_wider": float(np.median(high - low) / spread) if spread > 0 else np.nan,
                "unsolved": float(1.0 - solved.mean()),
            }
            rows[str(quantity)] = row | {"verdict": _sentence(str(quantity), row)}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")

    def __str__(self) -> str:
        """One sentence a quantity."""
        return "\n".join(self.summary()["verdict"])


def prior_check(
    campaign: Campaign,
    model: ProcessModel,
    *,
    priors: Priors | None = None,
    vary: Vary | None = None,
    noise: Noises = None,
    covariates: Mapping[str, str] | None = None,
    draws: int = 300,
    random_seed: int,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> PriorCheck:
    """
    Predict the readings from the priors alone, before anything is sampled.

    Parameters
    ----------
    campaign, model, priors, vary, noise, covariates, rtol, atol
        As for `fit`.
    draws : int
        Draws from the priors.
    random_seed : int
        Same seed, same draws.

    Returns
    -------
    PriorCheck
        Print it for a sentence a quantity; `bayesbio.report.draw_prior_check` draws it.

    Raises
    ------
    DataError, UnitError, ModelError
        As `fit`.
    CalibrationError
        A prior cannot be drawn from (a flat one).

    Notes
    -----
    Prior predictive checks: Gabry et al. (2019), doi:10.1111/rssa.12378. Readings outside the band
    mean that the priors exclude what was measured; a band much wider than the readings is no error
    but leaves the work to the data.

    Examples
    --------
    >>> from bayesbio.data import Run
    >>> from bayesbio.mechanistic import BatchCulture
    >>> readings = pd.DataFrame(
    ...     {"time_h": [2.0, 6.0, 10.0], "quantity": "biomass", "value": [0.3, 1.1, 3.6]}
    ... )
    >>> run = Run("R1", readings, {"initial_biomass": 0.2, "initial_substrate": 20.0})
    >>> check = prior_check(Campaign([run]), BatchCulture(), random_seed=1)
    >>> float(check.summary().loc["biomass", "inside"])
    1.0
    """
    tolerances = Tolerances(rtol, atol)
    formulation = formulate(FitRequest(campaign, model, priors, vary, noise, covariates))
    drawn = _draws(formulation, draws, random_seed)
    predictor = Predictor.of(formulation, drawn, tolerances)
    readings = predictor.replicate(formulation.rows, random_seed=random_seed)
    last = max(float(rows["time_h"].max()) for rows in formulation.rows.values())
    runs, rng = list(formulation.campaign), np.random.default_rng(random_seed)
    course = predictor.courses(runs, predictor.parameters(runs, rng), until=last, points=POINTS)
    noisy = add_noise(course, drawn, formulation.noise, rng, known=[True] * len(runs))
    return PriorCheck(
        formulation.campaign,
        drawn,
        noisy,
        {name: readings[name] for name in ("posterior_predictive", "observed_data")},
        options_of(formulation, tolerances, random_seed=random_seed),
    )


def _draws(formulation: Formulation, number: int, random_seed: int) -> xr.Dataset:
    """Draw every parameter from its prior, dims (chain, draw, ...)."""
    made = statistical_model(formulation, Tolerances())
    hidden = auxiliary_variables(formulation)
    wanted = [
        variable
        for variable in (*made.free_RVs, *made.deterministics)
        if variable.name not in hidden
    ]
    try:
        found = pm.draw(wanted, number, random_seed=random_seed, mode="FAST_COMPILE")
    except NotImplementedError as error:
        raise CalibrationError(
            "A prior cannot be drawn from because it is flat. Give a proper one, for example "
            "priors={'name': between(low, high)}."
        ) from error
    dims = {variable.name: made.named_vars_to_dims.get(variable.name, ()) for variable in wanted}
    coords = {dim: list(made.coords[dim]) for each in dims.values() for dim in each}
    return xr.Dataset(
        {
            variable.name: (("chain", "draw", *dims[variable.name]), np.asarray(values)[None])
            for variable, values in zip(wanted, found, strict=True)
        },
        coords | {"chain": [0], "draw": np.arange(number)},
    )


def _sentence(quantity: str, row: Mapping[str, float]) -> str:
    """Say what a reader should know about the priors of one quantity."""
    words = quantity.replace("_", " ")
    share = f"{row['inside']:.0%} of {row['readings']:.0f} readings of {words}"
    text = f"{share} lie in the 90 % band of the priors."
    if row["inside"] < INSIDE:
        side = "above" if row["too_high"] >= row["too_low"] else "below"
        text = (
            f"Only {share} lie in the 90 % band of the priors; most of the others are {side} it. "
            "Check units and the priors of what drives it, or widen them."
        )
    elif row["times_wider"] > MUCH_WIDER:
        text += (
            f" The band is {row['times_wider']:.0f} times as wide as the readings spread: the "
            "priors say little here."
        )
    if row["unsolved"] > FAILING:
        text += (
            f" {row['unsolved']:.0%} of the draws have no solution: their rates are impossibly "
            "fast. Narrow the priors of rates."
        )
    return text
