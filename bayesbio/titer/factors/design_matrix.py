"""Design matrix of a regression, and its product with effects, symbolic or for many draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesbio.errors import ModelError
from bayesbio.titer.factors.factor_coding import Coding
from bayesbio.titer.factors.terms import Cells, Term


@dataclasses.dataclass(frozen=True, eq=False)
class DesignMatrix:
    """
    Terms of a regression, and the means by which their columns are centred.

    Terms of fixed shape come first, so that their columns make one matrix.
    """

    coding: Coding
    terms: tuple[Term, ...]
    offset: np.ndarray  # mean of each column over the fitted rows; zero where a shape is learned

    @classmethod
    def of_cells(cls, coding: Coding, terms: Iterable[Term], cells: Cells) -> DesignMatrix:
        """Order the terms, check them, and take the means of their columns."""
        given = tuple(dict.fromkeys(terms))
        for term in given:
            term.validate(coding)
        labels = [label for term in given for label in term.labels(coding)]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ModelError(
                f"Two terms have a column {twice[0]!r}; give each factor one term of a kind, "
                "such as Linear or Monotone."
            )
        ordered = (
            *(term for term in given if not term.shape_units(coding)),
            *(term for term in given if term.shape_units(coding)),
        )
        filled = {
            name: np.where(np.isnan(values), 0.0, values) if values.dtype == float else values
            for name, values in cells.items()
        }
        offset: list[float] = []
        for term in ordered:
            if term.shape_units(coding):
                offset += [0.0] * len(term.labels(coding))
            else:
                offset += [float(np.mean(column)) for column in term.columns(filled, coding, {})]
        return cls(coding, ordered, np.array(offset, dtype=float))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(label for term in self.terms for label in term.labels(self.coding))

    @cached_property
    def term_of_column(self) -> np.ndarray:
        """Index of each column's term, shape (columns,)."""
        return np.repeat(
            np.arange(len(self.terms)), [len(term.labels(self.coding)) for term in self.terms]
        )

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of terms that occur."""
        return tuple(dict.fromkeys(term.kind for term in self.terms))

    @cached_property
    def kind_of_term(self) -> np.ndarray:
        """Index of each term's kind among `kinds`, shape (terms,)."""
        return np.array([self.kinds.index(term.kind) for term in self.terms], dtype=int)

    @cached_property
    def shape_units(self) -> dict[str, str]:
        """Unknowns of the shapes, with their units."""
        return {n: unit for term in self.terms for n, unit in term.shape_units(self.coding).items()}

    def columns(self, cells: Cells, shapes: Mapping[str, Any]) -> list[Any]:
        """Give every column, centred."""
        raw = [column for term in self.terms for column in term.columns(cells, self.coding, shapes)]
        return [column - shift for column, shift in zip(raw, self.offset, strict=True)]

    def predictor(self, cells: Cells, effects: Any, shapes: Mapping[str, Any]) -> Any:
        """
        Columns times effects, shape (rows,) or (draws, rows).

        Cells of shape (rows,) or (draws, rows); effects (columns,), symbolic, or (draws, columns).
        """
        columns = self.columns(cells, shapes)
        symbolic = isinstance(effects, pt.Variable)
        fixed = [n for n, column in enumerate(columns) if _is_fixed(column)]
        total: Any = 0.0
        if fixed:
            matrix = np.column_stack([columns[n] for n in fixed])
            total = (
                pt.dot(matrix, effects[np.array(fixed)])
                if symbolic
                else (effects[:, fixed] @ matrix.T)
            )
        for n in sorted(set(range(len(columns))) - set(fixed)):
            total = total + columns[n] * (effects[n] if symbolic else effects[:, n, None])
        return total


def _is_fixed(column: Any) -> bool:
    return isinstance(column, np.ndarray) and column.ndim == 1
