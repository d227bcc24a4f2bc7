"""Causal graph theory: d-separation and minimal adjustment sets (back-door criterion)."""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx

from bayesbio.errors import ModelError
from bayesbio.network.graph.structure import ProcessGraph


def separated(network: ProcessGraph, first: str, second: str, *, given: Iterable[str] = ()) -> bool:
    """
    D-separation: whether the graph implies that two nodes are independent given others.

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
    >>> chain = ProcessGraph(["a", "b", "c"], [("a", "b"), ("b", "c")])
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
    return bool(nx.is_d_separator(network.graph, first, second, set(known)))


def adjustment_set(
    network: ProcessGraph, cause: str, effect: str, *, measured: Iterable[str] | None = None
) -> tuple[str, ...]:
    """
    Find an adjustment set: covariates whose regression gives the causal effect (back-door).

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
        A set from which nothing can be left out, in topological order; empty without confounding.

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
    >>> network = ProcessGraph(
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
    candidates = {name for name in network.ancestors(cause, effect) if name in allowed} - forbidden
    back_door = network.graph.copy()
    back_door.remove_edges_from([(cause, n) for n in network.children(cause) if n in through])
    separator = nx.find_minimal_d_separator(back_door, cause, effect, restricted=candidates)
    if separator is None:
        unmeasured = [name for name in network.parents(cause) if name not in allowed]
        named = (
            f" Not measured upstream of {cause!r}: {', '.join(unmeasured)}." if unmeasured else ""
        )
        raise ModelError(
            f"No set of measured nodes ({', '.join(sorted(candidates)) or 'none'}) closes every "
            f"back door from {cause!r} to {effect!r}.{named} Measure more, or randomise {cause!r}."
        )
    return tuple(name for name in network.order if name in separator)
