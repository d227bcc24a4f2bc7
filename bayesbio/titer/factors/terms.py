"""Terms of a regression: linear, quadratic, saturating, monotone, by level, and interactions."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, override

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesbio.errors import DataError, ModelError
from bayesbio.titer.factors.coded_rows import CodedRows
from bayesbio.titer.factors.factor_coding import NOT_RECORDED, Coding, FactorCode

Cells = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Term:
    """
    One term of a regression: one or more columns, whose effects share a prior scale.

    The same formulas serve the sampler (PyTensor, one value of each shape) and predictions (numpy,
    shapes with a leading axis of draws). Columns are of the size of one where factors vary as they
    did in the data. A new term is a subclass; nothing else has to know it.

    Parameters
    ----------
    factor : str
        Which factor.

    Attributes
    ----------
    kind : str
        "main", "square", "interaction", or one of its own: terms of one kind share how sparse they
        are.
    expected_share : float
        Share of the terms of this kind that are expected to act, for the prior.

    Examples
    --------
    >>> class Threshold(Term):
    ...     def columns(self, cells, coding, shape):
    ...         code = coding[self.factor]
    ...         middle = (0.5 * (code.low + code.high) - code.centre) / code.spread
    ...         return [2.0 * (cells[self.factor] > middle) - 1.0]
    >>> coding = Coding((FactorCode("ph", low=-1.0, high=1.0),))
    >>> Threshold("ph").columns({"ph": np.array([-0.5, 0.5])}, coding, {})[0].tolist()
    [-1.0, 1.0]
    """

    factor: str

    kind: ClassVar[str] = "main"
    expected_share: ClassVar[float] = 0.4

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

    def validate(self, coding: Coding) -> None:
        """Refuse factors it cannot use (`ModelError`)."""
        self._number(coding)

    def shape(self, coding: Coding) -> dict[str, Any]:
        """Register the unknowns of its shape in the current ``pm.Model``; name -> variable."""
        return {}

    def shape_units(self, coding: Coding) -> dict[str, str]:
        """Names of the unknowns of its shape, with their units."""
        return {}

    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        """Give its columns, each of shape (rows,) or, with draws of shapes, (draws, rows)."""
        raise NotImplementedError

    def unseen_columns(self, rows: CodedRows, coding: Coding) -> list[np.ndarray]:
        """Columns of levels that were not fitted, with effects from the prior of the term."""
        return []

    def _number(self, coding: Coding) -> FactorCode:
        code = coding[self.factor]
        if not code.is_number:
            raise ModelError(
                f"{type(self).__name__}({self.factor!r}) needs numbers, but {self.factor} is a "
                f"name with the levels {', '.join(code.levels)}. Use Nominal or Ordered."
            )
        return code

    def _levels(self, coding: Coding) -> FactorCode:
        code = coding[self.factor]
        if code.is_number:
            raise ModelError(
                f"{type(self).__name__}({self.factor!r}) needs levels, but {self.factor} holds "
                "numbers. Use Linear, Monotone or Saturating, or give the column levels."
            )
        return code


@dataclasses.dataclass(frozen=True)
class Linear(Term):
    """Linear effect of a number (on log titer, or on titer)."""

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        return [cells[self.factor]]


@dataclasses.dataclass(frozen=True)
class Square(Term):
    """Quadratic effect of a number: with its line, an optimum inside or beside the range."""

    kind: ClassVar[str] = "square"
    expected_share: ClassVar[float] = 0.15

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
    An effect for each level of a name, shrunk towards the mean of the levels.

    An unseen level is drawn from the distribution of levels; rows without a level have an effect
    of their own.
    """

    @override
    def validate(self, coding: Coding) -> None:
        self._levels(coding)

    @override
    def labels(self, coding: Coding) -> tuple[str, ...]:
        return tuple(_base_labels(coding[self.factor]))

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        return _base_columns(cells[self.factor], coding[self.factor])

    @override
    def unseen_columns(self, rows: CodedRows, coding: Coding) -> list[np.ndarray]:
        return _unseen_indicators(rows, self.factor)


@dataclasses.dataclass(frozen=True)
class Ordered(Term):
    """
    Monotonic effect of ordered levels: each step up goes the same way, by an amount of its own.

    The order is that of the column's levels. Rows without a level lie in the middle of the order,
    with an effect of their own beside it. Bürkner and Charpentier (2020), doi:10.1111/bmsp.12195
    """

    @override
    def validate(self, coding: Coding) -> None:
        if len(self._levels(coding).levels) < 2:
            raise ModelError(
                f"Ordered({self.factor!r}) needs two levels or more; only "
                f"{coding[self.factor].levels[0]} and missing cells occur. Use Nominal."
            )

    @override
    def labels(self, coding: Coding) -> tuple[str, ...]:
        missing = [f"{self.factor}[{NOT_RECORDED}]"] if coding[self.factor].with_missing else []
        return (self.factor, *missing)

    @override
    def shape_units(self, coding: Coding) -> dict[str, str]:
        return {f"steps_{self.factor}": "1"}

    @override
    def shape(self, coding: Coding) -> dict[str, Any]:
        name = f"steps_{self.factor}"
        return {name: _simplex(name, len(coding[self.factor].levels) - 1)}

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        code, level = coding[self.factor], cells[self.factor]
        passed = np.array([level >= step for step in range(1, len(code.levels))], dtype=float)
        rank = 2.0 * (shape[f"steps_{self.factor}"] @ passed) - 1.0
        if not code.with_missing:
            return [rank]
        missing = (level == len(code.levels)).astype(float)
        return [rank * (1.0 - missing), missing]

    @override
    def unseen_columns(self, rows: CodedRows, coding: Coding) -> list[np.ndarray]:
        unseen = rows.unseen(self.factor)
        if unseen:
            raise DataError(
                f"{self.factor} is {unseen[0]!r}; an ordered factor has only the levels that were "
                f"fitted: {', '.join(coding[self.factor].levels)}."
            )
        return []


