"""A posterior as the prior of another fit: a normal copula with the margins of its draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from scipy.optimize import lsq_linear
from scipy.stats import norm

PROBABILITIES = np.concatenate([[0.002, 0.01], np.arange(0.02, 0.99, 0.02), [0.99, 0.998]])
KNOTS = np.linspace(-2.1, 2.1, 8)  # where the slope of a quantile function changes
CORNER = 0.25  # width over which it changes
FLATTEST = 1e-3  # smallest slope, as a share of the average
STRONGEST = 0.999  # correlation beyond which two coordinates are the same


@dataclasses.dataclass(frozen=True, eq=False)
class CopulaPrior:
    """
    Smooth joint distribution of scalar unknowns: a normal copula with the margins of draws.

    x = q(z), z standard normal, q a smooth rising function with eight corners through the quantiles
    of the draws, on the logarithmic scale where ``positive``; the z are jointly normal, with
    ``root`` the Cholesky factor of their correlations. ``shape`` holds q(0) and the slopes.
    """

    names: tuple[str, ...]
    positive: np.ndarray
    shape: np.ndarray
    root: np.ndarray
    quantiles: np.ndarray
    source: str

    coordinate = "copula_scores"  # name of the standard normal vector that is sampled

    def interval(self, name: str) -> tuple[float, float]:
        """5 and 95 % quantiles of one name."""
        low, high = self.quantiles[self.names.index(name)]
        return float(low), float(high)

    def register(self) -> dict[str, Any]:
        """Register the joint prior in the current ``pm.Model``; its variables by name."""
        independent = pm.Normal(self.coordinate, 0.0, 1.0, shape=len(self.names))
        z = pt.constant(self.root) @ independent
        x = self.shape[:, 0] + sum(
            slope * part for slope, part in zip(self.shape[:, 1:].T, _ramps(z), strict=True)
        )
        return {
            name: pm.Deterministic(name, pt.exp(x[i]) if self.positive[i] else x[i])
            for i, name in enumerate(self.names)
        }


def fit_copula(draws: xr.Dataset, names: Sequence[str], *, source: str) -> CopulaPrior:
    """
    Fit a normal copula with smooth margins to draws of scalar unknowns, dims (chain, draw).

    Examples
    --------
    >>> values = np.exp(np.random.default_rng(1).normal(-1.0, 0.1, (1, 4000)))
    >>> draws = xr.Dataset({"rate": (("chain", "draw"), values)})
    >>> fit_copula(draws, ["rate"], source="campaign 1").quantiles.round(2).tolist()
    [[0.31, 0.43]]
    """
    flat = np.stack([draws[name].to_numpy().ravel() for name in names])
    positive = np.all(flat > 0, axis=1)
    x = np.where(positive[:, None], np.log(np.where(positive[:, None], flat, 1.0)), flat)
    shape = np.array([_shape(values) for values in x])
    z = norm.ppf((np.argsort(np.argsort(x, axis=1), axis=1) + 0.5) / x.shape[1])
    correlation = np.clip(np.atleast_2d(np.corrcoef(z)), -STRONGEST, STRONGEST)
    np.fill_diagonal(correlation, 1.0)
    width, directions = np.linalg.eigh(correlation)
    near = (directions * np.maximum(width, 1.0 - STRONGEST)) @ directions.T
    near /= np.sqrt(np.outer(np.diag(near), np.diag(near)))
    return CopulaPrior(
        names=tuple(names),
        positive=positive,
        shape=shape,
        root=np.linalg.cholesky(near),
        quantiles=np.quantile(flat, [0.05, 0.95], axis=1).T,
        source=source,
    )


def _ramps(z: Any) -> list[Any]:
    """Split z into parts that rise between two neighbouring knots and add up to z."""
    soft = [CORNER * _softplus((z - knot) / CORNER) for knot in KNOTS]
    edges = [z, *soft]
    return [edge - after for edge, after in zip(edges[:-1], edges[1:], strict=True)] + [soft[-1]]


def _softplus(x: Any) -> Any:
    return np.logaddexp(0.0, x) if isinstance(x, np.ndarray) else pt.softplus(x)


def _shape(values: np.ndarray) -> np.ndarray:
    """Value at zero and slopes of a rising function through the quantiles of the draws."""
    z, given = norm.ppf(PROBABILITIES), np.quantile(values, PROBABILITIES)
    least = FLATTEST * max((given[-1] - given[0]) / (z[-1] - z[0]), 1e-12)
    columns = np.stack([np.ones_like(z), *_ramps(z)], axis=1)
    lowest = np.full(columns.shape[1], least)
    lowest[0] = -np.inf
    return lsq_linear(columns, given, bounds=(lowest, np.inf)).x
