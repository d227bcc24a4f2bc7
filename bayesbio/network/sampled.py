"""Effects of groups, and scatter with odd readings: one vectorised PyMC model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from bayesbio.errors import DataError
from bayesbio.inference.sampling import sample
from bayesbio.network.structure import ProcessNetwork


def build_network_model(
    network: ProcessNetwork, scores: np.ndarray, *, group: np.ndarray | None, robust: bool
) -> pm.Model:
    """
    Write every node's regression as one matrix equation.

    Parameters
    ----------
    network : ProcessNetwork
    scores : array, shape (rows, nodes)
        Standardised, in topological order, complete.
    group : integer array, shape (rows,), optional
        Level of each row: intercepts differ, normal around their mean.
    robust : bool
        Student-t scatter, one number of degrees of freedom (above 2) for each node.

    Returns
    -------
    pm.Model
        Variables intercept, effect, scatter, and group_sd, degrees_of_freedom where asked for.

    Notes
    -----
    Gelman and Hill (2007), Data Analysis Using Regression, chapter 12; Juarez and Steel (2010),
    doi:10.1002/jae.1113, for the degrees of freedom.

    Examples
    --------
    ``build_network_model(network, scores, group=None, robust=True)`` is sampled by `fit_network`.
    """
    place = {name: k for k, name in enumerate(network.order)}
    parents = np.array([place[parent] for parent, _ in network.edges], int)
    children = np.array([place[child] for _, child in network.edges], int)
    coords: dict[str, Any] = {
        "node": list(network.order),
        "edge": [f"{parent} -> {child}" for parent, child in network.edges],
    }
    if group is not None:
        coords["level"] = np.arange(int(group.max()) + 1)
    nodes, edges = scores.shape[1], len(parents)
    gathered = np.zeros((edges, nodes))
    gathered[np.arange(edges), children] = 1.0
    with pm.Model(coords=coords) as model:
        intercept = pm.Normal("intercept", 0.0, 1.0, dims="node")
        scatter = pm.HalfNormal("scatter", 1.0, dims="node")
        mean = intercept + np.zeros_like(scores)
        if edges:
            effect = pm.Normal("effect", 0.0, 1.0, dims="edge")
            mean = mean + pm.math.dot(scores[:, parents] * effect, gathered)
        if group is not None:
            group_sd = pm.HalfNormal("group_sd", 0.5, dims="node")
            offset = pm.Normal("group_offset", 0.0, 1.0, dims=("level", "node"))
            mean = mean + (group_sd * offset)[group]
        if robust:
            beyond = pm.Gamma("degrees_above_2", 2.0, 0.1, dims="node")
            freedom = pm.Deterministic("degrees_of_freedom", 2.0 + beyond, dims="node")
            pm.StudentT("readings", nu=freedom, mu=mean, sigma=scatter, observed=scores)
        else:
            pm.Normal("readings", mean, scatter, observed=scores)
    return model


def sample_network(
    network: ProcessNetwork,
    data: Any,
    *,
    group: np.ndarray | None,
    robust: bool,
    draws: int,
    tune: int,
    chains: int,
    random_seed: int,
) -> dict[str, Any]:
    """
    Sample the network, and say what is expected of a run of a new level.

    Returns
    -------
    dict
        intercept, effect, variance (of a new level; of the Student-t) and sampled, the tree.

    Raises
    ------
    DataError
        If cells are missing or censored, or priors were given: those have an exact road.
    """
    if not data.complete:
        raise DataError(
            "Effects of groups and robust scatter need a complete table, but cells are missing or "
            "censored. Drop those rows, or leave group= and robust= out."
        )
    if network.priors:
        raise DataError(
            "Effects of groups and robust scatter do not take mechanistic priors. Leave group= and "
            "robust= out, or fit a network without add_mechanistic_prior."
        )
    model = build_network_model(network, data.scores, group=group, robust=robust)
    tree = sample(model, draws=draws, tune=tune, chains=chains, random_seed=random_seed)
    posterior = tree["posterior"].to_dataset()

    def flat(name: str) -> np.ndarray:
        values: xr.DataArray = posterior[name]
        return values.to_numpy().reshape(chains * draws, -1)

    variance = flat("scatter") ** 2
    if robust:
        freedom = flat("degrees_of_freedom")
        variance = variance * freedom / (freedom - 2.0)
    if group is not None:
        variance = variance + flat("group_sd") ** 2
    effect = flat("effect") if "effect" in posterior else np.empty((chains * draws, 0))
    return {
        "intercept": flat("intercept"),
        "effect": effect,
        "variance": variance,
        "sampled": tree,
    }
