"""Every node given some: exact conditioning of all draws at once."""

from __future__ import annotations

import numpy as np

from bayesbio.network.posterior import NetworkPosterior


def conditioned(
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
    pull = gain_of(np.swapaxes(shared[places], 0, 1), off)
    return values + np.swapaxes(np.swapaxes(shared, 0, 1) @ pull, 0, 1)


def gain_of(covariance: np.ndarray, right: np.ndarray) -> np.ndarray:
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


def settled(spread: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Set to zero what readings leave of the variance of targets that they tell exactly."""
    left, whole = (np.diagonal(part, axis1=1, axis2=2) for part in (spread, before))
    open_ones = left > 1e-12 * whole
    return spread * open_ones[:, :, None] * open_ones[:, None, :]
