"""Trajectories of a process model for given parameters: one virtual run, or many runs and draws."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import xarray as xr

from bayesbio.data import Campaign, Event, Profile, Run
from bayesbio.errors import ModelError, SolveError
from bayesbio.mechanistic.process_model import ProcessModel
from bayesbio.ode.codegen.cache import Kernels, kernels
from bayesbio.ode.schedule.dynamic_events import MOST_REPEATS, names_in, problem_of
from bayesbio.ode.schedule.events import Plan, schedule
from bayesbio.ode.schedule.failures import REASONS, new_failure_log
from bayesbio.ode.schedule.segments import STOP, DynamicEvents, Options

METHODS = ("auto", "explicit", "implicit")  # in the order of the codes of `forward`
DIMENSIONS = ("chain", "draw", "run")


def simulate(
    model: ProcessModel,
    *,
    parameters: Mapping[str, Any] | tuple,
    settings: Mapping[str, Any] | None = None,
    profiles: Mapping[str, Profile | Sequence[tuple[float, float]]] | None = None,
    events: Sequence[Event] | None = None,
    campaign: Campaign | None = None,
    times: Any = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    method: str = "auto",
    dense: bool = False,
) -> xr.Dataset:
    """
    Trajectories of one virtual run, or of every run of a campaign.

    Parameters
    ----------
    model : ProcessModel
        What to solve.
    parameters : mapping or ``model.Parameters``
        Values in the model's units: a number, an array (chain, draw), or a DataArray with any of
        the dims chain, draw, run. Settings and ``initial_<state>`` may stand here too.
    settings : mapping
        ``initial_<state>`` and the model's constants, for one virtual run.
    profiles : mapping of input name to Profile
        A bare list of (time, value) is linear.
    events : sequence of Event
        Boluses, samples, switches, stops. A time may be the name of a parameter, or
        ``Below("glucose", 0.1)``; after a stop the run holds the state it has reached.
    campaign : Campaign
        Takes settings, profiles, events (and times, where none are given) from its runs.
    times : array, shape (n,) [h]
        Output times. A run starts at time zero, or at its first time where that is negative.
    rtol, atol : float
        Tolerances of a step, relative and in house units.
    method : {"auto", "explicit", "implicit"}
        ``auto`` starts explicit and goes on implicitly where a run turns out to be stiff.
    dense : bool
        Read times between events off the continuous extension of the steps instead of stepping
        onto each: faster where times are many, such as a curve to be drawn. Its error is that of
        order 4 (3 where steps are implicit) rather than that of a step: several times the
        tolerance, at times; likelihoods therefore step onto their readings.

    Returns
    -------
    Dataset
        One variable per state and output, its unit in ``attrs["units"]``, dims
        (chain, draw, run, time) and a grid where the model has one. Runs with times of their own
        hold NaN elsewhere. Where a run may stop, ``stop_time`` [h] says when it did, NaN where it
        did not. ``attrs``: ``failures`` by reason, how many trajectories were ``stiff``, and
        the names of the runs, ``stiff_runs``, of which any was.

    Raises
    ------
    ModelError
        A parameter, setting or input is missing or unknown.
    DataError
        Events and profiles do not fit the times.
    SolveError
        No trajectory at all could be computed; single failures are NaN, counted in
        ``attrs["failures"]``.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchReactor
    >>> course = simulate(
    ...     BatchReactor(isothermal=True),
    ...     parameters=dict(rate_constant_1=0.5, rate_constant_2=0.05),
    ...     settings=dict(initial_concentration_a=1.0),
    ...     times=[0.0, 2.0],
    ... )
    >>> float(course["concentration_a"].squeeze()[-1].round(4))
    0.3679

    The same batch, ended when half of it is converted:

    >>> from bayesbio.ode import Below
    >>> course = simulate(
    ...     BatchReactor(isothermal=True),
    ...     parameters=dict(rate_constant_1=0.5, rate_constant_2=0.05),
    ...     settings=dict(initial_concentration_a=1.0),
    ...     events=[Event(Below("concentration_a", 0.5), "stop")],
    ...     times=[0.0, 2.0],
    ... )
    >>> float(course["stop_time"].squeeze().round(4))
    1.3863
    """
    if method not in METHODS:
        raise ModelError(f"method={method!r} is unknown; use one of {', '.join(METHODS)}.")
    compiled = kernels(model)
    if campaign is None:
        runs = [_virtual_run(settings, profiles, events)]
        if times is None:
            raise ModelError("simulate needs times=[...] in hours, or a campaign with times.")
    else:
        runs = list(campaign)
    values = parameters._asdict() if hasattr(parameters, "_asdict") else dict(parameters)
    plans = plans_of(runs, times)
    given, chains, draws = arranged(compiled, runs, values)
    theta = np.ascontiguousarray(
        np.concatenate([given[name] for name in compiled.trace.names], axis=-1)
    )
    stored, status, stopped = _solve(
        compiled, plans, theta, given, Options(rtol, atol, METHODS.index(method), dense)
    )
    course = _dataset(compiled, plans, stored, status, (chains, draws), theta)
    if stopped is not None:
        times_of_stops = stopped.reshape(chains, draws, len(plans))
        course["stop_time"] = (DIMENSIONS, times_of_stops, {"units": "h"})
    return course


def plans_of(runs: Sequence[Run], times: Any | None) -> list[Plan]:
    """Plan what is solved: every run at its own times, or all at the same [h]."""
    chosen = None if times is None else np.unique(np.asarray(times, float))
    plans = [
        Plan(run.name, run.times() if chosen is None else chosen, run.profiles, run.events)
        for run in runs
    ]
    empty = [plan.name for plan in plans if not len(plan.times)]
    if empty:
        raise ModelError(f"Run {empty[0]!r} has no times; give times=[...] in hours.")
    return plans


def _virtual_run(settings: Any, profiles: Any, events: Any) -> Run:
    made = {
        name: value if isinstance(value, Profile) else Profile(tuple(value))
        for name, value in (profiles or {}).items()
    }
    return Run("virtual", settings=settings or {}, profiles=made, events=tuple(events or ()))


def setting_of(run: Run, name: str) -> Any:
    """
    Value of a setting or an initial state in a run; None where the run does not give it.

    The start of a state may stand in the table of runs under the state's own name: ``volume``.
    """
    value = run.settings.get(name)
    return run.settings.get(name.removeprefix("initial_")) if value is None else value


def value_names(compiled: Kernels, runs: Iterable[Run]) -> tuple[str, ...]:
    """Names that need values: those of the model, then those that events of the runs depend on."""
    by_events = names_in(event for run in runs for event in run.events)
    return tuple(dict.fromkeys((*compiled.trace.names, *by_events)))


def run_values(compiled: Kernels, runs: Sequence[Run], given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Values of every name a model needs: as given, else from the settings of each run.

    Raises ModelError with what is missing or unknown.
    """
    traced = compiled.trace
    model, name_of_model = traced.model, type(traced.model).__name__
    names = value_names(compiled, runs)
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ModelError(
            f"{unknown[0]!r} is no parameter, setting or initial state of {name_of_model}; it has "
            f"{', '.join(names)}."
        )
    defaults = getattr(model, "setting_defaults", {})
    values: dict[str, Any] = {}
    for name in names:
        if name in given:
            values[name] = given[name]
            continue
        found = [setting_of(run, name) for run in runs]
        found = [defaults.get(name) if value is None else value for value in found]
        missing = [run.name for run, value in zip(runs, found, strict=True) if value is None]
        if missing and name not in traced.names:
            asking = [run.name for run in runs if name in names_in(run.events)]
            if not set(missing) & set(asking):
                values[name] = np.array([0.0 if value is None else value for value in found])
                continue
            raise ModelError(
                f"Run {next(run for run in missing if run in asking)!r}: an event depends on "
                f"{name!r}, which nothing gives; give parameters={{{name!r}: ...}} or "
                f"settings={{{name!r}: ...}}."
            )
        if missing:
            unit = model.units.get(name.removeprefix("initial_"), "1")
            kind = "parameter" if name in traced.parameters else "setting"
            hint = (
                f"parameters={{{name!r}: ...}}"
                if kind == "parameter"
                else f"settings={{{name!r}: ...}} or a column {name} in the table of runs"
            )
            raise ModelError(
                f"Run {missing[0]!r}: {name_of_model} needs the {kind} {name!r} [{unit}]; give "
                f"{hint}."
            )
        along = (traced.width(name),) if traced.width(name) > 1 else ()
        values[name] = np.stack([np.broadcast_to(np.asarray(v, float), along) for v in found])
    return values


