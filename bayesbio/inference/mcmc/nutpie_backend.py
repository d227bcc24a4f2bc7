"""
The no-U-turn sampler of nutpie, and everything that is private to nutpie and numba.

nutpie calls a log density and an expansion through C callbacks. Its own callbacks link the whole
model, which numba then compiles again in every process (3 s for a line through points, 11 s for
eight fed-batch runs) and never frees. These are compiled once for each signature and find what
they call by its address in the user data: PyTensor's machine code with its shared arrays, and the
whitening transform. `tests/inference/mcmc/test_nutpie_backend.py` says which nutpie this needs.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import numba
import numpy as np
import nutpie
import pymc as pm
import pytensor
from llvmlite import ir
from numba import types
from numba.core import cgutils, imputils
from numba.extending import intrinsic
from numba.np import arrayobj
from numba.np.numpy_support import as_dtype
from nutpie import compile_pymc as recipe
from pymc.initial_point import make_initial_point_fn

from bayesbio.inference.mcmc.records import Whitening
from bayesbio.inference.mcmc.sampler import ChainRequest

# size, coordinates, gradient, value, user data -> code
DENSITY = types.int64(
    types.uint64,
    types.CPointer(types.double),
    types.CPointer(types.double),
    types.CPointer(types.double),
    types.voidptr,
)
# size, size of the values, coordinates, values, user data -> code
EXPANSION = types.int64(
    types.uint64,
    types.uint64,
    types.CPointer(types.double),
    types.CPointer(types.double),
    types.voidptr,
)
# Head of the user data, integers: machine code and shared arrays of density and expansion, their
# callbacks, number of ridges and of knots on each. The whitening follows as floating-point numbers.
_HEAD = 8
# What nutpie writes when the density or its gradient was not a number, or could not be computed.
_NOT_FINITE = ("error code", "NaN energy")


@dataclasses.dataclass(frozen=True)
class NoUTurn:
    """
    No-U-turn sampler of nutpie.

    Attributes
    ----------
    target_accept : float
        Mean acceptance the step size is adapted to, between 0 and 1.
    on_divergence : tuple of float
        While chains diverge, all are run once more with the next of these target acceptances that
        is higher (smaller steps); empty keeps the first attempt. Densities that are not finite do
        not count: smaller steps do not help there.
    adaptation : {"low_rank", "diag"}
        Metric. Low-rank suits the few correlated unknowns of a mechanism: the sampler then moves in
        whitened coordinates (see `whiten`), where most of the metric is known before the first
        step. With hundreds of unknowns that are nearly independent (a sparse regression of 186: 14
        instead of 374 microseconds a step, as many effective draws) diagonal is the one to take; it
        adapts to the coordinates as they are.

    Notes
    -----
    Hoffman and Gelman (2014), arXiv:1111.4246; metric from draws and gradients: Seyboldt, Carlson
    and Carpenter (2026), arXiv:2603.18845.
    """

    target_accept: float = 0.9
    on_divergence: tuple[float, ...] = (0.95, 0.99)
    adaptation: str = "low_rank"

    @property
    def whitens(self) -> bool:
        """Whether it moves in whitened coordinates where a mode is known."""
        return self.adaptation == "low_rank"

    @property
    def attempts(self) -> tuple[NoUTurn, ...]:
        """Itself, then those with smaller steps that follow while chains diverge."""
        finer = [each for each in self.on_divergence if each > self.target_accept]
        return self, *(dataclasses.replace(self, target_accept=each) for each in finer)

    def settings(self) -> dict[str, Any]:
        """Plain description, for checkpoints and attributes."""
        return {
            "target_accept": self.target_accept,
            "adaptation": self.adaptation,
            "inference_library": "nutpie",
            "inference_library_version": version("nutpie"),
            "numba_version": version("numba"),
        }

    def start(self, density: Any, request: ChainRequest) -> Any:
        """Start one chain in a thread of its own; see `Sampler`."""
        options: dict[str, Any] = {"save_warmup": False}
        if request.store is not None:
            store = nutpie.zarr_store.LocalStore(str(request.store))
            options = {"zarr_store": store, "store_unconstrained": True, "save_warmup": True}
        return nutpie.sample(
            compiled_for(density, request.point, request.whitening),
            chains=1,
            cores=1,
            seed=request.seed,
            draws=request.draws,
            tune=request.tune,
            target_accept=self.target_accept,
            adaptation=self.adaptation,
            progress_bar=False,
            blocking=False,
            progress_callback=lambda states: request.progress(
                states[0].finished_draws, states[0].divergences
            ),
            **options,
        )


def non_finite(messages: np.ndarray) -> np.ndarray:
    """Whether each divergence message reports a density that is not finite, array of bool."""
    found = np.zeros(messages.shape, dtype=bool)
    for sign in _NOT_FINITE:
        found |= np.char.find(messages, sign) >= 0
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class CompiledDensity:
    """
    A model compiled for nutpie, whose machine code Python can call, too.

    Attributes
    ----------
    model : CompiledPyMCModel of nutpie
    size, expanded_size : int
    layout : dict
        Name of each value -> (slice, shape) among the coordinates or the expanded values.
    held : dict
        Name of each shared variable -> the arrays that the machine code reads.
    failure_log : list of array
        Those on which it writes what failed (shared variables tagged ``failure_log``).
    """

    model: Any
    size: int
    expanded_size: int
    layout: Mapping[str, tuple[slice, tuple[int, ...]]]
    held: Mapping[str, list[np.ndarray]]
    failure_log: list[np.ndarray]

    def value_and_gradient(self, point: np.ndarray) -> tuple[int, float, np.ndarray]:
        """Code (0 is sound), log density and gradient at a point."""
        x = np.ascontiguousarray(point, dtype=float)
        gradient, value = np.empty(self.size), np.empty(())
        code = self.model.compiled_logp_func.ctypes(
            self.size, _pointer(x), _pointer(gradient), _pointer(value), self._user_data
        )
        return code, float(value), gradient

    def expand(self, point: np.ndarray) -> tuple[int, np.ndarray]:
        """Code (0 is sound) and every value to store at a point."""
        x, expanded = np.ascontiguousarray(point, dtype=float), np.empty(self.expanded_size)
        code = self.model.compiled_expand_func.ctypes(
            self.size, self.expanded_size, _pointer(x), _pointer(expanded), self._user_data
        )
        return code, expanded

    @property
    def _user_data(self) -> Any:
        return self.model.user_data.ctypes.data


def compile_density(model: pm.Model) -> CompiledDensity:
    """Compile log density, gradient and expansion of a model (as `nutpie.compile_pymc_model`)."""
    first = make_initial_point_fn(model=model, return_transformed=True)
    # Without fast-math flags arithmetic keeps its order, so that code compiled afresh and code from
    # the cache (of which callers hold copies, optimised once more) give the same bits.
    with pytensor.config.change_flags(numba__fastmath=False):
        functions = recipe._make_functions(
            model,
            mode="NUMBA",
            compute_grad=True,
            join_expanded=True,
            pymc_initial_point_fn=first,
        )
    size, expanded_size, density, expansion, start, layout, transformed = functions
    dims, coords = recipe._prepare_dims_and_coords(model, layout, transformed)
    code, expanding = _MachineCode(density), _MachineCode(expansion)
    density_callback = _density_callback(code.returned, code.taken)
    expansion_callback = _expansion_callback(expanding.returned, expanding.taken)
    head = [code.address, code.described.ctypes.data]
    head += [expanding.address, expanding.described.ctypes.data]
    head += [density_callback.address, expansion_callback.address, 0, 0]
    compiled = recipe.CompiledPyMCModel(
        _n_dim=size,
        dims=dims,
        _coords=coords,
        _shapes={name: tuple(shape) for name, _, shape in zip(*layout, strict=True)},
        compiled_logp_func=density_callback,
        compiled_expand_func=expansion_callback,
        initial_point_func=start,
        shared_data={},
        shared_var_keys={},
        user_data=np.array(head, dtype=np.int64).view(np.float64),
        n_expanded=expanded_size,
        shape_info=layout,
        logp_func=code,  # keeps machine code and shared arrays alive, as the samplers keep this
        expand_func=expanding,
        reparameterized_names=transformed,
    )
    held: dict[str, list[np.ndarray]] = {}
    for name, array in (*code.held, *expanding.held):
        held.setdefault(name, []).append(array)
    names, slices, shapes = layout
    return CompiledDensity(
        compiled,
        int(size),
        int(expanded_size),
        dict(zip(names, zip(slices, shapes, strict=True), strict=True)),
        held,
        code.failure_log,
    )


def compiled_for(density: Any, point: np.ndarray, whitening: Whitening | None) -> Any:
    """Compiled model of nutpie that begins at a point, in the coordinates of a whitening."""
    if not hasattr(density, "compiled"):
        return _python_density(density, point)
    compiled = density.compiled.model
    if whitening is not None:
        compiled = dataclasses.replace(
            compiled,
            compiled_logp_func=_whitened_density(),
            compiled_expand_func=_whitened_expansion(),
            user_data=_packed(compiled.user_data, whitening),
        )
    attempts = itertools.count()

    def begin(seed: int) -> np.ndarray:
        # nutpie refuses a point where a slope is exactly zero: then one jittered by 1e-6
        jitter = 1e-6 * np.random.default_rng(seed).standard_normal(len(point))
        return np.array(point, dtype=float) + (jitter if next(attempts) else 0.0)

    return dataclasses.replace(compiled, initial_point_func=begin)


class _NotFinite(ValueError):
    """The density could not be computed; nutpie takes it for a divergence and goes on."""

    is_recoverable = True


def _python_density(density: Any, point: np.ndarray) -> Any:
    """Compiled model of nutpie around a density that Python computes."""

    def checked(at: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = density.value_and_gradient(at)
        if not np.isfinite(value):
            raise _NotFinite(f"{_NOT_FINITE[0]}: the log density is not finite here")
        return value, gradient

    values = {name: np.asarray(value) for name, value in density.values(point).items()}
    dims = {name: tuple(f"{name}_{i}" for i in range(each.ndim)) for name, each in values.items()}
    return nutpie.compiled_pyfunc.from_pyfunc(
        density.size,
        lambda: checked,
        lambda *_: density.values,
        [np.dtype(float)] * len(values),
        [each.shape for each in values.values()],
        list(values),
        dims=dims,
        coords={
            dim: np.arange(size)
            for name, each in values.items()
            for dim, size in zip(dims[name], each.shape, strict=True)
        },
        make_initial_point_fn=lambda _: point,
    )


class _MachineCode:
    """
    Machine code of a PyTensor function, its types, and the shared arrays it reads in place.

    Calling the dispatcher itself from a callback would link the whole model into the callback.
    Shared data are read where they lie in memory, so that they change without compiling again.
    """

    def __init__(self, function: Any) -> None:
        self.function = function
        variables = function.get_shared()
        shared = [np.array(each.get_value(), order="C", copy=True) for each in variables]
        dispatcher = function.vm.jit_fn
        vector = types.Array(types.float64, 1, "C")
        dispatcher.get_call_template((vector, *(numba.typeof(values) for values in shared)), {})
        compiled = dispatcher.overloads[dispatcher.signatures[-1]]
        self.address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        self.returned = compiled.signature.return_type
        (self.taken,) = compiled.signature.args  # the point and the shared data, as one tuple
        self.held = [
            (each.name or "", array) for each, array in zip(variables, shared, strict=True)
        ]
        self.failure_log = [
            array
            for each, array in zip(variables, shared, strict=True)
            if getattr(each.tag, "failure_log", False)
        ]
        # of each shared array: address, shape, strides
        numbers = [[a.ctypes.data, *a.shape, *a.strides] for a in shared]
        self.described = np.array([0, *itertools.chain(*numbers)], dtype=np.int64)


@functools.cache
def _density_callback(returned: Any, taken: Any) -> Any:
    """
    Compile the log density that nutpie calls, for machine code of one signature.

    Codes as nutpie's: 0 sound, 1 the function raised, 3 the gradient and 4 the value is not finite.
    """
    call = _caller(returned, taken)

    def evaluate(size: Any, x: Any, gradient: Any, value: Any, given: Any) -> int:
        head = numba.carray(given, (_HEAD,), np.int64)
        try:
            found, slopes = call(head[0], head[1], numba.carray(x, (size,)))
            value[0] = found.item()
            sound = True
            for i in range(size):
                gradient[i] = slopes[i]
                sound &= np.isfinite(slopes[i])
            if not sound:
                return 3
            if not np.isfinite(value[0]):
                return 4
        except Exception:
            return 1
        return 0

    return numba.cfunc(DENSITY)(evaluate)


@functools.cache
def _expansion_callback(returned: Any, taken: Any) -> Any:
    """Compile the expansion that nutpie calls for each draw, for one signature; 0 is sound."""
    call = _caller(returned, taken)

    def expand(size: Any, expanded: Any, x: Any, values: Any, given: Any) -> int:
        head = numba.carray(given, (_HEAD,), np.int64)
        try:
            (found,) = call(head[2], head[3], numba.carray(x, (size,)))
            for i in range(expanded):
                values[i] = found[i]
        except Exception:
            return -2
        return 0

    return numba.cfunc(EXPANSION)(expand)


def _caller(returned: Any, taken: Any) -> Any:
    """Make a function for numba that calls PyTensor's machine code at an address."""

    @intrinsic
    def call_address(typing_context: Any, address: Any, described: Any, point: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            kind = context.call_conv.get_function_type(returned, taken)
            target = builder.inttoptr(values[0], kind.as_pointer())
            integer = ir.IntType(64)
            numbers = builder.inttoptr(values[1], integer.as_pointer())
            position = itertools.count(1)  # the first number is none of an array

            def following() -> Any:
                at = builder.gep(numbers, [ir.Constant(integer, next(position))])
                return builder.load(at)

            first, *others = taken.types
            given = [context.cast(builder, values[2], signature.args[2], first)]
            given += [_view(context, builder, each, following) for each in others]
            status, found = context.call_conv.call_function(
                builder, target, returned, (taken,), [context.make_tuple(builder, taken, given)]
            )
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return imputils.impl_ret_new_ref(context, builder, returned, found)

        return returned(address, described, point), generate

    return call_address


def _view(context: Any, builder: Any, kind: Any, following: Callable[[], Any]) -> Any:
    """View of an array where it lies in memory; the machine code's owner keeps it alive."""
    view = context.make_array(kind)(context, builder)
    data = builder.inttoptr(following(), view.data.type)
    shape = [following() for _ in range(kind.ndim)]
    strides = [following() for _ in range(kind.ndim)]
    itemsize = context.get_constant(types.intp, as_dtype(kind.dtype).itemsize)
    arrayobj.populate_array(
        view, data=data, shape=shape, strides=strides, itemsize=itemsize, meminfo=None
    )
    return view._getvalue()


def _pointer(array: np.ndarray) -> Any:
    """Address of an array's numbers, as the compiled functions take it."""
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))


