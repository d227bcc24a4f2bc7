"""
Code for a model along a grid: its equations in a loop over the nodes, plus linear transport.

Transport is a sum of constant operators, each times a coefficient that depends on time,
parameters and inputs only. The operators enter the module as compressed rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import sympy

from bayesbio.ode.codegen.adjoint_code import needed, straight_line, tangent
from bayesbio.ode.codegen.trace import Trace
from bayesbio.ode.codegen.writing import Program, Writer, constants, pulled, written

NODES_SUFFIX, GRID_SUFFIX = "_at_nodes", "_along_grid"


@dataclasses.dataclass(frozen=True)
class Terms:
    """Transport of one field: places of its terms in the program of the coefficients."""

    field: int
    group: int
    matrices: list[int]  # terms with a matrix, in the order of the group's value arrays
    sources: list[tuple[int, int]]  # (term, number of the constant vector)


class Transport:
    """The transport of a traced model as source text."""

    def __init__(self, traced: Trace, writer: Writer) -> None:
        self.nodes, self.writer = traced.nodes, writer
        self.coefficients = straight_line([term for _, _, term in traced.transport])
        self.entries: dict[int, list[tuple[int, int]]] = {}  # pattern of each group
        self.arrays: dict[str, np.ndarray] = {}
        self.fields: list[Terms] = []
        groups: dict[bytes, int] = {}
        vectors: dict[bytes, int] = {}
        for field in sorted({field for field, _, _ in traced.transport}):
            own = [(k, v) for k, (f, v, _) in enumerate(traced.transport) if f == field]
            matrices = [(k, v) for k, v in own if v.ndim == 2]
            key = b"".join(values.tobytes() for _, values in matrices)
            if key not in groups:
                groups[key] = len(groups)
                self._add_group(groups[key], [values for _, values in matrices])
            sources = []
            for k, values in own:
                if values.ndim == 1:
                    number = vectors.setdefault(values.tobytes(), len(vectors))
                    self.arrays[f"SOURCE_{number}"] = values
                    sources.append((k, number))
            self.fields.append(Terms(field, groups[key], [k for k, _ in matrices], sources))

    def _add_group(self, group: int, matrices: list[np.ndarray]) -> None:
        filled = np.zeros((self.nodes, self.nodes), bool)
        for values in matrices:
            filled |= values != 0.0
        rows, columns = np.nonzero(filled)
        self.entries[group] = list(zip(rows.tolist(), columns.tolist(), strict=True))
        starts = np.concatenate([[0], np.cumsum(filled.sum(axis=1))])
        self.arrays[f"GRID_{group}_ROWS"] = starts.astype(np.uint64)
        self.arrays[f"GRID_{group}_COLUMNS"] = columns.astype(np.uint32)
        for number, values in enumerate(matrices):
            self.arrays[f"GRID_{group}_{number}"] = values[rows, columns]

    def pattern(self) -> list[tuple[int, int]]:
        """Entries of the Jacobian that transport fills."""
        return [
            (terms.field * self.nodes + row, terms.field * self.nodes + column)
            for terms in self.fields
            for row, column in self.entries[terms.group]
        ]

    def drift(self, time: sympy.Symbol, u: list, slopes: list) -> Program:
        """Program of the coefficients' change with time."""
        moving = {time: sympy.Integer(1), **dict(zip(u, slopes, strict=True))}
        return tangent(*self.coefficients, moving)

    def apply(self, name: str, arguments: str, program: Program) -> str:
        """Write a function that adds the transport of y to dy."""
        text, kept = self._start(name, arguments, program)
        for terms in self.fields:
            matrix, source = self._sums(terms, kept)
            if not matrix and not source:
                continue
            text += [f"    {self._part('y', terms)}", f"    {self._part('dy', terms)}"]
            text.append(f"    for n in range({self.nodes}):")
            text.append(f"        total = {source or '0.0'}")
            if matrix:
                text += [
                    f"        for e in range({_row(terms.group)}):",
                    f"            total += ({matrix}) * y_part[{_columns(terms.group)}[e]]",
                ]
            text.append("        dy_part[n] += total")
        return _whole(text)

    def jacobian(self, name: str, places: dict[tuple[int, int], int]) -> str:
        """Write a function that adds the operators to the values of the Jacobian."""
        text, kept = self._start(name, "t, y, p, u, values", self.coefficients)
        for terms in self.fields:
            matrix, _ = self._sums(terms, kept)
            if not matrix:
                continue
            offset = terms.field * self.nodes
            where = f"GRID_PLACES_{terms.field}"
            self.arrays[where] = np.array(
                [
                    places[offset + row, offset + column]
                    for row, column in self.entries[terms.group]
                ],
                np.uint32,
            )
            text += [
                f"    for e in range({where}.size):",
                f"        values[{where}[e]] += {matrix}",
            ]
        return _whole(text)

    def pull(
        self,
        name: str,
        arguments: str,
        program: Program,
        targets: Mapping[str, Sequence[sympy.Symbol]],
    ) -> str:
        """Write the pullback of w' transport(y): to ybar, pbar, ubar, sbar."""
        text, kept = self._start(name, arguments, program)
        used: list[int] = []
        for terms in self.fields:
            matrix, _ = self._sums(terms, kept)
            places = [k for k in terms.matrices if k in kept]
            sources = [(k, s) for k, s in terms.sources if k in kept]
            if not places and not sources:
                continue
            used += [*places, *(k for k, _ in sources)]
            group = terms.group
            text += [f"    {self._part(array, terms)}" for array in ("y", "w", "ybar")]
            text += [f"    z{k} = 0.0" for k in [*places, *(k for k, _ in sources)]]
            text += [
                f"    for n in range({self.nodes}):",
                "        weight = w_part[n]",
                *(f"        z{k} += weight * SOURCE_{s}[n]" for k, s in sources),
            ]
            if places:
                text += [
                    *(f"        m{k} = 0.0" for k in places),
                    f"        for e in range({_row(group)}):",
                    f"            j = {_columns(group)}[e]",
                    *(
                        f"            m{k} += GRID_{group}_{terms.matrices.index(k)}[e] * y_part[j]"
                        for k in places
                    ),
                    f"            ybar_part[j] += ({matrix}) * weight",
                    *(f"        z{k} += weight * m{k}" for k in places),
                ]
        return self._back(text, program, used, targets)

    def pull_directions(
        self, name: str, arguments: str, targets: Mapping[str, Sequence[sympy.Symbol]]
    ) -> str:
        """
        Write the pullback of w' operators d, summed over the stages: to pbar and ubar.

        Sources play no part, nor does the state: they are not in the Jacobian, or constant there.
        """
        text, kept = self._start(name, arguments, self.coefficients)
        used: list[int] = []
        for terms in self.fields:
            places = [k for k in terms.matrices if k in kept]
            if not places:
                continue
            used += places
            group, first = terms.group, terms.field * self.nodes
            text += [
                *(f"    z{k} = 0.0" for k in places),
                *(f"    d{s} = d[{s}, {first} : {first + self.nodes}]" for s in range(6)),
                f"    for n in range({self.nodes}):",
                *(f"        w{s} = w[{s}, {first} + n]" for s in range(6)),
                f"        for e in range({_row(group)}):",
                f"            j = {_columns(group)}[e]",
                "            product = " + " + ".join(f"w{s} * d{s}[j]" for s in range(6)),
                *(
                    f"            z{k} += GRID_{group}_{terms.matrices.index(k)}[e] * product"
                    for k in places
                ),
            ]
        return self._back(text, self.coefficients, used, targets)

    def _back(
        self,
        text: list[str],
        program: Program,
        used: list[int],
        targets: Mapping[str, Sequence[sympy.Symbol]],
    ) -> str:
        """Last lines of a pullback: from the coefficients to what they depend on."""
        shared, reduced = program
        weights = [sympy.Symbol(f"z{k}", real=True) for k in used]
        back, stored = pulled((shared, [reduced[k] for k in used]), weights, targets)
        lines = needed(back, [statement.value for statement in stored])
        text += [f"    {line}" for line in written(lines)]
        text += [f"    {s.text(f'{s.array}[{s.place}]')}" for s in stored]
        return _whole(text)

    def _part(self, array: str, terms: Terms) -> str:
        """Line that takes a field's part of an array over all states."""
        first = terms.field * self.nodes
        return f"{array}_part = {array}[{first} : {first + self.nodes}]"

    def _start(self, name: str, arguments: str, program: Program) -> tuple[list[str], set[int]]:
        """First lines of a function: the coefficients, and which of them differ from zero."""
        shared, reduced = program
        kept = {k for k, value in enumerate(reduced) if value != 0}
        lines = [*shared, *((sympy.Symbol(f"c{k}"), reduced[k]) for k in sorted(kept))]
        used: set[sympy.Basic] = set().union(*(value.free_symbols for _, value in lines))
        text = ["@compiled", f"def {name}({arguments}):"]
        text += [f"    {line}" for line in self.writer.reads(used)]
        return [*text, *(f"    {line}" for line in written(lines))], kept

    def _sums(self, terms: Terms, kept: set[int]) -> tuple[str, str]:
        """Sum of coefficient times operator, and of coefficient times source, as text."""
        matrix = " + ".join(
            f"c{k} * GRID_{terms.group}_{number}[e]"
            for number, k in enumerate(terms.matrices)
            if k in kept
        )
        source = " + ".join(f"c{k} * SOURCE_{s}[n]" for k, s in terms.sources if k in kept)
        return matrix, source

    def constants(self) -> str:
        """Write the operators and sources."""
        return constants(self.arrays)


def both(name: str, arguments: str) -> str:
    """Write a function that does the part at the nodes, then the part along the grid."""
    return (
        f"@compiled\ndef {name}({arguments}):\n    {name}{NODES_SUFFIX}({arguments})\n"
        f"    {name}{GRID_SUFFIX}({arguments})"
    )


def _row(group: int) -> str:
    return f"GRID_{group}_ROWS[n], GRID_{group}_ROWS[n + 1]"


def _columns(group: int) -> str:
    return f"GRID_{group}_COLUMNS"


def _whole(text: list[str]) -> str:
    return "\n".join(text if len(text) > 2 else [*text, "    pass"])
