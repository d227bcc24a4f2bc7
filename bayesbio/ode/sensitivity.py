"""Derivatives of whole trajectories by parameters, as matrices at the readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.data import Campaign
from bayesbio.errors import ModelError
from bayesbio.mechanistic.process_model import ProcessModel
from bayesbio.ode.codegen.cache import Kernels, kernels
from bayesbio.ode.schedule.dynamic_events import EventParameters, problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.schedule.failures import new_failure_log
from bayesbio.ode.schedule.segments import DynamicEvents, Options, Problem
from bayesbio.ode.simulation import METHODS, arranged, plans_of, value_names

FEW_STATES = 64  # with more, rows are pulled back one by one: a map of all states is not needed


def sensitivities(
    model: ProcessModel,
    campaign: Campaign,
    parameters: Mapping[str, Any] | tuple,
    *,
    by: Sequence[str] | None = None,
    times: Any = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    method: str = "auto",
) -> xr.Dataset:
    """
    Differentiate the trajectories of every run by its parameters.

    Parameters
    ----------
    model : ProcessModel
    campaign : Campaign
        Runs with settings, profiles, events, and readings where no times are given.
    parameters : mapping or ``model.Parameters``
        A number, or one value a run; settings and ``initial_<state>`` may stand here too.
    by : sequence of str, optional
        What to differentiate by: parameters, settings, ``initial_<state>``, and names that events
        depend on. The model's parameters by default.
    times : array, shape (n,) [h]
        Output times; by default at the readings of each run.
    rtol, atol : float
        Tolerances of a step, relative and in house units.
    method : {"auto", "explicit", "implicit"}
        As for `simulate`.

    Returns
    -------
    Dataset
        One variable per state and output without a grid, dims (run, time, parameter): the exact
        derivative of the numbers that `simulate` and `trajectories` give, in the unit of the
        quantity over that of the parameter. NaN where a run is not looked at or cannot be solved.

    Raises
    ------
    ModelError
        A name is unknown or something is missing, as for `simulate`; or a parameter has draws.

    Notes
    -----
    The map from reading to reading is pulled back through the accepted steps once for every state,
    then the maps are joined forwards: the cost grows with the states, not with parameters or
    readings. With many states (a column) each reading is pulled back by itself.

    Examples
    --------
    >>> from bayesbio.data import Campaign, Run
    >>> from bayesbio.mechanistic import BatchCulture
    >>> runs = Campaign([Run("R1", settings={"initial_biomass": 0.2, "initial_substrate": 10.0})])
    >>> values = dict(maximum_growth_rate=0.3, substrate_monod_constant=1e-9, cell_yield=0.5)
    >>> found = sensitivities(BatchCulture(), runs, values, times=[2.0])
    >>> round(found["biomass"].sel(parameter="maximum_growth_rate").item(), 4)
    0.7288
    """
    if method not in METHODS:
        raise ModelError(f"method={method!r} is unknown; use one of {', '.join(METHODS)}.")
    compiled, runs = kernels(model), list(campaign)
    traced = compiled.trace
    values = parameters._asdict() if hasattr(parameters, "_asdict") else dict(parameters)
    plans = plans_of(runs, times)
    known = value_names(compiled, runs)
    wanted = tuple(traced.parameters if by is None else by)
    wrong = [name for name in wanted if name not in known or traced.width(name) > 1]
    if wrong:
        raise ModelError(
            f"by={wrong[0]!r}: no single parameter, setting or initial state of "
            f"{type(model).__name__}; it has {', '.join(known)}."
        )
    given, chains, draws = arranged(compiled, runs, values)
    if chains * draws > 1:
        raise ModelError(
            f"The parameters have {chains} x {draws} draws; derivatives are taken at one value "
            "each: a number, or one a run."
        )
    theta = np.ascontiguousarray(np.concatenate([given[name][0] for name in traced.names], axis=-1))
    problem, event_parameters = problem_of(traced, plans)
    triggers, amounts = event_parameters.filled({n: part[..., 0] for n, part in given.items()})
    problem = problem._replace(triggers=triggers[0], amounts=amounts[0])
    options = Options(rtol, atol, METHODS.index(method), True)
    solution = compiled.module.solve(theta, problem, options, new_failure_log(traced))
    names = [
        name
        for name in traced.observed_names
        if traced.place(name).stop - traced.place(name).start == 1
    ]
    places = [traced.place(name).start for name in names]
    if len(traced.states) <= FEW_STATES:
        table = compiled.module.sensitivities(theta, problem, *solution[1:])[:, places]
    else:
        table = _row_by_row(compiled, theta, problem, solution, plans, places)
    columns = _columns(compiled, problem.events, event_parameters, wanted, plans)
    return _labelled(table, columns, names, wanted, plans)


def _row_by_row(
    compiled: Kernels,
    theta: np.ndarray,
    problem: Problem,
    solution: tuple,
    plans: Sequence[Plan],
    places: Sequence[int],
) -> np.ndarray:
    """Pull every reading of every quantity back by itself, in all runs at once."""
    events = problem.events
    states = len(compiled.trace.states)
    width = theta.shape[1] + int(np.diff(events.runs).max(initial=0)) * (1 + states)
    firsts = np.concatenate([[0], np.cumsum([len(plan.times) for plan in plans])])
    table = np.full((firsts[-1], len(places), width), np.nan)
    for reading in range(max(len(plan.times) for plan in plans)):
        runs = [run for run, plan in enumerate(plans) if reading < len(plan.times)]
        for column, place in enumerate(places):
            weights = np.zeros_like(solution[0])
            weights[firsts[runs] + reading, place] = 1.0
            bars = compiled.module.pull(theta, problem, weights, *solution[1:])
            for run in runs:
                of_run = slice(events.runs[run], events.runs[run + 1])
                row = [bars.theta[run], bars.triggers[of_run], bars.amounts[of_run].ravel()]
                joined = np.concatenate(row)
                table[firsts[run] + reading, column, : len(joined)] = joined
    return table


def _columns(
    compiled: Kernels,
    events: DynamicEvents,
    event_parameters: EventParameters,
    wanted: Sequence[str],
    plans: Sequence[Plan],
) -> list[list[list[int]]]:
    """Find for each run and name the columns of the table that it adds to."""
    traced = compiled.trace
    width, states = len(traced.p), len(traced.states)
    starts = np.cumsum([0, *map(traced.width, traced.names)])
    offsets = dict(zip(traced.names, starts, strict=False))
    columns = []
    for run in range(len(plans)):
        first, count = events.runs[run], events.runs[run + 1] - events.runs[run]
        of_run: dict[str, list[int]] = {
            name: [int(offsets[name])] if name in offsets else [] for name in wanted
        }
        for array, index, name, of in event_parameters.named:
            if of == run and name in of_run:
                column = width + index[0] - first
                if array == "amounts":
                    column = width + count + (index[0] - first) * states + index[1]
                of_run[name].append(int(column))
        columns.append([of_run[name] for name in wanted])
    return columns


def _labelled(
    table: np.ndarray,
    columns: list[list[list[int]]],
    names: Sequence[str],
    wanted: Sequence[str],
    plans: Sequence[Plan],
) -> xr.Dataset:
    """Sum the columns of each name, and put ragged times on their union."""
    union = np.unique(np.concatenate([plan.times for plan in plans]))
    full = np.full((len(names), len(plans), len(union), len(wanted)), np.nan)
    first = 0
    for run, plan in enumerate(plans):
        rows = table[first : first + len(plan.times)]
        where = np.searchsorted(union, plan.times)
        for parameter, mine in enumerate(columns[run]):
            full[:, run, where, parameter] = rows[:, :, mine].sum(axis=-1).T
        first += len(plan.times)
    coords = {
        "run": [plan.name for plan in plans],
        "time": ("time", union, {"units": "h"}),
        "parameter": list(wanted),
    }
    dims = ("run", "time", "parameter")
    return xr.Dataset({name: (dims, full[i]) for i, name in enumerate(names)}, coords)