# Whitened coordinates ---------------------------------------------------------------------------


def _packed(user_data: np.ndarray, whitening: Whitening) -> np.ndarray:
    """Append a whitening to the head of the user data."""
    head = user_data[:_HEAD].view(np.int64).copy()
    head[6:] = len(whitening.axes), len(whitening.knots)
    numbers = [
        whitening.centre,
        whitening.root.ravel(),
        whitening.knots,
        whitening.axes.astype(float),
        np.stack([whitening.ridges, whitening.slopes], axis=1).ravel(),
    ]
    return np.concatenate([head.view(np.float64), *numbers])


@functools.cache
def _whitened_density() -> Any:
    """Compile the log density in the coordinates of the whitening that the user data hold."""

    def evaluate(size: Any, whitened: Any, gradient: Any, value: Any, given: Any) -> Any:
        head = numba.carray(given, (_HEAD,), np.int64)
        total = _HEAD + _length(size, head[6], head[7])
        numbers = numba.carray(given, (total,), np.float64)[_HEAD:]
        at = numba.carray(whitened, (size,))
        slope, out = np.empty(size), numba.carray(gradient, (size,))
        point = _point(at, numbers, head[6], head[7])
        code: Any = _call_density(head[4], size, point, slope, value, given)
        if code != 0:
            return code
        _pull(at, slope, numbers, head[6], head[7], out)
        for i in range(size):
            if not np.isfinite(out[i]):
                return 3
        return 0

    return numba.cfunc(DENSITY, cache=True)(evaluate)


