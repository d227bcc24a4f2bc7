"""Structure learning by hill climbing with bootstrap support, beside the edges drawn by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.table import Table
from bayesbio.errors import DataError, ModelError
from bayesbio.network.graph.structure import Edge, ProcessGraph
from bayesbio.network.learning.bayes_factors import edge_support
from bayesbio.network.learning.conjugate import PriorMixture, default_priors
from bayesbio.network.learning.standardising import standardise

STRONG = 3.0  # log Bayes factor


def challenge_structure(
    network: ProcessGraph,
    table: Any,
    *,
    resamples: int = 30,
    most_parents: int = 6,
    random_seed: int = 0,
) -> pd.DataFrame:
    """
    Structure search: compare the edges found in the data alone with those of the network.

    The search may not run against the tiers of the network (unit operations, time) nor into a
    CPP; within that, it is free. Few batches cannot give a structure: this is
    a question to the person who drew the network, not an answer.

    Parameters
    ----------
    network : ProcessNetwork
    table : Table or DataFrame
        One row per batch, one column per node; rows with a missing or censored cell are left out of
        the search.
    resamples : int
        Bootstrap resamples of the rows, each searched anew.
    most_parents : int
        Most parents of a node in the search.
    random_seed : int
        Seed of the resamples.

    Returns
    -------
    DataFrame
        Index parent, child: every edge of the network or found in any search. Columns in_network;
        found (in the search over all rows); bootstrap_support (share of resamples);
        log_bayes_factor (for the edge, beside the network's other parents of the child; NaN where
        it would close a cycle); verdict, one of "agreed", "doubtful" (in the network, but not in
        most searches, and the Bayes factor speaks against it), "consider" (not in the network, but
        in most searches, and with strong evidence) and "". ``attrs["caution"]`` says how much the
        rows can show.

    Raises
    ------
    DataError
        If fewer than five rows are complete, or as in `fit_network`.
    ModelError
        If resamples or most_parents is below one.

    Notes
    -----
    pgmpy's HillClimbSearch with ExpertKnowledge on the exact marginal likelihood of every node
    (Geiger and Heckerman 1994, doi:10.1016/B978-1-55860-332-5.50035-3); support by the bootstrap of
    Friedman, Goldszmidt and Wyner (1999), arXiv:1301.6695, which repeats rows and so counts some
    edges too often: read it beside the Bayes factor.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> feed, lot = rng.standard_normal((2, 30))
    >>> frame = pd.DataFrame(
    ...     {"feed": feed, "lot": lot, "titer": feed + 0.3 * rng.standard_normal(30)})
    >>> from bayesbio.network.graph.nodes import Node
    >>> network = ProcessGraph(
    ...     [Node("feed", role="CPP"), Node("lot", role="CPP"), Node("titer", role="CQA")],
    ...     [("lot", "titer")])
    >>> table = challenge_structure(network, frame, resamples=5)
    >>> table["verdict"].to_dict()
    {('lot', 'titer'): 'doubtful', ('feed', 'titer'): 'consider'}
    """
    for what, value in (("resamples", resamples), ("most_parents", most_parents)):
        if value < 1:
            raise ModelError(f"{what} is {value}; give at least 1.")
    data = standardise(network, Table.of(table))
    complete = data.quantified.all(axis=1)
    rows = pd.DataFrame(data.values[complete], columns=list(network.order))
    if len(rows) < 5:
        raise DataError(
            f"{len(rows)} of {len(complete)} rows have every node quantified; a search needs "
            "at least 5, better 30. Drop nodes that are seldom measured."
        )
    forbidden = _against_the_tiers(network)
    rng = np.random.default_rng(random_seed)
    searched = set(_search(rows, forbidden, most_parents))
    counts: dict[Edge, int] = {}
    for _ in range(resamples):
        again = rows.iloc[rng.integers(len(rows), size=len(rows))].reset_index(drop=True)
        for edge in _search(again, forbidden, most_parents):
            counts[edge] = counts.get(edge, 0) + 1
    drawn = edge_support(network, table)["log_bayes_factor"].to_dict()
    edges = list(dict.fromkeys([*network.edges, *sorted({*searched, *counts})]))
    results = []
    for edge in edges:
        inside = edge in drawn
        support = counts.get(edge, 0) / resamples
        factor = float(drawn[edge]) if inside else _proposal(rows, network, edge)
        results.append(
            (inside, edge in searched, support, factor, _verdict(inside, support, factor))
        )
    frame = pd.DataFrame(
        results,
        index=pd.MultiIndex.from_tuples(edges, names=["parent", "child"]),
        columns=["in_network", "found", "bootstrap_support", "log_bayes_factor", "verdict"],
    )
    frame.attrs["caution"] = _caution(len(rows), len(complete), network)
    return frame


def _against_the_tiers(network: ProcessGraph) -> set[Edge]:
    """Edges that the search may not draw: back to an earlier tier, or into a CPP."""
    tier = {name: k for k, names in enumerate(network.tiers) for name in names}
    # An edge drawn by hand across untimed nodes may run against the tiers, and stays allowed.
    return {
        (first, second)
        for first in network.order
        for second in network.order
        if first != second
        and (tier[first] > tier[second] or network[second].role == "CPP")
        and (first, second) not in network.edges
    }


def _search(rows: pd.DataFrame, forbidden: set[Edge], most_parents: int) -> list[Edge]:
    """Hill climbing from the empty graph."""
    # Lazy: pgmpy takes seconds to import.
    from pgmpy.causal_discovery import ExpertKnowledge, HillClimbSearch

    from bayesbio.network.learning.structure_score import MarginalLikelihoodScore

    search = HillClimbSearch(
        scoring_method=MarginalLikelihoodScore(rows),
        expert_knowledge=ExpertKnowledge(forbidden_edges=set(forbidden)),
        max_indegree=most_parents,
        return_type="dag",
        show_progress=False,
    )
    return [(str(first), str(second)) for first, second in search.fit(rows).causal_graph_.edges()]


def _proposal(rows: pd.DataFrame, network: ProcessGraph, edge: Edge) -> float:
    """Log Bayes factor for one more parent of a node of the network; NaN where it is a cycle."""
    parent, child = edge
    if parent in network.descendants(child):
        return float("nan")
    values = rows[child].to_numpy(float)
    parents = [*network.parents(child), parent]
    columns = [np.ones(len(values)), *(rows[name].to_numpy(float) for name in parents)]
    wide = np.column_stack(columns)
    more = PriorMixture.of(default_priors(len(parents))).log_evidence(wide, values)
    less = PriorMixture.of(default_priors(len(parents) - 1)).log_evidence(wide[:, :-1], values)
    return more - less


def _verdict(inside: bool, support: float, factor: float) -> str:
    """Suggest what to do about an edge, by bootstrap support and Bayes factor."""
    if inside and factor > 0.0:
        return "agreed"
    if inside:
        return "doubtful" if support < 0.5 else ""
    return "consider" if support > 0.5 and factor > STRONG else ""


def _caution(rows: int, given: int, network: ProcessGraph) -> str:
    """Sentence on how much so many rows can show."""
    lost = f" ({given - rows} rows with missing or censored cells were left out)" * (rows < given)
    weight = (
        "too few to find a structure; only strong single edges mean something"
        if rows < 5 * len(network)
        else "enough for strong edges; weak ones remain open"
    )
    return f"{rows} rows for {len(network)} nodes{lost}: {weight}."
