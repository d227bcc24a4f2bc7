"""Effects of groups, and scatter with odd readings: one vectorised PyMC model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from bayesbio.errors import DataError
from bayesbio.inference.mcmc.sampling import sample
from bayesbio.network.graph.structure import ProcessNetwork
from bayesbio.network.learning.conjugate import NormalInverseGamma
from bayesbio.network.learning.standardising import Standardised


def build_network_model(
    network: ProcessNetwork,
    data: Standardised,
    beliefs: Mapping[str, NormalInverseGamma],
    *,
    group: np.ndarray | None,
    robust: bool,
) -> pm.Model:
    """
    Write every node's regression as one matrix equation.

    Parameters
    ----------
    network : ProcessNetwork
    data : Standardised
        Missing and censored cells are unknowns of the model.
    beliefs : mapping of node to NormalInverseGamma
        What is believed before data, as in the exact posterior.
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
    ``build_network_model(network, data, beliefs, group=None, robust=True)`` is sampled by
    `fit_network`.
    """
    place = {name: k for k, name in enumerate(network.order)}
    parents = np.array([place[parent] for parent, _ in network.edges], int)
    children = np.array([place[child] for _, child in network.edges], int)
    nodes, edges = len(place), len(parents)
    centre, factor = _prior_of_coefficients(network, beliefs)
    owner = np.concatenate([np.arange(nodes), children])
    coords: dict[str, Any] = {
        "node": list(network.order),
        "edge": [f"{parent} -> {child}" for parent, child in network.edges],
    }
    if group is not None:
        coords["level"] = np.arange(int(group.max()) + 1)
    gathered = np.zeros((edges, nodes))
    gathered[np.arange(edges), children] = 1.0
    with pm.Model(coords=coords) as model:
        variance = pm.InverseGamma(
            "variance",
            alpha=np.array([beliefs[name].shape for name in network.order]),
            beta=np.array([beliefs[name].rate for name in network.order]),
            dims="node",
        )
        scatter = pm.Deterministic("scatter", pm.math.sqrt(variance), dims="node")
        white = pm.Normal("white", 0.0, 1.0, shape=nodes + edges)
        coefficients = centre + scatter[owner] * pm.math.dot(factor, white)
        intercept = pm.Deterministic("intercept", coefficients[:nodes], dims="node")
        values = data.scores if data.complete else _completed(data)
        mean = intercept + np.zeros_like(data.scores)
        if edges:
            effect = pm.Deterministic("effect", coefficients[nodes:], dims="edge")
            mean = mean + pm.math.dot(values[:, parents] * effect, gathered)
        if group is not None:
            group_sd = pm.HalfNormal("group_sd", 0.5, dims="node")
            offset = pm.Normal("group_offset", 0.0, 1.0, dims=("level", "node"))
            mean = mean + (group_sd * offset)[group]
        readings = pm.Normal.dist(mean, scatter)
        if robust:
            beyond = pm.Gamma("degrees_above_2", 2.0, 0.1, dims="node")
            freedom = pm.Deterministic("degrees_of_freedom", 2.0 + beyond, dims="node")
            readings = pm.StudentT.dist(nu=freedom, mu=mean, sigma=scatter)
        pm.Potential("readings", pm.logp(readings, values).sum())
    return model


def _prior_of_coefficients(
    network: ProcessNetwork, beliefs: Mapping[str, NormalInverseGamma]
) -> tuple[np.ndarray, np.ndarray]:
    """Give centre and factor: intercepts, then effects, are centre + scatter * factor @ white."""
    nodes, size = len(network), len(network) + len(network.edges)
    number = {edge: nodes + k for k, edge in enumerate(network.edges)}
    centre, factor = np.zeros(size), np.zeros((size, size))
    for k, name in enumerate(network.order):
        own = np.array([k, *(number[parent, name] for parent in network.parents(name))])
        centre[own] = beliefs[name].mean
        root = np.linalg.cholesky(beliefs[name].precision)
        factor[np.ix_(own, own)] = np.linalg.inv(root).T
    return centre, factor


def _completed(data: Standardised) -> Any:
    """
    Give the table with its missing and censored cells as unknowns, each flat in its room.

    They start from normal distributions, which the potentials take away again: their density is
    that of the network alone.
    """
    cells = pt.as_tensor(np.where(data.read, data.scores, 0.0))
    missing = np.isnan(data.scores)
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


def sample_network(
    network: ProcessNetwork,
    data: Standardised,
    beliefs: Mapping[str, Sequence[NormalInverseGamma]],
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
        If a node's prior has several discounts.
    """
    several = [name for name, found in beliefs.items() if len(found) > 1]
    if several:
        raise DataError(
            f"The discount of the prior of {several[0]!r} cannot be estimated along with groups or "
            "robust scatter. Give add_mechanistic_prior one discount."
        )
    single = {name: found[0] for name, found in beliefs.items()}
    model = build_network_model(network, data, single, group=group, robust=robust)
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
