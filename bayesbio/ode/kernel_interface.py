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

compiled: Callable[[Any], Any] = njit(error_model="numpy", nogil=True)

STATES = 1  # number of states
INPUTS = 1  # number of inputs
OBSERVED = 1  # number of states and outputs that are stored


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
def jacobian(t, y, p, u, matrix):
    """Fill a matrix of zeros with the derivatives of `rates` by the states."""
    matrix[0, 0] = -p[0]


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
