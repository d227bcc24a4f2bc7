"""Kernels of Gaussian processes, and their marginal likelihood with its exact gradient."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.linalg import lapack

JITTER = 1e-9  # variance added to every reading, in units of the outcome's variance
LOG_TWO_PI = float(np.log(2.0 * np.pi))


@dataclasses.dataclass(frozen=True)
class Linear:
    """
    Linear kernel: amplitude^2 sum_c z_c z'_c.

    Parameters
    ----------
    name : str
        What the term stands for.
    columns : tuple of int
        Columns of the inputs it runs along.
    """

    name: str
    columns: tuple[int, ...]
    extra: ClassVar[tuple[str, ...]] = ()
    scales: ClassVar[int] = 0


@dataclasses.dataclass(frozen=True)
class StationaryKernel:
    """
    Stationary kernel with automatic relevance determination.

    k(z, z') = amplitude^2 r(sum_c (z_c - z'_c)^2 / scale_c^2)

    Parameters
    ----------
    name : str
        What the term stands for.
    columns : tuple of int
        Columns it varies along, each with its theta length scale (automatic relevance).
    family : {"smooth", "squared_exponential", "matern52"}
        Shape of r: "squared_exponential" is overconfident for functions that are not analytic;
        "matern52" is twice differentiable; "smooth" is the first plus roughness^2 times the second.

    Notes
    -----
    Rasmussen and Williams (2006), chapter 4, ISBN 026218253X
    """

    name: str
    columns: tuple[int, ...]
    family: str = "smooth"

    @property
    def extra(self) -> tuple[str, ...]:
        """Parameters between amplitude and length scales."""
        return ("roughness",) if self.family == "smooth" else ()

    @property
    def scales(self) -> int:
        """Number of length scales."""
        return len(self.columns)

    def shapes(
        self, distance: np.ndarray, extra: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """
        Evaluate r at squared scaled distances.

        Returns
        -------
        correlation : array
        steepness : array
            Minus twice its derivative by the squared distance.
        rough : array or None
            The part of the correlation that belongs to the roughness.
        """
        rough = steep_rough = None
        if self.family != "squared_exponential":
            root = np.sqrt(5.0 * distance)
            fall = np.exp(-root)
            rough, steep_rough = (
                (1.0 + root + root**2 / 3.0) * fall,
                5.0 / 3.0 * (1.0 + root) * fall,
            )
            if self.family == "matern52":
                return rough, steep_rough, None
        analytic = np.exp(-0.5 * distance)
        if rough is None or steep_rough is None:
            return analytic, analytic, None
        share = float(np.exp(2.0 * extra[0]))
        rough = share * rough
        return analytic + rough, analytic + share * steep_rough, rough


FAMILIES = ("smooth", "squared_exponential", "matern52")


@dataclasses.dataclass(frozen=True)
class Covariance:
    """
    Prior covariance of a function: known variances of a trend, plus terms to be learned.

    Parameters
    ----------
    terms : tuple of Linear or StationaryKernel
    trend : array of shape (1 + columns,)
        Prior variances of the constant and of the slope along each column.

    Notes
    -----
    Parameters, all on the log scale, term by term: amplitude, roughness where there is one, then
    one length scale per column.
    """

    terms: tuple[Linear | StationaryKernel, ...]
    trend: np.ndarray

    @property
    def blocks(self) -> list[slice]:
        """Parameters of each term, among all parameters."""
        sizes = [1 + len(term.extra) + term.scales for term in self.terms]
        ends = np.cumsum(sizes).tolist()
        return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.blocks[-1].stop

    def between(self, parameters: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Covariance of every left row with every right row, shape (left, right)."""
        total = self.trend[0] + (left * self.trend[1:]) @ right.T
        for term, block in zip(self.terms, self.blocks, strict=True):
            theta, columns = parameters[block], list(term.columns)
            one, other = left[:, columns], right[:, columns]
            variance = np.exp(2.0 * theta[0])
            if isinstance(term, Linear):
                total += variance * one @ other.T
                continue
            extra = len(term.extra)
            scales = np.exp(theta[1 + extra :])
            one, other = one / scales, other / scales
            distance = np.sum(one**2, axis=1)[:, None] + np.sum(other**2, axis=1)
            distance = np.maximum(distance - 2.0 * one @ other.T, 0.0)
            total += variance * term.shapes(distance, theta[1 : 1 + extra])[0]
        return total

    def variances(self, parameters: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Prior variance of the function at every row, shape (rows,)."""
        total = self.trend[0] + rows**2 @ self.trend[1:]
        for term, block in zip(self.terms, self.blocks, strict=True):
            theta = parameters[block]
            variance = np.exp(2.0 * theta[0])
            if isinstance(term, Linear):
                total += variance * np.sum(rows[:, list(term.columns)] ** 2, axis=1)
            else:
                roughness = 1.0 + float(np.sum(np.exp(2.0 * theta[1 : 1 + len(term.extra)])))
                total += variance * roughness
        return total


class _TermCovariance(NamedTuple):
    """Covariance of a term over all pairs of readings, and what its gradient needs."""

    value: np.ndarray
    steep: np.ndarray | None = None
    rough: np.ndarray | None = None
    precision: np.ndarray | None = None


class MarginalLikelihood:
    """
    Marginal likelihood of readings under a covariance, with its exact gradient.

    Parameters
    ----------
    covariance : Covariance
    rows : array of shape (n, columns)
        Inputs.
    values : array of shape (n,)
        Outcomes.
    moving : int, optional
        A column of latent inputs; the gradient by its values is returned too.

    Notes
    -----
    Rasmussen and Williams (2006), equation 5.9, ISBN 026218253X
    """

    def __init__(
        self,
        covariance: Covariance,
        rows: np.ndarray,
        values: np.ndarray,
        *,
        moving: int | None = None,
    ) -> None:
        self.covariance, self.rows, self.values = covariance, rows.copy(), values
        self.moving = moving
        self._gram = np.empty((len(rows), len(rows)))
        self._flat = [np.empty((max(term.scales, 1), len(rows) ** 2)) for term in covariance.terms]
        for column in range(rows.shape[1]):
            self._refresh(column)

    def move(self, values: np.ndarray) -> None:
        """Put new values into the moving column."""
        if self.moving is None:
            raise ValueError("no column was declared as moving")
        self.rows[:, self.moving] = values
        self._refresh(self.moving)

    def _refresh(self, column: int) -> None:
        """Recompute whatever depends on a column."""
        values = self.rows[:, column]
        squares = (np.subtract.outer(values, values) ** 2).ravel()
        for flat, term in zip(self._flat, self.covariance.terms, strict=True):
            if column not in term.columns:
                continue
            if isinstance(term, Linear):
                chosen = self.rows[:, list(term.columns)]
                flat[0] = (chosen @ chosen.T).ravel()
            else:
                flat[term.columns.index(column)] = squares
        trend = self.covariance.trend
        self._gram[:] = trend[0] + (self.rows * trend[1:]) @ self.rows.T

    def __call__(
        self, parameters: np.ndarray, noise: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray, np.ndarray] | None:
        """
        Log marginal likelihood and its gradient.

        Parameters
        ----------
        parameters : array
            Of the covariance.
        noise : array of shape (n,)
            Variance of the noise of every reading.

        Returns
        -------
        value : float
        slope : array
            By the parameters.
        noise_slope : array of shape (n,)
            By the noise variances.
        moving_slope : array of shape (n,)
            By the values of the moving column; empty without one.

        None where the covariance is not positive definite to rounding.
        """
        n = len(self.values)
        total = self._gram.copy()
        parts: list[_TermCovariance] = []
        for term, flat, block in zip(
            self.covariance.terms, self._flat, self.covariance.blocks, strict=True
        ):
            theta = parameters[block]
            variance = np.exp(2.0 * theta[0])
            if isinstance(term, Linear):
                parts.append(_TermCovariance(variance * flat[0]))
            else:
                extra = len(term.extra)
                precision = np.exp(-2.0 * theta[1 + extra :])
                shape, steep, rough = term.shapes(precision @ flat, theta[1 : 1 + extra])
                rough = None if rough is None else variance * rough
                parts.append(_TermCovariance(variance * shape, variance * steep, rough, precision))
            total += parts[-1].value.reshape(n, n)
        total[np.diag_indices(n)] += noise + JITTER
        if not np.isfinite(total).all():
            return None
        root, failed = lapack.dpotrf(total, lower=1, clean=1)
        if failed:
            return None
        weights, _ = lapack.dpotrs(root, self.values, lower=1)
        inverse, _ = lapack.dpotri(root, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        value = -0.5 * float(self.values @ weights) - float(np.log(np.diag(root)).sum())
        value -= 0.5 * n * LOG_TWO_PI
        pull = np.multiply.outer(weights, weights) - inverse
        along = pull.ravel()
        slope = np.empty(self.covariance.size)
        moving_slope = np.zeros(0 if self.moving is None else n)
        if self.moving is not None:
            moving_slope += self.covariance.trend[1 + self.moving] * (
                pull @ self.rows[:, self.moving]
            )
        for term, flat, block, part in zip(
            self.covariance.terms, self._flat, self.covariance.blocks, parts, strict=True
        ):
            theta = slope[block]
            theta[0] = along @ part.value
            latent = self.moving is not None and self.moving in term.columns
            if part.steep is None or part.precision is None:
                if latent:
                    amplitude = np.exp(2.0 * parameters[block][0])
                    moving_slope += amplitude * (pull @ self.rows[:, self.moving])
                continue
            if part.rough is not None:
                theta[1] = along @ part.rough
            weighted = along * part.steep
            theta[1 + len(term.extra) :] = 0.5 * (flat @ weighted) * part.precision
            if latent and self.moving is not None:
                column = self.rows[:, self.moving]
                each = weighted.reshape(n, n)
                pulled = each.sum(axis=1) * column - each @ column
                moving_slope -= pulled * part.precision[term.columns.index(self.moving)]
        return value, slope, 0.5 * np.diag(pull), moving_slope
