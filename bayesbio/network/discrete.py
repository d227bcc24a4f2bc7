"""Discretised network: exact inference by variable elimination, with its discretisation error."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import ndtr

from bayesbio.errors import ModelError
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.queries.conditioning import solve

LARGEST_TABLE = 1_000_000  # cells of one conditional probability table
LARGEST_STEP = 2**24  # cells of the largest product on the way to an answer: 128 MB
MOST_WORK = 1e10  # multiplications
MOST_DRAWS = 500
SMALLEST_SCATTER = 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class DiscreteNetwork:
    """
    A fitted network with discretised nodes.

    Made by `NetworkPosterior.to_discrete`. Diagnostic queries, from effects back to causes, in one
    table of low, middle and high; every answer comes with its distance from the continuous network.

    Parameters
    ----------
    posterior : NetworkDraws
        Where the tables come from.
    model : pgmpy.models.DiscreteBayesianNetwork
        Tables of the posterior predictive distribution.
    cuts : mapping of str to array [unit of the node]
        Where neighbouring bins meet.
    """

    posterior: NetworkDraws
    model: Any
    cuts: Mapping[str, np.ndarray]

    def labels(self, name: str) -> list[str]:
        """Names of the bins of a node, lowest first."""
        self.posterior.network.node(name)
        return _labels(self.cuts[name])

    def bin_of(self, name: str, value: float) -> str:
        """Name the bin that a value [unit] of a node falls into."""
        return self.labels(name)[int(np.searchsorted(self.cuts[name], value, side="right"))]

    def query(self, name: str, *, observations: Mapping[str, float] | None = None) -> xr.Dataset:
        """
        Probability of every bin of a node, given values of others.

        Parameters
        ----------
        name : str
            Node asked for.
        observations : mapping of str to float, optional [unit of the node]
            Observed values. The discrete network uses only the bins they fall into.

        Returns
        -------
        Dataset with dim bin
            `probability` by variable elimination, `continuous`, the same from the continuous
            network given the values themselves, and `difference`, their distance [1]; the largest
            is ``attrs["largest_difference"]``.

        Raises
        ------
        ModelError
            If a node is unknown, asked for and given, or the tables on the way would be too large.

        Notes
        -----
        Zhang and Poole (1996), doi:10.1613/jair.305; the order of elimination is the greedy one.
        """
        known = dict(observations or {})
        for other in (name, *known):
            self.posterior.network.node(other)
        if name in known:
            raise ModelError(f"{name!r} is asked for and given; leave it out of the observations.")
        for other, value in known.items():
            if not np.isfinite(value):
                raise ModelError(
                    f"The observation of {other!r} is {value}; leave out what is not known."
                )
        self._check_size(name, known)
        states = {other: self.bin_of(other, value) for other, value in known.items()}
        factor = _variable_elimination(self.model).query(
            [name], evidence=states, elimination_order="greedy", show_progress=False
        )
        probability = np.asarray(factor.values, dtype=float)
        continuous = self._continuous(name, known)
        difference = np.abs(probability - continuous)
        return xr.Dataset(
            {
                "probability": ("bin", probability),
                "continuous": ("bin", continuous),
                "difference": ("bin", difference),
            },
            coords={"bin": self.labels(name)},
            attrs={"node": name, "largest_difference": float(difference.max())},
        )

    def _continuous(self, name: str, known: Mapping[str, float]) -> np.ndarray:
        """Bin probabilities of the continuous network, the mean over draws."""
        posterior = self.posterior.thinned(MOST_DRAWS)
        means, covariances = posterior.moments([name, *known], standardised=True)
        mean, variance = means[:, 0], covariances[:, 0, 0]
        if known:
            observed = np.array(
                [float(posterior.standardise(other, known[other])) for other in known]
            )
            across = covariances[:, 0, 1:]
            gain = solve(covariances[:, 1:, 1:], across[:, :, None])[:, :, 0]
            mean = mean + np.sum(gain * (observed - means[:, 1:]), axis=1)
            variance = variance - np.sum(gain * across, axis=1)
        scatter = np.sqrt(np.maximum(variance, SMALLEST_SCATTER**2))
        return _bin_probabilities(posterior.standardise(name, self.cuts[name]), mean, scatter).mean(
            0
        )

    def _check_size(self, name: str, known: Mapping[str, float]) -> None:
        """Refuse a question whose tables would not fit, before asking it."""
        # What pgmpy's greedy order runs; pgmpy brings it along.
        from opt_einsum import contract_path  # type: ignore[import-untyped]

        network = self.posterior.network
        relevant = {name, *known, *network.ancestors(name, *known)}
        number = {other: k for k, other in enumerate(network.order)}
        bins = {other: len(self.cuts[other]) + 1 for other in network.order}
        asked: list[Any] = []
        for other in network.order:
            scope = [m for m in (other, *network.parents(other)) if m not in known]
            if other in relevant and scope:
                shape = tuple(bins[m] for m in scope)
                asked += [np.broadcast_to(0.0, shape), [number[m] for m in scope]]  # no memory
        _, plan = contract_path(*asked, [number[name]], optimize="greedy")
        if plan.largest_intermediate > LARGEST_STEP or plan.opt_cost > MOST_WORK:
            raise ModelError(
                f"Asking for {name!r} needs a table of {float(plan.largest_intermediate):.1e} "
                f"cells and {float(plan.opt_cost):.1e} multiplications; at most {LARGEST_STEP:.1e} "
                f"and {MOST_WORK:.0e} are done: the network is too densely linked (its treewidth "
                "is too large) for exact discrete inference. Use fewer bins, observe what "
                "separates the network, or ask the continuous network (predict), which has no "
                "such limit."
            )


def discretise(
    posterior: NetworkDraws,
    *,
    bins: int | Mapping[str, Sequence[float]] = 3,
    samples: int = 50_000,
    random_seed: int = 0,
) -> DiscreteNetwork:
    """
    Cut the nodes of a fitted network into bins, with tables of the posterior predictive.

    Parameters
    ----------
    posterior : NetworkDraws
    bins : int, or mapping of str to sequence of float [unit of the node]
        How many equally likely bins each node gets (limits of its specification become cuts too);
        or where to cut, for the nodes named, the others getting three bins.
    samples : int
        Joint draws from the posterior predictive behind the tables.
    random_seed : int
        Seed of these draws.

    Returns
    -------
    DiscreteNetwork

    Raises
    ------
    ModelError
        If a cut or the number of bins cannot be used, or a node has so many parents that its table
        would be too large.

    Notes
    -----
    A row of a table is the mean, over joint predictive draws whose parents fall into the row's
    bins, of the child's exact bin probabilities. Rows that no draw reaches are computed with every
    parent at the mean of its bin.

    Examples
    --------
    >>> from bayesbio.network.graph.structure import ProcessGraph
    >>> known = NetworkDraws.from_parameters(
    ...     ProcessGraph(["feed", "titer"], [("feed", "titer")]),
    ...     intercept={"feed": 5.0, "titer": 1.0}, coefficients={("feed", "titer"): 0.4},
    ...     variance={"feed": 1.0, "titer": 0.01})
    >>> discrete = discretise(known, bins={"feed": [5.0], "titer": [3.0]})
    >>> discrete.query("feed", observations={"titer": 3.8})["probability"].values.round(1)
    array([0.1, 0.9])
    """
    if samples < 1000:
        raise ModelError(f"samples is {samples}; tables need at least 1000, better 50000.")
    network = posterior.network
    thin = posterior.thinned(MOST_DRAWS)
    rng = np.random.default_rng(random_seed)
    rows = math.ceil(samples / thin.draws)
    noise = rng.standard_normal((len(network), thin.draws, rows))
    noise *= np.sqrt(thin.variance.T)[:, :, None]
    scores = thin.graph_index.forward(thin.effects_by_edge, noise + thin.intercept.T[:, :, None])
    cuts = _cuts(posterior, scores, bins)
    _check_tables(posterior, cuts)
    edges = [thin.standardise(name, cuts[name]) for name in posterior.names]
    member = [
        np.searchsorted(edge, values.ravel(), side="right")
        for edge, values in zip(edges, scores, strict=True)
    ]
    return DiscreteNetwork(posterior, _tables(thin, cuts, edges, scores, member), cuts)


def _variable_elimination(model: Any) -> Any:
    """Open pgmpy's exact inference on a discrete network."""
    with warnings.catch_warnings():
        # pgmpy 1.1 imports a module of its own that it has deprecated; nothing here uses it.
        warnings.filterwarnings("ignore", "`pgmpy.estimators.StructureScore`", FutureWarning)
        from pgmpy.inference import VariableElimination
    return VariableElimination(model)


