"""
Callbacks for nutpie that move in other coordinates, around those of a density.

Compiled once for all densities: which one is called, and the map, stand in the user data.
"""

import functools
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bayesbio.inference.callbacks import DENSITY, EXPANSION

_HEAD = 3  # addresses of density and expansion, number of bends


def packed(
    compiled: Any, centre: np.ndarray, root: np.ndarray, axes: np.ndarray, bends: np.ndarray
) -> np.ndarray:
    """Write addresses and map into one vector of numbers."""
    head = np.array(
        [
            compiled.compiled_logp_func.address,
            compiled.compiled_expand_func.address,
            len(axes),
        ],
        dtype=np.int64,
    )
    numbers = [centre, root.ravel(), axes.astype(float), bends.ravel()]
    return np.concatenate([head.view(np.float64), *numbers])


@functools.cache
def moved_density() -> Any:
    """Log density and gradient in the coordinates of the map that the user data hold."""

    def evaluate(size: Any, straight: Any, gradient: Any, value: Any, given: Any) -> Any:
        head = numba.carray(given, (_HEAD,), np.int64)
        bends = head[2]
        numbers = numba.carray(given, (_HEAD + _length(size, bends),), np.float64)[_HEAD:]
        at = numba.carray(straight, (size,))
        slope, out = np.empty(size), numba.carray(gradient, (size,))
        code: Any = _call_density(head[0], size, _place(at, numbers, bends), slope, value)
        if code != 0:
            return code
        _pull(at, slope, numbers, bends, out)
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
        bends = head[2]
        numbers = numba.carray(given, (_HEAD + _length(size, bends),), np.float64)[_HEAD:]
        point = _place(numba.carray(straight, (size,)), numbers, bends)
        return _call_expansion(head[1], size, expanded, point, values)

    return numba.cfunc(EXPANSION, cache=True)(expand)


@numba.njit(cache=True)
def _length(size: Any, bends: Any) -> Any:
    return size + size * size + bends + bends * size


@numba.njit(cache=True)
def _place(straight: Any, numbers: Any, bends: Any) -> Any:
    """Point of the density, from straight coordinates."""
    size = len(straight)
    root, axes = size, size + size * size
    bent, point = straight.copy(), numbers[:size].copy()
    for k in range(bends):
        square = straight[int(numbers[axes + k])] ** 2
        for i in range(size):
            bent[i] += numbers[axes + bends + k * size + i] * square
    for i in range(size):
        total = 0.0
        for j in range(size):
            total += numbers[root + i * size + j] * bent[j]
        point[i] += total
    return point


@numba.njit(cache=True)
def _pull(straight: Any, slope: Any, numbers: Any, bends: Any, out: Any) -> None:
    """Gradient in straight coordinates, from that of the density."""
    size = len(straight)
    root, axes = size, size + size * size
    across = np.zeros(size)
    for i in range(size):
        for j in range(size):
            across[j] += numbers[root + i * size + j] * slope[i]
    out[:] = across
    for k in range(bends):
        axis = int(numbers[axes + k])
        total = 0.0
        for i in range(size):
            total += numbers[axes + bends + k * size + i] * across[i]
        out[axis] += 2.0 * straight[axis] * total


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
