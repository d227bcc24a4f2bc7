"""One curve, fitted under all laws: its draws, their names, and what they predict of readings."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import log_ndtr, logsumexp

from bayesbio.ode import simulate
from bayesbio.scaleup.curves.problem import ScaleProblem


@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """
    One curve family, fitted under all laws.

    Parameters
    ----------
    problem : ScaleProblem
    tree : DataTree
        Groups posterior, sample_stats, posterior_predictive, log_likelihood, observed_data.
    log_evidence : float
        Log marginal likelihood, laws weighted equally.
    """

    problem: ScaleProblem
    tree: xr.DataTree
    log_evidence: float

    @property
    def draws(self) -> xr.Dataset:
        """Draws of the unknowns, dims (chain, draw, ...)."""
        return self.tree["posterior"].to_dataset()

    @functools.cached_property
    def z(self) -> np.ndarray:
        """Standard values of the unknowns, (draws, runs, unknowns)."""
        draws = self.draws
        values = np.stack(
            [draws[f"{name}_by_run"].to_numpy() for name in self.problem.names], axis=-1
        )
        return self.problem.standard(values.reshape(-1, *values.shape[2:]))

    @functools.cached_property
    def law_chances(self) -> np.ndarray:
        """Probability of each law at each draw, equal before data, (draws, laws)."""
        densities = self.draws["law_log_density"].transpose("chain", "draw", "law").to_numpy()
        flat = densities.reshape(-1, densities.shape[-1])
        return np.exp(flat - logsumexp(flat, axis=1, keepdims=True))


def curve_name(curve: Any) -> str:
    """
    Name a curve for a reader.

    Parameters
    ----------
    curve : ProcessModel

    Returns
    -------
    str

    Examples
    --------
    >>> from bayesbio.mechanistic import GrowthCurve
    >>> curve_name(GrowthCurve("gompertz"))
    'gompertz'
    """
    name = getattr(getattr(curve, "form", None), "name", None)
    return type(curve).__name__ if name is None else str(name)


def unit_of(problem: ScaleProblem, name: str) -> str:
    """
    Look the unit of a posterior variable up.

    Parameters
    ----------
    problem : ScaleProblem
    name : str

    Returns
    -------
    str

    Examples
    --------
    ``unit_of(problem, "lag_time_by_run")`` is "h".
    """
    units = problem.curve.units
    if name.endswith("_relative"):
        return "1"
    base = name.removesuffix("_by_run").removeprefix("noise_").removeprefix("initial_")
    return str(units.get(name.removesuffix("_by_run"), units.get(base, "1")))


def predictive_groups(
    problem: ScaleProblem, draws: xr.Dataset, *, random_seed: int
) -> dict[str, xr.Dataset]:
    """
    Posterior predictive readings, log likelihood and readings, by quantity and row.

    Parameters
    ----------
    problem : ScaleProblem
    draws : Dataset
    random_seed : int

    Returns
    -------
    dict of str to Dataset
    """
    values = {name: draws[f"{name}_by_run"] for name in problem.names}
    course = simulate(problem.curve, parameters=values, campaign=problem.campaign)
    rng = np.random.default_rng(random_seed)
    predictive, likelihood, observed = {}, {}, {}
    coords: dict[str, Any] = {}
    for quantity, part in problem.rows.groupby("quantity", sort=False):
        run = course["run"].to_index().get_indexer(part["run"].astype(str))
        time = course["time"].to_index().get_indexer(part["time_h"])
        mean = course[quantity].to_numpy()[:, :, run, time]
        constant = draws[f"noise_{quantity}"].to_numpy()[:, :, None]
        relative = draws[f"noise_{quantity}_relative"].to_numpy()[:, :, None]
        spread = np.sqrt(constant**2 + (relative * mean) ** 2)
        value, flag = part["value"].to_numpy(float, copy=True), part["flag"].to_numpy(str)
        away = (value - mean) / spread
        fit = -0.5 * away**2 - np.log(spread) - 0.5 * np.log(2.0 * np.pi)
        fit = np.where(flag == "below", log_ndtr(away), fit)
        fit = np.where(flag == "above", log_ndtr(-away), fit)
        row = f"{quantity}_row"
        predictive[quantity] = (
            ("chain", "draw", row), mean + spread * rng.standard_normal(mean.shape)
        )  # fmt: skip
        likelihood[quantity] = (("chain", "draw", row), fit)
        observed[quantity] = ((row,), value)
        coords[f"{quantity}_run"] = ((row,), part["run"].to_numpy().astype(str))
        coords[f"{quantity}_time"] = ((row,), part["time_h"].to_numpy(float, copy=True))
        coords[f"{quantity}_flag"] = ((row,), flag)
    sampled = {"chain": draws["chain"], "draw": draws["draw"], **coords}
    return {
        "posterior_predictive": xr.Dataset(predictive, sampled),
        "log_likelihood": xr.Dataset(likelihood, sampled),
        "observed_data": xr.Dataset(observed, coords),
    }
