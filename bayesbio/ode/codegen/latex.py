"""A process model as a reader sees it: equations in LaTeX, from the definition that is solved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy

from bayesbio.data import quantity
from bayesbio.errors import DataError
from bayesbio.mechanistic.process_model import ProcessModel
from bayesbio.ode.codegen.numpy_on_symbols import numpy_on_symbols


def equations(model: ProcessModel) -> str:
    r"""
    Equations of a process model as one LaTeX ``aligned`` block.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchReactor
    >>> equations(BatchReactor(isothermal=True)).startswith(r"\begin{aligned}")
    True
    """
    lines = [f"{left} &= {right}" for left, right in equation_pairs(model)]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def equation_pairs(model: Any) -> list[tuple[str, str]]:
    """
    Left and right sides in LaTeX: rates first, then balances (or the solution), then outputs.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchReactor
    >>> len(equation_pairs(BatchReactor(isothermal=True)))
    5
    """
    with numpy_on_symbols():
        return _pairs(model)


def _pairs(model: Any) -> list[tuple[str, str]]:
    along = hasattr(model, "transport")  # the balances are then those of one node
    whole = model.State(*(_symbol(name, model) for name in model.State._fields))
    state = model.State(*(sympy.Symbol(_latex(f)) for f in whole._fields)) if along else whole
    parameters = model.Parameters(*(_symbol(name, model) for name in model.Parameters._fields))
    inputs = _Named({name: _symbol(name, model) for name in getattr(model, "inputs", ())})
    constants = {name: _symbol(name, model) for name in getattr(model, "settings", ())}
    starts = {f"initial_{name}": _symbol(f"initial_{name}", model) for name in state._fields}
    settings = _Named({**constants, **starts})
    time = sympy.Symbol("t")
    pairs: list[tuple[str, Any]] = []
    if hasattr(model, "solution"):
        found = model.solution(time, parameters, settings)
        for name, value in zip(state._fields, found, strict=True):
            pairs.append((f"{_latex(name)}(t)", value))
    else:
        rates = {}
        if hasattr(model, "rates"):
            rates = model.rates(time, state, parameters, inputs, settings)
            pairs += [(_rate(name), value) for name, value in rates.items()]
        named = {name: sympy.Symbol(_rate(name)) for name in rates}
        found = model.derivatives(time, state, parameters, inputs, settings, named)
        terms = model.transport(time, parameters, inputs, settings) if along else {}
        for name, value in zip(state._fields, found, strict=True):
            for operator, coefficient in terms.get(name, ()):
                text = operator.latex
                if np.ndim(operator.values) == 2:
                    text = f"\\left({text} {_latex(name)}\\right)"
                value = value + coefficient * sympy.Symbol(text)
            pairs.append((f"\\frac{{d {_latex(name)}}}{{dt}}", value))
    if hasattr(model, "outputs"):
        for name, value in model.outputs(whole, parameters, settings).items():
            pairs.append((_latex(name), value))
    return [(left, _right(value)) for left, value in pairs]


class _Named:
    """Attribute access to a few symbols."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def _right(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"\\text{{{value.size} nodes of a grid}}"
    return sympy.latex(sympy.sympify(value), mul_symbol=r" \, ")


def _symbol(name: str, model: ProcessModel) -> Any:
    grid = getattr(model, "grids", {}).get(name)
    if grid is None:
        return sympy.Symbol(_latex(name))
    return np.array([sympy.Symbol(f"{_latex(name)}_{{{i}}}") for i in range(len(grid[1]))], object)


def _rate(name: str) -> str:
    return f"r_{{\\mathrm{{{_words(name)}}}}}"


def _latex(name: str) -> str:
    """Textbook symbol of a name: the vocabulary's, else the words themselves."""
    try:
        symbol = quantity(name).symbol
    except DataError:
        symbol = None
    return symbol or f"\\mathrm{{{_words(name)}}}"


def _words(name: str) -> str:
    return name.replace("_", "\\ ")
