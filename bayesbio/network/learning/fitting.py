"""Posterior of a network from a table of runs: conjugate, by data augmentation, or by NUTS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.table import Table
from bayesbio.errors import ModelError
from bayesbio.inference.mcmc.sampling import sample
from bayesbio.inference.parallel.progress import Progress, progress_reporter
from bayesbio.inference.parallel.threads import thread_policy
from bayesbio.network.graph.structure import ProcessGraph
from bayesbio.network.learning.conjugate import NormalInverseGamma, PriorMixture
from bayesbio.network.learning.gibbs import augment
from bayesbio.network.learning.mcmc import build_network_model, predictive_parameters
from bayesbio.network.learning.standardising import (
    Standardised,
    data_warnings,
    group_codes,
    node_priors,
    standardise,
)
from bayesbio.network.posterior import NetworkPosterior

Priors = Mapping[str, list[NormalInverseGamma]]


@thread_policy()
def fit_network(
    network: ProcessGraph,
    data: Table | pd.DataFrame,
    *,
    draws: int = 1000,
    chains: int = 4,
    tune: int = 500,
    group: str | None = None,
    robust: bool = False,
    random_seed: int = 0,
    cores: int | None = None,
    progress: Callable[[Progress], None] | bool | None = None,
) -> NetworkPosterior:
    """
    Fit intercepts, effects and residual variances of every node.

    Complete tables have an exact posterior, and draws are independent. Missing and censored cells
    are drawn along with the parameters (Gibbs). Group effects and robust residuals take NUTS.

    Parameters
    ----------
    network : ProcessNetwork
    data : Table or DataFrame
        One row per run, one column per node, in the units of the nodes. Flags "below", "above" and
        "between" of a Table mark censored cells; "excluded" ones count as missing.
    draws, chains, tune : int
        Draws are per chain; tune only where chains are sampled.
    group : str, optional
        A column, such as site or batch of medium: intercepts vary between its levels. Predictions
        are of a new level.
    robust : bool
        Student-t residuals, so that outliers weigh less; predictions have the same tails.
    random_seed : int
    cores, progress : optional
        Where chains are sampled: how many at a time (NUTS), and a progress bar or callback.

    Returns
    -------
    NetworkPosterior

    Raises
    ------
    DataError
        A node without data, a column that does not vary, fewer rows than a node has unknowns,
        values outside the domain of the link or in another unit.
    ModelError
        No draws or chains asked for; priors of other parents.

    Notes
    -----
    Geiger and Heckerman (1994), Learning Gaussian networks, doi:10.1016/B978-1-55860-332-5.50035-3;
    data augmentation: Tanner and Wong (1987), doi:10.1080/01621459.1987.10478458.

    Examples
    --------
    >>> network = ProcessGraph(["feed", "titer"], [("feed", "titer")])
    >>> frame = pd.DataFrame({"feed": [1.0, 2.0, 3.0, 4.0], "titer": [1.1, 1.9, 3.2, 3.8]})
    >>> fit_network(network, frame, random_seed=1).check().passed
    True
    """
    for what, count in (("draws", draws), ("chains", chains)):
        if count < 1:
            raise ModelError(f"{what} is {count}; give at least 1.")
    table = Table.of(data)
    standardised = standardise(network, table)
    priors = node_priors(network, standardised)
    rng = np.random.default_rng(random_seed)
    known: dict[str, Any] = dict(
        centre=standardised.centre,
        spread=standardised.spread,
        observed_range=standardised.observed_range,
        rows=np.isfinite(standardised.values).sum(axis=0).astype(float),
        chains=chains,
        data=table,
        options=dict(
            draws=draws, chains=chains, tune=tune, group=group, robust=robust,
            random_seed=random_seed,
        ),
        warnings=data_warnings(network, table, standardised, group=group),
    )  # fmt: skip
    if group is not None or robust:
        codes, levels = (None, []) if group is None else group_codes(table, group)
        model = build_network_model(
            network, standardised, priors, group=codes, levels=levels, robust=robust
        )
        tree = sample(
            model, draws=draws, tune=tune, chains=chains, random_seed=random_seed, cores=cores,
            progress=progress,
        )  # fmt: skip
        known |= dict(method="NUTS", sampled=tree, **predictive_parameters(tree))
    elif not standardised.complete:
        with progress_reporter(progress, counted="sweeps") as report:
            arrays = augment(
                network, standardised, priors, draws=draws, tune=tune, chains=chains, rng=rng,
                report=report,
            )  # fmt: skip
        known |= dict(
            method="augmentation",
            **dict(zip(("intercept", "effect", "variance"), arrays, strict=True)),
        )
    else:
        known |= dict(
            method="exact", **_conjugate(network, standardised, priors, draws * chains, rng)
        )
    return _with_distributions(NetworkPosterior(network, **known))


def _conjugate(
    network: ProcessGraph,
    data: Standardised,
    priors: Priors,
    count: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Independent draws of the exact posterior, and the log marginal likelihood of each node."""
    nodes, edges = len(network), len(network.edges)
    intercept, variance = np.empty((count, nodes)), np.empty((count, nodes))
    effect, log_evidence = np.empty((count, edges)), {}
    number = {edge: k for k, edge in enumerate(network.edges)}
    for k, name in enumerate(network.order):
        rows, values = data.design(network, name)
        mixture = PriorMixture.of(priors[name])
        drawn, variance[:, k] = mixture.draw(rows[None], values[None], rng, count=count)
        intercept[:, k] = drawn[:, 0]
        effect[:, [number[parent, name] for parent in network.parents(name)]] = drawn[:, 1:]
        evidence = mixture.log_evidence(rows, values)
        log_evidence[name] = evidence - len(values) * float(np.log(data.spread[k]))
    return dict(intercept=intercept, effect=effect, variance=variance, log_evidence=log_evidence)


def _with_distributions(posterior: NetworkPosterior) -> NetworkPosterior:
    """Let nodes with a stated distribution vary in future runs as stated."""
    stated = {
        node.name: node.distribution
        for node in posterior.network.nodes
        if node.distribution is not None
    }
    return posterior.with_residuals(stated) if stated else posterior
