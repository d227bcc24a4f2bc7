"""Columns of a regression, and what they add up to, for the sampler and for many draws at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesbio.titer.factors.factor_coding import Coding
from bayesbio.titer.factors.terms import TERMS, Cells, Term

KINDS = ("main", "square", "interaction")


@dataclasses.dataclass(frozen=True, eq=False)
class Design:
    """
    The terms of a regression and the means their columns are shifted by.

    Terms of fixed shape come first, so that their columns make one matrix.

    Parameters
    ----------
    coding : Coding
    terms : tuple of Term
    offset : array, shape (columns,)
        Mean of each column over the rows that were fitted; zero for columns whose shape is learned.
    """

    coding: Coding
    terms: tuple[Term, ...]
    offset: np.ndarray

    @classmethod
    def of_cells(cls, coding: Coding, terms: Iterable[Term], cells: Cells) -> Design:
        """Order the terms, check them, and learn the means of their columns."""
        given = tuple(dict.fromkeys(terms))
        for term in given:
            term.check(coding)
        ordered = (
            *(term for term in given if not term.shape_names()),
            *(term for term in given if term.shape_names()),
        )
        filled = {
            name: np.where(np.isnan(values), 0.0, values) if values.dtype == float else values
            for name, values in cells.items()
        }
        offset: list[float] = []
        for term in ordered:
            if term.shape_names():
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
        """Place of each column's term, shape (columns,)."""
        return np.repeat(
            np.arange(len(self.terms)), [len(term.labels(self.coding)) for term in self.terms]
        )

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of terms that occur."""
        return tuple(kind for kind in KINDS if any(term.kind == kind for term in self.terms))

    @cached_property
    def kind_of_term(self) -> np.ndarray:
        """Place of each term's kind among `kinds`, shape (terms,)."""
        return np.array([self.kinds.index(term.kind) for term in self.terms], dtype=int)

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Names of the unknown shapes."""
        return tuple(name for term in self.terms for name in term.shape_names())

    def columns(self, cells: Cells, shapes: Mapping[str, Any]) -> list[Any]:
        """Give every column, shifted by its mean."""
        raw = [column for term in self.terms for column in term.columns(cells, self.coding, shapes)]
        return [column - shift for column, shift in zip(raw, self.offset, strict=True)]

    def predictor(self, cells: Cells, effects: Any, shapes: Mapping[str, Any]) -> Any:
        """
        Add up the columns times their effects.

        Parameters
        ----------
        cells : mapping of factor to array, shape (rows,) or (draws, rows)
        effects : PyTensor vector (columns,) or array, shape (draws, columns)
        shapes : mapping of name to variable or draws

        Returns
        -------
        PyTensor vector (rows,) or array, shape (draws, rows)
        """
        columns = self.columns(cells, shapes)
        symbolic = isinstance(effects, pt.Variable)
        plain = [place for place, column in enumerate(columns) if _is_plain(column)]
        rest = [place for place in range(len(columns)) if place not in set(plain)]
        total: Any = 0.0
        if plain:
            matrix = np.column_stack([columns[place] for place in plain])
            total = (
                pt.dot(matrix, effects[np.array(plain)])
                if symbolic
                else effects[:, plain] @ matrix.T
            )
        for place in rest:
            total = total + (
                columns[place] * effects[place]
                if symbolic
                else columns[place] * effects[:, place, None]
            )
        return total

    def to_dict(self) -> dict[str, Any]:
        """Give the design as plain lists and dictionaries, ready for JSON."""
        return {
            "coding": self.coding.to_dict(),
            "terms": [[type(term).__name__, dataclasses.asdict(term)] for term in self.terms],
            "offset": self.offset.tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Design:
        """Rebuild what `to_dict` gave."""
        return cls(
            Coding.from_dict(content["coding"]),
            tuple(TERMS[name](**fields) for name, fields in content["terms"]),
            np.array(content["offset"], dtype=float),
        )


def _is_plain(column: Any) -> bool:
    return isinstance(column, np.ndarray) and column.ndim == 1
