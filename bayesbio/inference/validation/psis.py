"""Pareto-smoothed importance sampling (PSIS): weights for leave-group-out prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from arviz_stats.base import array_stats

WEIGHTS, REFIT = "importance weights", "exact refit"  # how what is left out was predicted


def psis_weights(log_likelihood: Any) -> tuple[np.ndarray, float]:
    """
    PSIS weights under which posterior draws are those without some readings, and their Pareto k.

    Parameters
    ----------
    log_likelihood : array, shape (chains, draws) or (draws,)
        Log density under each draw of all that is left out, taken together. With chains, the
        relative efficiency of the draws sets the length of the smoothed tail; without, draws count
        as independent.

    Returns
    -------
    weights : array, shape (chains x draws,)
        They add up to one.
    pareto_k : float
        Shape of the tail. Above 0.7 the readings are too influential for weights: fit again without
        them. Infinite where a density is zero.

    Notes
    -----
    Vehtari et al. (2024), JMLR 25:72.

    Examples
    --------
    >>> weights, pareto_k = psis_weights(np.zeros(4))
    >>> weights.tolist(), pareto_k
    ([0.25, 0.25, 0.25, 0.25], 0.0)
    """
    given = np.asarray(log_likelihood, dtype=float)
    flat = given.ravel()
    if not np.all(np.isfinite(flat)) or np.ptp(flat) < 1e-12:
        return np.full(len(flat), 1.0 / len(flat)), 0.0 if np.all(np.isfinite(flat)) else np.inf
    # takes log likelihoods, and turns them into the log ratios of leaving out by itself
    logs, shape = array_stats.psislw(flat[None, :], r_eff=relative_efficiency(given), axis=-1)
    weights = np.exp(np.ravel(logs) - np.max(logs))
    return weights / weights.sum(), float(np.ravel(shape)[0])


def relative_efficiency(log_likelihood: np.ndarray) -> float:
    """
    Effective sample size of the likelihood over the number of draws, one at most.

    Examples
    --------
    >>> relative_efficiency(np.zeros(100))
    1.0
    """
    if log_likelihood.ndim < 2 or log_likelihood.shape[-1] < 4:
        return 1.0
    effective = array_stats.ess(
        np.exp(log_likelihood - log_likelihood.max()), chain_axis=0, draw_axis=1, method="mean"
    )
    return float(np.clip(effective / log_likelihood.size, 1.0 / log_likelihood.size, 1.0))


def systematic_resample(
    weights: np.ndarray, number: int | None = None, *, rng: np.random.Generator | None = None
) -> np.ndarray:
    """
    Systematic resampling: draws that all count the same, in proportion to weights.

    Parameters
    ----------
    weights : array, shape (draws,)
        Zero or more, any sum above zero.
    number : int, optional
        How many are chosen; by default as many as there are.
    rng : numpy Generator, optional
        Of the offset of the evenly spaced quantiles, and of the order. Without it the quantiles are
        the middles of equal parts, in the order of the draws.

    Returns
    -------
    whole numbers, shape (number,)
        Positions of the chosen draws, heavy ones repeated.

    Examples
    --------
    >>> systematic_resample(np.array([0.5, 0.0, 0.25, 0.25])).tolist()
    [0, 0, 2, 3]
    """
    number = len(weights) if number is None else number
    offset = 0.5 if rng is None else rng.random()
    quantiles = (np.arange(number) + offset) / number
    total = np.cumsum(weights) / np.sum(weights)
    chosen = np.searchsorted(total, quantiles).clip(max=len(weights) - 1)
    return chosen if rng is None else rng.permutation(chosen)