@dataclasses.dataclass(frozen=True)
class Monotone(Term):
    """
    Monotonic, piecewise linear effect of a number, in pieces of equal width over its range.

    Beyond the range of the data it is constant. Its steps are a simplex, as for `Ordered`.

    Parameters
    ----------
    factor : str
    pieces : int
        How many pieces, two or more.
    """

    pieces: int = 4

    @override
    def validate(self, coding: Coding) -> None:
        self._number(coding)
        if self.pieces < 2:
            raise ModelError(f"Monotone({self.factor!r}) has {self.pieces} pieces; give 2 or more.")

    @override
    def shape_units(self, coding: Coding) -> dict[str, str]:
        return {f"steps_{self.factor}": "1"}

    @override
    def shape(self, coding: Coding) -> dict[str, Any]:
        name = f"steps_{self.factor}"
        return {name: _simplex(name, self.pieces)}

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        code = coding[self.factor]
        ends = np.array([code.low, code.high])
        low, high = (ends - code.centre) / code.spread
        width = (high - low) / self.pieces
        z = cells[self.factor]
        library: Any = pt if isinstance(z, pt.Variable) else np
        passed = library.stack(
            [
                library.clip((z - low - width * piece) / width, 0.0, 1.0)
                for piece in range(self.pieces)
            ]
        )
        return [2.0 * (shape[f"steps_{self.factor}"] @ passed) - 1.0]


@dataclasses.dataclass(frozen=True)
class Saturating(Term):
    """
    Saturating (Michaelis-Menten) effect of a number, zero or more: x / (half + x).

    The half-saturation is between a tenth of and ten times the middle of the range (95 % prior).
    """

    @override
    def validate(self, coding: Coding) -> None:
        code = self._number(coding)
        if code.low < 0.0 or code.high <= 0.0:
            raise ModelError(
                f"Saturating({self.factor!r}) needs values of zero or more, but {self.factor} goes "
                f"from {code.low:g} to {code.high:g} {code.unit}. Use Monotone or Linear."
            )

    @override
    def shape_units(self, coding: Coding) -> dict[str, str]:
        return {f"half_saturation_{self.factor}": coding[self.factor].unit}

    @override
    def shape(self, coding: Coding) -> dict[str, Any]:
        code, name = coding[self.factor], f"half_saturation_{self.factor}"
        return {name: pm.LogNormal(name, np.log(0.5 * (code.low + code.high)), np.log(10.0) / 2.0)}

    @override
    def columns(self, cells: Cells, coding: Coding, shape: Mapping[str, Any]) -> list[Any]:
        code = coding[self.factor]
        half = shape[f"half_saturation_{self.factor}"][..., None]
        library: Any = pt if isinstance(cells[self.factor], pt.Variable) else np
        x = library.maximum(code.decode(cells[self.factor]), 0.0)

        def saturation(value: Any) -> Any:
            return value / (half + value)

        low, high = saturation(code.low), saturation(code.high)
        return [2.0 * (saturation(x) - low) / (high - low) - 1.0]


@dataclasses.dataclass(frozen=True)
class Interaction(Term):
    """
    Interaction of two factors: the product of their standardised columns.

    A name enters with an indicator per level, so that each level has its own slope.

    Parameters
    ----------
    factor, other : str
    """

    other: str

    kind: ClassVar[str] = "interaction"
    expected_share: ClassVar[float] = 0.05

    @property
    @override
    def factors(self) -> tuple[str, ...]:
        return (self.factor, self.other)

    @property
    @override
    def label(self) -> str:
        return f"{self.factor} x {self.other}"

    @override
    def validate(self, coding: Coding) -> None:
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

    @override
    def unseen_columns(self, rows: CodedRows, coding: Coding) -> list[np.ndarray]:
        unseen = sorted(n for n in self.factors if not coding[n].is_number and rows.unseen(n))
        if not unseen:
            return []
        (partner,) = {*self.factors} - {unseen[0]}
        factor = rows.cells[partner] if coding[partner].is_number else 1.0
        return [column * factor for column in _unseen_indicators(rows, unseen[0])]


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


def _simplex(name: str, steps: int) -> Any:
    if steps == 1:
        return pm.Deterministic(name, pt.ones(1))
    return pm.Dirichlet(name, np.ones(steps))


def _base_columns(cell: Any, code: FactorCode) -> list[Any]:
    if code.is_number:
        return [cell]
    return [(cell == index).astype(float) for index in range(len(code.indicator_names))]


def _base_labels(code: FactorCode) -> list[str]:
    return [code.name] if code.is_number else [f"{code.name}[{n}]" for n in code.indicator_names]


def _unseen_indicators(rows: CodedRows, factor: str) -> list[np.ndarray]:
    unfitted = np.asarray(rows.cells[factor]) < 0
    names = rows.names[factor]
    return [((names == level) & unfitted).astype(float) for level in rows.unseen(factor)]
