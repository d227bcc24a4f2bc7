"""Sensitivity indices of a polynomial chaos expansion: shares of variance, term by term."""

from __future__ import annotations

import itertools

import numpy as np


def variance_shares(shares: np.ndarray, involved: np.ndarray) -> dict[str, np.ndarray]:
    """
    Sobol indices and Shapley effects of inputs, from the variance shares of terms.

    Parameters
    ----------
    shares : array of shape (draws, terms)
        Share of each term in the variance of the output.
    involved : bool array of shape (terms, inputs)
        Which inputs each term involves.

    Returns
    -------
    dict of str to array of shape (draws, inputs)
        `first_order`, `total` and `shapley`.

    Notes
    -----
    The first-order share counts terms of that input alone, the total share all its terms (Sudret
    2008, doi:10.1016/j.ress.2007.04.002); the Shapley effect of independent inputs divides each
    share equally among the inputs of its term (Owen 2014, doi:10.1137/130936233).

    Examples
    --------
    >>> shares = variance_shares(np.array([[0.7, 0.3]]), np.array([[True, False], [True, True]]))
    >>> shares["total"], shares["shapley"]
    (array([[1. , 0.3]]), array([[0.85, 0.15]]))
    """
    members = involved.sum(axis=1, keepdims=True)
    return {
        "first_order": shares @ (involved & (members == 1)),
        "total": shares @ involved.astype(float),
        "shapley": shares @ (involved / members),
    }


def unexplained_sets(
    explained: np.ndarray, leave_one_out_q2: float
) -> tuple[np.ndarray, np.ndarray]:
    """
    List inputs and pairs that may cause the unexplained variance, and how likely each does.

    Parameters
    ----------
    explained : array of shape (inputs,)
        Total share of each input in the explained variance.
    leave_one_out_q2 : float
        The nearer to 1, the more inputs count as they explain already.

    Returns
    -------
    sets : bool array of shape (sets, inputs)
    weights : array of shape (sets,)
        They add up to 1.
    """
    size = len(explained)
    trust = min(max(leave_one_out_q2, 0.0), 1.0)
    importance = trust * explained + (1.0 - trust) + 1e-6
    pairs = list(itertools.combinations(range(size), 2))
    sets = np.zeros((size + len(pairs), size), dtype=bool)
    sets[:size] = np.eye(size, dtype=bool)
    weights = np.empty(len(sets))
    weights[:size] = importance / importance.sum()
    for row, pair in enumerate(pairs, start=size):
        sets[row, pair] = True
        weights[row] = importance[list(pair)].prod()
    weights[size:] /= max(weights[size:].sum(), 1e-300)
    return sets, weights / weights.sum()
