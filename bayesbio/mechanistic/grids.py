"""Grids along a column or a tube, and the linear operators of transport on them."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre

from bayesbio.errors import ModelError

__all__ = ["GridOperator", "SpectralElements", "spectral_elements"]


@dataclasses.dataclass(frozen=True, eq=False)
class GridOperator:
    """
    What transport does along a grid, apart from its coefficient.

    Attributes
    ----------
    values : array, shape (n, n) or (n,)
        A matrix acts on the values of a state at the nodes; a vector is a source at the nodes.
    unit : str
        Its own unit, so that coefficient * values * state comes in the state's unit per hour.
    latex : str
        How the equations show it.
    """

    values: np.ndarray
    unit: str
    latex: str


class SpectralElements(NamedTuple):
    """
    Nodes of `spectral_elements` and the operators on them.

    Attributes
    ----------
    nodes : array, shape (n,) [m]
    weights : array, shape (n,) [m]
        Of an integral along the grid.
    advection : GridOperator [1/m]
        Times a velocity [m/h]: transport with the flow, from the inlet at 0 to the outlet.
    dispersion : GridOperator [1/m2]
        Times a coefficient [m2/h]: axial dispersion; nothing disperses through either end.
    inflow : GridOperator [1/m]
        Times velocity and inlet value: what enters at the inlet.
    """

    nodes: np.ndarray
    weights: np.ndarray
    advection: GridOperator
    dispersion: GridOperator
    inflow: GridOperator


def spectral_elements(length: float, *, elements: int, degree: int = 4) -> SpectralElements:
    r"""
    Continuous spectral elements on Legendre-Gauss-Lobatto nodes, inlet at 0.

    Parameters
    ----------
    length : float [m]
    elements : int
        Number of equal elements, 1 or more.
    degree : int
        Of the polynomial in an element, 1 or more; 3 or 4 is best for fronts that are smooth on
        the grid.

    Returns
    -------
    SpectralElements
        elements * degree + 1 nodes and their operators.

    Raises
    ------
    ModelError
        For a length, a number of elements or a degree that is not positive.

    Notes
    -----
    Weak form of dc/dt = -v dc/dz + D d2c/dz2 with Danckwerts' conditions
    (doi:10.1016/0009-2509(53)80001-1): flux v c_in enters at the inlet, no gradient leaves at the
    outlet. The mass matrix is diagonal by quadrature on the nodes (Patera 1984,
    doi:10.1016/0021-9991(84)90128-1), so the operators are sparse: a node sees its own element, an
    end of an element both of its neighbours.

    Examples
    --------
    >>> grid = spectral_elements(0.1, elements=2, degree=2)
    >>> grid.nodes.round(4).tolist()
    [0.0, 0.025, 0.05, 0.075, 0.1]
    >>> slope = grid.advection.values @ grid.nodes + 0.0 * grid.inflow.values
    >>> bool(np.allclose(slope, -1.0))  # minus the slope of c = z, for inlet value 0
    True
    """
    if not length > 0 or elements < 1 or degree < 1:
        raise ModelError(
            f"A grid of length {length!r}, {elements!r} elements and degree {degree!r}: all three "
            "must be positive, for example spectral_elements(0.1, elements=20, degree=4)."
        )
    points, weights, slopes = _reference_element(degree)
    half = 0.5 * length / elements
    count = elements * degree + 1
    nodes, mass = np.zeros(count), np.zeros(count)
    advection, dispersion = np.zeros((count, count)), np.zeros((count, count))
    for element in range(elements):
        here = slice(element * degree, (element + 1) * degree + 1)
        nodes[here] = half * (2 * element + 1 + points)
        mass[here] += half * weights
        advection[here, here] += slopes.T * weights
        dispersion[here, here] -= slopes.T @ (weights[:, None] * slopes) / half
    advection[-1, -1] -= 1.0
    source = np.zeros(count)
    source[0] = 1.0
    return SpectralElements(
        nodes=nodes,
        weights=mass,
        advection=GridOperator(
            _without_dust(advection / mass[:, None]), "1/m", r"-\frac{\partial}{\partial z}"
        ),
        dispersion=GridOperator(
            _without_dust(dispersion / mass[:, None]), "1/m**2", r"\frac{\partial^2}{\partial z^2}"
        ),
        inflow=GridOperator(source / mass, "1/m", r"\delta(z)"),
    )


def _without_dust(matrix: np.ndarray) -> np.ndarray:
    """Set entries that are zero but for rounding to zero."""
    return np.where(np.abs(matrix) < 1e-13 * np.abs(matrix).max(), 0.0, matrix)


def _reference_element(degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes on [-1, 1], weights, and the matrix that differentiates at the nodes."""
    last = np.zeros(degree + 1)
    last[degree] = 1.0
    # the inner nodes are eigenvalues of the recurrence of Jacobi polynomials with weight 1 - x^2
    k = np.arange(1, degree - 1)
    beside = np.sqrt(k * (k + 2) / ((2 * k + 1) * (2 * k + 3)))
    inner = np.linalg.eigvalsh(np.diag(beside, 1) + np.diag(beside, -1))[: degree - 1]
    points = np.concatenate([[-1.0], inner, [1.0]])
    value = legendre.legval(points, last)
    weights = 2.0 / (degree * (degree + 1) * value**2)
    apart = points[:, None] - points[None, :]
    np.fill_diagonal(apart, 1.0)
    slopes = value[:, None] / value[None, :] / apart
    np.fill_diagonal(slopes, 0.0)
    np.fill_diagonal(slopes, -slopes.sum(axis=1))
    return points, weights, slopes
