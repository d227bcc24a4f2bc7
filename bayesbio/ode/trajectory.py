"""Trajectories inside a PyTensor graph, with exact gradients: the building block of likelihoods."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numba import from_dtype, types
from pytensor.gradient import DisconnectedType, disconnected_type, grad_not_implemented
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import node_rewriter
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key
from pytensor.tensor.rewriting.basic import register_specialize

from bayesbio.data import Campaign
from bayesbio.errors import ModelError
from bayesbio.mechanistic.process_model import ProcessModel
from bayesbio.ode.codegen.cache import Kernels, kernels, load_module
from bayesbio.ode.codegen.numba_linking import entry_by_symbol
from bayesbio.ode.schedule.dynamic_events import EventParameters, problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.schedule.failures import new_failure_log
from bayesbio.ode.schedule.segments import DynamicEvents, Options, Problem, Record, Segments
from bayesbio.ode.simulation import METHODS, run_values

VALUES = ("theta", "triggers", "amounts")  # what depends on parameters, before the schedule
SCHEDULE = tuple(f"segments_{name}" for name in Segments._fields) + tuple(
    f"events_{name}" for name in DynamicEvents._fields
)
FIXED = len(Segments._fields)
DIFFERENTIABLE = (*VALUES, "segments_levels", "segments_slopes", "segments_amounts")
VERSION = 6  # of the calls below; PyTensor's disk cache does not see their code
_counter = itertools.count()


class Solve(Op):
    """
    Solve every run: theta, triggers, amounts, schedule, log -> stored, status, and a `Record`.

    The key names the generated module; its source holds the solver, so a changed solver is
    another key and never meets an old compiled one.
    """

    __props__ = ("key", "options")
    default_output = 0

    def __init__(self, key: str, options: Options) -> None:
        self.key, self.options = key, options

    def make_node(self, *inputs: Any) -> Apply:
        """Build the node from theta, triggers, amounts, the arrays of a schedule and a log."""
        variables = [pt.as_tensor_variable(value) for value in inputs]
        outputs = [pt.dmatrix(), pt.lvector(), pt.dtensor3(), pt.lvector(), pt.dmatrix()]
        return Apply(self, variables, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Solve outside numba mode."""
        theta, triggers, amounts, *arrays, log = inputs
        problem = Problem(
            Segments(*arrays[:FIXED]), DynamicEvents(*arrays[FIXED:]), triggers, amounts
        )
        stored, status, record = load_module(self.key).solve(theta, problem, self.options, log)
        for storage, value in zip(output_storage, (stored, status, *record), strict=True):
            storage[0] = value

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Only what was stored is smooth, in theta, triggers, amounts, levels and slopes."""
        smooth = [name in DIFFERENTIABLE for name in (*VALUES, *SCHEDULE, "log")]
        return [[connected, False, False, False, False] for connected in smooth]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        """Gradient through the adjoint of the accepted steps."""
        if isinstance(cotangents[0].type, DisconnectedType):
            return [disconnected_type() for _ in inputs]
        node = Pull(self.key).make_node(*inputs[:-1], cotangents[0], *outputs[1:])
        gradients = dict(zip(DIFFERENTIABLE, node.outputs, strict=True))
        return [gradients.get(name, disconnected_type()) for name in (*VALUES, *SCHEDULE, "log")]


class Pull(Op):
    """Adjoint of `Solve`: gradients by theta, triggers, amounts, levels, slopes and amounts."""

    __props__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key

    def make_node(self, *inputs: Any) -> Apply:
        """Build the node from the inputs of `Solve` but the log, a cotangent, and its outputs."""
        variables = [pt.as_tensor_variable(value) for value in inputs]
        outputs = [pt.dmatrix(), pt.dvector(), *(pt.dmatrix() for _ in range(4))]
        return Apply(self, variables, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Pull back outside numba mode."""
        theta, triggers, amounts, *arrays, weights, status, tape, step_index, times = inputs
        problem = Problem(
            Segments(*arrays[:FIXED]), DynamicEvents(*arrays[FIXED:]), triggers, amounts
        )
        record = Record(tape, step_index, times)
        gradients = load_module(self.key).pull(theta, problem, weights, status, record)
        for storage, value in zip(output_storage, gradients, strict=True):
            storage[0] = value

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        """Second derivatives are not offered: Laplace and Fisher use first ones."""
        return [
            grad_not_implemented(self, place, value, "second derivatives of a trajectory")
            for place, value in enumerate(inputs)
        ]


