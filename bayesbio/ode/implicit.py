"""
One implicit step for stiff stretches, and its exact adjoint.

ESDIRK4(3)6L[2]SA: six stages, the first explicit, orders 4 and 3, L-stable and stiffly accurate
(Kennedy & Carpenter 2003, doi:10.1016/S0168-9274(02)00138-1). Each stage is a nonlinear equation,
so its derivative follows from the implicit function theorem with the Jacobian alone: no second
derivatives, and the adjoint is exact to the tolerance of the Newton iteration.
"""

from __future__ import annotations

import numpy as np

from bayesbio.ode.explicit import pull_stage, set_inputs
from bayesbio.ode.kernel_interface import STATES, compiled, jacobian, rates
from bayesbio.ode.tableaus import GAMMA, STIFF_A, STIFF_C, STIFF_E

# --- template ---
NEWTON_ITERATIONS = 10
NEWTON_ACCURACY = 1e-4  # of the tolerance; one quadratic iteration beyond it leaves rounding


@compiled
def implicit_step(time, h, y, p, inputs, u, k, new, error, matrix, order, rtol, atol):
    """
    Take one implicit step from y, where k[0] holds the rates at its start.

    Fills the stages k[1] to k[5], the new state and the error estimate. Returns whether the Newton
    iterations converged.
    """
    base, residual = np.empty(STATES), np.empty(STATES)
    for stage in range(1, 6):
        moment = time + STIFF_C[stage] * h
        set_inputs(moment, inputs, u)
        for i in range(STATES):
            total = 0.0
            for j in range(stage):
                total += STIFF_A[stage, j] * k[j, i]
            base[i] = y[i] + h * total
            new[i] = base[i] + h * GAMMA * k[stage - 1, i]
        close = False
        for _ in range(NEWTON_ITERATIONS):
            rates(moment, new, p, u, residual)
            for i in range(STATES):
                residual[i] = base[i] + h * GAMMA * residual[i] - new[i]
            stage_matrix(moment, h, new, p, u, matrix)
            if not factorise(matrix, order):
                return False
            solve_factorised(matrix, order, residual)
            size = 0.0
            for i in range(STATES):
                new[i] += residual[i]
                size = max(size, abs(residual[i]) / (atol + rtol * abs(new[i])))
            if not size < 1e300:
                return False
            if close:
                break
            close = size < NEWTON_ACCURACY
        if not close:
            return False
        for i in range(STATES):
            k[stage, i] = (new[i] - base[i]) / (h * GAMMA)
    for i in range(STATES):
        total = 0.0
        for stage in range(6):
            total += STIFF_E[stage] * k[stage, i]
        error[i] = h * total
    return True


@compiled
def stage_matrix(time, h, y, p, u, matrix):
    """Matrix of a stage's Newton iteration: identity - h gamma Jacobian."""
    for i in range(STATES):
        for j in range(STATES):
            matrix[i, j] = 0.0
    jacobian(time, y, p, u, matrix)
    for i in range(STATES):
        for j in range(STATES):
            matrix[i, j] *= -h * GAMMA
        matrix[i, i] += 1.0


@compiled
def factorise(matrix, order):
    """LU factors with row exchanges, in place; False for a singular matrix."""
    for j in range(STATES):
        pivot = j
        for i in range(j + 1, STATES):
            if abs(matrix[i, j]) > abs(matrix[pivot, j]):
                pivot = i
        order[j] = pivot
        if not abs(matrix[pivot, j]) > 0.0:
            return False
        if pivot != j:
            for c in range(STATES):
                matrix[j, c], matrix[pivot, c] = matrix[pivot, c], matrix[j, c]
        for i in range(j + 1, STATES):
            if matrix[i, j] != 0.0:
                factor = matrix[i, j] / matrix[j, j]
                matrix[i, j] = factor
                for c in range(j + 1, STATES):
                    matrix[i, c] -= factor * matrix[j, c]
    return True


@compiled
def solve_factorised(matrix, order, x):
    """Solve matrix x = x in place."""
    for j in range(STATES):
        if order[j] != j:
            x[j], x[order[j]] = x[order[j]], x[j]
    for i in range(STATES):
        for j in range(i):
            x[i] -= matrix[i, j] * x[j]
    for i in range(STATES - 1, -1, -1):
        for j in range(i + 1, STATES):
            x[i] -= matrix[i, j] * x[j]
        x[i] /= matrix[i, i]


@compiled
def solve_transposed(matrix, order, x):
    """Solve transposed matrix x = x in place."""
    for i in range(STATES):
        for j in range(i):
            x[i] -= matrix[j, i] * x[j]
        x[i] /= matrix[i, i]
    for i in range(STATES - 1, -1, -1):
        for j in range(i + 1, STATES):
            x[i] -= matrix[j, i] * x[j]
    for j in range(STATES - 1, -1, -1):
        if order[j] != j:
            x[j], x[order[j]] = x[order[j]], x[j]


@compiled
def after_implicit_step(row, state):
    """State at the end of an implicit step on the tape: its last stage."""
    h, y, k = row[1], row[3 : 3 + STATES], row[3 + STATES :].reshape(6, STATES)
    for i in range(STATES):
        total = GAMMA * k[5, i]
        for j in range(5):
            total += STIFF_A[5, j] * k[j, i]
        state[i] = y[i] + h * total


@compiled
def pull_implicit_step(row, p, inputs, adjoint, work, matrix, order, u, ubar, bars):
    """Pull the adjoint of the state back through one implicit step on the tape."""
    time, h = row[0], row[1]
    y, k = row[3 : 3 + STATES], row[3 + STATES :].reshape(6, STATES)
    state, w, through = work[6], work[7], work[8]
    for stage in range(6):
        for i in range(STATES):
            weight = GAMMA if stage == 5 else STIFF_A[5, stage]
            work[stage, i] = h * weight * adjoint[i]
    for stage in range(5, 0, -1):
        moment = time + STIFF_C[stage] * h
        for i in range(STATES):
            total = GAMMA * k[stage, i]
            for j in range(stage):
                total += STIFF_A[stage, j] * k[j, i]
            state[i] = y[i] + h * total
            w[i] = work[stage, i]
        set_inputs(moment, inputs, u)
        stage_matrix(moment, h, state, p, u, matrix)
        factorise(matrix, order)
        solve_transposed(matrix, order, w)
        pull_stage(moment, inputs, state, p, w, through, u, ubar, bars)
        for i in range(STATES):
            adjoint[i] += through[i]
            for j in range(stage):
                work[j, i] += h * STIFF_A[stage, j] * through[i]
    pull_stage(time, inputs, y, p, work[0], through, u, ubar, bars)
    for i in range(STATES):
        adjoint[i] += through[i]
