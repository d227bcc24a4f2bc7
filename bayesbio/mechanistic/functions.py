"""The few functions a model body may use: floats, arrays, SymPy symbols and pint quantities."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesbio.data.vocabulary import units

__all__ = ["constant", "exp", "log", "smooth_maximum", "sqrt", "tanh"]


def exp(argument: Any) -> Any:
    """
    Exponential function.

    Parameters
    ----------
    argument : float, array of any shape, SymPy expression or pint quantity [1]
        An array of objects is taken element by element.

    Returns
    -------
    same kind and shape as the argument [1]

    Examples
    --------
    >>> exp(0.0)
    1.0
    """
    return _apply("exp", argument)


def log(argument: Any) -> Any:
    """
    Natural logarithm.

    Parameters
    ----------
    argument : float, array of any shape, SymPy expression or pint quantity [1]
        Greater than zero; an array of objects is taken element by element.

    Returns
    -------
    same kind and shape as the argument [1]

    Examples
    --------
    >>> log(1.0)
    0.0
    """
    return _apply("log", argument)


def sqrt(argument: Any) -> Any:
    """
    Square root.

    Parameters
    ----------
    argument : float, array of any shape, SymPy expression or pint quantity [any unit]
        Zero or more; an array of objects is taken element by element.

    Returns
    -------
    same kind and shape as the argument [square root of its unit]

    Examples
    --------
    >>> sqrt(9.0)
    3.0
    """
    return _apply("sqrt", argument)


def tanh(argument: Any) -> Any:
    """
    Hyperbolic tangent.

    Parameters
    ----------
    argument : float, array of any shape, SymPy expression or pint quantity [1]
        An array of objects is taken element by element.

    Returns
    -------
    same kind and shape as the argument [1]

    Examples
    --------
    >>> tanh(0.0)
    0.0
    """
    return _apply("tanh", argument)


def smooth_maximum(first: Any, second: Any, *, width: Any) -> Any:
    """
    Larger of two values, with the corner rounded so that its slope is continuous.

    Parameters
    ----------
    first, second : broadcastable, same unit
        The values to compare; a plain 0 fits any unit.
    width : broadcastable, same unit
        How far the corner is rounded: at ``first == second`` the result is ``width / 2`` above
        both, and the excess falls off as ``width**2 / (4 * distance)``.

    Returns
    -------
    broadcast shape, same unit

    Notes
    -----
    (a + b + sqrt((a - b)^2 + w^2)) / 2; never below the true maximum.

    Examples
    --------
    >>> smooth_maximum(3.0, 0.0, width=4.0)
    4.0
    """
    distance = first - second
    return (first + second + sqrt(distance * distance + width * width)) / 2


def constant(value: float, unit: str, *, like: Any) -> Any:
    """
    Make a number written into a model body carry its unit wherever units are being checked.

    Parameters
    ----------
    value : float [unit]
    unit : str
        Its unit, for example ``"g/L"``.
    like : float, array, SymPy expression or pint quantity
        Any argument of the same equation: where it is a pint quantity the result is one too.

    Returns
    -------
    float, or pint quantity where ``like`` is one

    Examples
    --------
    >>> constant(0.1, "g/L", like=2.0)
    0.1
    """
    if not hasattr(like, "_REGISTRY"):
        return value
    return value * units.unit(unit)


def _apply(name: str, argument: Any) -> Any:
    """Send one argument to the implementation that understands it."""
    if hasattr(argument, "free_symbols"):
        import sympy

        return getattr(sympy, name)(argument)
    if isinstance(argument, np.ndarray) and argument.dtype == object:
        done = np.empty(argument.shape, dtype=object)
        for place in np.ndindex(argument.shape):
            done[place] = _apply(name, argument[place])
        return done
    done = getattr(np, name)(argument)
    return float(done) if isinstance(argument, int | float) else done