@functools.cache
def _whitened_expansion() -> Any:
    """Compile the values to store, from whitened coordinates."""

    def expand(size: Any, expanded: Any, whitened: Any, values: Any, given: Any) -> Any:
        head = numba.carray(given, (_HEAD,), np.int64)
        total = _HEAD + _length(size, head[6], head[7])
        numbers = numba.carray(given, (total,), np.float64)[_HEAD:]
        point = _point(numba.carray(whitened, (size,)), numbers, head[6], head[7])
        return _call_expansion(head[5], size, expanded, point, values, given)

    return numba.cfunc(EXPANSION, cache=True)(expand)


@numba.njit(cache=True)
def _length(size: Any, ridges: Any, knots: Any) -> Any:
    return size + size * size + knots + ridges + 2 * ridges * knots * size


@numba.njit(cache=True)
def _point(whitened: Any, numbers: Any, ridges: Any, knots: Any) -> Any:
    """Point of the density, from whitened coordinates."""
    size = len(whitened)
    root, known, axes, curves = _parts(size, numbers, ridges, knots)
    bent, point = whitened.copy(), numbers[:size].copy()
    for k in range(ridges):
        i, weights, _ = _weights(whitened[int(axes[k])], known)
        for j in range(size):
            bent[j] += _weighted(weights, curves, k, i, j)
    for i in range(size):
        total = 0.0
        for j in range(size):
            total += root[i, j] * bent[j]
        point[i] += total
    return point


