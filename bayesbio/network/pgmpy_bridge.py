"""The graph and the posterior-mean network in pgmpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesbio.network.draws import NetworkDraws
from bayesbio.network.graph.structure import ProcessGraph


def to_graph(network: ProcessGraph) -> Any:
    """
    Graph of a network as a pgmpy DAG.

    Parameters
    ----------
    network : ProcessNetwork

    Returns
    -------
    pgmpy.base.DAG

    Examples
    --------
    >>> graph = to_graph(ProcessGraph(["feed", "titer"], [("feed", "titer")]))
    >>> list(graph.edges())
    [('feed', 'titer')]
    """
    from pgmpy.base import DAG

    graph = DAG()
    graph.add_nodes_from(network.order)
    graph.add_edges_from(network.edges)
    return graph


def to_linear_gaussian(posterior: NetworkDraws) -> Any:
    """
    Posterior-mean network as a pgmpy LinearGaussianBayesianNetwork.

    Nodes are standardised, z = (x - centre) / spread after the link of each node, because pgmpy
    rounds joint means and covariances to eight decimals; `posterior.standardise` takes values
    there, `posterior.to_unit` back.

    Parameters
    ----------
    posterior : NetworkDraws

    Returns
    -------
    pgmpy.models.LinearGaussianBayesianNetwork

    Notes
    -----
    Ankan and Textor (2024), pgmpy, https://jmlr.org/papers/v25/23-0487.html

    Examples
    --------
    >>> known = NetworkDraws.from_parameters(
    ...     ProcessGraph(["feed", "titer"], [("feed", "titer")]),
    ...     intercept={"feed": 5.0, "titer": 1.0}, coefficients={("feed", "titer"): 0.4},
    ...     variance={"feed": 1.0, "titer": 0.09})
    >>> to_linear_gaussian(known).to_joint_gaussian()[1]
    array([[1. , 0.8],
           [0.8, 1. ]])
    """
    from pgmpy.factors.continuous import LinearGaussianCPD
    from pgmpy.models import LinearGaussianBayesianNetwork

    model = LinearGaussianBayesianNetwork()
    model.add_nodes_from(posterior.names)
    model.add_edges_from(posterior.edges)
    intercept, variance = posterior.intercept.mean(axis=0), posterior.variance.mean(axis=0)
    effect = dict(zip(posterior.edges, posterior.effect.mean(axis=0), strict=True))
    for k, name in enumerate(posterior.names):
        parents = list(posterior.network.parents(name))
        weights = [intercept[k], *(effect[parent, name] for parent in parents)]
        model.add_cpds(LinearGaussianCPD(name, weights, float(np.sqrt(variance[k])), parents))
    return model
