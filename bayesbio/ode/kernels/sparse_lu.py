"""
LU factors of a sparse matrix whose pattern is known beforehand, without exchanging rows.

The order of elimination and the pattern of the factors are found once, when a model's code is
generated (see `sparsity`). Leaving rows where they are is safe because the matrix is
shift * identity - Jacobian: a shorter step makes its diagonal dominant. `backward_error` shows the
step when that is needed.
"""

from __future__ import annotations

from bayesbio.ode.kernels.kernel_interface import (
    BEYOND,
    COLUMNS,
    DIAGONAL,
    FACTOR_COLUMNS,
    FACTOR_ROWS,
    ORDER,
    ROWS,
    SPREAD,
    STATES,
    compiled,
)


@compiled
def factorise(values, shift, factors, work):
    """LU factors of shift * identity - Jacobian; False where a pivot is zero or not finite."""
    for place in range(FACTOR_COLUMNS.size):
        factors[place] = 0.0
    for entry in range(COLUMNS.size):
        factors[SPREAD[entry]] = -values[entry]
    for i in range(STATES):
        first, middle, last = FACTOR_ROWS[i], DIAGONAL[i], FACTOR_ROWS[i + 1]
        factors[middle] += shift
        for place in range(first, last):
            work[FACTOR_COLUMNS[place]] = factors[place]
        for place in range(first, middle):
            j = FACTOR_COLUMNS[place]
            share = work[j] * factors[DIAGONAL[j]]
            work[j] = share
            for right in range(BEYOND[j], FACTOR_ROWS[j + 1]):
                work[FACTOR_COLUMNS[right]] -= share * factors[right]
        for place in range(first, last):
            factors[place] = work[FACTOR_COLUMNS[place]]
        if not 0.0 < abs(factors[middle]) < 1e300:
            return False
        factors[middle] = 1.0 / factors[middle]
    return True


@compiled
def solve_factorised(factors, x, work):
    """Replace x by the solution of matrix times solution = x."""
    for i in range(STATES):
        total = x[ORDER[i]]
        for place in range(FACTOR_ROWS[i], DIAGONAL[i]):
            total -= factors[place] * work[FACTOR_COLUMNS[place]]
        work[i] = total
    for i in range(STATES - 1, -1, -1):
        total = work[i]
        for place in range(BEYOND[i], FACTOR_ROWS[i + 1]):
            total -= factors[place] * work[FACTOR_COLUMNS[place]]
        work[i] = total * factors[DIAGONAL[i]]
    for i in range(STATES):
        x[ORDER[i]] = work[i]


@compiled
def solve_transposed(factors, x, work):
    """Replace x by the solution of transposed matrix times solution = x."""
    for i in range(STATES):
        work[i] = x[ORDER[i]]
    for i in range(STATES):
        value = work[i] * factors[DIAGONAL[i]]
        work[i] = value
        for place in range(BEYOND[i], FACTOR_ROWS[i + 1]):
            work[FACTOR_COLUMNS[place]] -= factors[place] * value
    for i in range(STATES - 1, -1, -1):
        value = work[i]
        x[ORDER[i]] = value
        for place in range(FACTOR_ROWS[i], DIAGONAL[i]):
            work[FACTOR_COLUMNS[place]] -= factors[place] * value


@compiled
def backward_error(values, shift, x, right):
    """Relative change of matrix and right side for which x solves the equations exactly."""
    worst = 0.0
    for i in range(STATES):
        total, size = shift * x[i] - right[i], abs(shift * x[i]) + abs(right[i])
        for entry in range(ROWS[i], ROWS[i + 1]):
            part = values[entry] * x[COLUMNS[entry]]
            total -= part
            size += abs(part)
        if not abs(total) <= worst * size + 1e-250:  # what is left after underflow does not count
            worst = abs(total) / size
    return worst
