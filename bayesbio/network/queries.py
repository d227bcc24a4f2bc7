"""What to expect: given what was seen, after an intervention, and with what risk."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtr

from bayesbio.data.table import Table
from bayesbio.errors import DataError, ModelError
from bayesbio.inference.scores import crps
from bayesbio.network.fitting import fit_network
from bayesbio.network.normal_probability import box_probability
from bayesbio.network.posterior import NetworkPosterior
from bayesbio.network.structure import ProcessNetwork

# Numbers held in memory at once.
_BLOCK = 2_000_000


def predict(
    posterior: NetworkPosterior,
    evidence: Any = None,
    *,
    targets: Sequence[str] | str | None = None,
    until: float | None = None,
    noise: bool = True,
    random_seed: int = 0,
) -> xr.Dataset:
    """
    Predict nodes given readings of any others.

    Parameters
    ----------
    posterior : NetworkPosterior
    evidence : mapping of node to value or values, DataFrame or Table, optional [units of the nodes]
        One or more runs; a missing value is not known for that run, nor is a censored one.
    targets : sequence of str, optional
        By default every node without a reading in any run.
    until : float, optional [h]
        Use readings up to then only: prediction from the middle of a batch.
    noise : bool
        Whether runs scatter; else the median of each draw of the parameters.
    random_seed : int

    Returns
    -------
    Dataset
        One variable per target, dims (chain, draw, run), units in attrs; the attribute
        ``outside_observed_range`` tells which readings ask the network beyond what it has seen.

    Raises
    ------
    ModelError, DataError
        An unknown node, a value that does not fit its scale, lengths that differ.

    Notes
    -----
    Exact conditioning by Matheron's rule: Wilson et al. (2020), arXiv:2002.09309.

    Examples
    --------
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> float(predict(known, {"titer": 6.0}, noise=False)["feed"].squeeze())  # 2 (6 - 1) / 5
    2.0
    """
    scores, runs = _scored(posterior, evidence, until)
    wanted = posterior.places(targets)
    if targets is None:
        wanted = np.array([k for k in wanted if not np.isfinite(scores[:, k]).any()], int)
    rng = np.random.default_rng(random_seed)
    drawn = np.empty((len(wanted), posterior.draws, len(runs)))
    patterns, member = np.unique(np.isfinite(scores), axis=0, return_inverse=True)
    for number, read in enumerate(patterns):
        rows, places = np.flatnonzero(member.ravel() == number), np.flatnonzero(read)
        step = max(1, _BLOCK // (len(read) * (len(rows) + len(places))))
        for start in range(0, posterior.draws, step):
            part = slice(start, start + step)
            given = scores[np.ix_(rows, places)]
            values = _conditioned(posterior, part, given, places, noise, rng)[wanted]
            drawn[:, part, rows] = values
    shape = (posterior.chains, posterior.draws // posterior.chains, len(runs))
    coords = _coords(posterior) | {"run": runs}
    variables = {}
    for k, values in zip(wanted, drawn, strict=True):
        node = posterior.network[posterior.names[k]]
        variables[node.name] = xr.DataArray(
            posterior.values(node.name, values).reshape(shape),
            dims=("chain", "draw", "run"),
            attrs={"units": node.unit},
        )
    outside = outside_observed_range(posterior, scores, runs)
    return xr.Dataset(variables, coords=coords, attrs={"outside_observed_range": outside})


def under(
    posterior: NetworkPosterior, do: Mapping[str, float | tuple[float, float]]
) -> NetworkPosterior:
    """
    Give the process in which nodes are held: what fed them does so no more.

    Parameters
    ----------
    posterior : NetworkPosterior
    do : mapping of node to value, or to (mean, sd) for a soft intervention
        A value in the node's unit; mean and sd on its scale.

    Returns
    -------
    NetworkPosterior
        Every query applies to it.

    Raises
    ------
    ModelError
        An unknown node, or a value that is not one number or two.

    Notes
    -----
    Pearl (2009), Causality, chapter 3, doi:10.1017/CBO9780511803161.

    Examples
    --------
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> under(known, {"feed": 3.0}).moments("titer")
    (array([[7.]]), array([[[1.]]]))
    """
    network = posterior.network
    intercept, variance = posterior.intercept.copy(), posterior.variance.copy()
    for name, value in do.items():
        k = posterior.place(name)
        if isinstance(value, tuple):
            if len(value) != 2 or not value[1] >= 0.0:
                raise ModelError(
                    f"do={{{name!r}: {value}}}: a soft intervention is (mean, sd), sd zero or more."
                )
            intercept[:, k] = (value[0] - posterior.centre[k]) / posterior.spread[k]
            variance[:, k] = (value[1] / posterior.spread[k]) ** 2
        else:
            if np.ndim(value) or not np.isfinite(float(value)):
                raise ModelError(
                    f"do={{{name!r}: {value}}}: expected one finite number, or (mean, sd). A list "
                    "of values to compare goes to intervene or probability_out_of_specification."
                )
            intercept[:, k] = posterior.scores(name, value)
            variance[:, k] = 0.0
    kept = [number for number, (_, child) in enumerate(network.edges) if child not in do]
    nodes = [
        dataclasses.replace(
            node, distribution=None, role="state" if node.role == "CQA" else node.role
        )
        if node.name in do
        else node
        for node in network.nodes
    ]
    cut = network.replace(nodes=nodes, edges=[network.edges[k] for k in kept], priors={})
    moved = [posterior.place(name) for name in cut.order]
    return posterior.replace(
        network=cut,
        centre=posterior.centre[moved],
        spread=posterior.spread[moved],
        intercept=intercept[:, moved],
        variance=variance[:, moved],
        effect=posterior.effect[:, kept],
        observed_range=posterior.observed_range[:, moved],
        rows=posterior.rows[moved],
        log_evidence={},
    )


def intervene(
    posterior: NetworkPosterior,
    do: Mapping[str, Any],
    *,
    targets: Sequence[str] | str | None = None,
    noise: bool = True,
    random_seed: int = 0,
) -> xr.Dataset:
    """
    Predict what comes of holding nodes at values.

    Parameters
    ----------
    posterior : NetworkPosterior
    do : mapping of node to value, to several values, or to (mean, sd)
        Several values (a list or an array) make a grid; a tuple is a soft intervention, mean and
        sd on the node's scale.
    targets : sequence of str, optional
        By default every CQA downstream of the nodes, or everything downstream if there is none.
    noise : bool
        Whether runs scatter (the same way at every point of the grid); else medians.
    random_seed : int

    Returns
    -------
    Dataset
        One variable per target, dims (chain, draw, one for each node with several values).

    Raises
    ------
    ModelError
        See `under`.

    Examples
    --------
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> intervene(known, {"feed": [1.0, 3.0]}, noise=False)["titer"].squeeze().values
    array([3., 7.])
    """
    if targets is None:
        below = [name for name in posterior.network.descendants(*do) if name not in do]
        judged = [name for name in below if posterior.network[name].role == "CQA"]
        targets = judged or below
    cut, grid, moves = _on_grid(posterior, do, [targets] if isinstance(targets, str) else targets)
    wanted = cut.places(targets)
    start = cut.intercept.T
    if noise:
        rng = np.random.default_rng(random_seed)
        start = start + np.sqrt(cut.variance.T) * rng.standard_normal(start.shape)
    base = cut.plan.forward(cut.effects_by_edge, start)
    slopes = _slopes(cut, wanted, list(moves))
    shape = (cut.chains, cut.draws // cut.chains, *(len(values) for values in grid.values()))
    axes = np.meshgrid(*moves.values(), indexing="ij") if moves else []
    variables = {}
    for number, k in enumerate(wanted):
        name = cut.names[k]
        total = base[k].reshape(-1, *[1] * len(grid))
        for slope, axis in zip(slopes[:, number], axes, strict=True):
            total = total + slope.reshape(-1, *[1] * len(grid)) * axis
        variables[name] = xr.DataArray(
            cut.values(name, total).reshape(shape),
            dims=("chain", "draw", *grid),
            attrs={"units": posterior.network[name].unit},
        )
    return xr.Dataset(
        variables,
        coords=_coords(cut) | grid,
        attrs={"outside_observed_range": _outside_do(posterior, do)},
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Risk:
    """
    Probabilities to be out of specification.

    Attributes
    ----------
    draws : Dataset
        One variable per node, and ``any`` for at least one of them: the probability for each draw
        of the parameters, dims (chain, draw[, run][, grid]).
    outside_observed_range : list of str
        Where the question goes beyond what the network has seen.
    """

    draws: xr.Dataset
    outside_observed_range: list[str]

    @property
    def total(self) -> xr.Dataset:
        """Probability for the next run: scatter of runs and what is not known of the process."""
        return self.draws.mean(("chain", "draw"))

    def interval(self, probability: float = 0.9) -> xr.Dataset:
        """Range of the probability for what is not known of the process (epistemic)."""
        tails = [0.5 - 0.5 * probability, 0.5 + 0.5 * probability]
        return self.draws.quantile(tails, dim=("chain", "draw"))

    def summary(self) -> pd.DataFrame:
        """
        Tell the probabilities, one row per node (and run, and point of the grid).

        Returns
        -------
        DataFrame
            Columns probability, epistemic_5, epistemic_95, error (Monte Carlo standard error).
        """
        bands = self.interval()
        count = np.sqrt(self.draws.sizes["chain"] * self.draws.sizes["draw"])
        columns = {
            "probability": self.total,
            "epistemic_5": bands.isel(quantile=0, drop=True),
            "epistemic_95": bands.isel(quantile=1, drop=True),
            "error": self.draws.std(("chain", "draw")) / count,
        }
        return pd.DataFrame(
            {name: data.to_array("node").to_series() for name, data in columns.items()}
        )


def probability_out_of_specification(
    posterior: NetworkPosterior,
    targets: Sequence[str] | str | None = None,
    *,
    evidence: Any = None,
    until: float | None = None,
    do: Mapping[str, Any] | None = None,
) -> Risk:
    """
    Give the probability that a run leaves its specifications, node by node and for any of them.

    Parameters
    ----------
    posterior : NetworkPosterior
    targets : sequence of str, optional
        By default every node with a specification that is not held.
    evidence, until : optional
        What is known of the run, or runs; see `predict`.
    do : mapping, optional
        Interventions and grids; see `intervene`.

    Returns
    -------
    Risk

    Raises
    ------
    ModelError
        If a target has no specification, or a node is both held and given as evidence.

    Examples
    --------
    >>> from bayesbio.data import Specification
    >>> from bayesbio.network import Node
    >>> limit = Specification("titer", lower=1.0)
    >>> network = ProcessNetwork(["feed", Node("titer", specification=limit)], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> float(probability_out_of_specification(known).total["titer"])
    0.5
    """
    network = posterior.network
    judged = [name for name in network.specifications if name not in (do or {})]
    chosen = [targets] if isinstance(targets, str) else list(targets or judged)
    if not chosen:
        raise ModelError(
            "No node has a specification, so there is no probability to leave one. Give "
            "Node(..., specification=Specification(...)) to the nodes that are judged."
        )
    limits = np.array([network[name].limits() for name in chosen])
    cut, grid, moves = _on_grid(posterior, do or {}, chosen)
    wanted = cut.places(chosen)
    bounds = (limits - cut.centre[wanted, None]) / cut.spread[wanted, None]
    scores, runs = _scored(cut, evidence, until)
    twice = [name for name in (do or {}) if np.isfinite(scores[:, cut.place(name)]).any()]
    if twice:
        raise ModelError(f"{twice[0]!r} is both held (do) and given as evidence; keep one.")
    axes = np.meshgrid(*moves.values(), indexing="ij") if moves else []
    lines = np.array([axis.ravel() for axis in axes]) if moves else np.zeros((0, 1))
    patterns, member = np.unique(np.isfinite(scores), axis=0, return_inverse=True)
    chance = np.empty((len(chosen) + 1, cut.draws, len(runs), lines.shape[1]))
    for number, read in enumerate(patterns):
        rows, places = np.flatnonzero(member.ravel() == number), np.flatnonzero(read)
        every = np.concatenate([wanted, places])
        mean, covariance = cut.moments([cut.names[k] for k in every], standardised=True)
        slopes = _slopes(cut, every, list(moves))
        size = len(wanted)
        middle = mean[:, None, :size] + np.zeros((1, len(rows), 1))
        spread, slope = covariance[:, :size, :size], slopes[:, :size]
        if len(places):
            gain = _gain(covariance[:, size:, size:], covariance[:, size:, :size])
            off = scores[np.ix_(rows, places)] - mean[:, None, size:]
            middle = middle + off @ gain
            spread = _settled(spread - covariance[:, :size, size:] @ gain, spread)
            slope = slope - np.einsum("jes,set->jts", slopes[:, size:], gain)
        for place, row in enumerate(rows):
            centre = middle[:, place, None, :] + np.einsum("jts,jg->sgt", slope, lines)
            chance[:, :, row] = _leaving(centre, spread, bounds)
    shape = (cut.chains, cut.draws // cut.chains, len(runs), *(len(v) for v in grid.values()))
    dims = ("chain", "draw", "run", *grid)
    names = [*chosen, "any"]
    draws = xr.Dataset(
        {name: (dims, chance[k].reshape(shape)) for k, name in enumerate(names)},
        coords=_coords(cut) | {"run": runs} | grid,
    )
    if evidence is None:
        draws = draws.isel(run=0, drop=True)
    outside = outside_observed_range(cut, scores, runs) + _outside_do(posterior, do or {})
    return Risk(draws, outside)


def leave_one_out(
    network: ProcessNetwork,
    table: Any,
    targets: Sequence[str] | str,
    *,
    until: Sequence[float | None] = (None,),
    draws: int = 250,
    random_seed: int = 0,
    **options: Any,
) -> pd.DataFrame:
    """
    Predict each run by a network that has not seen it, from its readings up to several times.

    Parameters
    ----------
    network : ProcessNetwork
    table : Table or DataFrame
    targets : sequence of str
        What is predicted; never used as evidence.
    until : sequence of float or None [h]
        Readings up to then are known; None for every node that feeds a target.
    draws : int
        Per chain.
    random_seed : int
    **options
        Of `fit_network`.

    Returns
    -------
    DataFrame
        One row per run, target and time: observed, median, low, high (90 %), covered, crps.

    Notes
    -----
    Continuous ranked probability score: Gneiting and Raftery (2007),
    doi:10.1198/016214506000001437.
    """
    wanted = [targets] if isinstance(targets, str) else list(targets)
    rows = []
    for run in range(len(table)):
        rest = np.array([k for k in range(len(table)) if k != run])
        if isinstance(table, Table):
            seen, own = table.select(rest), table.select(np.array([run]))
        else:
            seen, own = table.iloc[rest], table.iloc[[run]]
        fitted = fit_network(network, seen, draws=draws, random_seed=random_seed, **options)
        known = own.to_frame() if isinstance(own, Table) else own
        read = [str(name) for name in known.columns if name not in wanted]
        given = own.select(columns=read) if isinstance(own, Table) else own[read]
        label = _runs_of(known, run)
        for time in until:
            told = predict(fitted, given, targets=wanted, until=time, random_seed=random_seed + 1)
            for name in wanted:
                observed = float(known[name].iloc[0])
                flagged = isinstance(own, Table) and own.flag(name)[0] != ""
                if flagged or not np.isfinite(observed):
                    continue
                values = told[name].to_numpy().ravel()
                low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
                score = float(np.squeeze(crps(values[:, None], np.array([observed]))))
                rows.append(
                    (label, name, time, observed, middle, low, high, low <= observed <= high, score)
                )
    columns = ["run", "target", "until", "observed", "median", "low", "high", "covered", "crps"]
    return pd.DataFrame(rows, columns=columns)


def outside_observed_range(
    posterior: NetworkPosterior, scores: np.ndarray, runs: Sequence[str]
) -> list[str]:
    """Tell which readings, shape (runs, nodes), lie beyond what the network was fitted to."""
    told = []
    for k, name in enumerate(posterior.names):
        low, high = posterior.observed_range[:, k]
        for run in np.flatnonzero(np.isfinite(scores[:, k])).tolist():
            value = float(posterior.values(name, scores[run, k]))
            margin = 1e-9 * max(abs(low), abs(high), high - low)
            if value < low - margin or value > high + margin:
                told.append(
                    f"{name} = {value:.4g} ({runs[run]}) is outside what was observed, "
                    f"{low:.4g} to {high:.4g}"
                )
    return told


def _outside_do(posterior: NetworkPosterior, do: Mapping[str, Any]) -> list[str]:
    """Tell which values of an intervention lie beyond what the network was fitted to."""
    told = []
    for name, value in do.items():
        if isinstance(value, tuple):
            continue
        low, high = posterior.observed_range[:, posterior.place(name)]
        values = np.asarray(value, float)
        if np.nanmin(values) < low or np.nanmax(values) > high:
            told.append(
                f"do({name}) reaches {np.nanmin(values):.4g} to {np.nanmax(values):.4g}, outside "
                f"what was observed, {low:.4g} to {high:.4g}"
            )
    return told


def _conditioned(
    posterior: NetworkPosterior,
    part: slice,
    given: np.ndarray,
    places: np.ndarray,
    noise: bool,
    rng: np.random.Generator,
) -> np.ndarray:
    """Give every node given some, shape (nodes, draws, rows), standardised."""
    effects = posterior.effects_by_edge[:, part]
    intercept, variance = posterior.intercept[part].T, posterior.variance[part].T
    start = np.repeat(intercept[:, :, None], len(given), axis=2)
    if noise:
        start += np.sqrt(variance)[:, :, None] * rng.standard_normal(start.shape)
    values = posterior.plan.forward(effects, start)
    if not len(places):
        return values
    paths = posterior.plan.gradients(effects, places)
    shared = posterior.plan.forward(effects, paths * variance[:, :, None])
    off = given.T[None] - np.swapaxes(values[places], 0, 1)
    pull = _gain(np.swapaxes(shared[places], 0, 1), off)
    return values + np.swapaxes(np.swapaxes(shared, 0, 1) @ pull, 0, 1)


def _gain(covariance: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve covariance x = right for every draw; readings that say the same are allowed."""
    try:
        factor = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return np.linalg.pinv(covariance, rcond=1e-12, hermitian=True) @ right
    # Substitution for all draws at once: LAPACK solves them one by one, on quarrelling threads.
    solved = np.array(np.broadcast_to(right, (*covariance.shape[:2], right.shape[2])))
    size = covariance.shape[1]
    for rows in (range(size), range(size - 1, -1, -1)):
        for i in rows:
            done = slice(0, i) if rows.step > 0 else slice(i + 1, size)
            part = factor[:, i, done] if rows.step > 0 else factor[:, done, i]
            solved[:, i] -= (part[:, None, :] @ solved[:, done])[:, 0]
            solved[:, i] /= factor[:, i, i, None]
    return solved


def _settled(spread: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Set to zero what readings leave of the variance of targets that they tell exactly."""
    left, whole = (np.diagonal(part, axis1=1, axis2=2) for part in (spread, before))
    open_ones = left > 1e-12 * whole
    return spread * open_ones[:, :, None] * open_ones[:, None, :]


def _leaving(centre: np.ndarray, spread: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Give the probability to leave each limit, and any, shape (targets + 1, draws, cases)."""
    low, high = bounds.T
    scale = np.sqrt(np.diagonal(spread, axis1=1, axis2=2))[:, None, :]
    scale = np.where(scale > 0.0, scale, 1e-300)
    told = list(np.moveaxis(ndtr((low - centre) / scale) + ndtr((centre - high) / scale), 2, 0))
    if len(bounds) == 1:
        return np.array([told[0], told[0]])
    cases = centre.shape[0] * centre.shape[1] * len(bounds)
    points = int(np.clip(2e7 / cases, 8, 32 if len(bounds) == 2 else 1024))
    return np.array([*told, 1.0 - box_probability(centre, spread, low, high, points=points)])


def _on_grid(
    posterior: NetworkPosterior, do: Mapping[str, Any], targets: Sequence[str]
) -> tuple[NetworkPosterior, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Hold nodes; those with several values at their mean score 0, with their values and scores."""
    grid = {
        name: np.asarray(value, float)
        for name, value in do.items()
        if not isinstance(value, tuple) and np.ndim(value)
    }
    moves = {name: posterior.scores(name, values) for name, values in grid.items()}
    for name, values in grid.items():
        if values.ndim != 1 or not values.size or not np.isfinite(values).all():
            raise ModelError(f"do={{{name!r}: ...}}: expected a list of finite values, or one.")
        if name in targets:
            raise ModelError(f"{name!r} is held at several values, so it is no target; drop it.")
    start = {
        name: float(posterior.values(name, 0.0)) if name in grid else value
        for name, value in do.items()
    }
    return (under(posterior, start) if do else posterior), grid, moves


def _slopes(posterior: NetworkPosterior, targets: np.ndarray, held: list[str]) -> np.ndarray:
    """Give the effect of each held node on each target, shape (held, targets, draws)."""
    slopes = posterior.plan.gradients(posterior.effects_by_edge, targets)
    return np.swapaxes(slopes[posterior.places(held)], 1, 2)


def _scored(
    posterior: NetworkPosterior, evidence: Any, until: float | None
) -> tuple[np.ndarray, list[str]]:
    """Standardise evidence, shape (runs, nodes), and name its runs."""
    if evidence is None:
        return np.full((1, len(posterior.names)), np.nan), ["new"]
    flags: dict[str, np.ndarray] = {}
    if isinstance(evidence, Table):
        frame = evidence.to_frame()
        flags = {name: evidence.flag(name) for name in frame if name in posterior.network}
    elif isinstance(evidence, pd.DataFrame):
        frame = evidence
    else:
        given = {name: np.atleast_1d(np.asarray(v, float)) for name, v in dict(evidence).items()}
        for name in given:
            posterior.network.node(name)
        lengths = {len(values) for values in given.values()} or {1}
        if len(lengths - {1}) > 1:
            raise DataError(
                f"Evidence came for {sorted(lengths)} runs; give every node one value, or one for "
                "each run."
            )
        frame = pd.DataFrame(
            {name: np.broadcast_to(values, max(lengths)) for name, values in given.items()},
            index=range(max(lengths)),
        )
    scores = np.full((len(frame), len(posterior.names)), np.nan)
    for k, name in enumerate(posterior.names):
        time = posterior.network[name].time
        if name not in frame or (until is not None and time is not None and time > until):
            continue
        values = np.array(frame[name], dtype=float)
        if name in flags:
            values[flags[name] != ""] = np.nan
        scores[:, k] = posterior.scores(name, values)
    if "run" in frame:
        return scores, [str(name) for name in frame["run"]]
    return scores, ["new"] if len(frame) == 1 else [f"run {k + 1}" for k in range(len(frame))]


def _runs_of(frame: pd.DataFrame, place: int) -> str:
    return str(frame["run"].iloc[0]) if "run" in frame else f"run {place + 1}"


def _coords(posterior: NetworkPosterior) -> dict[str, Any]:
    return {
        "chain": np.arange(posterior.chains),
        "draw": np.arange(posterior.draws // posterior.chains),
    }
