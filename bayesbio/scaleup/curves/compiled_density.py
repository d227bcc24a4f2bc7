"""Compiled log densities of scale models, lent to one fit at a time."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.inference import LogDensity
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.schedule.dynamic_events import problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.simulation import setting_of
from bayesbio.ode.trajectory import SCHEDULE
from bayesbio.scaleup.curves.model_data import ModelData
from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.curves.pymc_model import build_scale_model

CAPACITY = 8  # compiled densities that are kept for the next fits

_idle: list[tuple[str, LogDensity]] = []  # the one used last stands last
_lock = threading.Lock()


@contextmanager
def compiled_density(problem: ScaleProblem, given: ModelData) -> Iterator[LogDensity]:
    """
    Compile a scale model, or set the data of one of the same shape that was compiled before.

    A density belongs to its borrower until the context ends: its data change during a fit, so two
    fits in threads never share one.

    Parameters
    ----------
    problem : ScaleProblem
    given : ModelData

    Yields
    ------
    LogDensity
    """
    arrays = _schedule(problem)
    key = _structure_hash(problem, given, arrays)
    with _lock:
        place = next((place for place, (shape, _) in enumerate(_idle) if shape == key), None)
        # Compiled inside the lock: one thread of a process compiles at a time.
        density = (
            LogDensity(build_scale_model(problem, given)) if place is None else _idle.pop(place)[1]
        )
    numbers = dict(given.data)
    for part, array in zip(SCHEDULE, arrays, strict=True):
        for name in density.data_names:
            if name.startswith("schedule_") and name.endswith(f"_{part}"):
                numbers[name] = array
    density.set_data({name: numbers[name] for name in density.data_names if name in numbers})
    try:
        yield density
    finally:
        with _lock:
            _idle.append((key, density))
            del _idle[:-CAPACITY]


def _schedule(problem: ScaleProblem) -> Any:
    """When each run is read, fed and switched, as the kernels take it."""
    plans = []
    for run in problem.campaign:
        rows = problem.rows[problem.rows["run"] == run.name]
        times = np.unique(rows["time_h"].to_numpy(float, copy=True))
        plans.append(Plan(run.name, times, run.profiles, run.events))
    traced = kernels(problem.curve).trace
    planned = problem_of(traced, plans)[0]
    return (*planned.segments, *planned.events)


def _structure_hash(problem: ScaleProblem, given: ModelData, arrays: Any) -> str:
    """Fingerprint of all that is fixed when the graph is compiled."""
    traced = kernels(problem.curve).trace
    order = []
    for run in problem.campaign:
        times = problem.rows.loc[problem.rows["run"] == run.name, "time_h"]
        order.append(np.searchsorted(np.unique(times), times).tolist())
    structure = {
        "curve": traced.fingerprint,
        "names": problem.names,
        "positive": problem.positive.tolist(),
        "quantities": problem.quantities,
        "rows": [
            pd.factorize(problem.rows["run"])[0].tolist(),
            problem.rows["quantity"].tolist(),
            (problem.rows["flag"] == "").tolist(),
            order,
        ],
        "settings": [
            {name: str(setting_of(run, name)) for name in traced.names} for run in problem.campaign
        ],
        "data": {name: value.shape for name, value in given.data.items()},
        "schedule": [(np.shape(array), str(np.asarray(array).dtype)) for array in arrays],
    }
    return hashlib.sha256(json.dumps(structure, sort_keys=True, default=str).encode()).hexdigest()
