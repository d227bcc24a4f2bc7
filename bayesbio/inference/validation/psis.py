"""Weights under which draws forget some of the readings they were fitted to."""

from __future__ import annotations

from typing import Any

import numpy as np
from arviz_stats.base import array_stats

WEIGHTS, REFIT = "importance weights", "exact refit"  # the roads to predictions of what is left out


def forgetting_weights(log_likelihood: Any) -> tuple[np.ndarray, float]:
    """
    Weigh posterior draws so that they forget readings, and tell whether that can be trusted.

    Parameters
    ----------
    log_likelihood : array, shape (draws,)
        Log density under each draw of all that is to be forgotten, taken together.

    Returns
    -------
    weights : array, shape (draws,)
        They add up to one.
    pareto_k : float
        Shape of their tail. Above 0.7 the readings told too much for weights to forget them: fit
        again without them. Infinite where a density is zero.

    Notes
    -----
    Pareto-smoothed importance sampling: Vehtari et al. (2024), JMLR 25:72.

    Examples
    --------
    >>> weights, pareto_k = forgetting_weights(np.zeros(4))
    >>> weights.tolist(), pareto_k
    ([0.25, 0.25, 0.25, 0.25], 0.0)
    """
    told = np.asarray(log_likelihood, dtype=float)
    if not np.all(np.isfinite(told)) or np.ptp(told) < 1e-12:
        return np.full(len(told), 1.0 / len(told)), 0.0 if np.all(np.isfinite(told)) else np.inf
    # takes log likelihoods, and turns them into the log ratios of leaving out by itself
    logs, shape = array_stats.psislw(told[None, :], r_eff=1.0, axis=-1)
    weights = np.exp(np.ravel(logs) - np.max(logs))
    return weights / weights.sum(), float(np.ravel(shape)[0])


def evenly_chosen(weights: np.ndarray) -> np.ndarray:
    """
    Choose as many draws as there are weights so that all count the same: evenly spaced quantiles.

    Parameters
    ----------
    weights : array, shape (draws,)
        They add up to one.

    Returns
    -------
    whole numbers, shape (draws,)
        Places of the chosen draws, heavy ones repeated.

    Examples
    --------
    >>> evenly_chosen(np.array([0.5, 0.0, 0.25, 0.25])).tolist()
    [0, 0, 2, 3]
    """
    places = (np.arange(len(weights)) + 0.5) / len(weights)
    return np.searchsorted(np.cumsum(weights), places).clip(max=len(weights) - 1)
