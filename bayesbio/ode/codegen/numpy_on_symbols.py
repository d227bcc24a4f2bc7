"""NumPy functions on symbols: a model body may say ``np.exp`` where it could say ``exp``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import sympy

FUNCTIONS = {
    np.exp: sympy.exp,
    np.expm1: lambda x: sympy.exp(x) - 1,
    np.log: sympy.log,
    np.log1p: lambda x: sympy.log(1 + x),
    np.log2: lambda x: sympy.log(x) / sympy.log(2),
    np.log10: lambda x: sympy.log(x) / sympy.log(10),
    np.sqrt: sympy.sqrt,
    np.square: lambda x: x**2,
    np.absolute: sympy.Abs,
    np.sin: sympy.sin,
    np.cos: sympy.cos,
    np.tan: sympy.tan,
    np.arctan: sympy.atan,
    np.sinh: sympy.sinh,
    np.cosh: sympy.cosh,
    np.tanh: sympy.tanh,
    np.floor: sympy.floor,
    np.maximum: sympy.Max,
    np.minimum: sympy.Min,
}
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def numpy_on_symbols() -> Iterator[None]:
    """
    Let NumPy's functions take SymPy expressions, and arrays of them, within a block.

    Examples
    --------
    >>> with numpy_on_symbols():
    ...     np.exp(-2 * sympy.Symbol("t"))
    exp(-2*t)
    """
    with _ONE_AT_A_TIME:
        before = sympy.Expr.__dict__.get("__array_ufunc__")
        sympy.Expr.__array_ufunc__ = _array_ufunc
        try:
            yield
        finally:
            if before is None:
                del sympy.Expr.__array_ufunc__
            else:
                sympy.Expr.__array_ufunc__ = before


def _array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """NumPy's protocol: a function of symbols where there is one, else element by element."""
    if method == "__call__" and ufunc in FUNCTIONS and not options:
        if any(isinstance(value, np.ndarray) for value in inputs):
            function = np.frompyfunc(FUNCTIONS[ufunc], len(inputs), 1)
            return function(*(_as_object(value) for value in inputs))
        return FUNCTIONS[ufunc](*inputs)
    found = getattr(ufunc, method)(*(_as_object(value) for value in inputs), **options)
    return found[()] if isinstance(found, np.ndarray) and not found.ndim else found


def _as_object(value: Any) -> Any:
    """Wrap an expression so that NumPy takes it as any object."""
    if not isinstance(value, sympy.Expr):
        return value
    wrapped = np.empty((), object)
    wrapped[()] = value
    return wrapped
