"""Coordinates of uncertain cells: what is left of them once the titer of their row has spoken."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform

# In standard deviations of a titer: one farther away moves its cells no further, since it is hardly
# a straight line in them there.
FARTHEST = 5.0


class StandardisedGivenTiter(Transform):
    """
    Coordinates in which standard normal cells stay standard normal once the titer has spoken.

    With cells that are standard normal beforehand, and a titer that is normal about a straight line
    in those of its row, the cells are normal afterwards; the coordinates are these, standardised.
    How well the titer is known then no longer decides how narrow the cells are. Where the titer is
    no straight line in the cells, or not normal, coordinates are less apt, never the posterior
    another.

    Parameters
    ----------
    row : int array, (cells,)
        To which of the rows a cell belongs.

    Notes
    -----
    The variable it belongs to has as last three inputs the slopes g of the titer in each cell, its
    residual e where all cells are zero and its standard deviation s, the latter two by row. With
    t = s^2 + g'g, cells are g e / t + z - g (g'z) (1 - s / sqrt(t)) / g'g, which has mean g e / t
    and covariance I - g g' / t. Residuals beyond five sqrt(t) count as five.
    """

    name = "standardised_given_titer"

    def __init__(self, row: np.ndarray) -> None:
        self.row = np.asarray(row, dtype=int)

    def forward(self, value: Any, *inputs: Any) -> Any:
        """From cells to coordinates."""
        slope, _, spread = inputs[-3:]
        told = self._told(*inputs[-3:])
        left = value - slope * told.centre[self.row]
        along = self._by_row(slope * left) / (spread * (told.root + spread))
        return left + slope * along[self.row]

    def backward(self, value: Any, *inputs: Any) -> Any:
        """From coordinates to cells."""
        slope, _, spread = inputs[-3:]
        told = self._told(*inputs[-3:])
        along = self._by_row(slope * value) / (told.root * (told.root + spread))
        return value + slope * (told.centre - along)[self.row]

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Logarithm of |d cells / d coordinates|, of all rows together."""
        return pt.sum(pt.log(inputs[-1]) - pt.log(self._told(*inputs[-3:]).root))

    def _told(self, slope: Any, residual: Any, spread: Any) -> _Told:
        root = pt.sqrt(spread**2 + self._by_row(slope**2))
        away = residual / root
        return _Told(root, away / (1.0 + (away / FARTHEST) ** 8) ** 0.125 / root)

    def _by_row(self, values: Any) -> Any:
        """Sum of the cells of each row."""
        rows = int(self.row.max()) + 1
        return pt.inc_subtensor(pt.zeros(rows)[self.row], values)


class _Told(NamedTuple):
    """Standard deviation of the titer with its cells unknown, and how far slopes move the cells."""

    root: Any
    centre: Any


def standard_normal_cells(
    name: str, row: np.ndarray, slope: Any, residual: Any, spread: Any
) -> Any:
    """
    Register cells, standard normal, that are sampled as `StandardisedGivenTiter` says.

    Parameters
    ----------
    name : str
    row : int array, (cells,)
        To which of the rows a cell belongs.
    slope : PyTensor vector, (cells,)
    residual, spread : PyTensor vector, (rows,)

    Returns
    -------
    PyTensor vector, (cells,)
    """
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