@register_funcify_default_op_cache_key(Solve)
def _compile_solve(op: Solve, node: Any = None, **_: Any) -> Any:
    rtol, atol, method, keep = op.options
    theta, triggers, amounts, *arrays, log = map(_array_type, node.inputs)
    problem = _problem_type(triggers, amounts, arrays)
    options = types.NamedTuple((types.float64, types.float64, types.int64, types.boolean), Options)
    call = entry_by_symbol(
        load_module(op.key).solve, f"bayesbio_solve_{op.key}", (theta, problem, options, log)
    )

    @numba_njit
    def solve_runs(theta: Any, triggers: Any, amounts: Any, *arrays: Any) -> Any:
        segments, events = Segments(*arrays[:FIXED]), DynamicEvents(*arrays[FIXED:-1])
        problem = Problem(segments, events, triggers.copy(), amounts.copy())
        options = Options(rtol, atol, method, keep)
        stored, status, record = call((theta.copy(), problem, options, arrays[-1]))
        return stored, status, record.tape, record.step_index, record.event_times

    return solve_runs, VERSION


@register_funcify_default_op_cache_key(Pull)
def _compile_pull(op: Pull, node: Any = None, **_: Any) -> Any:
    theta, triggers, amounts, *arrays, weights, status, tape, step_index, times = map(
        _array_type, node.inputs
    )
    problem = _problem_type(triggers, amounts, arrays)
    record = types.NamedTuple((tape, step_index, times), Record)
    call = entry_by_symbol(
        load_module(op.key).pull,
        f"bayesbio_pull_{op.key}",
        (theta, problem, weights, status, record),
    )

    @numba_njit
    def pull_runs(theta: Any, triggers: Any, amounts: Any, *inputs: Any) -> Any:
        segments, events = Segments(*inputs[:FIXED]), DynamicEvents(*inputs[FIXED:-5])
        problem = Problem(segments, events, triggers.copy(), amounts.copy())
        weights, status, tape, step_index, times = inputs[-5:]
        record = Record(tape, step_index, times)
        g = call((theta.copy(), problem, weights.copy(), status, record))
        return g.theta, g.triggers, g.amounts, g.levels, g.slopes, g.segment_amounts

    return pull_runs, VERSION


def _array_type(variable: Variable) -> Any:
    """Type of the array that a variable becomes: contiguous, and not only for reading."""
    kind: Any = variable.type
    return types.Array(from_dtype(np.dtype(kind.dtype)), kind.ndim, "C")


def _problem_type(triggers: Any, amounts: Any, arrays: list[Any]) -> Any:
    """Type of the `Problem` that holds the arrays of a schedule."""
    segments = types.NamedTuple(arrays[:FIXED], Segments)
    events = types.NamedTuple(arrays[FIXED:], DynamicEvents)
    return types.NamedTuple((segments, events, triggers, amounts), Problem)


@register_specialize
@node_rewriter([Solve])
def drop_unused_tape(fgraph: Any, node: Apply) -> list[Variable] | bool:
    """Keep no tape in a graph that takes no gradients."""
    if node.op.options.keep and not fgraph.clients[node.outputs[2]]:
        bare = Solve(node.op.key, node.op.options._replace(keep=False))
        return bare.make_node(*node.inputs).outputs
    return False