@numba.njit(cache=True)
def _pull(whitened: Any, slope: Any, numbers: Any, ridges: Any, knots: Any, out: Any) -> None:
    """Gradient in whitened coordinates, from that of the density."""
    size = len(whitened)
    root, known, axes, curves = _parts(size, numbers, ridges, knots)
    across = np.zeros(size)
    for i in range(size):
        for j in range(size):
            across[j] += root[i, j] * slope[i]
    out[:] = across
    for k in range(ridges):
        i, _, weights = _weights(whitened[int(axes[k])], known)
        for j in range(size):
            out[int(axes[k])] += across[j] * _weighted(weights, curves, k, i, j)


@numba.njit(cache=True)
def _parts(size: Any, numbers: Any, ridges: Any, knots: Any) -> Any:
    """Root, knots, axes, and curves (ridges, offset or slope, knots, size) among the numbers."""
    ends = np.cumsum(np.array([size, size * size, knots, ridges, 2 * ridges * knots * size]))
    return (
        numbers[ends[0] : ends[1]].reshape((size, size)),
        numbers[ends[1] : ends[2]],
        numbers[ends[2] : ends[3]],
        numbers[ends[3] : ends[4]].reshape((ridges, 2, knots, size)),
    )


@numba.njit(cache=True)
def _weighted(weights: Any, curves: Any, k: Any, i: Any, j: Any) -> Any:
    """Sum up a ridge, or its slope, from both ends of an interval, along one coordinate."""
    return (
        weights[0] * curves[k, 0, i, j]
        + weights[1] * curves[k, 0, i + 1, j]
        + weights[2] * curves[k, 1, i, j]
        + weights[3] * curves[k, 1, i + 1, j]
    )


