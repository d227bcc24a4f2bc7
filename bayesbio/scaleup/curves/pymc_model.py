"""PyMC model of a scale-up: one graph for every law and fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesbio.inference.noise.censoring import NORMAL, log_density, log_interval_probability
from bayesbio.ode.trajectory import trajectories
from bayesbio.scaleup.curves.model_data import ModelData
from bayesbio.scaleup.curves.problem import ScaleProblem

NOISE_SPREAD = 1.0  # prior sd of the logarithm of the constant and of the proportional error


def build_scale_model(problem: ScaleProblem, given: ModelData) -> pm.Model:
    """
    Write the model: a curve for each run, its parameters following a mixture of laws over scale.

    Parameters
    ----------
    problem : ScaleProblem
    given : ModelData

    Returns
    -------
    pm.Model
        ``coordinates`` are the standardised parameters z of every run and the log noise, in
        prior standard deviations. Law parameters are integrated out: `PooledLaw` draws them
        afterwards, exactly.

    Notes
    -----
    reading ~ Normal(curve(t; parameters of the run), sqrt(constant^2 + (relative curve)^2));
    parameters of all runs ~ sum over laws of weight x normal mixture, whose components are common
    to the parameters of the curve: see `PooledLaw`.
    """
    runs, parameters = len(problem.log10_volume), len(problem.names)
    laws = len(given.laws)
    with pm.Model(coords={"run": list(problem.campaign.names), "law": np.arange(laws)}) as model:
        data = {name: pm.Data(name, value) for name, value in given.data.items()}
        u = pm.Flat("coordinates", shape=given.data["location"].size)
        whole = data["location"] + data["width"] * u
        z = whole[: runs * parameters].reshape((runs, parameters))
        log_noise = whole[runs * parameters :].reshape(given.data["noise_centre"].shape)
        pm.Potential(
            "noise", -0.5 * pt.sum(((log_noise - data["noise_centre"]) / NOISE_SPREAD) ** 2)
        )
        pm.Potential("readings_given_curves", _likelihood(problem, data, z, pt.exp(log_noise)))
        initial = given.laws[0].initial
        if initial.any():
            at_start = _log_terms("initial", data, given, z.T[np.flatnonzero(initial)])
            pm.Potential("initial_states", pt.logsumexp(at_start, axis=(1, 2)).sum())
        densities = []
        for number in range(laws):
            terms = _log_terms(f"law_{number}", data, given, z.T[np.flatnonzero(~initial)])
            # The constants hold the weights of what is common: once for each parameter.
            common = data[f"law_{number}_common"]
            specific = pt.logsumexp(terms, axis=1)
            densities.append(pt.logsumexp((specific - common).sum(axis=0) + common))
        density = pm.Deterministic("law_log_density", pt.stack(densities), dims="law")
        pm.Potential("laws", pt.logsumexp(data["log_weights"] + density))
    return model


def _likelihood(problem: ScaleProblem, data: dict[str, Any], z: Any, noise: Any) -> Any:
    """Log likelihood of the readings, weighted by run."""
    values: dict[str, Any] = {}
    for place, name in enumerate(problem.names):
        natural = (
            pt.exp(data["centre"][place] + z[:, place])
            if problem.positive[place]
            else data["centre"][place] + data["unit_size"][place] * z[:, place]
        )
        values[name] = pm.Deterministic(f"{name}_by_run", natural, dims="run")
    course = trajectories(problem.curve, problem.campaign, values)
    spreads = []
    for place, name in enumerate(problem.quantities):
        constant = pm.Deterministic(f"noise_{name}", noise[place, 0])
        relative = pm.Deterministic(f"noise_{name}_relative", noise[place, 1])
        spreads.append(pt.sqrt(constant**2 + (relative * course[name]) ** 2))
    mean = pt.concatenate([course[name] for name in problem.quantities])
    spread = pt.concatenate(spreads)
    quantified = (problem.rows["flag"] == "").to_numpy()
    known, limited = np.flatnonzero(quantified), np.flatnonzero(~quantified)
    fit = (
        data["weights"][known]
        * log_density(NORMAL, data["readings"][known], mean[known], spread[known])
    ).sum()
    if limited.size:
        lower, upper = data["lower_limit"][limited], data["upper_limit"][limited]
        inside = log_interval_probability(NORMAL, lower, upper, mean[limited], spread[limited])
        fit += (data["weights"][limited] * inside).sum()
    return fit


def _log_terms(name: str, data: dict[str, Any], given: ModelData, z: Any) -> Any:
    """Log of weight times density, (parameters, parameter-specific, common), for their z."""
    products = (z[:, :, None] * z[:, None, :]).reshape((z.shape[0], 1, -1))
    exponents = (data[f"{name}_linear"] * z[:, None, :]).sum(axis=-1)
    exponents -= 0.5 * (data[f"{name}_square"] * products).sum(axis=-1)
    return data[f"{name}_constant"] + exponents.reshape(given.data[f"{name}_constant"].shape)
