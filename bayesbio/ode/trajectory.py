"""Trajectories inside a PyTensor graph, with exact gradients: the building block of likelihoods."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type, grad_not_implemented
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import node_rewriter
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key
from pytensor.tensor.rewriting.basic import register_specialize

from bayesbio.data import Campaign
from bayesbio.errors import ModelError
from bayesbio.inference.mcmc.density import BOARD
from bayesbio.mechanistic.process_model import ProcessModel
from bayesbio.ode.codegen.cache import Kernels, kernels, load_module
from bayesbio.ode.schedule.events import Plan, schedule
from bayesbio.ode.schedule.failures import new_board
from bayesbio.ode.schedule.parameter_dependent_events import Openings, movable_events
from bayesbio.ode.schedule.segments import Movable, Segments
from bayesbio.ode.simulation import METHODS, run_values

OPEN = ("theta", "moments", "sizes")  # what depends on parameters, before the schedule
SCHEDULE = tuple(f"segments_{name}" for name in Segments._fields) + tuple(
    f"movable_{name}" for name in Movable._fields
)
FIXED = len(Segments._fields)
DIFFERENTIABLE = (*OPEN, "segments_levels", "segments_slopes", "segments_amounts")
VERSION = 4  # of the calls below; PyTensor's disk cache does not see their code
_counter = itertools.count()


class Solve(Op):
    """
    Solve every run: theta, moments, sizes, schedule, board -> stored, status, tape, marks, fired.

    The key names the generated module; its source holds the solver, so a changed solver is
    another key and never meets an old compiled one.
    """

    __props__ = ("key", "rtol", "atol", "method", "keep", "side_by_side")
    default_output = 0

    def __init__(
        self,
        key: str,
        rtol: float,
        atol: float,
        method: str = "auto",
        keep: bool = True,
        side_by_side: bool = False,
    ) -> None:
        self.key, self.rtol, self.atol = key, float(rtol), float(atol)
        self.method, self.keep, self.side_by_side = METHODS.index(method), keep, side_by_side

    def make_node(self, *inputs: Any) -> Apply:
        """Build the node from theta, moments, sizes, the arrays of a schedule and a board."""
        variables = [pt.as_tensor_variable(value) for value in inputs]
        outputs = [pt.dmatrix(), pt.lvector(), pt.dtensor3(), pt.lvector(), pt.dmatrix()]
        return Apply(self, variables, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Solve outside numba mode."""
        solve = entry_of(self, "solve")
        theta, moments, sizes, *arrays, board = inputs
        schedule = Segments(*arrays[:FIXED]), Movable(*arrays[FIXED:])
        options = (self.rtol, self.atol, self.method, self.keep)
        found = solve(theta, *schedule, moments, sizes, board, *options)
        for storage, value in zip(output_storage, found, strict=True):
            storage[0] = value

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Only what was stored is smooth, in theta, moments, sizes, levels, slopes and amounts."""
        smooth = [name in DIFFERENTIABLE for name in (*OPEN, *SCHEDULE, "board")]
        return [[connected, False, False, False, False] for connected in smooth]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        """Gradient through the adjoint of the accepted steps."""
        if isinstance(cotangents[0].type, DisconnectedType):
            return [disconnected_type() for _ in inputs]
        pull = Pull(self.key, self.side_by_side)
        pulled = pull.make_node(*inputs[:-1], cotangents[0], *outputs[1:]).outputs
        found = dict(zip(DIFFERENTIABLE, pulled, strict=True))
        return [found.get(name, disconnected_type()) for name in (*OPEN, *SCHEDULE, "board")]


class Pull(Op):
    """Adjoint of `Solve`: gradients by theta, moments, sizes, levels, slopes and amounts."""

    __props__ = ("key", "side_by_side")

    def __init__(self, key: str, side_by_side: bool = False) -> None:
        self.key, self.side_by_side = key, side_by_side

    def make_node(self, *inputs: Any) -> Apply:
        """Build the node from the inputs of `Solve` but the board, a cotangent, and its outputs."""
        variables = [pt.as_tensor_variable(value) for value in inputs]
        outputs = [pt.dmatrix(), pt.dvector(), *(pt.dmatrix() for _ in range(4))]
        return Apply(self, variables, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Pull back outside numba mode."""
        pull = entry_of(self, "pull")
        theta, moments, sizes, *arrays = inputs[:-5]
        schedule = Segments(*arrays[:FIXED]), Movable(*arrays[FIXED:])
        found = pull(theta, *schedule, moments, sizes, *inputs[-5:])
        for storage, value in zip(output_storage, found, strict=True):
            storage[0] = value

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        """Second derivatives are not offered: Laplace and Fisher use first ones."""
        return [
            grad_not_implemented(self, place, value, "second derivatives of a trajectory")
            for place, value in enumerate(inputs)
        ]


