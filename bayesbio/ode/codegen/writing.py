"""Source text of compiled functions: straight-line programs, once or in a loop over nodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import sympy
from sympy.printing.pycode import PythonCodePrinter

from bayesbio.ode.codegen.adjoint_code import Line, Reverse, needed

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
    staged : frozenset of str
        Arrays with one row a stage of the method; a function sums over the stages.
    """

    symbols: Mapping[str, Sequence[sympy.Symbol]]
    nodes: int = 1
    staged: frozenset[str] = frozenset()

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
        weighted = dataclasses.replace(self, symbols={**self.symbols, "w": weights})
        return weighted.body(name, arguments, [*shared, *lines], stored)

    def body(
        self, name: str, arguments: str, lines: Sequence[Line], stored: Sequence[Statement]
    ) -> str:
        """
        Write a function: what it reads, its lines, what it stores.

        Loops over nodes, then over stages, where there are any; every line stands as far out as
        its symbols allow, and sums are kept in variables until their loop ends.
        """
        lines = needed(lines, [statement.value for statement in stored])
        used: set[sympy.Basic] = set().union(
            *(s.value.free_symbols for s in stored), *(value.free_symbols for _, value in lines)
        )
        loops = [""]
        if self.nodes > 1:
            loops.append(f"for n in range({self.nodes}):")
        if self.staged:
            loops.append("for stage in range(STAGES):")
        depth = {
            symbol: self._depth(array)
            for array, symbols in self.symbols.items()
            for symbol in symbols
        }
        text = ["@compiled", f"def {name}({arguments}):"]
        inner = len(loops) - 1
        for level in range(len(loops) if stored else 0):
            indent = "    " * (level + 1)
            if level:
                text.append("    " * level + loops[level])
            text += [indent + line for line in self.reads(used, level)]
            for symbol, value in lines:
                depth.setdefault(
                    symbol, max((depth.get(s, 0) for s in value.free_symbols), default=0)
                )
                if depth[symbol] == level:
                    text += [indent + line for line in written([(symbol, value)])]
            if level < inner:
                text += [
                    f"{indent}{_total(s)} = 0.0" for s in stored if self._home(s, inner) == level
                ]
        indent = "    " * (inner + 1)
        for s in stored:
            here = self._home(s, inner) == inner
            text.append(indent + s.text(self._at(s) if here else _total(s)))
        for level in range(inner - 1, -1, -1):
            indent = "    " * (level + 1)
            text += [
                f"{indent}{self._at(s)} += {_total(s)}"
                for s in stored
                if self._home(s, inner) == level
            ]
        return "\n".join(text if len(text) > 2 else [*text, "    pass"])

    def reads(self, used: set[sympy.Basic], level: int = 0) -> list[str]:
        """Write the lines that read the symbols of one level of the loops from their arrays."""
        return [
            f"{symbol} = {array}[{'stage, ' if array in self.staged else ''}"
            f"{self._index(array, place)}]"
            for array, symbols in self.symbols.items()
            for place, symbol in enumerate(symbols)
            if symbol in used and self._depth(array) == level
        ]

    def _depth(self, array: str) -> int:
        """Loop in which an array's entries are known: 0 is outside of all."""
        at_node = int(self.nodes > 1 and array in AT_NODES)
        return 1 + int(self.nodes > 1) if array in self.staged else at_node

    def _home(self, statement: Statement, inner: int) -> int:
        """Loop at whose end a statement is stored."""
        if not statement.adds or isinstance(statement.place, str):
            return inner
        return self._depth(statement.array)

    def _at(self, statement: Statement) -> str:
        return f"{statement.array}[{self._index(statement.array, statement.place)}]"

    def _index(self, array: str, place: int | str) -> str:
        if isinstance(place, str):
            return f"{place}[n]"
        if self.nodes == 1 or array not in AT_NODES:
            return str(place)
        return f"{place * self.nodes} + n" if place else "n"


def _total(statement: Statement) -> str:
    """Variable that a sum is kept in."""
    return f"sum_{statement.array}_{statement.place}"


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
