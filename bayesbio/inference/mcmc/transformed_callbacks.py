"""
Callbacks for nutpie that move in other coordinates, around those of a density.

Compiled once for all densities: which one is called, and the map, stand in the user data.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bayesbio.inference.mcmc.callbacks import DENSITY, EXPANSION

if TYPE_CHECKING:
    from bayesbio.inference.mcmc.ridge_whitening import Straightening

_HEAD = 4  # addresses of density and expansion, number of ridges, of places on each


def packed(compiled: Any, straightening: Straightening) -> np.ndarray:
    """Write addresses and map into one vector of numbers."""
    ridges, places = len(straightening.axes), len(straightening.places)
    addresses = compiled.compiled_logp_func.address, compiled.compiled_expand_func.address
    head = np.array([*addresses, ridges, places], dtype=np.int64)
    numbers = [
        straightening.centre,
        straightening.root.ravel(),
        straightening.places,
        straightening.axes.astype(float),
        np.stack([straightening.ridges, straightening.slopes], axis=1).ravel(),
    ]
    return np.concatenate([head.view(np.float64), *numbers])


@functools.cache
def moved_density() -> Any:
    """Log density and gradient in the coordinates of the map that the user data hold."""

    def evaluate(size: Any, straight: Any, gradient: Any, value: Any, given: Any) -> Any:
        head = numba.carray(given, (_HEAD,), np.int64)
        total = _HEAD + _length(size, head[2], head[3])
        numbers = numba.carray(given, (total,), np.float64)[_HEAD:]
        at = numba.carray(straight, (size,))
        slope, out = np.empty(size), numba.carray(gradient, (size,))
        point = _place(at, numbers, head[2], head[3])
        code: Any = _call_density(head[0], size, point, slope, value)
        if code != 0:
            return code
        _pull(at, slope, numbers, head[2], head[3], out)
        for i in range(size):
            if not np.isfinite(out[i]):
                return 3
        return 0

    return numba.cfunc(DENSITY, cache=True)(evaluate)


@functools.cache
def moved_expansion() -> Any:
    """Values to store, from the coordinates of the map that the user data hold."""

    def expand(size: Any, expanded: Any, straight: Any, values: Any, given: Any) -> Any:
        head = numba.carray(given, (_HEAD,), np.int64)
        total = _HEAD + _length(size, head[2], head[3])
        numbers = numba.carray(given, (total,), np.float64)[_HEAD:]
        point = _place(numba.carray(straight, (size,)), numbers, head[2], head[3])
        return _call_expansion(head[1], size, expanded, point, values)

    return numba.cfunc(EXPANSION, cache=True)(expand)


@numba.njit(cache=True)
def _length(size: Any, ridges: Any, places: Any) -> Any:
    return size + size * size + places + ridges + 2 * ridges * places * size


@numba.njit(cache=True)
def _place(straight: Any, numbers: Any, ridges: Any, places: Any) -> Any:
    """Point of the density, from straight coordinates."""
    size = len(straight)
    root, known, axes, curves = _parts(size, numbers, ridges, places)
    bent, point = straight.copy(), numbers[:size].copy()
    for k in range(ridges):
        i, weights, _ = _weights(straight[int(axes[k])], known)
        for j in range(size):
            bent[j] += _weighted(weights, curves, k, i, j)
    for i in range(size):
        total = 0.0
        for j in range(size):
            total += root[i, j] * bent[j]
        point[i] += total
    return point


@numba.njit(cache=True)
def _pull(straight: Any, slope: Any, numbers: Any, ridges: Any, places: Any, out: Any) -> None:
    """Gradient in straight coordinates, from that of the density."""
    size = len(straight)
    root, known, axes, curves = _parts(size, numbers, ridges, places)
    across = np.zeros(size)
    for i in range(size):
        for j in range(size):
            across[j] += root[i, j] * slope[i]
    out[:] = across
    for k in range(ridges):
        i, _, weights = _weights(straight[int(axes[k])], known)
        for j in range(size):
            out[int(axes[k])] += across[j] * _weighted(weights, curves, k, i, j)


@numba.njit(cache=True)
def _parts(size: Any, numbers: Any, ridges: Any, places: Any) -> Any:
    """Root, places, axes, and curves (ridges, off or slope, places, size) among the numbers."""
    ends = np.cumsum(np.array([size, size * size, places, ridges, 2 * ridges * places * size]))
    return (
        numbers[ends[0] : ends[1]].reshape((size, size)),
        numbers[ends[1] : ends[2]],
        numbers[ends[2] : ends[3]],
        numbers[ends[3] : ends[4]].reshape((ridges, 2, places, size)),
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
    Interval of a place, and what its ends weigh in the curve there and in its slope.

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


def _density_at(typing: Any, address: Any, size: Any, point: Any, gradient: Any, value: Any) -> Any:
    """Call the density at an address."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        passed = [
            given[1],
            _data(context, builder, signature.args[2], given[2]),
            _data(context, builder, signature.args[3], given[3]),
            given[4],
        ]
        return _call(builder, given[0], passed)

    return types.int64(types.int64, size, point, gradient, value), generate


def _expansion_at(
    typing: Any, address: Any, size: Any, expanded: Any, point: Any, values: Any
) -> Any:
    """Call the expansion at an address."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        passed = [
            given[1],
            given[2],
            _data(context, builder, signature.args[3], given[3]),
            given[4],
        ]
        return _call(builder, given[0], passed)

    return types.int64(types.int64, size, expanded, point, values), generate


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Where the numbers of an array lie."""
    return context.make_array(kind)(context, builder, array).data


def _call(builder: Any, address: Any, passed: list[Any]) -> Any:
    """Call a function of nutpie's kind, without user data."""
    unused = cgutils.voidptr_t(None)
    kind = ir.FunctionType(ir.IntType(64), [*(value.type for value in passed), unused.type])
    return builder.call(builder.inttoptr(address, kind.as_pointer()), [*passed, unused])


_call_density: Any = intrinsic(_density_at)
_call_expansion: Any = intrinsic(_expansion_at)
