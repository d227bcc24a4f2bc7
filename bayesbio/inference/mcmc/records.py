"""The posterior mode, and the whitening transform at it: what searches give and samplers take."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.interpolate import CubicHermiteSpline


@dataclasses.dataclass(frozen=True)
class Mode:
    """
    Posterior mode with its Laplace approximation.

    Attributes
    ----------
    point : array, (size,)
        Unconstrained coordinates of the mode.
    values : dict
        Every free variable and deterministic at the mode: name -> array on its natural scale.
    log_density : float
        Log density at the mode (unnormalised, with the Jacobian of the transforms).
    covariance : array, (size, size)
        Laplace covariance of the unconstrained coordinates, given the held ones.
    held : tuple of str
        Variables that were held at their prior medians.
    width : array, (size,)
        Width of the prior of each coordinate: half its central 68 % interval.
    converged : bool
        Whether the search ended at a stationary point.
    evaluations : int
        Gradients that were computed.
    elsewhere : tuple of (float, array)
        Where other ascents ended: log density below the mode [nat] and unconstrained coordinates,
        highest first; one for each optimum that is far from the mode and from the others.
    """

    point: np.ndarray
    values: dict[str, np.ndarray]
    log_density: float
    covariance: np.ndarray
    held: tuple[str, ...]
    width: np.ndarray
    converged: bool
    evaluations: int
    elsewhere: tuple[tuple[float, np.ndarray], ...] = ()

    def draws(self, number: int, *, random_seed: int, spread: float = 1.0) -> np.ndarray:
        """
        Draw from the Laplace approximation, in unconstrained coordinates.

        Parameters
        ----------
        number : int
            How many draws.
        random_seed : int
            Same seed, same draws.
        spread : float
            Factor on the standard deviations.

        Returns
        -------
        array, (number, size)
        """
        rng = np.random.default_rng(random_seed)
        width, directions = np.linalg.eigh(self.covariance)
        root = directions * np.sqrt(np.maximum(width, 0.0))
        return self.point + spread * rng.standard_normal((number, self.point.size)) @ root.T


@dataclasses.dataclass(frozen=True)
class Whitening:
    """
    Laplace whitening with a volume-preserving shear that takes the curvature out of ridges.

    Maps whitened coordinates z to those of the density, ``centre + root @ bent(z)``, where
    ``bent(z) = z + sum over k of ridge_k(z[axes[k]])``. A ridge moves only axes behind its own; it
    is a cubic spline between its knots and a straight line beyond. The Jacobian determinant is
    constant.

    Attributes
    ----------
    centre : array, (size,)
    root : array, (size, size)
        Columns are axes, one standard deviation long; the widest in units of the prior first.
    axes : array of int, (ridges,)
        Ascending.
    knots : array, (knots,)
        Ascending, in standard deviations of an axis.
    ridges, slopes : array, (ridges, knots, size)
        Offset of each ridge from its axis at the knots, and its derivative along the axis.

    Examples
    --------
    >>> knots = np.array([-2.0, 0.0, 2.0])
    >>> offset = np.stack([0 * knots, 0.5 * knots**2], axis=1)
    >>> slopes = np.stack([0 * knots, knots], axis=1)
    >>> parabola = Whitening(
    ...     np.zeros(2), np.eye(2), np.array([0]), knots, offset[None], slopes[None]
    ... )
    >>> parabola.point(np.array([1.0, 0.0])).tolist()
    [1.0, 0.5]
    >>> parabola.whitened(np.array([1.0, 0.5])).tolist()
    [1.0, 0.0]
    """

    centre: np.ndarray
    root: np.ndarray
    axes: np.ndarray
    knots: np.ndarray
    ridges: np.ndarray
    slopes: np.ndarray

    def point(self, whitened: np.ndarray) -> np.ndarray:
        """Coordinates of the density, from whitened ones."""
        offsets = [self._offset(k, whitened[axis]) for k, axis in enumerate(self.axes)]
        return self.centre + self.root @ (whitened + sum(offsets))

    def whitened(self, point: np.ndarray) -> np.ndarray:
        """Whitened coordinates, from those of the density."""
        whitened = np.linalg.solve(self.root, point - self.centre)
        for k, axis in enumerate(self.axes):
            whitened = whitened - self._offset(k, whitened[axis])
        return whitened

    def _offset(self, k: int, along: float) -> np.ndarray:
        """Offset of a ridge from its axis."""
        nearest = np.clip(along, self.knots[0], self.knots[-1])
        curve = CubicHermiteSpline(self.knots, self.ridges[k], self.slopes[k])
        return curve(nearest) + (along - nearest) * curve(nearest, 1)
