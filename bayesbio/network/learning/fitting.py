"""From a table of runs to the posterior of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.table import Table
from bayesbio.errors import DataError, ModelError
from bayesbio.network.graph.structure import ProcessNetwork
from bayesbio.network.learning.conjugate import (
    NormalInverseGamma,
    draw_mixture,
    mixture_weights,
)
from bayesbio.network.learning.gibbs import augment
from bayesbio.network.learning.standardising import (
    Standardised,
    column_of,
    hash_of,
    levels_of,
    noticed_of,
    standardise,
)
from bayesbio.network.posterior import NetworkPosterior


def fit_network(
    network: ProcessNetwork,
    table: Table | pd.DataFrame,
    *,
    draws: int = 1000,
    chains: int = 4,
    tune: int = 500,
    group: str | None = None,
    robust: bool = False,
    random_seed: int = 0,
) -> NetworkPosterior:
    """
    Learn intercepts, effects and scatter of every node.

    Complete tables have an exact posterior, and draws are independent. Missing and censored cells
    are drawn along with the parameters (Gibbs). Effects of groups and robust scatter are sampled.

    Parameters
    ----------
    network : ProcessNetwork
    table : Table or DataFrame
        One row per run, one column per node, in the units of the nodes. Flags "below", "above" and
        "between" of a Table mark censored cells; "excluded" ones count as missing.
    draws, chains, tune : int
        Draws are per chain; tune only where chains are sampled.
    group : str, optional
        A column, such as site or batch of medium: intercepts differ between its levels. What the
        posterior says is of a new level.
    robust : bool
        Student-t scatter, so that single odd readings weigh less. What the posterior says uses the
        variance of that t.
    random_seed : int

    Returns
    -------
    NetworkPosterior

    Raises
    ------
    DataError
        A node without data, a column that does not vary, fewer rows than a node has unknowns,
        values that do not fit the scale.

    Notes
    -----
    Geiger and Heckerman (1994), Learning Gaussian networks, doi:10.1016/B978-1-55860-332-5.50035-3;
    data augmentation: Tanner and Wong (1987), doi:10.1080/01621459.1987.10478458.

    Examples
    --------
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> frame = pd.DataFrame({"feed": [1.0, 2.0, 3.0, 4.0], "titer": [1.1, 1.9, 3.2, 3.8]})
    >>> network.fit(frame, random_seed=1).check().passed
    True
    """
    for what, count in (("draws", draws), ("chains", chains)):
        if count < 1:
            raise ModelError(f"{what} is {count}; give at least 1.")
    data = standardise(network, table)
    rng = np.random.default_rng(random_seed)
    shared: dict[str, Any] = dict(
        centre=data.centre,
        spread=data.spread,
        observed_range=data.observed_range,
        rows=np.isfinite(data.scores).sum(axis=0).astype(float),
        chains=chains,
        random_seed=random_seed,
        data_hash=hash_of(table),
        noticed=noticed_of(network, data),
    )
    beliefs = believed(network, data)
    if group is not None or robust:
        from bayesbio.network.learning.mcmc import sample_network

        fitted = sample_network(
            network,
            data,
            beliefs,
            group=None if group is None else levels_of(table, group),
            robust=robust,
            draws=draws,
            tune=tune,
            chains=chains,
            random_seed=random_seed,
        )
        return with_distributions(
            NetworkPosterior(network, method="sampled", **shared, **fitted), rng
        )
    count = draws * chains
    if not data.complete:
        parameters = augment(network, data, beliefs, draws=draws, tune=tune, chains=chains, rng=rng)
        fitted = dict(zip(("intercept", "effect", "variance"), parameters, strict=True))
        return with_distributions(
            NetworkPosterior(network, method="augmentation", **shared, **fitted), rng
        )
    nodes, edges = len(network), len(network.edges)
    intercept, variance = np.empty((count, nodes)), np.empty((count, nodes))
    effect, evidence = np.empty((count, edges)), {}
    number = {edge: k for k, edge in enumerate(network.edges)}
    for k, name in enumerate(network.order):
        rows, values = data.design(network, name)
        weights, together = mixture_weights(beliefs[name], rows, values)
        drawn, variance[:, k] = draw_mixture(beliefs[name], weights, rows, values, count, rng)
        intercept[:, k] = drawn[:, 0]
        effect[:, [number[parent, name] for parent in network.parents(name)]] = drawn[:, 1:]
        evidence[name] = together - len(values) * float(np.log(data.spread[k]))
    posterior = NetworkPosterior(
        network,
        intercept=intercept,
        effect=effect,
        variance=variance,
        log_evidence=evidence,
        method="exact",
        **shared,
    )
    return with_distributions(posterior, rng)


def edge_support(network: ProcessNetwork, table: Table | pd.DataFrame) -> pd.DataFrame:
    """
    Compare each edge's node with and without that parent, exactly.

    Parameters
    ----------
    network : ProcessNetwork
    table : Table or DataFrame
        Rows in which the node and all its parents were read count.

    Returns
    -------
    DataFrame
        Index parent, child; columns log_bayes_factor (positive speaks for the edge), probability
        (where both were equally likely before), rows.

    Raises
    ------
    DataError
        As `fit_network`.

    Notes
    -----
    Kass and Raftery (1995), doi:10.1080/01621459.1995.10476572: a log Bayes factor above 3 is
    strong.

    Examples
    --------
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> frame = pd.DataFrame({"feed": [1.0, 2.0, 3.0, 4.0], "titer": [1.1, 1.9, 3.2, 3.8]})
    >>> bool(edge_support(network, frame)["log_bayes_factor"].iloc[0] > 0.0)
    True
    """
    data = standardise(network, table)
    beliefs = believed(network, data)
    told = []
    for parent, child in network.edges:
        rows, values = data.design(network, child)
        _, full = mixture_weights(beliefs[child], rows, values)
        without = 1 + network.parents(child).index(parent)
        kept = np.delete(np.arange(rows.shape[1]), without)
        # Leaving an effect out is the same belief with that effect held at zero.
        _, less = mixture_weights(
            [_held(belief, kept) for belief in beliefs[child]], rows[:, kept], values
        )
        factor = full - less
        told.append((factor, 1.0 / (1.0 + np.exp(-np.clip(factor, -700, 700))), len(values)))
    index = pd.MultiIndex.from_tuples(network.edges, names=["parent", "child"])
    return pd.DataFrame(told, index=index, columns=["log_bayes_factor", "probability", "rows"])


def believed(network: ProcessNetwork, data: Standardised) -> dict[str, list[NormalInverseGamma]]:
    """Give the belief of each node before data: the weak default, or what a prior says."""
    place = {name: k for k, name in enumerate(network.order)}
    beliefs = {}
    for name in network.order:
        parents = network.parents(name)
        if name not in network.priors:
            beliefs[name] = [NormalInverseGamma.weak(len(parents))]
            continue
        prior = network.priors[name]
        if sorted(prior.parents) != sorted(parents):
            raise ModelError(
                f"The prior of {name!r} is of the parents {', '.join(prior.parents)}, but the "
                f"network has {', '.join(parents)}; make the prior anew after changing edges."
            )
        chosen = [place[name], *(place[parent] for parent in parents)]
        beliefs[name] = prior.candidates(parents, data.centre[chosen], data.spread[chosen])
    return beliefs


def with_distributions(posterior: NetworkPosterior, rng: np.random.Generator) -> NetworkPosterior:
    """Let nodes that state how they will vary in future runs do so."""
    intercept, variance = posterior.intercept.copy(), posterior.variance.copy()
    for k, name in enumerate(posterior.names):
        stated = posterior.network[name].distribution
        if stated is not None:
            intercept[:, k] = (stated[0] - posterior.centre[k]) / posterior.spread[k]
            variance[:, k] = (stated[1] / posterior.spread[k]) ** 2
    return posterior.replace(intercept=intercept, variance=variance)


def log_likelihood(posterior: NetworkPosterior, table: Table | pd.DataFrame) -> np.ndarray:
    """
    Give the log probability density of what was read in each row, what is missing integrated out.

    Parameters
    ----------
    posterior : NetworkPosterior
    table : Table or DataFrame
        Any cells may be missing; censored cells are refused.

    Returns
    -------
    array, shape (draws, rows)
        On the scales of the nodes.

    Raises
    ------
    DataError
        If a cell is censored.

    Notes
    -----
    Little and Rubin (2019), Statistical Analysis with Missing Data, doi:10.1002/9781119482260.

    Examples
    --------
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 0.0},
    ...     coefficients={("feed", "titer"): 1.0}, variance={"feed": 1.0, "titer": 1.0})
    >>> log_likelihood(known, pd.DataFrame({"feed": [np.nan], "titer": [0.0]}))  # N(0, 2) at 0
    array([[-1.265512]])
    """
    columns = [str(name) for name in (table.columns if isinstance(table, pd.DataFrame) else table)]
    cells = [column_of(posterior.network[n], table, columns, empty=True) for n in posterior.names]
    if any((~np.isnan(cell["lower"])).any() for cell in cells):
        raise DataError("A cell is censored; its density is not given. Mark it excluded.")
    values = np.column_stack([cell["values"] for cell in cells])
    scores = (values - posterior.centre) / posterior.spread
    total = np.zeros((posterior.draws, len(scores)))
    patterns, member = np.unique(np.isfinite(scores), axis=0, return_inverse=True)
    for number, read in enumerate(patterns):
        if not read.any():
            continue
        rows, places = np.flatnonzero(member.ravel() == number), np.flatnonzero(read)
        mean, covariance = posterior.moments(
            [posterior.names[k] for k in places], standardised=True
        )
        factor = np.linalg.cholesky(covariance)
        off = scores[np.ix_(rows, places)].T - mean[:, :, None]
        white = np.linalg.solve(factor, off)
        size = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
        scale = np.log(posterior.spread[places]).sum() + 0.5 * len(places) * np.log(2.0 * np.pi)
        total[:, rows] = -0.5 * (white**2).sum(axis=1) - (size + scale)[:, None]
    return total


def _held(belief: NormalInverseGamma, kept: np.ndarray) -> NormalInverseGamma:
    """Condition a belief on the effects not kept being zero, the variance's belief unchanged."""
    block = belief.precision[np.ix_(kept, kept)]
    left = np.setdiff1d(np.arange(len(belief.mean)), kept)
    cross = belief.precision[np.ix_(kept, left)]
    mean = belief.mean[kept] + np.linalg.solve(block, cross @ belief.mean[left])
    return NormalInverseGamma(mean, block, belief.shape, belief.rate)
