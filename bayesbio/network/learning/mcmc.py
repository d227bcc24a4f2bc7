"""Hierarchical and robust network as one vectorised PyMC model: group effects, Student-t."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from bayesbio.network.graph.structure import ProcessGraph
from bayesbio.network.learning.conjugate import NormalInverseGamma
from bayesbio.network.learning.standardising import Standardised


def build_network_model(
    network: ProcessGraph,
    data: Standardised,
    priors: Mapping[str, Sequence[NormalInverseGamma]],
    *,
    group: np.ndarray | None,
    robust: bool,
    levels: Sequence[str] = (),
) -> pm.Model:
    """
    Write the regressions of all nodes as one matrix equation.

    The priors are those of the exact posterior; missing and censored cells are unknowns. With
    `group`, the level of each row, intercepts vary, normal around their mean; with `robust`,
    residuals are Student-t, one number of degrees of freedom (above 2) for each node.

    Returns
    -------
    pm.Model
        Variables intercept, effect, sigma (of the normal or the Student-t), and group_sd,
        degrees_of_freedom where asked for.

    Notes
    -----
    Gelman and Hill (2007), Data Analysis Using Regression, chapter 12; Juarez and Steel (2010),
    doi:10.1002/jae.1113, for the degrees of freedom.
    """
    position = {name: k for k, name in enumerate(network.order)}
    parents = np.array([position[parent] for parent, _ in network.edges], int)
    children = np.array([position[child] for _, child in network.edges], int)
    nodes, edges = len(position), len(parents)
    owner = np.concatenate([np.arange(nodes), children])
    coords: dict[str, Any] = {
        "node": list(network.order),
        "edge": [f"{parent} -> {child}" for parent, child in network.edges],
    }
    if group is not None:
        coords["level"] = list(levels) or np.arange(int(group.max()) + 1)
    gathered = np.zeros((edges, nodes))
    gathered[np.arange(edges), children] = 1.0
    with pm.Model(coords=coords) as model:
        log_variance = pm.Flat("log_variance", dims="node")
        variance = pm.math.exp(log_variance)
        sigma = pm.Deterministic("sigma", pm.math.sqrt(variance), dims="node")
        coefficients = pm.Flat("coefficients", shape=nodes + edges)
        prior = _log_prior(network, priors, owner, coefficients, log_variance)
        pm.Potential("prior", prior.sum())
        intercept = pm.Deterministic("intercept", coefficients[:nodes], dims="node")
        values = data.values if data.complete else _with_missing_cells(data)
        mean = intercept + np.zeros_like(data.values)
        if edges:
            effect = pm.Deterministic("effect", coefficients[nodes:], dims="edge")
            mean = mean + pm.math.dot(values[:, parents] * effect, gathered)
        if group is not None:
            group_sd = pm.HalfNormal("group_sd", 0.5, dims="node")
            offset = pm.Normal("group_offset", 0.0, 1.0, dims=("level", "node"))
            mean = mean + (group_sd * offset)[group]
        readings = pm.Normal.dist(mean, sigma)
        if robust:
            beyond = pm.Gamma("degrees_above_2", 2.0, 0.1, dims="node")
            freedom = pm.Deterministic("degrees_of_freedom", 2.0 + beyond, dims="node")
            readings = pm.StudentT.dist(nu=freedom, mu=mean, sigma=sigma)
        pm.Potential("readings", pm.logp(readings, values).sum())
    return model


def _log_prior(
    network: ProcessGraph,
    priors: Mapping[str, Sequence[NormalInverseGamma]],
    owner: np.ndarray,
    coefficients: Any,
    log_variance: Any,
) -> Any:
    """
    Log density of each node's intercept, effects and log variance, its priors equally likely.

    `owner` has the node of each coefficient: intercepts, then effects.
    """
    nodes, size = len(network), len(owner)
    number = {edge: nodes + k for k, edge in enumerate(network.edges)}
    count = max(len(each) for each in priors.values())
    centre, precision = np.zeros((count, size)), np.zeros((count, size, size))
    shape, rate = np.zeros((count, nodes)), np.zeros((count, nodes))
    constant = np.full((count, nodes), -np.inf)
    for k, name in enumerate(network.order):
        block = np.array([k, *(number[parent, name] for parent in network.parents(name))])
        for row, prior in enumerate(priors[name]):
            centre[row, block] = prior.mean
            precision[row][np.ix_(block, block)] = prior.precision
            shape[row, k], rate[row, k] = prior.shape, prior.rate
            constant[row, k] = -prior.log_normaliser - np.log(len(priors[name]))
    away = coefficients - centre
    squares = away * (precision @ away[:, :, None])[:, :, 0]
    by_node = squares @ np.eye(nodes)[owner]
    power = shape + 0.5 * np.bincount(owner, minlength=nodes)
    each = constant - power * log_variance
    each = each - (rate + 0.5 * by_node) * pm.math.exp(-log_variance)
    return pm.math.logsumexp(each, axis=0)


def _with_missing_cells(data: Standardised) -> Any:
    """
    Missing and censored cells as parameters with a flat prior over their feasible range.

    They have normal priors, which the potentials cancel: their density is that of the network.
    """
    cells = pt.as_tensor(np.where(data.quantified, data.values, 0.0))
    missing = np.isnan(data.values)
    low, high = np.isfinite(data.lower), np.isfinite(data.upper)
    for name, where in (
        ("missing", missing),
        ("below", ~low & high),
        ("above", low & ~high),
        ("between", low & high),
    ):
        count = int(where.sum())
        if not count:
            continue
        lower, upper = data.lower[where], data.upper[where]
        if name == "missing":
            drawn = pm.Normal("missing_cells", 0.0, 1.0, shape=count)
            pm.Potential("missing_cells_flat", 0.5 * (drawn**2).sum())
        elif name == "between":
            drawn = pm.Uniform("between_cells", lower, upper, shape=count)
        else:
            beyond = pm.HalfNormal(f"{name}_cells", 1.0, shape=count)
            pm.Potential(f"{name}_cells_flat", 0.5 * (beyond**2).sum())
            drawn = upper - beyond if name == "below" else lower + beyond
        cells = pt.set_subtensor(cells[np.nonzero(where)], drawn)
    return cells


def predictive_parameters(tree: xr.DataTree) -> dict[str, np.ndarray]:
    """
    Parameters of a run of a new level, from what `build_network_model` sampled; shape (draws, ...).

    Variance is that of the residual (of the Student-t included) plus that of groups; the degrees of
    freedom and group_variance come beside it where they were sampled.
    """
    posterior = tree["posterior"].to_dataset()
    size = posterior.sizes["chain"] * posterior.sizes["draw"]

    def flat(name: str) -> np.ndarray:
        values: xr.DataArray = posterior[name]
        return values.to_numpy().reshape(size, -1)

    parameters = {"intercept": flat("intercept"), "variance": flat("sigma") ** 2}
    parameters["effect"] = flat("effect") if "effect" in posterior else np.empty((size, 0))
    if "degrees_of_freedom" in posterior:
        freedom = parameters["degrees_of_freedom"] = flat("degrees_of_freedom")
        parameters["variance"] = parameters["variance"] * freedom / (freedom - 2.0)
    if "group_sd" in posterior:
        parameters["group_variance"] = flat("group_sd") ** 2
        parameters["variance"] = parameters["variance"] + parameters["group_variance"]
    return parameters
