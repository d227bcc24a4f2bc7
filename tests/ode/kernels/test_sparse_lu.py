"""Sparse LU: the same answers as a dense solver, and poor pivots show."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

from bayesbio.ode.codegen.emission import template
from bayesbio.ode.codegen.sparsity import symbolic_factors
from bayesbio.ode.kernels import sparse_lu


def compiled_for(entries, size):
    """The template with the constants of one pattern, as a generated module holds it."""
    space = {"np": np, "compiled": njit, "STATES": size}
    space |= symbolic_factors(entries, size)
    exec(template(sparse_lu), space)
    return space


def random_case(size, filled, seed):
    rng = np.random.default_rng(seed)
    pattern = rng.random((size, size)) < filled / size
    pattern[0, 0] = True
    entries = list(zip(*(where.tolist() for where in np.nonzero(pattern)), strict=True))
    return entries, rng.normal(size=len(entries)), rng.normal(size=size)


@pytest.mark.parametrize(("size", "filled"), [(1, 1), (3, 2), (8, 6), (60, 3)])
def test_it_solves_what_a_dense_solver_solves(size, filled):
    entries, values, right = random_case(size, filled, seed=size)
    code = compiled_for(entries, size)
    matrix = 9.0 * np.eye(size)
    for (i, j), value in zip(entries, values, strict=True):
        matrix[i, j] -= value
    factors, work = np.empty(len(code["FACTOR_COLUMNS"])), np.empty(size)
    assert code["factorise"](values, 9.0, factors, work)
    x, transposed = right.copy(), right.copy()
    code["solve_factorised"](factors, x, work)
    code["solve_transposed"](factors, transposed, work)
    assert_allclose(x, np.linalg.solve(matrix, right), rtol=1e-10)
    assert_allclose(transposed, np.linalg.solve(matrix.T, right), rtol=1e-10)
    assert code["backward_error"](values, 9.0, x, right) < 1e-14
    assert code["backward_error"](values, 9.0, 1.01 * x, right) > 1e-4


def test_a_zero_pivot_is_said_and_a_poor_one_shows_in_the_backward_error():
    code = compiled_for([(0, 0), (0, 1), (1, 0), (1, 1)], 2)
    factors, work = np.empty(4), np.empty(2)
    assert not code["factorise"](np.array([1.0, 1.0, 1.0, 0.0]), 1.0, factors, work)
    values = np.array([1.0 - 1e-14, 1.0, 1.0, 0.3])
    assert code["factorise"](values, 1.0, factors, work)
    right = np.array([1.0, 2.0])
    x = right.copy()
    code["solve_factorised"](factors, x, work)
    assert code["backward_error"](values, 1.0, x, right) > 1e-9


def test_what_underflows_along_a_chain_is_no_poor_solve():
    """Far from a source the solution falls below the smallest number there is."""
    entries = [(i, j) for i in range(600) for j in (i - 1, i, i + 1) if 0 <= j < 600]
    values = np.array([-2.0 if i == j else 1.0 for i, j in entries])
    code = compiled_for(entries, 600)
    factors, work = np.empty(len(code["FACTOR_COLUMNS"])), np.empty(600)
    assert code["factorise"](values, 1e5, factors, work)
    right = np.zeros(600)
    right[0] = 1.0
    x = right.copy()
    code["solve_factorised"](factors, x, work)
    assert x[-1] == 0.0
    assert code["backward_error"](values, 1e5, x, right) < 1e-14
