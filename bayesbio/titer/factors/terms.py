"""What a factor may do to the titer: along a line, with an optimum, levelling off, by levels."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, override

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesbio.errors import ModelError
from bayesbio.titer.factors.factor_coding import Coding, FactorCode

Cells = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Term:
    """
    One thing that factors do: one or more columns, whose effects share a prior scale.

    The same formulas serve the sampler (PyTensor, one value of each shape) and predictions (numpy,
    shapes with a leading axis of draws). Columns are of the size of one where factors vary as they
    did in the data.

    Parameters
    ----------
    factor : str
        Which factor.

    Attributes
    ----------
    kind : str
        "main", "square", "interaction": terms of one kind share how sparse they are.
    """

    factor: str

    kind: ClassVar[str] = "main"

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the factors it depends on."""
        return (self.factor,)

    @property
    def label(self) -> str:
        """What it is called in tables."""
        return self.factor

    def labels(self, coding: Coding) -> tuple[str, ...]:
        """Names of its columns."""
        return (self.label,)

    def check(self, coding: Coding) -> None:
        """Refuse factors it cannot use (`ModelError`)."""
        self._number(coding)

    def shape(self, coding: Coding) -> dict[str, Any]:
        """Register what its shape depends on in the current ``pm.Model``; name -> variable."""
        return {}

    def shape_names(self) -> tuple[str, ...]:
        """Names of the unknowns of its shape."""
        return ()

    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        """Give its columns, each of shape (rows,) or, with draws of shapes, (draws, rows)."""
        raise NotImplementedError

    def _number(self, coding: Coding) -> FactorCode:
        code = coding[self.factor]
        if not code.is_number:
            raise ModelError(
                f"{type(self).__name__}({self.factor!r}) needs numbers, but {self.factor} is a "
                f"name with the levels {', '.join(code.levels)}. Use Nominal or Ordered."
            )
        return code


@dataclasses.dataclass(frozen=True)
class Linear(Term):
    """A number that acts along a line (of log titer, or of titer)."""

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        return [cells[self.factor]]


@dataclasses.dataclass(frozen=True)
class Square(Term):
    """The square of a standardised number: with its line, an optimum inside or beside the range."""

    kind: ClassVar[str] = "square"

    @property
    @override
    def label(self) -> str:
        return f"{self.factor} squared"

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        return [cells[self.factor] ** 2]


@dataclasses.dataclass(frozen=True)
class Nominal(Term):
    """
    A name: each level has an effect of its own, drawn towards the mean of the levels.

    An unseen level is drawn from the distribution of levels.
    """

    @override
    def check(self, coding: Coding) -> None:
        _levels(self, coding)

    @override
    def labels(self, coding: Coding) -> tuple[str, ...]:
        return tuple(f"{self.factor}[{level}]" for level in coding[self.factor].levels)

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        return _indicators(cells[self.factor], len(coding[self.factor].levels))


@dataclasses.dataclass(frozen=True)
class Ordered(Term):
    """
    Levels in an order: each step up goes the same way, by an amount of its own.

    The order is that of the column's levels. Bürkner and Charpentier (2020), doi:10.1111/bmsp.12195
    """

    @override
    def check(self, coding: Coding) -> None:
        _levels(self, coding)

    @override
    def shape_names(self) -> tuple[str, ...]:
        return (f"steps_{self.factor}",)

    @override
    def shape(self, coding: Coding) -> dict[str, Any]:
        name, steps = self.shape_names()[0], len(coding[self.factor].levels) - 1
        return {name: _simplex(name, steps)}

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        level, steps = cells[self.factor], len(coding[self.factor].levels) - 1
        risen = np.array([level >= step + 1 for step in range(steps)], dtype=float)
        return [2.0 * (shape[self.shape_names()[0]] @ risen) - 1.0]


@dataclasses.dataclass(frozen=True)
class Monotone(Term):
    """
    A number that only rises or only falls, in straight pieces between quantiles of the data.

    Beyond the range of the data it stays where it is. Its steps are a simplex, as for `Ordered`.

    Parameters
    ----------
    factor : str
    pieces : int
        How many pieces, two or more.
    """

    pieces: int = 4

    @override
    def check(self, coding: Coding) -> None:
        self._number(coding)
        if self.pieces < 2:
            raise ModelError(f"Monotone({self.factor!r}) has {self.pieces} pieces; give 2 or more.")

    @override
    def shape_names(self) -> tuple[str, ...]:
        return (f"steps_{self.factor}",)

    @override
    def shape(self, coding: Coding) -> dict[str, Any]:
        name = self.shape_names()[0]
        return {name: _simplex(name, self.pieces)}

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        code = coding[self.factor]
        ends = np.array([code.low, code.high])
        low, high = (ends - code.centre) / code.spread
        width = (high - low) / self.pieces
        z = cells[self.factor]
        library: Any = pt if isinstance(z, pt.Variable) else np
        risen = library.stack(
            [
                library.clip((z - low - width * piece) / width, 0.0, 1.0)
                for piece in range(self.pieces)
            ]
        )
        return [2.0 * (shape[self.shape_names()[0]] @ risen) - 1.0]


