"""Spectral elements: their operators differentiate polynomials and keep what flows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import ModelError
from bayesbio.mechanistic import spectral_elements


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 6])
def test_quadrature_is_exact_to_twice_the_degree_less_one(degree):
    grid = spectral_elements(0.3, elements=3, degree=degree)
    for power in range(2 * degree):
        integral = grid.weights @ grid.nodes**power
        assert_allclose(integral, 0.3 ** (power + 1) / (power + 1), rtol=1e-12)


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_dispersion_of_a_polynomial_without_slope_at_the_ends_is_its_second_derivative(degree):
    """c = 3 z^2 - 2 z^3 leaves no flux at 0 and 1; inside an element the result is exact."""
    grid = spectral_elements(1.0, elements=4, degree=max(degree, 3))
    z = grid.nodes
    assert_allclose(
        grid.weights @ (grid.dispersion.values @ (3 * z**2 - 2 * z**3)), 0.0, atol=1e-11
    )
    assert_allclose(grid.dispersion.values @ (3 * z**2 - 2 * z**3), 6 - 12 * z, atol=1e-9)


def test_what_flows_in_less_what_flows_out_is_what_stays():
    grid = spectral_elements(0.2, elements=5, degree=4)
    c = np.random.default_rng(1).uniform(size=len(grid.nodes))
    gain = grid.weights @ (grid.advection.values @ c + grid.inflow.values * 0.7)
    assert_allclose(gain, 0.7 - c[-1], rtol=1e-12)
    assert_allclose(grid.weights @ (grid.dispersion.values @ c), 0.0, atol=1e-9)


def test_the_operators_are_sparse():
    grid = spectral_elements(1.0, elements=10, degree=4)
    filled = (np.abs(grid.advection.values) + np.abs(grid.dispersion.values)) > 0
    assert filled.sum(axis=1).max() == 9
    assert filled[1].sum() == 5


@pytest.mark.parametrize(
    "wrong", [{"length": 0.0, "elements": 2}, {"length": 1.0, "elements": 0},
              {"length": 1.0, "elements": 1, "degree": 0}],
)  # fmt: skip
def test_a_grid_that_cannot_be_built_is_refused(wrong):
    with pytest.raises(ModelError, match="must be positive"):
        spectral_elements(**wrong)
