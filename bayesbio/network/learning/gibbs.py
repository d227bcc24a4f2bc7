"""Gibbs sampling by data augmentation: missing and censored cells drawn with the parameters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bayesbio.inference.noise.censoring import NORMAL, draw_between
from bayesbio.inference.parallel.progress import Progress
from bayesbio.network.graph.structure import ProcessGraph
from bayesbio.network.learning.conjugate import NormalInverseGamma, PriorMixture
from bayesbio.network.learning.standardising import Standardised


def augment(
    network: ProcessGraph,
    data: Standardised,
    priors: Mapping[str, Sequence[NormalInverseGamma]],
    *,
    draws: int,
    tune: int,
    chains: int,
    rng: np.random.Generator,
    report: Callable[[Progress], None] = lambda _: None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Draw parameters given complete rows, and missing and censored cells given parameters, in turn.

    Missing cells of a row are drawn together from their conditional normal distribution; censored
    cells one by one from its truncation. Tanner and Wong (1987),
    doi:10.1080/01621459.1987.10478458.

    Returns
    -------
    intercept, effect, variance : array, shape (chains * draws, nodes or edges)
    """
    position = {name: k for k, name in enumerate(network.order)}
    number = {edge: k for k, edge in enumerate(network.edges)}
    families = [
        (
            np.array([position[parent] for parent in network.parents(name)], int),
            np.array([number[parent, name] for parent in network.parents(name)], int),
            PriorMixture.of(priors[name]),
        )
        for name in network.order
    ]
    missing = np.isnan(data.values)
    counts = missing.sum(axis=1)
    holes = [
        (at := np.flatnonzero(counts == count), np.nonzero(missing[at])[1].reshape(-1, count))
        for count in np.unique(counts[counts > 0]).tolist()
    ]
    bounded = [
        (k, at, data.lower[at, k], data.upper[at, k])
        for k in range(len(position))
        if len(at := np.flatnonzero(data.censored[:, k]))
    ]
    rows = np.repeat(data.values[None], chains, axis=0)
    rows[np.isnan(rows)] = rng.standard_normal(int(missing.sum()) * chains)
    stored = [
        np.empty((chains, draws, width)) for width in (len(position), len(number), len(position))
    ]
    began, total = time.monotonic(), tune + draws
    for turn in range(total):
        if turn % 50 == 0:
            elapsed = time.monotonic() - began
            remaining = elapsed * (total - turn) / turn if turn else float("nan")
            report(Progress("sampling", turn, total, elapsed=elapsed, remaining=remaining))
        intercept, effect, variance = _parameters(rows, families, len(number), rng)
        mean, precision = _joint(families, intercept, effect, variance)
        for at, cells in holes:
            _fill(rows, at, cells, mean, precision, rng)
        for k, at, low, high in bounded:
            _truncate(rows, k, at, low, high, mean, precision, rng)
        if turn >= tune:
            for store, value in zip(stored, (intercept, effect, variance), strict=True):
                store[:, turn - tune] = value
    intercept, effect, variance = (store.reshape(chains * draws, -1) for store in stored)
    return intercept, effect, variance


def _parameters(
    rows: np.ndarray, families: Sequence[Any], edges: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw every node's parameters given complete rows, shape (chains, rows, nodes)."""
    chains, count, nodes = rows.shape
    intercept, variance = np.empty((chains, nodes)), np.empty((chains, nodes))
    effect = np.empty((chains, edges))
    for k, (parents, numbers, prior) in enumerate(families):
        design = np.concatenate([np.ones((chains, count, 1)), rows[:, :, parents]], axis=2)
        drawn, variance[:, k] = prior.draw(design, rows[:, :, k], rng)
        intercept[:, k], effect[:, numbers] = drawn[:, 0], drawn[:, 1:]
    return intercept, effect, variance


def _joint(
    families: Sequence[Any], intercept: np.ndarray, effect: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean, shape (chains, nodes), and precision, shape (chains, nodes, nodes), of a row."""
    mean = intercept.copy()
    residual = np.repeat(np.eye(len(families))[None], len(mean), axis=0)
    for k, (parents, numbers, _) in enumerate(families):
        mean[:, k] += (effect[:, numbers] * mean[:, parents]).sum(axis=1)
        residual[:, k, parents] -= effect[:, numbers]
    weighted = residual / variance[:, :, None]
    return mean, np.swapaxes(residual, 1, 2) @ weighted


def _fill(
    rows: np.ndarray,
    at: np.ndarray,
    cells: np.ndarray,
    mean: np.ndarray,
    precision: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Draw the missing cells, shape (at, count), of rows that miss equally many."""
    lead = at[:, None]
    off = rows[:, at] - mean[:, None, :]
    off[:, np.arange(len(at))[:, None], cells] = 0.0
    pull = np.take_along_axis(off @ precision, cells[None], axis=2)[..., None]
    block = precision[:, cells[:, :, None], cells[:, None, :]]
    factor = np.swapaxes(np.linalg.cholesky(block), 2, 3)
    centre = -np.linalg.solve(block, pull)
    white = np.linalg.solve(factor, rng.standard_normal(centre.shape))
    rows[:, lead, cells] = mean[:, cells] + (centre + white)[..., 0]


def _truncate(
    rows: np.ndarray,
    k: int,
    at: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    mean: np.ndarray,
    precision: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Draw the censored cells of one node between their limits, given the rest of their rows."""
    off = rows[:, at] - mean[:, None, :]
    diagonal = precision[:, k, k, None]
    pull = np.einsum("cnj,cj->cn", off, precision[:, k])
    centre, scale = rows[:, at, k] - pull / diagonal, 1.0 / np.sqrt(diagonal)
    rows[:, at, k] = draw_between(NORMAL, low, high, centre, scale, rng=rng)