def arranged(
    compiled: Kernels, runs: Sequence[Run], given: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], int, int]:
    """Give every value an array (chain x draw, run, width), and say how many chains and draws."""
    traced = compiled.trace
    values = run_values(compiled, runs, given)
    names = {run.name: place for place, run in enumerate(runs)}
    parts: dict[str, np.ndarray] = {}
    for name, value in values.items():
        width = traced.width(name)
        if isinstance(value, xr.DataArray):
            parts[name] = _from_dataarray(name, value, names, width)
        elif name in given:
            array = np.asarray(value, float)
            if width > 1:
                array = array.reshape(1, 1, 1, -1)
            elif array.ndim == 2:
                array = array[:, :, None, None]
            elif array.ndim == 1 and len(array) == len(runs):
                array = array[None, None, :, None]
            elif array.ndim == 0:
                array = array.reshape(1, 1, 1, 1)
            else:
                raise ModelError(
                    f"{name} has shape {array.shape}; expected a number, one value a run "
                    f"({len(runs)}), an array (chain, draw) or a DataArray with named dims."
                )
            parts[name] = array
        else:
            parts[name] = np.asarray(value, float).reshape(1, 1, len(runs), -1)
    chains = max(part.shape[0] for part in parts.values())
    draws = max(part.shape[1] for part in parts.values())
    try:
        full = {
            name: np.broadcast_to(part, (chains, draws, len(runs), traced.width(name)))
            for name, part in parts.items()
        }
    except ValueError as error:
        shapes = {name: part.shape[:2] for name, part in parts.items() if part.shape[:2] != (1, 1)}
        raise ModelError(
            f"Parameters disagree on the number of chains and draws: {shapes}."
        ) from error
    flat = {name: part.reshape(chains * draws, *part.shape[2:]) for name, part in full.items()}
    return flat, chains, draws