def _tables(
    thin: NetworkDraws,
    cuts: Mapping[str, np.ndarray],
    edges: list[np.ndarray],
    scores: np.ndarray,
    member: list[np.ndarray],
) -> Any:
    """Fill the conditional probability tables of a pgmpy network."""
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    model = DiscreteBayesianNetwork()
    model.add_nodes_from(thin.names)
    model.add_edges_from(thin.edges)
    labels = {name: _labels(cuts[name]) for name in thin.names}
    for k, name in enumerate(thin.names):
        parents, numbers = thin.graph_index.parents[k], thin.graph_index.edges[k]
        sizes = tuple(len(edges[p]) + 1 for p in parents)
        effects = thin.effects_by_edge[numbers]  # (parents, draws)
        scatter = np.maximum(np.sqrt(thin.variance[:, k]), SMALLEST_SCATTER)
        mean = thin.intercept[:, k, None] + np.einsum("ps,psr->sr", effects, scores[parents])
        chances = _bin_probabilities(edges[k], mean, scatter[:, None])
        chances = chances.reshape(-1, len(edges[k]) + 1)
        cell = (
            np.ravel_multi_index([member[p] for p in parents], sizes)
            if sizes
            else np.zeros(len(chances), dtype=int)
        )
        cells = math.prod(sizes)
        table = np.stack(
            [np.bincount(cell, weights=column, minlength=cells) for column in chances.T]
        )
        empty = np.flatnonzero(np.bincount(cell, minlength=cells) == 0)
        for block in np.array_split(empty, max(1, math.ceil(len(empty) / 1000))):
            if len(block):
                at = np.unravel_index(block, sizes)
                middles = np.stack(
                    [
                        _bin_means(scores[p].ravel(), member[p], edges[p])[index]
                        for p, index in zip(parents, at, strict=True)
                    ]
                )
                centre = thin.intercept[:, k, None] + effects.T @ middles
                table[:, block] = _bin_probabilities(edges[k], centre, scatter[:, None]).mean(0).T
        table /= table.sum(axis=0)
        names = [thin.names[p] for p in parents]
        model.add_cpds(
            TabularCPD(
                name,
                len(table),
                table,
                evidence=names or None,
                evidence_card=list(sizes) or None,
                state_names={other: labels[other] for other in (name, *names)},
            )
        )
    return model