@dataclasses.dataclass(frozen=True)
class Saturating(Term):
    """
    A number, zero or more, whose effect levels off: x / (half + x).

    The half-saturation is between a tenth of and ten times the middle of the range (95 % prior).
    """

    @override
    def check(self, coding: Coding) -> None:
        code = self._number(coding)
        if code.low < 0.0 or code.high <= 0.0:
            raise ModelError(
                f"Saturating({self.factor!r}) needs values of zero or more, but {self.factor} goes "
                f"from {code.low:g} to {code.high:g} {code.unit}. Use Monotone or Linear."
            )

    @override
    def shape_names(self) -> tuple[str, ...]:
        return (f"half_saturation_{self.factor}",)

    @override
    def shape(self, coding: Coding) -> dict[str, Any]:
        code, name = coding[self.factor], self.shape_names()[0]
        return {name: pm.LogNormal(name, np.log(0.5 * (code.low + code.high)), np.log(10.0) / 2.0)}

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        code = coding[self.factor]
        half = shape[self.shape_names()[0]][..., None]
        library: Any = pt if isinstance(cells[self.factor], pt.Variable) else np
        x = library.maximum(code.centre + code.spread * cells[self.factor], 0.0)

        def level(value: Any) -> Any:
            return value / (half + value)

        bottom, top = level(code.low), level(code.high)
        return [2.0 * (level(x) - bottom) / (top - bottom) - 1.0]


@dataclasses.dataclass(frozen=True)
class Interaction(Term):
    """
    Two factors that act together: the product of their standardised columns.

    A name enters with an indicator per level, so that each level has a slope of its own.

    Parameters
    ----------
    factor, other : str
    """

    other: str

    kind: ClassVar[str] = "interaction"

    @property
    @override
    def factors(self) -> tuple[str, ...]:
        return (self.factor, self.other)

    @property
    @override
    def label(self) -> str:
        return f"{self.factor} x {self.other}"

    @override
    def check(self, coding: Coding) -> None:
        if self.factor == self.other:
            raise ModelError(
                f"Interaction({self.factor!r}, {self.other!r}) names one factor twice; use Square."
            )
        for name in self.factors:
            coding[name]

    @override
    def labels(self, coding: Coding) -> tuple[str, ...]:
        pairs = itertools.product(*(_base_labels(coding[name]) for name in self.factors))
        return tuple(f"{one} x {two}" for one, two in pairs)

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        sides = [_base_columns(cells[name], coding[name]) for name in self.factors]
        return [one * two for one, two in itertools.product(*sides)]


TERMS = {
    term.__name__: term
    for term in (Linear, Square, Nominal, Ordered, Monotone, Saturating, Interaction)
}


def second_order(
    coding: Coding | Any,
    factors: Iterable[str] | None = None,
    *,
    squares: bool = True,
    interactions: bool | Iterable[tuple[str, str]] = True,
    ordered: Iterable[str] = (),
) -> tuple[Term, ...]:
    """
    Give main effects, squares and interactions of factors.

    Parameters
    ----------
    coding : Coding or Table
        What the factors are; names get an effect per level.
    factors : iterable of str, optional
        By default all.
    squares : bool
        Whether numbers get a square.
    interactions : bool or iterable of pairs
        Whether all pairs interact, or which.
    ordered : iterable of str
        Factors whose levels are in order.

    Returns
    -------
    tuple of Term
        To which others may be added, such as ``(*second_order(table), Saturating("glucose"))``.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"ph": [6.8, 7.2], "feed": [1.0, 2.0], "titer": [1.0, 2.0]})
    >>> from bayesbio.titer.factors.factor_coding import as_table
    >>> [term.label for term in second_order(as_table(frame, "titer"))]
    ['ph', 'feed', 'ph squared', 'feed squared', 'ph x feed']
    """
    if not isinstance(coding, Coding):
        coding, _ = Coding.of_table(coding, coding.factors if factors is None else tuple(factors))
    names = coding.names if factors is None else tuple(n for n in factors if n in coding.names)
    in_order = set(ordered)

    def main(name: str) -> Term:
        if coding[name].is_number:
            return Linear(name)
        return Ordered(name) if name in in_order else Nominal(name)

    if isinstance(interactions, bool):
        pairs: Sequence[tuple[str, str]] = list(itertools.combinations(names, 2))
        pairs = pairs if interactions else ()
    else:
        pairs = [(one, two) for one, two in interactions]
    return (
        *(main(name) for name in names),
        *(Square(name) for name in names if squares and coding[name].is_number),
        *(Interaction(one, two) for one, two in pairs),
    )


def _levels(term: Term, coding: Coding) -> None:
    if coding[term.factors[0]].is_number:
        raise ModelError(
            f"{type(term).__name__}({term.factors[0]!r}) needs levels, but {term.factors[0]} holds "
            "numbers. Use Linear, Monotone or Saturating, or give the column levels."
        )


def _simplex(name: str, steps: int) -> Any:
    if steps == 1:
        return pm.Deterministic(name, pt.ones(1))
    return pm.Dirichlet(name, np.ones(steps))


def _indicators(level: np.ndarray, levels: int) -> list[np.ndarray]:
    return [(level == place).astype(float) for place in range(levels)]


def _base_columns(cell: Any, code: FactorCode) -> list[Any]:
    return [cell] if code.is_number else _indicators(cell, len(code.levels))


def _base_labels(code: FactorCode) -> list[str]:
    return [code.name] if code.is_number else [f"{code.name}[{level}]" for level in code.levels]
