"""From a table of runs to the posterior of a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.campaign import Campaign
from bayesbio.data.table import Table, TableColumn
from bayesbio.errors import DataError, ModelError
from bayesbio.network.augmentation import augment
from bayesbio.network.conjugate import (
    NormalInverseGamma,
    draw_mixture,
    mixture_weights,
)
from bayesbio.network.posterior import NetworkPosterior
from bayesbio.network.structure import Node, ProcessNetwork

# A column whose values agree to this share of their size does not vary.
_CONSTANT = 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class Standardised:
    """
    A table in the order of a network, on standardised scales.

    Attributes
    ----------
    scores : array, shape (rows, nodes)
        NaN where missing; the limit where censored.
    below, above : boolean array, shape (rows, nodes)
        Whether the reading is below or above its value.
    centre, spread : array, shape (nodes,)
    observed_range : array, shape (2, nodes)
    """

    scores: np.ndarray
    below: np.ndarray
    above: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    observed_range: np.ndarray

    @property
    def complete(self) -> bool:
        """Whether every cell was read, within its limits."""
        return not (np.isnan(self.scores).any() or self.below.any() or self.above.any())

    def design(self, network: ProcessNetwork, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Give (1, parents) and the node where all of them were read."""
        place = {known: k for k, known in enumerate(network.order)}
        chosen = [place[parent] for parent in network.parents(name)]
        used = [place[name], *chosen]
        read = ~(np.isnan(self.scores) | self.below | self.above)[:, used].any(axis=1)
        rows = np.column_stack([np.ones(read.sum()), self.scores[np.ix_(read, chosen)]])
        return rows, self.scores[read, place[name]]


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
        One row per run, one column per node, in the units of the nodes. Flags "below" and "above"
        of a Table mark censored cells; "excluded" ones count as missing.
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
    >>> fit_network(network, frame, random_seed=1).check().passed
    True
    """
    data = standardise(network, table)
    rng = np.random.default_rng(random_seed)
    shared: dict[str, Any] = dict(
        centre=data.centre,
        spread=data.spread,
        observed_range=data.observed_range,
        rows=np.isfinite(data.scores).sum(axis=0).astype(float),
        chains=chains,
    )
    if group is not None or robust:
        from bayesbio.network.sampled import sample_network

        fitted = sample_network(
            network,
            data,
            group=None if group is None else _levels(table, group),
            robust=robust,
            draws=draws,
            tune=tune,
            chains=chains,
            random_seed=random_seed,
        )
        return with_distributions(
            NetworkPosterior(network, method="sampled", **shared, **fitted), rng
        )
    beliefs = believed(network, data)
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


def slice_campaign(campaign: Campaign, network: ProcessNetwork, *, tolerance: float = 1.0) -> Table:
    """
    Read the nodes of a network from runs: one row per run.

    Parameters
    ----------
    campaign : Campaign
    network : ProcessNetwork
        A node with a time takes the readings nearest to it, replicates averaged; one without, the
        setting of that name.
    tolerance : float [h]
        How far a reading may be from the time of its node; where none is near, the cell is missing.

    Returns
    -------
    Table
        Columns run (group) and the nodes.

    Examples
    --------
    >>> from bayesbio.data import Run
    >>> readings = pd.DataFrame({"time_h": [0.0, 24.2], "quantity": "titer", "value": [0.1, 2.0]})
    >>> network = ProcessNetwork(["titer@0", "titer@24"], [("titer@0", "titer@24")])
    >>> slice_campaign(Campaign([Run("A", readings)]), network)["titer@24"].tolist()
    [2.0]
    """
    readings = campaign.to_frame()
    readings = readings[readings["flag"] != "excluded"]
    settings = campaign.settings_frame()
    values: dict[str, list[Any]] = {"run": list(campaign.names)}
    flags: dict[str, list[str]] = {}
    for node in network.nodes:
        rows = readings[readings["quantity"] == node.quantity]
        told = [_reading(rows[rows["run"] == run], node, tolerance) for run in campaign.names]
        if node.time is None and node.name in settings:
            told = [(float(settings.at[run, node.name]), "") for run in campaign.names]
        values[node.name] = [value for value, _ in told]
        flags[node.name] = [flag for _, flag in told]
    columns = [TableColumn("run", "group", levels=campaign.names)] + [
        TableColumn(node.name, "response", node.unit) for node in network.nodes
    ]
    return Table(pd.DataFrame(values), columns, pd.DataFrame(flags))


def standardise(network: ProcessNetwork, table: Table | pd.DataFrame) -> Standardised:
    """
    Bring the columns of the nodes to standardised scales, and refuse what cannot be fitted.

    Raises
    ------
    DataError
        See `fit_network`.
    """
    columns = [str(name) for name in (table.columns if isinstance(table, pd.DataFrame) else table)]
    kept = [_column(network[name], table, columns) for name in network.order]
    scores = np.column_stack([values for values, _ in kept])
    flags = np.column_stack([flag for _, flag in kept])
    centre, spread = np.empty(scores.shape[1]), np.empty(scores.shape[1])
    for k, name in enumerate(network.order):
        read = np.isfinite(scores[:, k])
        count, unknowns = int(read.sum()), len(network.parents(name)) + 1
        if count <= unknowns and name not in network.priors:
            raise DataError(
                f"Node {name!r} has {count} readings for {unknowns} unknowns (an intercept and "
                f"{unknowns - 1} parents: {', '.join(network.parents(name)) or 'none'}); at least "
                f"{unknowns + 1} are needed. Drop parents, add runs, or bring knowledge with "
                "add_mechanistic_prior."
            )
        values = scores[read, k]
        centre[k] = values.mean()
        off = values - centre[k]
        spread[k] = np.sqrt(off @ off / max(count - 1, 1))
        if spread[k] <= _CONSTANT * max(np.abs(values).max(), np.finfo(float).tiny):
            raise DataError(
                f"Node {name!r} has the same value in all {count} rows, so no effect of it can be "
                "learned. Drop the node, or vary it."
            )
    natural = np.column_stack([_numbers(table, name, name) for name in network.order])
    natural[np.isnan(scores)] = np.nan
    return Standardised(
        (scores - centre) / spread,
        flags == "below",
        flags == "above",
        centre,
        spread,
        np.vstack([np.nanmin(natural, axis=0), np.nanmax(natural, axis=0)]),
    )


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
    cells = [_column(posterior.network[n], table, columns, empty=True) for n in posterior.names]
    if any(np.isin(flag, ("below", "above")).any() for _, flag in cells):
        raise DataError("A cell is censored; its density is not given. Mark it excluded.")
    values = np.column_stack([value for value, _ in cells])
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


def _column(
    node: Node, table: Table | pd.DataFrame, columns: Sequence[str], *, empty: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Give a node's values on its scale and their flags."""
    if node.name not in columns:
        if empty:
            return np.full(len(table), np.nan), np.full(len(table), "")
        raise DataError(
            f"Node {node.name!r} has no data: the table has no such column; it has "
            f"{', '.join(columns[:12])}. Add it, or drop the node."
        )
    values = _numbers(table, node.name, node.name)
    flags = table.flag(node.name) if isinstance(table, Table) else np.full(len(values), "")
    if (flags == "between").any():
        raise DataError(
            f"Node {node.name!r} has a reading flagged 'between'; a table holds one limit only. "
            "Mark it below, above or excluded."
        )
    values[flags == "excluded"] = np.nan
    if not empty and not np.isfinite(values).any():
        raise DataError(
            f"Node {node.name!r} has no data: every cell of its column is missing. Add readings, "
            "or drop the node."
        )
    return np.array(node.forward(values)), flags