def entry_of(op: Solve | Pull, name: str) -> Any:
    """Compiled function of an Op: runs one after another, or side by side on several cores."""
    return getattr(load_module(op.key), f"{name}_side_by_side" if op.side_by_side else name)


@register_funcify_default_op_cache_key(Solve)
def _compile_solve(op: Solve, node: Any = None, **_: Any) -> Any:
    solve = entry_of(op, "solve")
    rtol, atol, method, keep = op.rtol, op.atol, op.method, op.keep

    @numba_njit
    def solve_runs(theta: Any, moments: Any, sizes: Any, *arrays: Any) -> Any:
        segments, movable = Segments(*arrays[:FIXED]), Movable(*arrays[FIXED:-1])
        board = arrays[-1]
        return solve(theta, segments, movable, moments, sizes, board, rtol, atol, method, keep)

    return solve_runs, VERSION


@register_funcify_default_op_cache_key(Pull)
def _compile_pull(op: Pull, node: Any = None, **_: Any) -> Any:
    pull = entry_of(op, "pull")

    @numba_njit
    def pull_runs(theta: Any, moments: Any, sizes: Any, *inputs: Any) -> Any:
        segments, movable = Segments(*inputs[:FIXED]), Movable(*inputs[FIXED:-5])
        return pull(theta, segments, movable, moments, sizes, *inputs[-5:])

    return pull_runs, VERSION


@register_specialize
@node_rewriter([Solve])
def drop_unused_tape(fgraph: Any, node: Apply) -> list[Variable] | bool:
    """Keep no tape in a graph that takes no gradients."""
    if node.op.keep and not fgraph.clients[node.outputs[2]]:
        op, method = node.op, METHODS[node.op.method]
        bare = Solve(op.key, op.rtol, op.atol, method, keep=False, side_by_side=op.side_by_side)
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
    side_by_side: bool = False,
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
    side_by_side : bool
        Solve the runs on all cores instead of one after another: same numbers, for a single chain.
        Chains that run beside each other share the cores better without.

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
    stored: Any = solved(
        compiled,
        runs,
        plans,
        values,
        rtol=rtol,
        atol=atol,
        method=method,
        side_by_side=side_by_side and compiled.trace.derivatives is not None,
    )[0]
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
    *,
    rtol: float,
    atol: float,
    method: str,
    side_by_side: bool = False,
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
    segments = schedule(traced, plans)
    movable, openings = movable_events(traced, plans, segments)
    shared = [
        pytensor.shared(array, name=f"schedule_{number}_{name}")
        for name, array in zip(SCHEDULE, (*segments, *movable), strict=True)
    ]
    board = pytensor.shared(new_board(traced), name=f"{BOARD}{number}", borrow=True)
    node = Solve(compiled.key, rtol, atol, method, side_by_side=side_by_side).make_node(
        theta, *_opened(openings, columns), *shared, board
    )
    return node.outputs


def _opened(openings: Openings, columns: Mapping[str, Any]) -> tuple[Variable, Variable]:
    """Moments and sizes of movable events as PyTensor variables."""
    found: dict[str, Any] = {
        "moments": pt.constant(openings.moments),
        "sizes": pt.constant(openings.sizes),
    }
    for array, place, name, run in openings.named:
        found[array] = pt.inc_subtensor(found[array][place], columns[name][run, 0])
    return found["moments"], found["sizes"]