def _from_dataarray(
    name: str, value: xr.DataArray, names: Mapping[str, int], width: int
) -> np.ndarray:
    if "run" in value.dims:
        absent = [run for run in names if run not in value["run"].values]
        if absent:
            raise ModelError(f"{name} has no value for run {absent[0]!r}.")
        value = value.sel(run=list(names))
    extra = [dim for dim in value.dims if dim not in DIMENSIONS]
    if (width == 1 and extra) or len(extra) > 1:
        raise ModelError(
            f"{name} has dims {value.dims}; expected some of chain, draw, run"
            f"{' and one grid' if width > 1 else ''}."
        )
    present = [dim for dim in DIMENSIONS if dim in value.dims]
    value = value.transpose(*present, *extra)
    shape = [value.sizes.get(dim, 1) for dim in DIMENSIONS]
    return np.asarray(value, float).reshape(*shape, -1)


def _solve(
    compiled: Kernels,
    plans: Sequence[Plan],
    theta: np.ndarray,
    given: Mapping[str, np.ndarray],
    options: Options,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Solve all draws, shared out over threads; with the times of stops, if there are any."""
    dense = options.keep and compiled.trace.derivatives is not None
    onto = [_stepped_onto(compiled, plan) if dense else plan.times > -np.inf for plan in plans]
    stepped = [
        dataclasses.replace(plan, times=plan.times[kept])
        for plan, kept in zip(plans, onto, strict=True)
    ]
    problem, event_parameters = problem_of(compiled.trace, stepped)
    triggers, amounts = event_parameters.filled({n: part[..., 0] for n, part in given.items()})
    problem = problem._replace(triggers=triggers, amounts=amounts)
    saves = sum(len(plan.times) for plan in plans)
    count = theta.shape[0]
    stored = np.empty((count, saves, len(compiled.trace.observed)))
    status = np.empty((count, len(plans)), np.int64)
    happened = np.empty(triggers.shape)

    def onto_every_time(span: tuple[int, int]) -> None:
        results = (stored, status, happened)
        compiled.module.solve_draws(theta, problem, options._replace(keep=False), span, results)

    def between_steps(span: tuple[int, int]) -> None:
        saved, log = np.concatenate(onto), new_failure_log(compiled.trace)
        first = np.cumsum([0, *(np.count_nonzero(~mask) for mask in onto)])
        inside = np.concatenate([plan.times for plan in plans])[~saved]
        between = np.empty((len(inside), stored.shape[2]))
        for draw in range(*span):
            here = problem._replace(triggers=triggers[draw], amounts=amounts[draw])
            on, status[draw], record = compiled.module.solve(theta[draw], here, options, log)
            compiled.module.interpolate(
                theta[draw], here, status[draw], record, first, inside, between
            )
            stored[draw, saved], stored[draw, ~saved] = on, between
            happened[draw] = record.event_times[:, 0]

    part = between_steps if dense else onto_every_time
    threads = min(_usable_threads(), count)
    if threads < 2 or count * len(plans) < 64:
        part((0, count))
    else:
        edges = np.linspace(0, count, 4 * threads + 1).astype(int)
        spans = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, spans))
    events = problem.events
    _refuse_exhausted(compiled, plans, events, happened)
    if not (events.kinds == STOP).any():
        return stored, status, None
    stopped = np.full((count, len(plans)), np.inf)
    for run in range(len(plans)):
        for event in range(events.runs[run], events.runs[run + 1]):
            if events.kinds[event] == STOP:
                stopped[:, run] = np.minimum(stopped[:, run], happened[:, event])
    last = np.array([plan.times.max() for plan in plans])
    return stored, status, np.where((stopped < last) & (status <= 0), stopped, np.nan)


def _refuse_exhausted(
    compiled: Kernels, plans: Sequence[Plan], events: DynamicEvents, happened: np.ndarray
) -> None:
    """Refuse a run in which an event that re-arms has happened as often as it can."""
    for event in np.flatnonzero(events.previous >= 0):
        following = event + 1 < len(events.previous) and events.previous[event + 1] == event
        hours = happened[:, event][np.isfinite(happened[:, event])]
        if hours.size and not following:
            run = int(np.searchsorted(events.runs, event, side="right")) - 1
            watched = compiled.trace.observed_names[events.watched[event]]
            raise SolveError(
                f"Run {plans[run].name!r}: the event that waits for {watched} has happened "
                f"{MOST_REPEATS} times by {hours.min():.4g} h, the most that a run allows. Let it "
                "do more each time (a larger bolus), end the run earlier, or feed by a profile."
            )


def _usable_threads() -> int:
    """Threads of this process: one in a job, whose neighbours use the rest of the machine."""
    # who limits threads has loaded the policy; loading it from here would import PyMC
    policy = sys.modules.get("bayesbio.inference.parallel.threads")
    if policy is not None:
        return policy.usable_cores()
    return numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]


def _stepped_onto(compiled: Kernels, plan: Plan) -> np.ndarray:
    """Which times of a plan are stepped onto anyway: at events, at turns of inputs, and the end."""
    ends = plan.times[[0, -1]] if len(plan.times) > 1 else plan.times
    bare = schedule(compiled.trace, [dataclasses.replace(plan, times=ends)])
    return np.isin(plan.times, bare.edges)


def _dataset(
    compiled: Kernels,
    plans: Sequence[Plan],
    stored: np.ndarray,
    status: np.ndarray,
    shape: tuple[int, int],
    theta: np.ndarray,
) -> xr.Dataset:
    """Label what was stored; ragged times go to their union, NaN elsewhere."""
    traced = compiled.trace
    if (status > 0).all():
        raise SolveError(_failure(compiled, plans, status, theta))
    union = np.unique(np.concatenate([plan.times for plan in plans]))
    full = np.full((len(stored), len(plans), len(union), stored.shape[-1]), np.nan)
    first = 0
    for place, plan in enumerate(plans):
        where = np.searchsorted(union, plan.times)
        full[:, place, where] = stored[:, first : first + len(plan.times)]
        first += len(plan.times)
    chains, draws = shape
    full = full.reshape(chains, draws, *full.shape[1:])
    coords: dict[str, Any] = {
        "chain": np.arange(chains),
        "draw": np.arange(draws),
        "run": [plan.name for plan in plans],
        "time": ("time", union, {"units": "h"}),
    }
    variables = {}
    grids = getattr(traced.model, "grids", {})
    for name in traced.observed_names:
        part = full[..., traced.place(name)]
        dims: tuple[str, ...] = ("chain", "draw", "run", "time")
        if name in grids:
            dimension, coordinates = grids[name]
            dims, coords[dimension] = (*dims, dimension), np.asarray(coordinates)
        elif part.shape[-1] == 1:
            part = part[..., 0]
        else:
            dims = (*dims, f"{name}_node")
        variables[name] = (dims, part, {"units": traced.model.units.get(name, "1")})
    failures = {
        REASONS[code]: int((status == code).sum()) for code in REASONS if (status == code).any()
    }
    dataset = xr.Dataset(variables, coords)
    dataset.attrs = {
        "failures": str(failures) if failures else "none",
        "stiff": int((status < 0).sum()),
        "stiff_runs": ", ".join(
            plan.name for plan, stiff in zip(plans, (status < 0).any(axis=0), strict=True) if stiff
        )
        or "none",
    }
    return dataset


def _failure(
    compiled: Kernels, plans: Sequence[Plan], status: np.ndarray, theta: np.ndarray
) -> str:
    traced = compiled.trace
    code = int(status[0, 0])
    shown = ", ".join(
        f"{name} = {theta[0, 0, place]:.4g} {traced.model.units.get(name, '')}".rstrip()
        for place, name in enumerate(traced.parameters)
    )
    return (
        f"Run {plans[0].name!r}: the solver stopped because {REASONS[code]}, at {shown}. Look for "
        "a rate that divides by zero at the start, for hours mixed with days, or for a missing "
        "initial state."
    )
