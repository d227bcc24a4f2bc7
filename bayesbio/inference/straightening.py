"""
Coordinates in which a posterior looks like a standard normal one: whitened, and its ridge straight.

The curvature at the mode says how wide the posterior is in each direction, so that the sampler
need not learn it. In a mechanism the widest direction is often bent: two inhibitions trade off
along a curve, and what the data fix well has to follow. The bend is measured at the mode, and
taken out. Neither changes the posterior: the map is linear but for a shear, whose volume is one.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesbio.inference.density import LogDensity
from bayesbio.inference.moved_callbacks import moved_density, moved_expansion, packed

if TYPE_CHECKING:
    from bayesbio.inference.starting import Mode

# How far from the mode a bend is followed, in standard deviations of its axis, and in how many
# corrections each.
_REACHES, _CORRECTIONS = (0.25, 0.5, 1.0, 2.0), 4
# Bends below this, in standard deviations at one standard deviation along the axis, are left; a
# bend is known when the ridge is met to half of it, or to this share of a strong bend.
_SLIGHT, _MET = 0.1, 0.01


@dataclasses.dataclass(frozen=True)
class Straightening:
    """
    A map from straight coordinates z to those of the density, ``centre + root @ bent(z)``.

    ``bent(z) = z + sum over k of bends[k] * z[axes[k]]**2``, where a bend moves only axes behind
    its own. The Jacobian determinant is constant.

    Attributes
    ----------
    centre : array, (size,)
    root : array, (size, size)
        Columns are axes, one standard deviation long; the widest in units of the prior first.
    axes : array of int, (bends,)
    bends : array, (bends, size)

    Examples
    --------
    >>> parabola = Straightening(np.zeros(2), np.eye(2), np.array([0]), np.array([[0.0, 0.5]]))
    >>> parabola.point(np.array([2.0, 0.0])).tolist()
    [2.0, 2.0]
    >>> parabola.straight(np.array([2.0, 2.0])).tolist()
    [2.0, 0.0]
    """

    centre: np.ndarray
    root: np.ndarray
    axes: np.ndarray
    bends: np.ndarray

    def point(self, straight: np.ndarray) -> np.ndarray:
        """Coordinates of the density, from straight ones."""
        return self.centre + self.root @ (straight + straight[self.axes] ** 2 @ self.bends)

    def straight(self, point: np.ndarray) -> np.ndarray:
        """Straight coordinates, from those of the density."""
        bent = np.linalg.solve(self.root, point - self.centre)
        straight = bent.copy()
        for axis in range(len(bent)):
            straight[axis] -= straight[self.axes] ** 2 @ self.bends[:, axis]
        return straight

    def compiled(self, density: LogDensity) -> Any:
        """Compiled model of nutpie that moves in the straight coordinates, while density lives."""
        return dataclasses.replace(
            density.compiled,
            compiled_logp_func=moved_density(),
            compiled_expand_func=moved_expansion(),
            user_data=packed(density.compiled, self.centre, self.root, self.axes, self.bends),
        )


def straighten(density: LogDensity, mode: Mode) -> Straightening:
    """
    Whiten by the curvature at the mode, and straighten the ridges through it.

    Along each axis of the Laplace covariance the ridge is followed on both sides of the mode: where
    the slope across the axis vanishes. What is common to both sides grows with the square of the
    distance and is the bend of the axis; what differs is turned by the whitening already. Only
    axes that are narrower in units of the prior are moved, which makes the map a shear.

    Parameters
    ----------
    density : LogDensity
        Compiled model.
    mode : Mode
        Its mode, with the Laplace covariance.

    Returns
    -------
    Straightening

    Notes
    -----
    Costs two gradients an axis and some thirty more for each bent one. The bend is half the third
    derivative of the log density, twice along the axis and once across, where the ridge is a
    parabola.
    """
    units = mode.width
    sizes, directions = np.linalg.eigh(mode.covariance / np.outer(units, units))
    order = np.argsort(-sizes)
    sizes, directions = np.maximum(sizes[order], np.finfo(float).tiny), directions[:, order]
    root = units[:, None] * directions * np.sqrt(sizes)
    held = np.zeros(density.size, dtype=bool)
    for name in mode.held:
        held[density.places[name]] = True

    def slope(bent: np.ndarray) -> np.ndarray:
        return density.value_and_gradient(mode.point + root @ bent)[1] @ root

    level = slope(np.zeros(density.size))

    def missed(axis: int, reach: float, bend: np.ndarray) -> np.ndarray:
        """How far the ridge is from where the bend has it, on average of both sides."""
        along = np.zeros(density.size)
        along[axis] = reach
        off = slope(along + bend * reach**2) + slope(-along + bend * reach**2) - 2.0 * level
        off[: axis + 1] = 0.0
        return off / (2.0 * reach**2)

    found = {}
    for axis in range(density.size):
        if np.sum(directions[held, axis] ** 2) < 0.5:  # elsewhere the mode is no mode
            bend = _followed(axis, missed, density.size)
            if np.linalg.norm(bend) > _SLIGHT:
                found[axis] = bend
    return Straightening(
        mode.point,
        root,
        np.array(list(found), dtype=int),
        np.array(list(found.values())).reshape(len(found), density.size),
    )


def _followed(axis: int, missed: Any, size: int) -> np.ndarray:
    """Bend of an axis as far from the mode as it could be followed."""
    known, bend = np.zeros(size), np.zeros(size)
    for reach in _REACHES:
        for _ in range(_CORRECTIONS):
            off = missed(axis, reach, bend)
            far = np.linalg.norm(off)
            if not np.isfinite(far):
                return known
            if far <= max(_SLIGHT / 2.0, _MET * np.linalg.norm(bend)):
                known = bend
                break
            # by one standard deviation at most, since the slope is that of a normal density nearby
            bend = bend + off * min(1.0, 1.0 / (far * reach**2))
        else:
            return known
        if not bend.any():
            return known
    return known
