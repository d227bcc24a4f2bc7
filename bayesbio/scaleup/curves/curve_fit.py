"""One curve fitted under all laws: its posterior, and what it predicts of the readings."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import logsumexp

from bayesbio.inference.noise.censoring import NORMAL, censored_log_likelihood
from bayesbio.ode import simulate
from bayesbio.scaleup.curves.problem import ScaleProblem


@dataclasses.dataclass(frozen=True, eq=False)
class CurveFit:
    """
    One family of curves, fitted under all laws together.

    Parameters
    ----------
    problem : ScaleProblem
        Of the training runs.
    tree : DataTree
        Groups posterior, sample_stats, posterior_predictive, log_likelihood, observed_data.
    log_evidence : float
        Log marginal likelihood, laws weighted equally.
    """

    problem: ScaleProblem
    tree: xr.DataTree
    log_evidence: float

    @property
    def posterior(self) -> xr.Dataset:
        """Draws of the parameters, dims (chain, draw, ...)."""
        return self.tree["posterior"].to_dataset()

    @functools.cached_property
    def z(self) -> np.ndarray:
        """Standardised parameters, (draws, runs, parameters)."""
        posterior = self.posterior
        values = np.stack(
            [posterior[f"{name}_by_run"].to_numpy() for name in self.problem.names], axis=-1
        )
        return self.problem.standard(values.reshape(-1, *values.shape[2:]))

    @functools.cached_property
    def law_probabilities(self) -> np.ndarray:
        """Probability of each law at each draw, equal before data, (draws, laws)."""
        densities = self.posterior["law_log_density"].transpose("chain", "draw", "law").to_numpy()
        flat = densities.reshape(-1, densities.shape[-1])
        return np.exp(flat - logsumexp(flat, axis=1, keepdims=True))

    def noise_sd(self, quantity: str, mean: np.ndarray, draws: Any = slice(None)) -> np.ndarray:
        """Give the standard deviation of readings around means, (draws, ...), at some draws."""
        posterior = self.posterior
        shape = (-1, *(1,) * (mean.ndim - 1))
        constant, relative = (
            posterior[name].to_numpy().ravel()[draws].reshape(shape)
            for name in (f"noise_{quantity}", f"noise_{quantity}_relative")
        )
        return np.sqrt(constant**2 + (relative * mean) ** 2)


def curve_names(curves: Any) -> tuple[str, ...]:
    """
    Name curves for a reader, each differently.

    Parameters
    ----------
    curves : sequence of ProcessModel

    Returns
    -------
    tuple of str
        The form of a growth curve or the class; with their options where two are of one class, and
        numbered where those are the same, too.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchCulture, GrowthCurve
    >>> curve_names([GrowthCurve("gompertz"), BatchCulture()])
    ('gompertz', 'BatchCulture')
    >>> curve_names([BatchCulture("monod"), BatchCulture("haldane")])
    ('BatchCulture(growth=monod)', 'BatchCulture(growth=haldane)')
    """
    names = [
        str(getattr(getattr(curve, "form", None), "name", type(curve).__name__)) for curve in curves
    ]
    detailed = [
        name if names.count(name) == 1 else name + _different_options(curve, curves)
        for name, curve in zip(names, curves, strict=True)
    ]
    return tuple(
        name if detailed.count(name) == 1 else f"{name} {detailed[: place + 1].count(name)}"
        for place, name in enumerate(detailed)
    )


def _different_options(curve: Any, curves: Any) -> str:
    """Write the options in which curves of one class differ."""
    if not dataclasses.is_dataclass(curve):
        return ""
    others = [other for other in curves if type(other) is type(curve)]
    found = []
    for field in dataclasses.fields(curve):
        value = getattr(curve, field.name)
        if any(getattr(other, field.name) != value for other in others):
            is_part = dataclasses.is_dataclass(value)
            shown = getattr(value, "name", type(value).__name__) if is_part else str(value)
            found.append(f"{field.name}={shown}")
    return f"({', '.join(found)})" if found else ""


def predictive_groups(
    problem: ScaleProblem, posterior: xr.Dataset, *, random_seed: int
) -> dict[str, xr.Dataset]:
    """
    Posterior predictive readings, log likelihood and readings, by quantity and row.

    Parameters
    ----------
    problem : ScaleProblem
    posterior : Dataset
    random_seed : int

    Returns
    -------
    dict of str to Dataset
    """
    values = {name: posterior[f"{name}_by_run"] for name in problem.names}
    course = simulate(problem.curve, parameters=values, campaign=problem.campaign)
    rng = np.random.default_rng(random_seed)
    predictive, likelihood, observed = {}, {}, {}
    coords: dict[str, Any] = {}
    for quantity, part in problem.rows.groupby("quantity", sort=False):
        run = course["run"].to_index().get_indexer(part["run"].astype(str))
        time = course["time"].to_index().get_indexer(part["time_h"])
        mean = course[quantity].to_numpy()[:, :, run, time]
        constant = posterior[f"noise_{quantity}"].to_numpy()[:, :, None]
        relative = posterior[f"noise_{quantity}_relative"].to_numpy()[:, :, None]
        spread = np.sqrt(constant**2 + (relative * mean) ** 2)
        value, flag = part["value"].to_numpy(float, copy=True), part["flag"].to_numpy(str)
        upper = part["value_upper"].to_numpy(float, copy=True)
        row = f"{quantity}_row"
        predictive[quantity] = (
            ("chain", "draw", row), mean + spread * rng.standard_normal(mean.shape)
        )  # fmt: skip
        likelihood[quantity] = (
            ("chain", "draw", row),
            censored_log_likelihood(NORMAL, flag, value, mean, spread, upper=upper),
        )
        observed[quantity] = ((row,), value)
        coords[f"{quantity}_run"] = ((row,), part["run"].to_numpy().astype(str))
        coords[f"{quantity}_time"] = ((row,), part["time_h"].to_numpy(float, copy=True))
        coords[f"{quantity}_flag"] = ((row,), flag)
    sampled = {"chain": posterior["chain"], "draw": posterior["draw"], **coords}
    return {
        "posterior_predictive": xr.Dataset(predictive, sampled),
        "log_likelihood": xr.Dataset(likelihood, sampled),
        "observed_data": xr.Dataset(observed, coords),
    }
