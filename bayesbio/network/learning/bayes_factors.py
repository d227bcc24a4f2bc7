"""Bayes factors of edges: each node with and without one parent, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from bayesbio.data.table import Table
from bayesbio.network.graph.structure import ProcessGraph
from bayesbio.network.learning.conjugate import NormalInverseGamma, PriorMixture
from bayesbio.network.learning.standardising import node_priors, standardise


def edge_support(network: ProcessGraph, table: Any) -> pd.DataFrame:
    """
    Bayes factor of each edge: its child with and without that parent.

    Parameters
    ----------
    network : ProcessNetwork
    table : Table or DataFrame
        Rows in which the node and all its parents are quantified count.

    Returns
    -------
    DataFrame
        Index parent, child; columns log_bayes_factor (positive supports the edge), probability
        (of the edge, at prior odds of one), rows.

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
    >>> network = ProcessGraph(["feed", "titer"], [("feed", "titer")])
    >>> frame = pd.DataFrame({"feed": [1.0, 2.0, 3.0, 4.0], "titer": [1.1, 1.9, 3.2, 3.8]})
    >>> bool(edge_support(network, frame)["log_bayes_factor"].iloc[0] > 0.0)
    True
    """
    data = standardise(network, Table.of(table))
    priors = node_priors(network, data)
    results = []
    for parent, child in network.edges:
        rows, values = data.design(network, child)
        retained = np.delete(np.arange(rows.shape[1]), 1 + network.parents(child).index(parent))
        # Without the edge, the prior is conditioned on that effect being zero.
        nested = PriorMixture.of([_with_effects(prior, retained) for prior in priors[child]])
        factor = PriorMixture.of(priors[child]).log_evidence(rows, values)
        factor -= nested.log_evidence(rows[:, retained], values)
        results.append((factor, float(expit(factor)), len(values)))
    index = pd.MultiIndex.from_tuples(network.edges, names=["parent", "child"])
    return pd.DataFrame(results, index=index, columns=["log_bayes_factor", "probability", "rows"])


def _with_effects(prior: NormalInverseGamma, retained: np.ndarray) -> NormalInverseGamma:
    """Condition a prior on the other effects being zero, the prior of the variance unchanged."""
    block = prior.precision[np.ix_(retained, retained)]
    others = np.setdiff1d(np.arange(len(prior.mean)), retained)
    cross = prior.precision[np.ix_(retained, others)]
    mean = prior.mean[retained] + np.linalg.solve(block, cross @ prior.mean[others])
    return NormalInverseGamma(mean, block, prior.shape, prior.rate)
