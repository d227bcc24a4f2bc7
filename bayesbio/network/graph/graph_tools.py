"""The network in pgmpy: its graph, what separates what, what to adjust for, its mean network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesbio.errors import ModelError
from bayesbio.network.graph.structure import ProcessNetwork

if TYPE_CHECKING:
    from bayesbio.network.posterior import NetworkPosterior


def to_graph(network: ProcessNetwork) -> Any:
    """
    Give the graph of a network as a pgmpy DAG.

    Parameters
    ----------
    network : ProcessNetwork

    Returns
    -------
    pgmpy.base.DAG

    Examples
    --------
    >>> graph = to_graph(ProcessNetwork(["feed", "titer"], [("feed", "titer")]))
    >>> list(graph.edges())
    [('feed', 'titer')]
    """
    from pgmpy.base import DAG

    graph = DAG()
    graph.add_nodes_from(network.order)
    graph.add_edges_from(network.edges)
    return graph


def to_linear_gaussian(posterior: NetworkPosterior) -> Any:
    """
    Give the posterior-mean network as a pgmpy LinearGaussianBayesianNetwork.

    Nodes are standardised, z = (x - centre) / spread on the scale of each node, because pgmpy
    rounds joint means and covariances to eight decimals; bring evidence with `posterior.scores` and
    answers back with `posterior.values`.

    Parameters
    ----------
    posterior : NetworkPosterior

    Returns
    -------
    pgmpy.models.LinearGaussianBayesianNetwork

    Notes
    -----
    Ankan and Textor (2024), pgmpy, https://jmlr.org/papers/v25/23-0487.html

    Examples
    --------
    >>> from bayesbio.network.posterior import NetworkPosterior
    >>> known = NetworkPosterior.from_parameters(
    ...     ProcessNetwork(["feed", "titer"], [("feed", "titer")]),
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
    for place, name in enumerate(posterior.names):
        parents = list(posterior.network.parents(name))
        weights = [intercept[place], *(effect[parent, name] for parent in parents)]
        model.add_cpds(LinearGaussianCPD(name, weights, float(np.sqrt(variance[place])), parents))
    return model


def separated(
    network: ProcessNetwork, first: str, second: str, *, given: Iterable[str] = ()
) -> bool:
    """
    Tell whether two nodes are independent in every network of this shape, given others (d-sep).

    Parameters
    ----------
    network : ProcessNetwork
    first, second : str
        Two nodes.
    given : sequence of str
        Nodes whose values are known.

    Returns
    -------
    bool

    Raises
    ------
    ModelError
        If a node is unknown, or one of the two is among the known ones.

    Notes
    -----
    Geiger, Verma and Pearl (1990), doi:10.1002/net.3230200504

    Examples
    --------
    >>> chain = ProcessNetwork(["a", "b", "c"], [("a", "b"), ("b", "c")])
    >>> separated(chain, "a", "c"), separated(chain, "a", "c", given=["b"])
    (False, True)
    """
    known = [given] if isinstance(given, str) else list(given)
    for name in (first, second, *known):
        network.node(name)
    if first == second or first in known or second in known:
        raise ModelError(
            f"Whether {first!r} and {second!r} are separated given {known} is no question: give "
            "two different nodes, and neither of them as known."
        )
    return not to_graph(network).is_dconnected(first, second, observed=known)


def adjustment_set(
    network: ProcessNetwork, cause: str, effect: str, *, measured: Iterable[str] | None = None
) -> tuple[str, ...]:
    """
    Find what to hold constant so that regressing effect on cause gives the causal effect.

    Parameters
    ----------
    network : ProcessNetwork
    cause, effect : str
        The node that is set, and the node that is judged.
    measured : sequence of str, optional
        Nodes that may be adjusted for; all by default.

    Returns
    -------
    tuple of str
        A set from which nothing can be left out, in topological order; empty where nothing
        confounds. Where there is a choice, nodes close to the effect stay out.

    Raises
    ------
    ModelError
        If a node is unknown, the cause is not upstream of the effect, or what was measured is not
        enough (the open path's ends are named).

    Notes
    -----
    Separates cause and effect in the proper back-door graph: van der Zander, Liskiewicz and Textor
    (2014), doi:10.1016/j.artint.2018.12.006. Descendants of mediators are never used. The work
    grows with nodes times edges; no path is listed, so large networks take no longer than that.

    Examples
    --------
    >>> network = ProcessNetwork(
    ...     ["lot", "feed", "titer"], [("lot", "feed"), ("lot", "titer"), ("feed", "titer")])
    >>> adjustment_set(network, "feed", "titer")
    ('lot',)
    """
    downstream = network.descendants(cause)
    upstream = network.ancestors(effect)
    if effect not in downstream:
        raise ModelError(
            f"{cause!r} is not upstream of {effect!r}, so it has no effect on it to find; "
            f"downstream of it are {', '.join(downstream) or 'no nodes'}."
        )
    through = {name for name in downstream if name in upstream} | {effect}
    forbidden = through | set(network.descendants(*through)) | {cause}
    allowed = set(network.names) if measured is None else set(measured)
    for name in allowed:
        network.node(name)
    relevant = set(network.ancestors(cause, effect))
    candidates = [name for name in network.order if name in (relevant & allowed) - forbidden]
    graph = to_graph(network)
    graph.remove_edges_from([(cause, name) for name in network.children(cause) if name in through])
    # Only what is upstream of cause, effect or an adjusted node can connect them.
    graph.remove_nodes_from(set(network.names) - relevant - {cause, effect})
    if graph.is_dconnected(cause, effect, observed=candidates):
        confounders = [name for name in network.parents(cause) if name not in allowed]
        named = f" Not measured upstream of {cause!r}: {', '.join(confounders)}." * bool(
            confounders
        )
        raise ModelError(
            f"No set of measured nodes ({', '.join(candidates) or 'none'}) closes every back door "
            f"from {cause!r} to {effect!r}.{named} Measure more, or randomise {cause!r}."
        )
    for name in reversed(list(candidates)):
        fewer = [other for other in candidates if other != name]
        if not graph.is_dconnected(cause, effect, observed=fewer):
            candidates = fewer
    return tuple(candidates)
