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
from bayesbio.mechanistic.process_model import ProcessModel
from bayesbio.ode.cache import Kernels, kernels, load_module
from bayesbio.ode.events import Plan, schedule
from bayesbio.ode.segments import Segments
from bayesbio.ode.simulation import METHODS, run_values

SCHEDULE = Segments._fields
DIFFERENTIABLE = ("levels", "slopes", "amounts")
_counter = itertools.count()


class Solve(Op):
    """
    Solve every run: (theta, schedule) -> stored, status, tape, marks.

    The key names the generated module; its source holds the solver, so a changed solver is
    another key and never meets an old compiled one.
    """

    __props__ = ("key", "rtol", "atol", "method", "keep")
    default_output = 0

    def __init__(
        self, key: str, rtol: float, atol: float, method: str = "auto", keep: bool = True
    ) -> None:
        self.key, self.rtol, self.atol = key, float(rtol), float(atol)
        self.method, self.keep = METHODS.index(method), keep

    def make_node(self, *inputs: Any) -> Apply:
        """Build the node from theta and the nine arrays of a schedule."""
        variables = [pt.as_tensor_variable(value) for value in inputs]
        outputs = [pt.dmatrix(), pt.lvector(), pt.dtensor3(), pt.lvector()]
        return Apply(self, variables, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Solve outside numba mode."""
        module = load_module(self.key)
        theta, *arrays = inputs
        options = (self.rtol, self.atol, self.method, self.keep)
        found = module.solve(theta, Segments(*arrays), *options)
        for storage, value in zip(output_storage, found, strict=True):
            storage[0] = value

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Only what was stored depends smoothly on theta, input levels, slopes and amounts."""
        smooth = [True] + [name in DIFFERENTIABLE for name in SCHEDULE]
        return [[connected, False, False, False] for connected in smooth]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        """Gradient through the adjoint of the accepted steps."""
        if isinstance(cotangents[0].type, DisconnectedType):
            return [disconnected_type() for _ in inputs]
        thetabar, *rest = Pull(self.key).make_node(*inputs, cotangents[0], *outputs[1:]).outputs
        found = dict(zip(DIFFERENTIABLE, rest, strict=True))
        return [thetabar, *(found.get(name, disconnected_type()) for name in SCHEDULE)]


class Pull(Op):
    """Adjoint of `Solve`: gradients by theta, levels, slopes and amounts."""

    __props__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key

    def make_node(self, *inputs: Any) -> Apply:
        """Build the node from the inputs of `Solve`, a cotangent, status, tape and marks."""
        variables = [pt.as_tensor_variable(value) for value in inputs]
        return Apply(self, variables, [pt.dmatrix() for _ in range(4)])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Pull back outside numba mode."""
        module = load_module(self.key)
        theta, *arrays = inputs[:-4]
        found = module.pull(theta, Segments(*arrays), *inputs[-4:])
        for storage, value in zip(output_storage, found, strict=True):
            storage[0] = value

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        """Second derivatives are not offered: Laplace and Fisher use first ones."""
        return [
            grad_not_implemented(self, place, value, "second derivatives of a trajectory")
            for place, value in enumerate(inputs)
        ]


@register_funcify_default_op_cache_key(Solve)
def _compile_solve(op: Solve, node: Any = None, **_: Any) -> Any:
    solve = load_module(op.key).solve
    rtol, atol, method, keep = op.rtol, op.atol, op.method, op.keep

    @numba_njit
    def solve_runs(theta: Any, *arrays: Any) -> Any:
        return solve(theta, Segments(*arrays), rtol, atol, method, keep)

    return solve_runs, 1


@register_funcify_default_op_cache_key(Pull)
def _compile_pull(op: Pull, node: Any = None, **_: Any) -> Any:
    pull = load_module(op.key).pull

    @numba_njit
    def pull_runs(theta: Any, *inputs: Any) -> Any:
        return pull(theta, Segments(*inputs[:-4]), *inputs[-4:])

    return pull_runs, 1


@register_specialize
@node_rewriter([Solve])
def drop_unused_tape(fgraph: Any, node: Apply) -> list[Variable] | bool:
    """Keep no tape in a graph that takes no gradients."""
    if node.op.keep and not fgraph.clients[node.outputs[2]]:
        method = METHODS[node.op.method]
        bare = Solve(node.op.key, node.op.rtol, node.op.atol, method, keep=False)
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
    stored: Any = solved(compiled, runs, plans, values, rtol=rtol, atol=atol, method=method)[0]
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
) -> list[Variable]:
    """Apply `Solve` to runs and plans; the schedule enters as shared variables."""
    values = run_values(compiled, runs, given)
    columns = []
    for name, value in values.items():
        width = compiled.trace.width(name)
        if name in given:
            value = pt.as_tensor_variable(value, dtype="float64")
            if width > 1:
                columns.append(pt.broadcast_to(pt.atleast_2d(value), (len(runs), width)))
            else:
                columns.append(pt.broadcast_to(value, (len(runs),))[:, None])
        else:
            columns.append(pt.constant(np.asarray(value, float).reshape(len(runs), width)))
    theta = pt.concatenate(columns, axis=1)
    number = next(_counter)
    arrays = schedule(compiled.trace, plans)
    shared = [
        pytensor.shared(array, name=f"schedule_{number}_{name}")
        for name, array in zip(SCHEDULE, arrays, strict=True)
    ]
    return Solve(compiled.key, rtol, atol, method).make_node(theta, *shared).outputs
