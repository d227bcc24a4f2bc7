"""
The functions that generated code provides to a solver, written out for dy/dt = -p y + u.

A solver file imports these names; the generated module of a process model replaces them by its
own (see `emission`). This version lets the solvers be read, typed and tested by themselves.

``p`` holds parameters, then settings, then initial states. Pullbacks add to what they are given,
except the state's share of ``rates_pullback`` and ``jump_pullback``, which they overwrite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

# Most functions only write into arrays they are given. Compiled without numba's reference counts,
# whose atomic operations on every slice would cost more than the arithmetic of small models (and
# would have chains on other threads wait for each other), they may not allocate.
options: dict[str, Any] = {"error_model": "numpy", "nogil": True}
allocating: Callable[[Any], Any] = njit(**options)
options["_nrt"] = False
compiled: Callable[[Any], Any] = njit(**options)
entry = allocating  # for what is called from outside; in a generated module it is kept on disk

STATES = 1  # number of states
INPUTS = 1  # number of inputs
STAGES = 6  # of the methods
OBSERVED = 1  # number of states and outputs that are stored
QUASI_POSITIVE = True  # no state lies along a grid, whose discretisation may undershoot zero

# Pattern of the Jacobian and of its factors (see `sparse_lu.symbolic_factors`).
ROWS = np.array([0, 1], np.uint64)
COLUMNS = np.array([0], np.uint32)
ORDER = np.array([0], np.uint32)
FACTOR_ROWS = np.array([0, 1], np.uint64)
FACTOR_COLUMNS = np.array([0], np.uint32)
DIAGONAL = np.array([0], np.uint64)
BEYOND = np.array([1], np.uint64)
SPREAD = np.array([0], np.uint32)


@compiled
def rates(t, y, p, u, dy):
    """Time derivatives dy of the states."""
    dy[0] = u[0] - p[0] * y[0]


@compiled
def rates_pullback(t, y, p, u, w, ybar, pbar, ubar):
    """Products of w with the derivatives of `rates` by states, parameters and inputs."""
    ybar[0] = -p[0] * w[0]
    pbar[0] += -y[0] * w[0]
    ubar[0] += w[0]


@compiled
def jacobian(t, y, p, u, values):
    """Fill the derivatives of `rates` by the states, at the entries of ROWS and COLUMNS."""
    values[0] = -p[0]


@compiled
def curvature(t, y, p, u, d, w, ybar, pbar, ubar):
    """Add the derivatives of w' Jacobian d, summed over the stages, by states and the rest."""
    for stage in range(STAGES):
        pbar[0] += -d[stage, 0] * w[stage, 0]


@compiled
def drift(t, y, p, u, s, dy):
    """Change of `rates` with time for fixed states, where the inputs change at the rate s."""
    dy[0] = s[0]


@compiled
def drift_pullback(t, y, p, u, s, w, ybar, pbar, ubar, sbar):
    """Add the derivatives of w' drift by states, parameters, inputs and their rate of change."""
    sbar[0] += w[0]


@compiled
def observe(t, y, p, z):
    """States, then outputs."""
    z[0] = y[0]


@compiled
def observe_pullback(t, y, p, w, ybar, pbar):
    """Products of w with the derivatives of `observe`."""
    ybar[0] += w[0]


@compiled
def jump(kind, y, p, amounts, given, after):
    """State after an event of a kind (an index into the model's kinds)."""
    after[0] = y[0] + amounts[0]


@compiled
def jump_pullback(kind, y, p, amounts, given, w, ybar, pbar, abar):
    """Products of w with the derivatives of `jump`."""
    ybar[0] = w[0]
    abar[0] += w[0]


@compiled
def solution(t, p, y):
    """State at a time, for a model that gives it in closed form."""
    y[0] = p[1] * np.exp(-p[0] * t)


@compiled
def solution_pullback(t, p, w, pbar):
    """Products of w with the derivatives of `solution`."""
    decay = np.exp(-p[0] * t)
    pbar[0] += -t * p[1] * decay * w[0]
    pbar[1] += decay * w[0]
