"""Student-t residuals given observations: precisions by importance resampling and Gibbs."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, logsumexp

from bayesbio.network.draws import NetworkDraws
from bayesbio.network.queries.conditioning import solve

# Candidates of the precisions for each draw, and Gibbs sweeps after one of them was picked.
CANDIDATES, SWEEPS = 32, 3
# Grid of the log of a precision relative to its mean: down to residuals of 1e5 standard deviations.
_LOWEST, _HIGHEST, _CELLS = -24.0, 3.0, 108


def conditional_variances(
    posterior: NetworkDraws, row: np.ndarray, rng: np.random.Generator, *, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw the residual variances of a Student-t network given the observations of one run.

    A Student-t is a scale mixture of normals, variance * (nu - 2) / chi2(nu), so what is drawn is
    chi2. Candidates come half from their distribution, half from one in which a single node is the
    outlier, its chi2 drawn from a grid given the observations. One is picked by importance
    resampling (which node is the outlier), and moved by Gibbs sweeps.

    `row`, shape (nodes,), is standardised, NaN where not observed; `count` sets are drawn for each
    draw of the parameters.

    Returns
    -------
    variance : array, shape (count, draws, nodes)
    log_evidence : array, shape (draws,)
        Log density of the observations, the variances integrated out.

    Notes
    -----
    Andrews and Mallows (1974), doi:10.1111/j.2517-6161.1974.tb00989.x; mixture proposals: Owen and
    Zhou (2000), doi:10.1080/01621459.2000.10473909.
    """
    assert posterior.degrees_of_freedom is not None
    at = np.flatnonzero(np.isfinite(row))
    freedom = posterior.degrees_of_freedom
    heavy = np.flatnonzero(np.isfinite(freedom).any(axis=0) & (posterior.variance > 0.0).any(0))
    if not len(at):
        drawn = np.stack([posterior.with_mixing(rng).variance for _ in range(count)])
        return drawn, np.zeros(posterior.draws)
    normal = posterior.group_variance
    normal = np.zeros_like(posterior.variance) if normal is None else normal
    paths = posterior.total_effects([posterior.names[k] for k in at])  # (draws, observed, nodes)
    residual = row[at] - np.einsum("stk,sk->st", paths, posterior.intercept)
    nu = np.where(np.isfinite(freedom), freedom, 3.0)[:, heavy]
    tail = np.where(np.isfinite(freedom), posterior.variance - normal, 0.0)[:, heavy] * (nu - 2.0)
    fixed = posterior.variance.copy()
    fixed[:, heavy] = np.where(
        np.isfinite(freedom[:, heavy]), normal[:, heavy], posterior.variance[:, heavy]
    )

    def variances(chi2: np.ndarray) -> np.ndarray:
        whole = np.broadcast_to(fixed, (*chi2.shape[:-1], fixed.shape[1])).copy()
        whole[..., heavy] += tail / chi2
        return whole

    proposals, log_weights = _candidates(variances(nu), paths, residual, tail, nu, heavy, rng)
    log_weights = log_weights + _log_density(paths, residual, variances(proposals))
    log_evidence = logsumexp(log_weights, axis=0) - np.log(len(proposals))
    noise = rng.gumbel(size=(count, *log_weights.shape))
    chosen = np.argmax(log_weights + noise, axis=1)  # (count, draws)
    chi2 = proposals[chosen, np.arange(posterior.draws)]
    for _ in range(SWEEPS):
        whole = variances(chi2)
        errors = _residuals(paths, residual, whole, rng)[..., heavy]
        # Of a residual, the part of its Student-t beside the normal effect of its group.
        around = whole[..., heavy]
        share = (tail / chi2) / np.where(around > 0.0, around, 1.0)
        scatter = np.sqrt(normal[:, heavy] * share)
        part = errors * share + scatter * rng.standard_normal(errors.shape)
        rate = 0.5 * (1.0 + part**2 / np.where(tail > 0.0, tail, np.inf))
        chi2 = rng.standard_gamma(0.5 * (nu + 1.0), part.shape) / rate
    return variances(chi2), log_evidence


