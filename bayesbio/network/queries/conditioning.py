"""Conditioning of a multivariate normal in every draw (Matheron's rule, Gaussian elimination)."""

from __future__ import annotations

import numpy as np

from bayesbio.network.draws import NetworkDraws


def conditional_draws(
    posterior: NetworkDraws,
    given: np.ndarray,
    at: np.ndarray,
    rng: np.random.Generator | None,
) -> np.ndarray:
    """
    Draw every node conditional on some of them; shape (nodes, draws, rows), standardised.

    `given`, shape (rows, observed), are standardised values of the nodes at positions `at`; with
    shape (draws, 1, observed) each draw is conditioned on its own. Without `rng`, residuals are
    zero: conditional means.
    """
    index, effects = posterior.graph_index, posterior.effects_by_edge
    rows = given.shape[-2]
    start = np.repeat(posterior.intercept.T[:, :, None], rows, axis=2)
    if rng is not None:
        start += np.sqrt(posterior.variance.T)[:, :, None] * rng.standard_normal(start.shape)
    values = index.forward(effects, start)
    if not len(at):
        return values
    paths = index.gradients(effects, at)
    covariance = index.forward(effects, paths * posterior.variance.T[:, :, None])
    residual = np.swapaxes(given, -1, -2) - np.swapaxes(values[at], 0, 1)
    weights = solve(np.swapaxes(covariance[at], 0, 1), residual)
    return values + np.swapaxes(np.swapaxes(covariance, 0, 1) @ weights, 0, 1)


def solve(covariance: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve covariance x = right for every draw; a singular covariance takes its pseudo-inverse."""
    try:
        factor = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return np.linalg.pinv(covariance, rcond=1e-12, hermitian=True) @ right
    # Substitution over all draws at once: batched LAPACK solves are slow (thread contention).
    solved = np.array(np.broadcast_to(right, (*covariance.shape[:2], right.shape[2])))
    size = covariance.shape[1]
    for rows in (range(size), range(size - 1, -1, -1)):
        for i in rows:
            done = slice(0, i) if rows.step > 0 else slice(i + 1, size)
            part = factor[:, i, done] if rows.step > 0 else factor[:, done, i]
            solved[:, i] -= (part[:, None, :] @ solved[:, done])[:, 0]
            solved[:, i] /= factor[:, i, i, None]
    return solved


def zero_explained_variance(conditional: np.ndarray, marginal: np.ndarray) -> np.ndarray:
    """Set conditional variances that are rounding errors to exactly zero."""
    left, whole = (np.diagonal(part, axis1=1, axis2=2) for part in (conditional, marginal))
    remaining = left > 1e-12 * whole
    return conditional * remaining[:, :, None] * remaining[:, None, :]
