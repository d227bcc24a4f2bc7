"""Missing and censored cells drawn along with the parameters, all chains at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from bayesbio.errors import DataError
from bayesbio.network.graph.structure import ProcessNetwork
from bayesbio.network.learning.conjugate import NormalInverseGamma


def augment(
    network: ProcessNetwork,
    data: Any,
    beliefs: Mapping[str, Sequence[NormalInverseGamma]],
    *,
    draws: int,
    tune: int,
    chains: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Draw parameters given complete rows and missing cells given parameters, in turn.

    Missing cells of a row are drawn together from their exact normal distribution given what was
    read; censored cells one by one from its truncation.

    Parameters
    ----------
    network : ProcessNetwork
    data : Standardised
    beliefs : mapping of node to one belief
    draws, tune, chains : int
    rng : Generator

    Returns
    -------
    intercept : array, shape (chains * draws, nodes)
    effect : array, shape (chains * draws, edges)
    variance : array, shape (chains * draws, nodes)

    Raises
    ------
    DataError
        If a node's prior has several discounts: evidence needs complete rows.

    Notes
    -----
    Tanner and Wong (1987), doi:10.1080/01621459.1987.10478458.
    """
    several = [name for name, found in beliefs.items() if len(found) > 1]
    if several:
        raise DataError(
            f"The discount of the prior of {several[0]!r} cannot be estimated from incomplete "
            "rows. Give add_mechanistic_prior one discount, or drop the incomplete rows."
        )
    place = {name: k for k, name in enumerate(network.order)}
    number = {edge: k for k, edge in enumerate(network.edges)}
    families = [
        (
            np.array([place[parent] for parent in network.parents(name)], int),
            np.array([number[parent, name] for parent in network.parents(name)], int),
            beliefs[name][0],
        )
        for name in network.order
    ]
    censored = data.censored
    missing = np.isnan(data.scores)
    counts = missing.sum(axis=1)
    holes = [
        (lines := np.flatnonzero(counts == count), np.nonzero(missing[lines])[1].reshape(-1, count))
        for count in np.unique(counts[counts > 0]).tolist()
    ]
    bounded = [
        (k, lines, data.lower[lines, k], data.upper[lines, k])
        for k in range(len(place))
        if len(lines := np.flatnonzero(censored[:, k]))
    ]
    rows = np.repeat(data.scores[None], chains, axis=0)
    rows[np.isnan(rows)] = rng.standard_normal(int(missing.sum()) * chains)
    kept = [np.empty((chains, draws, width)) for width in (len(place), len(number), len(place))]
    for turn in range(tune + draws):
        intercept, effect, variance = _parameters(rows, families, len(number), rng)
        mean, precision = _joint(families, intercept, effect, variance)
        for lines, cells in holes:
            _fill(rows, lines, cells, mean, precision, rng)
        for k, lines, low, high in bounded:
            _truncate(rows, k, lines, low, high, mean, precision, rng)
        if turn >= tune:
            for store, value in zip(kept, (intercept, effect, variance), strict=True):
                store[:, turn - tune] = value
    intercept, effect, variance = (store.reshape(chains * draws, -1) for store in kept)
    return intercept, effect, variance


def _parameters(
    rows: np.ndarray, families: Sequence[Any], edges: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw every node's parameters given complete rows, shape (chains, rows, nodes)."""
    chains, count, nodes = rows.shape
    intercept, variance = np.empty((chains, nodes)), np.empty((chains, nodes))
    effect = np.empty((chains, edges))
    for k, (parents, numbers, belief) in enumerate(families):
        design = np.concatenate([np.ones((chains, count, 1)), rows[:, :, parents]], axis=2)
        values = rows[:, :, k, None]
        turned = np.swapaxes(design, 1, 2)
        precision = belief.precision + turned @ design
        pull = (belief.precision @ belief.mean)[:, None] + turned @ values
        mean = np.linalg.solve(precision, pull)
        residual, moved = values - design @ mean, mean - belief.mean[:, None]
        lost = (residual**2).sum(axis=(1, 2))
        lost += (moved * (belief.precision @ moved)).sum(axis=(1, 2))
        shape = belief.shape + 0.5 * count
        variance[:, k] = (belief.rate + 0.5 * lost) / rng.standard_gamma(shape, chains)
        factor = np.swapaxes(np.linalg.cholesky(precision), 1, 2)
        white = np.linalg.solve(factor, rng.standard_normal(mean.shape))
        drawn = (mean + np.sqrt(variance[:, k])[:, None, None] * white)[:, :, 0]
        intercept[:, k], effect[:, numbers] = drawn[:, 0], drawn[:, 1:]
    return intercept, effect, variance


def _joint(
    families: Sequence[Any], intercept: np.ndarray, effect: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give mean, shape (chains, nodes), and precision, shape (chains, nodes, nodes), of a row."""
    mean = intercept.copy()
    residual = np.repeat(np.eye(len(families))[None], len(mean), axis=0)
    for k, (parents, numbers, _) in enumerate(families):
        mean[:, k] += (effect[:, numbers] * mean[:, parents]).sum(axis=1)
        residual[:, k, parents] -= effect[:, numbers]
    weighted = residual / variance[:, :, None]
    return mean, np.swapaxes(residual, 1, 2) @ weighted


def _fill(
    rows: np.ndarray,
    lines: np.ndarray,
    cells: np.ndarray,
    mean: np.ndarray,
    precision: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Draw the missing cells, shape (lines, count), of rows that miss equally many."""
    lead = lines[:, None]
    off = rows[:, lines] - mean[:, None, :]
    off[:, np.arange(len(lines))[:, None], cells] = 0.0
    pull = np.take_along_axis(off @ precision, cells[None], axis=2)[..., None]
    block = precision[:, cells[:, :, None], cells[:, None, :]]
    factor = np.swapaxes(np.linalg.cholesky(block), 2, 3)
    centre = -np.linalg.solve(block, pull)
    white = np.linalg.solve(factor, rng.standard_normal(centre.shape))
    rows[:, lead, cells] = mean[:, cells] + (centre + white)[..., 0]


def _truncate(
    rows: np.ndarray,
    k: int,
    lines: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    mean: np.ndarray,
    precision: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Draw the censored cells of one node between their limits, given the rest of their rows."""
    off = rows[:, lines] - mean[:, None, :]
    own = precision[:, k, k, None]
    pull = np.einsum("cnj,cj->cn", off, precision[:, k])
    centre, scale = rows[:, lines, k] - pull / own, 1.0 / np.sqrt(own)
    below, above = (low - centre) / scale, (high - centre) / scale
    # From the nearer tail, so that intervals far out keep their digits.
    turned = below + above > 0.0
    below, above = np.where(turned, -above, below), np.where(turned, -below, above)
    first, last = log_ndtr(below), log_ndtr(above)
    inside = last + np.log1p(-np.exp(np.minimum(first - last, -1e-300)))
    drawn = ndtri_exp(np.logaddexp(first, np.log(rng.uniform(size=centre.shape)) + inside))
    drawn = np.clip(drawn, below, above)
    rows[:, lines, k] = centre + scale * np.where(turned, -drawn, drawn)