def trajectories(
    model: ProcessModel,
    campaign: Campaign,
    parameters: Mapping[str, Any] | tuple,
    *,
    aliases: Mapping[str, str] | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    method: str = "auto",
) -> dict[str, Any]:
    """
    Trajectories at the measurements of a campaign, as PyTensor vectors with exact gradients.

    Parameters
    ----------
    model : ProcessModel
        What to solve.
    campaign : Campaign
        Runs with settings, profiles, events and measurements.
    parameters : mapping or ``model.Parameters``
        PyTensor variables or numbers: scalars, or vectors with one entry a run. Settings and
        ``initial_<state>`` may stand here too; the rest comes from the runs.
    aliases : mapping of measured quantity to the model's, optional
        Quantities that are signals of a state or output: their rows get its trajectory.
    rtol, atol : float
        Tolerances of a step, relative and in house units.
    method : {"auto", "explicit", "implicit"}
        ``auto`` starts explicit and goes on implicitly where a run turns out to be stiff.

    Returns
    -------
    dict of str to PyTensor vector
        For each measured quantity that the model has: one entry per row of
        ``campaign.to_frame()`` with that quantity, in that order. A run that could not be solved
        is NaN.

    Raises
    ------
    ModelError
        Nothing that was measured is a state or output of the model, or a value is missing.

    Examples
    --------
    Any PyMC model may use the vectors::

        with pm.Model():
            growth = pm.LogNormal("maximum_growth_rate", -3, 0.5)
            course = trajectories(BatchCulture(), campaign, {"maximum_growth_rate": growth, ...})
            pm.LogNormal("biomass", pt.log(course["biomass"]), 0.1, observed=values)
    """
    if method not in METHODS:
        raise ModelError(f"method={method!r} is unknown; use one of {', '.join(METHODS)}.")
    compiled = kernels(model)
    values = parameters._asdict() if hasattr(parameters, "_asdict") else dict(parameters)
    frame = campaign.to_frame()
    sources = {name: name for name in compiled.trace.observed_names} | dict(aliases or {})
    known = [name for name in sources if (frame["quantity"] == name).any()]
    if not known:
        raise ModelError(
            f"Nothing that was measured ({', '.join(campaign.quantities)}) is a state or output of "
            f"{type(model).__name__} ({', '.join(compiled.trace.observed_names)}). Rename columns "
            "with read_campaign(..., columns={'header': 'name [unit]'})."
        )
    frame = frame[frame["quantity"].isin(known)]
    plans, rows = [], {}
    first = 0
    for run in campaign:
        times = np.unique(frame.loc[frame["run"] == run.name, "time_h"].to_numpy(float, copy=True))
        if not len(times):
            times = np.array([0.0])
        plans.append(Plan(run.name, times, run.profiles, run.events))
        rows[run.name] = (first, times)
        first += len(times)
    runs = list(campaign)
    options = Options(float(rtol), float(atol), METHODS.index(method), True)
    stored: Any = solved(compiled, runs, plans, values, options)[0]
    found = {}
    for name in known:
        part = frame[frame["quantity"] == name]
        where = np.array(
            [
                rows[run][0] + np.searchsorted(rows[run][1], time)
                for run, time in zip(part["run"], part["time_h"], strict=True)
            ]
        )
        found[name] = stored[where, compiled.trace.place(sources[name]).start]
    return found


def solved(
    compiled: Kernels,
    runs: list,
    plans: list[Plan],
    given: Mapping[str, Any],
    options: Options,
) -> list[Variable]:
    """Apply `Solve` to runs and plans; the schedule enters as shared variables."""
    traced = compiled.trace
    columns: dict[str, Any] = {}
    for name, value in run_values(compiled, runs, given).items():
        width = traced.width(name)
        if name not in given:
            columns[name] = pt.constant(np.asarray(value, float).reshape(len(runs), width))
            continue
        value = pt.as_tensor_variable(value, dtype="float64")
        if width > 1:
            columns[name] = pt.broadcast_to(pt.atleast_2d(value), (len(runs), width))
        else:
            columns[name] = pt.broadcast_to(value, (len(runs),))[:, None]
    theta = pt.concatenate([columns[name] for name in traced.names], axis=1)
    number = next(_counter)
    problem, event_parameters = problem_of(traced, plans)
    shared = [
        pytensor.shared(array, name=f"schedule_{number}_{name}")
        for name, array in zip(SCHEDULE, (*problem.segments, *problem.events), strict=True)
    ]
    log = pytensor.shared(new_failure_log(traced), name=f"failures_{number}", borrow=True)
    log.tag.failure_log = True
    values = _event_values(event_parameters, columns)
    return Solve(compiled.key, options).make_node(theta, *values, *shared, log).outputs


def _event_values(
    event_parameters: EventParameters, columns: Mapping[str, Any]
) -> tuple[Variable, Variable]:
    """Triggers and amounts of dynamic events as PyTensor variables."""
    arrays: dict[str, Any] = {
        "triggers": pt.constant(event_parameters.triggers),
        "amounts": pt.constant(event_parameters.amounts),
    }
    for array, index, name, run in event_parameters.named:
        arrays[array] = pt.inc_subtensor(arrays[array][index], columns[name][run, 0])
    return arrays["triggers"], arrays["amounts"]