def _bin_probabilities(cuts: np.ndarray, mean: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    """Probability of each bin of a normal variable; bins on the last axis."""
    below = ndtr((cuts - mean[..., None]) / scatter[..., None])
    ends = np.zeros((*below.shape[:-1], 1))
    return np.diff(np.concatenate([ends, below, ends + 1.0], axis=-1), axis=-1)


def _bin_means(values: np.ndarray, member: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Mean of the draws in each bin; where there is none, the nearest cut or the middle of two."""
    bins = len(cuts) + 1
    counts = np.bincount(member, minlength=bins)
    sums = np.bincount(member, weights=values, minlength=bins)
    low, high = np.concatenate([cuts[:1], cuts]), np.concatenate([cuts, cuts[-1:]])
    return np.where(counts > 0, sums / np.maximum(counts, 1), (low + high) / 2.0)


def _cuts(
    posterior: NetworkDraws,
    scores: np.ndarray,
    bins: int | Mapping[str, Sequence[float]],
) -> dict[str, np.ndarray]:
    """Where to cut every node, in its own unit."""
    given: Mapping[str, Sequence[float]] = bins if isinstance(bins, Mapping) else {}
    count = 3 if isinstance(bins, Mapping) else bins
    if not isinstance(count, int) or count < 2:
        raise ModelError(
            f"bins is {bins!r}; give a whole number of 2 or more, or a mapping from nodes to cuts."
        )
    for name in given:
        posterior.network.node(name)
    cuts = {}
    for k, name in enumerate(posterior.names):
        if name in given:
            stated = np.asarray(given[name], dtype=float)
            if stated.ndim != 1 or not len(stated) or not np.all(np.isfinite(stated)):
                raise ModelError(
                    f"The cuts of {name!r} are {given[name]!r}; give at least one finite number."
                )
            if np.any(np.diff(stated) <= 0.0):
                raise ModelError(f"The cuts of {name!r}, {given[name]!r}, do not rise.")
            cuts[name] = stated
            continue
        inner = np.quantile(scores[k], np.arange(1, count) / count)
        edges = np.unique(posterior.to_unit(name, inner))
        specification = posterior.network[name].specification
        if specification is not None:
            low, high = specification.lower, specification.upper
            limits = [limit for limit in (low, high) if limit is not None]
            edges = np.unique(np.concatenate([edges, limits]))
        cuts[name] = edges
    return cuts


def _check_tables(posterior: NetworkDraws, cuts: Mapping[str, np.ndarray]) -> None:
    """Refuse tables that would not fit."""
    for name in posterior.names:
        family = (name, *posterior.network.parents(name))
        cells = math.prod(len(cuts[other]) + 1 for other in family)
        if cells > LARGEST_TABLE:
            raise ModelError(
                f"The table of {name!r} and its {len(family) - 1} parents would have "
                f"{float(cells):.1e} cells; at most {LARGEST_TABLE:.0e} are made, for exact "
                "discrete inference would not end. Use fewer bins, drop weak parents, or ask the "
                "continuous network (predict), which has no such limit."
            )


def _labels(cuts: np.ndarray) -> list[str]:
    """Name bins by their cuts, with as many digits as distinguish them."""
    for digits in (4, 6, 9, 12, 17):
        labels = [f"{cut:.{digits}g}" for cut in cuts]
        if len(set(labels)) == len(labels):
            break
    between = [f"{low} to {high}" for low, high in zip(labels[:-1], labels[1:], strict=True)]
    return [f"below {labels[0]}", *between, f"above {labels[-1]}"]
