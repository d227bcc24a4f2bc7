"""Selection of polynomial terms: hyperbolic truncation, orthogonal least squares, evidence."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import gammaln

from bayesbio.surrogate.polynomial_chaos.orthonormal import HIGHEST_DEGREE

TRUNCATIONS = (1.0, 0.75, 0.5)  # hyperbolic norms: total degree first, then fewer interactions
MOST_CANDIDATES = 3000
TOLERATED_LOSS = 2  # degrees in a row without more evidence before the search stops


def products_of(powers: list[np.ndarray], terms: np.ndarray) -> np.ndarray:
    """Multiply the inputs' polynomials into terms; shape (points, terms)."""
    products = np.ones((len(powers[0]), len(terms)))
    for i, values in enumerate(powers):
        products *= values[:, terms[:, i]]
    return products


def candidate_terms(inputs: int, *, degree: int, norm: float = 1.0) -> np.ndarray:
    """
    List the degrees of all terms within a hyperbolic truncation.

    Parameters
    ----------
    inputs : int
        Number of inputs.
    degree : int
        Highest degree.
    norm : float
        1 gives every term up to the total degree; below 1 there are fewer interactions.

    Returns
    -------
    int array of shape (terms, inputs), the constant left out

    Examples
    --------
    >>> candidate_terms(2, degree=2).tolist()
    [[0, 1], [1, 0], [0, 2], [1, 1], [2, 0]]
    >>> candidate_terms(2, degree=2, norm=0.5).tolist()
    [[0, 1], [1, 0], [0, 2], [2, 0]]
    """
    blocks: list[np.ndarray] = []
    for members in range(1, inputs + 1):
        if members ** (1.0 / norm) > degree + 1e-9:  # even all-linear terms would be too many
            break
        shapes = [
            degrees
            for degrees in itertools.product(range(1, degree + 1), repeat=members)
            if sum(power**norm for power in degrees) <= degree**norm + 1e-9
        ]
        for subset in itertools.combinations(range(inputs), members):
            block = np.zeros((len(shapes), inputs), dtype=int)
            block[:, subset] = shapes
            blocks.append(block)
            if sum(map(len, blocks)) > MOST_CANDIDATES:  # more than the search would take on
                return np.concatenate(blocks)
    terms = np.concatenate(blocks)
    return terms[np.lexsort((*terms.T[::-1], terms.sum(axis=1)))]


def most_plausible_terms(
    powers: list[np.ndarray], deviations: np.ndarray
) -> tuple[float, tuple[int, float], np.ndarray] | None:
    """
    Search degrees and norms for the terms with the largest evidence.

    Parameters
    ----------
    powers : list of array, shape (runs, degree + 1)
        Polynomials of each input at the runs.
    deviations : array, shape (runs,)
        What is to be explained, its mean taken off.

    Returns
    -------
    evidence, truncation, terms, or None
        Log evidence; degree and norm of the candidates; degrees, shape (terms, inputs). None where
        no term is worth having.
    """
    runs = len(deviations)
    limit = min(max(runs, 2 * len(powers)), MOST_CANDIDATES)
    best: tuple[float, tuple[int, float], np.ndarray] | None = None
    for norm in TRUNCATIONS if len(powers) > 1 else TRUNCATIONS[:1]:
        best_of_norm, losses, size_before = -np.inf, 0, 0
        for degree in range(1, HIGHEST_DEGREE + 1):
            terms = candidate_terms(len(powers), degree=degree, norm=norm)
            if len(terms) > limit:
                break
            if len(terms) == size_before:
                continue
            size_before = len(terms)
            evidence, chosen = _select(products_of(powers, terms), deviations)
            if len(chosen) and (best is None or evidence > best[0]):
                best = evidence, (degree, norm), terms[chosen]
            losses = 0 if evidence > best_of_norm else losses + 1
            best_of_norm = max(best_of_norm, evidence)
            if losses >= TOLERATED_LOSS:
                break
    return best


def _select(columns: np.ndarray, deviations: np.ndarray) -> tuple[float, list[int]]:
    """
    Take terms in order of the variance they explain, as many as have the largest evidence.

    Orthogonal least squares: every step adds the term that explains most of what is left, given
    those already taken (Chen, Billings and Luo 1989, doi:10.1080/00207178908953472).
    """
    columns = columns - columns.mean(axis=0)
    runs, candidates = columns.shape
    most = min(candidates, max(1, runs // 2))
    total = float(deviations @ deviations)
    sizes = np.sum(columns**2, axis=0)
    remaining = sizes.copy()
    open_ = sizes > 0
    basis = np.zeros((most, runs))
    left = deviations.copy()
    path: list[int] = []
    best, best_size = 0.0, 0
    for step in range(most):
        open_ &= remaining > 1e-10 * sizes  # the rest repeats what is taken
        if not open_.any():
            break
        gains = np.where(open_, (left @ columns) ** 2 / np.maximum(remaining, 1e-300), -1.0)
        chosen = int(np.argmax(gains))
        direction = columns[:, chosen].copy()
        for _ in range(2):  # twice is enough for orthogonality to rounding
            direction -= basis[:step].T @ (basis[:step] @ direction)
        direction /= np.linalg.norm(direction)
        basis[step] = direction
        left -= direction * (direction @ left)
        remaining -= (direction @ columns) ** 2
        open_[chosen] = False
        path.append(chosen)
        unexplained = max(float(left @ left) / total, 1e-30)
        evidence = _log_evidence(unexplained, runs, step + 1, candidates)
        if evidence > best:
            best, best_size = evidence, step + 1
        if unexplained <= 1e-28 or step + 1 - best_size > max(10, best_size // 2):
            break
    return best, path[:best_size]


def _log_evidence(unexplained: float, runs: int, size: int, candidates: int) -> float:
    """Log Bayes factor of a set of terms against a constant, at the g that maximises it."""
    free = runs - 1 - size
    ratio = ((1.0 - unexplained) / size) / (unexplained / free)
    g = max(ratio - 1.0, 0.0)
    fit = 0.5 * free * np.log1p(g) - 0.5 * (runs - 1) * np.log1p(g * unexplained)
    choices = gammaln(candidates + 1) - gammaln(size + 1) - gammaln(candidates - size + 1)
    return float(fit - choices - np.log(candidates + 1))
