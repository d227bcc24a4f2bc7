"""Straight-line programs from expressions, and reverse accumulation through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy

Line = tuple[sympy.Symbol, sympy.Expr]


def straight_line(expressions: Sequence[sympy.Expr]) -> tuple[list[Line], list[sympy.Expr]]:
    """
    Shared subexpressions in the order of their use, and what is left of each expression.

    Every divisor becomes a shared reciprocal: one division each, and none in the pullback.
    """
    reciprocals: dict[sympy.Expr, sympy.Symbol] = {}

    def divides(part: sympy.Basic) -> bool:
        return part.is_Pow and part.exp.is_Integer and part.exp < 0

    def multiplied(power: sympy.Expr) -> sympy.Expr:
        name = sympy.Symbol(f"r{len(reciprocals)}", real=True)
        return reciprocals.setdefault(power.base, name) ** (-power.exp)

    without_division = [expression.replace(divides, multiplied) for expression in expressions]
    bases = list(reciprocals)
    shared, reduced = sympy.cse(
        [*bases, *without_division], symbols=sympy.numbered_symbols("x"), order="none"
    )
    lines = list(shared)
    for base, value in zip(bases, reduced, strict=False):
        lines.append((reciprocals[base], sympy.Pow(value, -1)))
    return _ordered(lines), reduced[len(bases) :]


def _ordered(lines: list[Line]) -> list[Line]:
    """Lines in an order in which each uses only earlier ones."""
    values = dict(lines)
    ordered: dict[sympy.Symbol, sympy.Expr] = {}

    def place(symbol: sympy.Symbol) -> None:
        if symbol in ordered or symbol not in values:
            return
        for used in sorted(values[symbol].free_symbols, key=str):
            place(used)
        ordered[symbol] = values[symbol]

    for symbol, _ in lines:
        place(symbol)
    return list(ordered.items())


def tangent(
    shared: Sequence[Line],
    reduced: Sequence[sympy.Expr],
    directions: Mapping[sympy.Symbol, sympy.Expr],
) -> tuple[list[Line], list[sympy.Expr]]:
    """
    Directional derivative of a straight-line program, as a program that contains the first one.

    Parameters
    ----------
    shared, reduced
        As `straight_line` gives them.
    directions : mapping of symbol to expression
        The component of the direction along each symbol; zero for the others.
    """
    known = dict(directions)
    lines: list[Line] = []

    def along(expression: sympy.Expr) -> sympy.Expr:
        moving = sorted(expression.free_symbols & known.keys(), key=str)
        return sympy.Add(*(slope(expression, symbol) * known[symbol] for symbol in moving))

    for symbol, expression in shared:
        lines.append((symbol, expression))
        if expression.is_Pow and expression.exp == -1:
            value = -(symbol**2) * along(expression.base)
        else:
            value = along(expression)
        if value != 0:
            known[symbol] = sympy.Symbol(f"{symbol}t", real=True)
            lines.append((known[symbol], value))
    return lines, [along(expression) for expression in reduced]


def slope(expression: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """
    Differentiate an expression; the slope of a step (a floor, a remainder) is zero everywhere.

    Examples
    --------
    >>> t = sympy.Symbol("t", real=True)
    >>> slope(t * sympy.floor(t / 2), t)
    floor(t/2)
    """
    whole = expression.replace(sympy.Mod, lambda of, by: of - by * sympy.floor(of / by))
    steps = {step: sympy.Dummy(real=True) for step in whole.atoms(sympy.floor, sympy.ceiling)}
    derivative = sympy.diff(whole.xreplace(steps), symbol)
    derivative = derivative.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
    return derivative.xreplace({constant: step for step, constant in steps.items()})


def needed(lines: Sequence[Line], results: Sequence[sympy.Expr]) -> list[Line]:
    """Lines of a program that its results depend on."""
    used: set[sympy.Basic] = set().union(*(result.free_symbols for result in results))
    kept = []
    for symbol, expression in reversed(lines):
        if symbol in used:
            used |= expression.free_symbols
            kept.append((symbol, expression))
    return kept[::-1]


class Reverse:
    """
    Adjoints of the symbols of a straight-line program.

    Walks each expression once from its root, so that the cost is a small multiple of the
    program's own (Griewank & Walther, Evaluating Derivatives, doi:10.1137/1.9780898717761).

    Parameters
    ----------
    wanted : set of symbols
        Whose adjoints are asked for; shared symbols of the program are added by themselves.
    """

    def __init__(self, wanted: set[sympy.Symbol]) -> None:
        self.wanted = wanted
        self.lines: list[Line] = []
        self.parts: dict[sympy.Symbol, list[sympy.Expr]] = {}

    def run(
        self, shared: list[Line], reduced: Sequence[sympy.Expr], weights: Sequence[sympy.Symbol]
    ) -> None:
        """Accumulate adjoints of everything, outputs first."""
        self.wanted = self.wanted | {symbol for symbol, _ in shared}
        for expression, weight in zip(reduced, weights, strict=True):
            self._pull(expression, weight)
        for symbol, expression in reversed(shared):
            if symbol not in self.parts:
                continue
            adjoint = self._name(self.adjoint(symbol))
            if expression.is_Pow and expression.exp == -1:
                # the derivative of 1/b, without dividing
                self._pull(expression.base, self._name(-adjoint * symbol * symbol))
            else:
                self._pull(expression, adjoint)

    def adjoint(self, symbol: sympy.Symbol) -> sympy.Expr:
        """Sum of what reached a symbol."""
        return sympy.Add(*self.parts.get(symbol, ()))

    def _name(self, value: sympy.Expr) -> sympy.Expr:
        if value.is_Symbol or value.is_Number:
            return value
        name = sympy.Symbol(f"b{len(self.lines)}", real=True)
        self.lines.append((name, value))
        return name

    def _pull(self, expression: sympy.Expr, weight: sympy.Expr) -> None:
        if not expression.free_symbols & self.wanted:
            return
        if expression.is_Symbol:
            self.parts.setdefault(expression, []).append(weight)
        elif expression.is_Add:
            for part in expression.args:
                self._pull(part, weight)
        elif expression.is_Mul:
            self._pull_product(expression, weight)
        else:
            stand_ins = [sympy.Dummy(real=True) for _ in expression.args]
            known = dict(zip(stand_ins, expression.args, strict=True))
            general = expression.func(*stand_ins)
            for stand_in, argument in known.items():
                if argument.free_symbols & self.wanted:
                    inner = slope(general, stand_in).xreplace(known)
                    self._pull(argument, self._name(weight * inner))

    def _pull_product(self, expression: sympy.Expr, weight: sympy.Expr) -> None:
        """Each factor's share: the weight times the factors on its left and on its right."""
        factors = [part for part in expression.args if part.free_symbols & self.wanted]
        others = [part for part in expression.args if not part.free_symbols & self.wanted]
        left = self._name(sympy.Mul(weight, *others))
        rights = [sympy.Integer(1)]
        for factor in reversed(factors[1:]):
            rights.append(self._name(rights[-1] * factor))
        for factor, right in zip(factors, reversed(rights), strict=True):
            self._pull(factor, self._name(left * right))
            if right != 1:
                left = self._name(left * factor)
