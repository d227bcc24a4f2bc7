"""A synthetic campaign of a known model, made without compiling anything."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Campaign, Run
from bayesbio.mechanistic import MammalianFedBatch
from bayesbio.ode.codegen.trace import trace
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.vectorised import VectorisedRuns

TRUTH = {
    "maximum_growth_rate": 0.035,
    "glucose_monod_constant": 0.1,
    "lactate_inhibition_constant": 15.0,
    "death_rate": 0.002,
    "cell_yield_on_glucose": 2.5,
    "glucose_maintenance": 4e-4,
    "lactate_yield_on_glucose": 0.4,
    "maximum_lactate_uptake": 8e-4,
    "lactate_uptake_constant": 0.3,
}
LEAN = {"glutamine": False, "ammonium": False, "titer": False, "dead_cells": False, "feed": False}


@pytest.fixture(scope="session")
def lactate_is_consumed():
    """Three runs of cells that take lactate up again; noise 4 %."""
    traced = trace(MammalianFedBatch(**LEAN, lactate_uptake=True))
    times = np.arange(0.0, 241.0, 24.0)
    random = np.random.default_rng(3)
    runs = []
    for number, glucose in enumerate((7.0, 9.0, 11.0)):
        start = {"viable_cell_density": 0.4, "glucose": glucose, "lactate": 0.2, "volume": 2.0}
        named = TRUTH | {f"initial_{name}": value for name, value in start.items()}
        theta = np.array([named[name] for name in traced.names])
        plan = Plan("", times, {}, [])
        course = VectorisedRuns(traced, [plan]).solve(theta[None, None])[0]
        rows = [
            {"time_h": time, "quantity": name, "value": course[row, traced.place(name).start]}
            for row, time in enumerate(times)
            for name in ("viable_cell_density", "glucose", "lactate")
        ]
        frame = pd.DataFrame(rows)
        frame["value"] *= np.exp(0.04 * random.standard_normal(len(frame)))
        runs.append(Run(f"R{number + 1}", frame, settings={"initial_volume": 2.0}))
    return Campaign(runs)
