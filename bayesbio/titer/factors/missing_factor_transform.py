"""Reparameterisation of missing factor values, conditional on the titer of the same row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform

# In standard deviations of a titer: larger residuals count as this, since the titer is hardly
# linear in the cells there.
FARTHEST = 5.0


class StandardisedGivenTiter(Transform):
    """
    Coordinates in which standard normal cells stay standard normal given the titer of their row.

    Where the titer is normal with a mean linear in the cells of its row, their conditional
    distribution is normal; the coordinates are whitened by it. Elsewhere they are less efficient,
    and the posterior is the same. The variable has as last three inputs the slopes g of the titer
    in each cell, its residual e where all cells are zero and its standard deviation s, the latter
    two by row. With t = s^2 + g'g, cells are g e / t + z - g (g'z) (1 - s / sqrt(t)) / g'g, which
    has mean g e / t and covariance I - g g' / t. Residuals beyond five sqrt(t) count as five.
    """

    name = "standardised_given_titer"

    def __init__(self, row: np.ndarray) -> None:
        self.row = np.asarray(row, dtype=int)

    def forward(self, value: Any, *inputs: Any) -> Any:
        """From cells to coordinates."""
        slope, _, spread = inputs[-3:]
        conditional = self._conditional(*inputs[-3:])
        centred = value - slope * conditional.centre[self.row]
        along = self._by_row(slope * centred) / (spread * (conditional.root + spread))
        return centred + slope * along[self.row]

    def backward(self, value: Any, *inputs: Any) -> Any:
        """From coordinates to cells."""
        slope, _, spread = inputs[-3:]
        conditional = self._conditional(*inputs[-3:])
        along = self._by_row(slope * value) / (conditional.root * (conditional.root + spread))
        return value + slope * (conditional.centre - along)[self.row]

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Logarithm of |d cells / d coordinates|, of all rows together."""
        return pt.sum(pt.log(inputs[-1]) - pt.log(self._conditional(*inputs[-3:]).root))

    def _conditional(self, slope: Any, residual: Any, spread: Any) -> _Conditional:
        root = pt.sqrt(spread**2 + self._by_row(slope**2))
        scaled = residual / root
        return _Conditional(root, scaled / (1.0 + (scaled / FARTHEST) ** 8) ** 0.125 / root)

    def _by_row(self, values: Any) -> Any:
        """Sum of the cells of each row."""
        rows = int(self.row.max()) + 1
        return pt.inc_subtensor(pt.zeros(rows)[self.row], values)


class _Conditional(NamedTuple):
    """Standard deviation of the titer with its cells unknown, and the factor of the slopes."""

    root: Any
    centre: Any


def standard_normal_cells(
    name: str, row: np.ndarray, slope: Any, residual: Any, spread: Any
) -> Any:
    """Register standard normal cells, shape (cells,), sampled as `StandardisedGivenTiter` says."""
    return pm.CustomDist(
        name,
        slope,
        residual,
        spread,
        logp=_log_density,
        random=_random,
        support_point=_support_point,
        signature="(cells),(rows),(rows)->(cells)",
        transform=StandardisedGivenTiter(row),
    )


def _log_density(value: Any, slope: Any, residual: Any, spread: Any) -> Any:
    return -0.5 * pt.sum(value**2 + np.log(2.0 * np.pi))


def _random(
    slope: Any, residual: Any, spread: Any, rng: np.random.Generator, size: Any = None
) -> np.ndarray:
    return rng.standard_normal((*(size or ()), np.shape(slope)[-1]))


def _support_point(variable: Any, size: Any, slope: Any, residual: Any, spread: Any) -> Any:
    return pt.zeros_like(slope)
