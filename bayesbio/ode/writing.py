"""Source text of compiled functions: straight-line programs, once or in a loop over nodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import sympy
from sympy.printing.pycode import PythonCodePrinter

from bayesbio.ode.adjoint_code import Line, Reverse, needed

PRINTER = PythonCodePrinter({"fully_qualified_modules": True})

Program = tuple[list[Line], list[sympy.Expr]]
AT_NODES = {"y", "a", "g", "d", "w", "dy", "after", "ybar", "abar"}  # arrays over the nodes


@dataclasses.dataclass(frozen=True)
class Statement:
    """
    What a function stores: array[place] = value, or += value.

    Inside a loop over nodes the index may be an array of the module, one place a node.
    """

    array: str
    place: int | str
    value: sympy.Expr
    adds: bool = False

    def text(self, place: str) -> str:
        """Write the statement."""
        return f"{place} {'+=' if self.adds else '='} {PRINTER.doprint(self.value)}"


@dataclasses.dataclass(frozen=True)
class Writer:
    """
    Writes functions of the arrays that symbols come from.

    Attributes
    ----------
    symbols : mapping of array name to symbols
        Which entry of which array each symbol is.
    nodes : int
        Above 1: the arrays of `AT_NODES` hold one entry a node for each symbol, and a function
        loops over the nodes.
    """

    symbols: Mapping[str, Sequence[sympy.Symbol]]
    nodes: int = 1

    def function(self, name: str, arguments: str, target: str, program: Program) -> str:
        """Write a function that fills an array by a program."""
        shared, reduced = program
        stored = [Statement(target, place, value) for place, value in enumerate(reduced)]
        return self.body(name, arguments, shared, stored)

    def pullback(
        self,
        name: str,
        arguments: str,
        program: Program,
        targets: Mapping[str, Sequence[sympy.Symbol]],
        *,
        overwrite: tuple[str, ...] = (),
    ) -> str:
        """Write a function that adds products of weights with derivatives of a program."""
        shared, reduced = program
        weights = [sympy.Symbol(f"w{i}", real=True) for i in range(len(reduced))]
        lines, stored = pulled(program, weights, targets, overwrite)
        weighted = Writer({**self.symbols, "w": weights}, self.nodes)
        return weighted.body(name, arguments, [*shared, *lines], stored)

    def body(
        self, name: str, arguments: str, lines: Sequence[Line], stored: Sequence[Statement]
    ) -> str:
        """Write a function: what it reads, its lines, what it stores."""
        results = [statement.value for statement in stored]
        lines = needed(lines, results)
        used: set[sympy.Basic] = set().union(
            *(value.free_symbols for value in [*results, *(value for _, value in lines)])
        )
        text = ["@compiled", f"def {name}({arguments}):"]
        text += self.reads(used, at_nodes=False) if self.nodes > 1 else self.reads(used)
        if self.nodes > 1 and stored:
            text += self._loop(used, lines, stored)
        else:
            text += [f"    {line}" for line in written(lines)]
            text += [f"    {s.text(f'{s.array}[{s.place}]')}" for s in stored]
        return "\n".join(text if len(text) > 2 else [*text, "    pass"])

    def reads(self, used: set[sympy.Basic], at_nodes: bool | None = None) -> list[str]:
        """Write the lines that read symbols from arrays; at_nodes chooses some of them."""
        return [
            f"    {symbol} = {array}[{self._index(array, place)}]"
            for array, symbols in self.symbols.items()
            for place, symbol in enumerate(symbols)
            if symbol in used and at_nodes in (None, array in AT_NODES)
        ]

    def _index(self, array: str, place: int | str) -> str:
        if isinstance(place, str):
            return f"{place}[n]"
        if self.nodes == 1 or array not in AT_NODES:
            return str(place)
        return f"{place * self.nodes} + n" if place else "n"

    def _loop(
        self, used: set[sympy.Basic], lines: Sequence[Line], stored: Sequence[Statement]
    ) -> list[str]:
        """Write a loop over the nodes; what is the same at every node goes before it."""
        moving: set[sympy.Basic] = {
            symbol
            for array, symbols in self.symbols.items()
            if array in AT_NODES
            for symbol in symbols
        }
        before, inside = [], []
        for symbol, value in lines:
            if value.free_symbols & moving:
                moving.add(symbol)
                inside.append((symbol, value))
            else:
                before.append((symbol, value))
        sums = [s for s in stored if s.array not in AT_NODES and isinstance(s.place, int)]
        text = [f"    {line}" for line in written(before)]
        text += [f"    sum_{s.array}_{s.place} = 0.0" for s in sums]
        text.append(f"    for n in range({self.nodes}):")
        text += [f"    {line}" for line in self.reads(used, at_nodes=True)]
        text += [f"        {line}" for line in written(inside)]
        for s in stored:
            place = f"{s.array}[{self._index(s.array, s.place)}]"
            if s in sums:
                place = f"sum_{s.array}_{s.place}"
            text.append(f"        {s.text(place)}")
        return text + [f"    {s.array}[{s.place}] += sum_{s.array}_{s.place}" for s in sums]


def written(lines: Sequence[Line]) -> list[str]:
    """Lines of a program as text."""
    return [f"{symbol} = {PRINTER.doprint(value)}" for symbol, value in lines]


def pulled(
    program: Program,
    weights: Sequence[sympy.Symbol],
    targets: Mapping[str, Sequence[sympy.Symbol]],
    overwrite: tuple[str, ...] = (),
) -> tuple[list[Line], list[Statement]]:
    """Pull weights of a program's results back: further lines, and what to store of them."""
    reverse = Reverse({symbol for symbols in targets.values() for symbol in symbols})
    reverse.run(*program, weights)
    stored = []
    for target, symbols in targets.items():
        for place, symbol in enumerate(symbols):
            value = reverse.adjoint(symbol)
            if target in overwrite:
                stored.append(Statement(target, place, value))
            elif value != 0:
                stored.append(Statement(target, place, value, adds=True))
    return reverse.lines, stored


def constants(arrays: Mapping[str, np.ndarray]) -> str:
    """Write arrays as constants of the module."""
    return "\n".join(
        f"{name} = np.array({values.tolist()}, np.{values.dtype})"
        for name, values in arrays.items()
    )