def _numbers(table: Table | pd.DataFrame, column: str, node: str) -> np.ndarray:
    """Give a column as numbers of one's own."""
    try:
        values = np.array(table[column], dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"Node {node!r} needs numbers, but its column holds text.") from error
    if np.isinf(values).any():
        raise DataError(f"Node {node!r} has an infinite value; correct it, or leave it blank.")
    return values


def _levels(table: Table | pd.DataFrame, group: str) -> np.ndarray:
    """Give each row the number of its level in a column."""
    columns = [str(name) for name in (table.columns if isinstance(table, pd.DataFrame) else table)]
    if group not in columns:
        raise DataError(f"There is no column {group!r}; the table has {', '.join(columns)}.")
    codes, levels = pd.factorize(pd.Series(np.asarray(table[group])))
    if (codes < 0).any() or len(levels) < 2:
        raise DataError(
            f"The column {group!r} needs a level in every row and at least two levels; it has "
            f"{len(levels)}."
        )
    return codes


def _reading(rows: pd.DataFrame, node: Node, tolerance: float) -> tuple[float, str]:
    """Give the value nearest to a node's time, and its flag."""
    if node.time is None or rows.empty:
        return np.nan, ""
    distance = (rows["time_h"] - node.time).abs()
    if distance.min() > tolerance:
        return np.nan, ""
    near = rows[distance == distance.min()]
    plain = near[near["flag"] == ""]
    if len(plain):
        return float(plain["value"].mean()), ""
    return float(near["value"].iloc[0]), str(near["flag"].iloc[0])