@numba.njit(cache=True)
def _weights(along: Any, known: Any) -> Any:
    """
    Interval between knots, with the weights of its ends in the cubic there and in its slope.

    Weights are of the values at both ends and of the slopes at both ends.
    """
    near = min(max(along, known[0]), known[-1])
    i = min(max(np.searchsorted(known, near) - 1, 0), len(known) - 2)
    width = known[i + 1] - known[i]
    t, beyond = (near - known[i]) / width, along - near
    rise = 6.0 * t * (1.0 - t) / width
    slopes = np.array([-rise, rise, (1.0 - t) * (1.0 - 3.0 * t), t * (3.0 * t - 2.0)])
    share = t * t * (3.0 - 2.0 * t)
    values = np.array([1.0 - share, share, width * t * (1.0 - t) ** 2, width * t * t * (t - 1.0)])
    return i, values + beyond * slopes, slopes


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Address of the numbers of an array."""
    return context.make_array(kind)(context, builder, array).data


def _call(builder: Any, address: Any, passed: list[Any]) -> Any:
    """Call a callback of nutpie's kind at an address."""
    kind = ir.FunctionType(ir.IntType(64), [value.type for value in passed])
    return builder.call(builder.inttoptr(address, kind.as_pointer()), passed)


def _density_at(
    typing: Any, address: Any, size: Any, point: Any, gradient: Any, value: Any, user: Any
) -> Any:
    """Call the density callback at an address."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        arrays = [_data(context, builder, signature.args[i], given[i]) for i in (2, 3)]
        return _call(builder, given[0], [given[1], *arrays, *given[4:]])

    return types.int64(types.int64, size, point, gradient, value, user), generate


def _expansion_at(
    typing: Any, address: Any, size: Any, expanded: Any, point: Any, values: Any, user: Any
) -> Any:
    """Call the expansion callback at an address."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array = _data(context, builder, signature.args[3], given[3])
        return _call(builder, given[0], [*given[1:3], array, *given[4:]])

    return types.int64(types.int64, size, expanded, point, values, user), generate


_call_density: Any = intrinsic(_density_at)
_call_expansion: Any = intrinsic(_expansion_at)