def _candidates(
    typical: np.ndarray,
    paths: np.ndarray,
    residual: np.ndarray,
    tail: np.ndarray,
    nu: np.ndarray,
    heavy: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates of chi2, shape (CANDIDATES, draws, heavy), and log of target over proposal."""
    draws, nodes = nu.shape
    width = (_HIGHEST - _LOWEST) / _CELLS
    centres = _LOWEST + width * (np.arange(_CELLS) + 0.5)
    # Evidence where one node alone has another variance, by the rank-one update of the covariance.
    gain = paths[:, :, heavy]
    whitened = solve(_covariance(paths, typical), np.concatenate([gain, residual[:, :, None]], 2))
    square = np.einsum("stk,stk->sk", gain, whitened[:, :, :-1])[..., None]
    along = np.einsum("stk,st->sk", gain, whitened[:, :, -1])[..., None]
    chi2 = nu[..., None] * np.exp(centres)
    extra = tail[..., None] * (1.0 / chi2 - 1.0 / nu[..., None])
    inflated = np.maximum(1.0 + extra * square, 1e-12)
    log_mass = _log_density_of_log_chi2(chi2, nu[..., None])
    log_mass = log_mass - 0.5 * np.log(inflated) + 0.5 * extra * along**2 / inflated
    log_mass = log_mass.reshape(draws, -1)
    mass = np.exp(log_mass - logsumexp(log_mass, axis=1, keepdims=True))
    count = CANDIDATES // 2
    ladder = np.cumsum(mass, axis=1) / mass.sum(axis=1, keepdims=True) + np.arange(draws)[:, None]
    wanted = np.arange(draws) + np.clip(rng.uniform(size=(count, draws)), 0.0, 1.0 - 1e-9)
    cells = np.searchsorted(ladder.ravel(), wanted) - np.arange(draws) * mass.shape[1]
    who, cell = np.divmod(np.clip(cells, 0, mass.shape[1] - 1), _CELLS)
    proposals = 2.0 * rng.standard_gamma(0.5 * nu, (2 * count, draws, nodes))
    outlier = centres[cell] + width * (rng.uniform(size=cell.shape) - 0.5)
    first, second = np.indices(cell.shape)
    proposals[first, second, who] = nu[second, who] * np.exp(outlier)
    relative = np.log(proposals / nu)
    bins = np.floor((relative - _LOWEST) / width).astype(int)
    within = (bins >= 0) & (bins < _CELLS)
    density = mass.reshape(draws, nodes, _CELLS)[
        np.arange(draws)[:, None], np.arange(nodes), np.clip(bins, 0, _CELLS - 1)
    ]
    with np.errstate(over="ignore", divide="ignore"):
        ratio = np.log(density * within / width) - _log_density_of_log_chi2(proposals, nu)
    return proposals, -np.logaddexp(np.log(0.5), np.log(0.5) + logsumexp(ratio, axis=2))


def _log_density_of_log_chi2(chi2: np.ndarray, nu: np.ndarray) -> np.ndarray:
    return 0.5 * nu * np.log(chi2 / 2.0) - 0.5 * chi2 - gammaln(0.5 * nu)


def _covariance(paths: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Covariance of the observed nodes, (..., draws, observed, observed), kept invertible."""
    covariance = (paths * variance[..., None, :]) @ np.swapaxes(paths, 1, 2)
    diagonal = np.diagonal(covariance, axis1=-2, axis2=-1)
    jitter = 1e-12 * diagonal + 1e-14
    return covariance + jitter[..., None] * np.eye(paths.shape[1])


def _log_density(paths: np.ndarray, residual: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Log density of the observed nodes of one run, shape (candidates, draws)."""
    factor = np.linalg.cholesky(_covariance(paths, variance))
    whole = np.broadcast_to(residual[..., None], (*factor.shape[:-1], 1))
    white = np.linalg.solve(factor, whole)[..., 0]
    size = np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
    density: np.ndarray = -0.5 * (white**2).sum(axis=-1) - size
    return density - 0.5 * paths.shape[1] * np.log(2.0 * np.pi)


def _residuals(
    paths: np.ndarray, residual: np.ndarray, variance: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw the residuals of every node given the observed ones (Matheron's rule)."""
    errors = np.sqrt(variance) * rng.standard_normal(variance.shape)
    off = residual - (paths @ errors[..., None])[..., 0]
    weights = np.linalg.solve(_covariance(paths, variance), off[..., None])
    pulled: np.ndarray = (np.swapaxes(paths, 1, 2) @ weights)[..., 0]
    return errors + variance * pulled
