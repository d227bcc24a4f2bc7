"""Runs of a separable normal process, with a shift of one quantity."""

import numpy as np
import pandas as pd

from bayesbio.data import Run

DAYS = np.arange(0.0, 192.0, 24.0)
QUANTITIES = ("glucose", "lactate", "ph", "viable_cell_density")
REMEMBERED = np.exp(-np.abs(DAYS[:, None] - DAYS) / 72.0)
TOGETHER = np.array(
    [[1.0, -0.6, 0.0, 0.5], [-0.6, 1.0, -0.4, 0.0], [0.0, -0.4, 1.0, 0.0], [0.5, 0.0, 0.0, 1.0]]
)


def normal_run(rng, name, *, shift=0.0, quantity="glucose", since=72.0, missing=0.0, jitter=0.0):
    """One run of a separable normal process, with a shift [sd] of one quantity since some hour."""
    lasting = np.linalg.cholesky(REMEMBERED) @ rng.normal(size=(8, 4))
    away = 0.8 * lasting @ np.linalg.cholesky(TOGETHER).T + 0.6 * rng.normal(size=(8, 4))
    away[since <= DAYS, QUANTITIES.index(quantity)] += shift
    times = DAYS + jitter * rng.uniform(-1.0, 1.0, 8) * (DAYS > 0)
    course = np.column_stack([6.0 - 0.01 * times, 0.01 * times, 7.0 + 0 * times, 0.05 * times])
    values = course + away * np.array([0.3, 0.1, 0.05, 0.4])
    rows = pd.DataFrame(values, columns=list(QUANTITIES)).assign(time_h=times)
    rows = rows.melt("time_h", var_name="quantity")
    return Run(name, rows[rng.uniform(size=len(rows)) >= missing])
