"""
Exact sensitivities of outputs at a generic point, in modular arithmetic.

The Taylor coefficients of every output and their derivatives by parameters and initial states are
computed modulo a large prime at random parameters, states and inputs: a rank found there is the
rank everywhere but on a set of measure zero, with an error probability near 1e-8.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from bayesbio.errors import ModelError
from bayesbio.mechanistic.process_model import ProcessModel
from bayesbio.ode.codegen.trace import Trace, trace

__all__ = ["GenericSensitivity", "generic_sensitivity", "kernel_of", "rank_of"]

PRIME = 2_147_483_647
MOST_ORDERS = 40


@dataclasses.dataclass(frozen=True)
class GenericSensitivity:
    """
    Derivatives of Taylor coefficients of outputs by the logarithms of the unknowns, modulo a prime.

    Attributes
    ----------
    unknowns : tuple of str
        Columns. An initial state of the second run is called ``initial_biomass (run 2)``.
    rows : mapping of quantity to int array, shape (runs * orders, unknowns)
    """

    unknowns: tuple[str, ...]
    rows: Mapping[str, np.ndarray]

    def of(self, quantities: Iterable[str]) -> np.ndarray:
        """Rows of some quantities under each other."""
        return np.vstack([self.rows[name] for name in quantities])


def generic_sensitivity(
    model: ProcessModel,
    *,
    known: Iterable[str] = (),
    runs: int = 2,
    random_seed: int = 1,
) -> GenericSensitivity:
    """
    Differentiate every output of a model at a generic point.

    Parameters
    ----------
    model : ProcessModel
    known : iterable of str
        Parameters and ``initial_<state>`` that are not to be estimated.
    runs : int
        Runs with the same parameters and their own settings, inputs and initial states.
    random_seed : int
        Of the point.

    Returns
    -------
    GenericSensitivity

    Raises
    ------
    ModelError
        When the equations hold a function without a series, or a run has more states than can be
        followed.

    Notes
    -----
    Sedoglavic (2002), doi:10.1006/jsco.2002.0532, with exponentials, logarithms and powers taken
    as generic elements that obey their differential equations.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchCulture
    >>> found = generic_sensitivity(BatchCulture())
    >>> rank_of(found.of(["biomass"])) < rank_of(found.of(["biomass", "substrate"]))
    True
    """
    traced = trace(model)
    fixed = set(known)
    shared = [name for name in traced.parameters if name not in fixed]
    starts = [
        f"initial_{name}{'' if place.stop - place.start == 1 else f'[{i}]'}"
        for name, place in traced.fields.items()
        for i in range(place.stop - place.start)
    ]
    own = [name for name in starts if name.split("[")[0] not in fixed]
    columns = [*shared] + [
        name if run == 0 else f"{name} (run {run + 1})" for run in range(runs) for name in own
    ]
    orders = min(len(columns) + 2, MOST_ORDERS)
    rng = np.random.default_rng(random_seed)
    numbers = {name: _random(rng) for name in traced.parameters}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in traced.observed_names}
    for run in range(runs):
        tape = _Tape(traced, columns, orders, rng)
        tape.set_constants(numbers, shared, starts, own, run)
        for name, rows in tape.outputs().items():
            parts[name].append(rows)
    return GenericSensitivity(
        tuple(columns), {name: np.vstack(rows) for name, rows in parts.items()}
    )


def rank_of(matrix: np.ndarray) -> int:
    """
    Rank of an integer matrix modulo the prime.

    Examples
    --------
    >>> rank_of(np.array([[1, 2], [2, 4]]))
    1
    """
    return len(_reduced(matrix)[1])


def kernel_of(matrix: np.ndarray) -> np.ndarray:
    """
    Basis of the directions that a matrix does not see, one a row, modulo the prime.

    Examples
    --------
    >>> kernel_of(np.array([[1, 1]])).tolist() == [[PRIME - 1, 1]]
    True
    """
    reduced, pivots = _reduced(matrix)
    columns = matrix.shape[1]
    free = [column for column in range(columns) if column not in pivots]
    basis = np.zeros((len(free), columns), np.int64)
    for row, column in enumerate(free):
        basis[row, column] = 1
        for place, pivot in enumerate(pivots):
            basis[row, pivot] = -reduced[place, column] % PRIME
    return basis


def _reduced(matrix: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Reduced row echelon form and its pivot columns."""
    work = np.array(matrix, np.int64) % PRIME
    pivots: list[int] = []
    row = 0
    for column in range(work.shape[1]):
        below = np.flatnonzero(work[row:, column])
        if not below.size:
            continue
        work[[row, row + below[0]]] = work[[row + below[0], row]]
        work[row] = work[row] * _inverse(int(work[row, column])) % PRIME
        others = work[:, column].copy()
        others[row] = 0
        touched = np.flatnonzero(others)
        work[touched] = (work[touched] - others[touched, None] * work[row]) % PRIME
        pivots.append(column)
        row += 1
        if row == len(work):
            break
    return work[:row], pivots


class _Tape:
    """Taylor coefficients with derivatives of every subexpression, order by order."""

    def __init__(
        self, traced: Trace, columns: Sequence[str], orders: int, rng: np.random.Generator
    ) -> None:
        self.traced, self.columns, self.orders, self.rng = traced, list(columns), orders, rng
        self.values: dict[Any, np.ndarray] = {}  # expression -> (orders, 1 + unknowns)
        self.program: list[tuple[np.ndarray, str, list[np.ndarray], Any]] = []

    def set_constants(
        self,
        numbers: Mapping[str, int],
        shared: Sequence[str],
        starts: Sequence[str],
        own: Sequence[str],
        run: int,
    ) -> None:
        """Lay down parameters, settings, inputs, time and initial states at random."""
        traced = self.traced
        for name, symbol in zip(traced.parameters, traced.p, strict=False):
            jet = self._blank()
            jet[0, 0] = numbers[name]
            if name in shared:
                jet[0, 1 + self.columns.index(name)] = numbers[name]
            self.values[symbol] = jet
        first = len(traced.parameters)
        for symbol in traced.p[first : first + len(traced.settings)]:
            self.values[symbol] = self._blank()
            self.values[symbol][0, 0] = _random(self.rng)
        for symbol in traced.u:  # an input that varies in every way
            self.values[symbol] = self._blank()
            self.values[symbol][:, 0] = self.rng.integers(1, PRIME, self.orders)
        self.values[traced.time] = self._blank()
        self.values[traced.time][0, 0] = _random(self.rng)
        if self.orders > 1:
            self.values[traced.time][1, 0] = 1
        size = len(traced.y)
        for name, symbol, start in zip(starts, traced.y, traced.p[-size:], strict=True):
            jet = self._blank()
            jet[0, 0] = _random(self.rng)
            if name in own:
                label = name if run == 0 else f"{name} (run {run + 1})"
                jet[0, 1 + self.columns.index(label)] = jet[0, 0]
            self.values[symbol] = jet
            self.values[start] = jet.copy()  # a constant: higher orders stay zero

    def outputs(self) -> dict[str, np.ndarray]:
        """Integrate, and give the derivatives of every state and output by the unknowns."""
        traced = self.traced
        if traced.derivatives is not None:
            slopes = [self._node(expression) for expression in traced.derivatives]
            observed = [self._node(expression) for expression in traced.observed]
        else:
            solved = dict(zip(traced.y, traced.solution or [], strict=True))
            slopes = []
            observed = [self._node(e.xreplace(solved)) for e in traced.observed]
        for order in range(self.orders):
            for target, kind, arguments, extra in self.program:
                _STEPS[kind](target, arguments, extra, order, self.rng)
            if order + 1 < self.orders:
                for symbol, slope in zip(traced.y, slopes, strict=False):
                    self.values[symbol][order + 1] = slope[order] * _inverse(order + 1) % PRIME
        return {
            name: np.vstack([jet[:, 1:] for jet in observed[traced.place(name)]])
            for name in traced.observed_names
        }

    def _blank(self) -> np.ndarray:
        return np.zeros((self.orders, 1 + len(self.columns)), np.int64)

    def _node(self, expression: Any) -> np.ndarray:
        """Jet of an expression; its steps are written down once."""
        expression = sympy.sympify(expression)
        if expression in self.values:
            return self.values[expression]
        if expression.is_number and not expression.free_symbols:
            jet = self._blank()
            jet[0, 0] = _number(expression, self.rng)
        elif expression.is_Add or expression.is_Mul:
            kind = "add" if expression.is_Add else "multiply"
            first, *rest = expression.args
            jet = self._node(first)
            for other in rest:
                jet = self._step(kind, [jet, self._node(other)])
        elif isinstance(expression, sympy.exp):
            jet = self._step("exp", [self._node(expression.args[0])])
        elif expression.is_Pow:
            jet = self._power(*expression.as_base_exp())
        elif isinstance(expression, sympy.log):
            jet = self._step("log", [self._node(expression.args[0])])
        elif isinstance(expression, sympy.Abs):  # of one sign around a generic point
            jet = self._node(expression.args[0])
        elif isinstance(expression, sympy.tanh):
            inner = self._node(expression.args[0])
            jet = self._step("tanh", [inner], self._blank())
        else:
            raise ModelError(
                f"{type(self.traced.model).__name__} holds {expression.func.__name__}, which has "
                "no power series here, so what can be identified cannot be told. Write the model "
                "with exp, log, sqrt, tanh and smooth_maximum."
            )
        self.values[expression] = jet
        return jet

    def _power(self, base: Any, exponent: Any) -> np.ndarray:
        if not exponent.is_number:
            return self._node(sympy.exp(exponent * sympy.log(base), evaluate=False))
        if exponent == -1:
            return self._step("invert", [self._node(base)])
        if exponent.is_Integer and 1 < exponent <= 8:
            jet = self._node(base)
            for _ in range(int(exponent) - 1):
                jet = self._step("multiply", [jet, self._node(base)])
            return jet
        return self._step("power", [self._node(base)], _number(exponent, self.rng))

    def _step(self, kind: str, arguments: list[np.ndarray], extra: Any = None) -> np.ndarray:
        target = self._blank()
        self.program.append((target, kind, arguments, extra))
        return target


def _random(rng: np.random.Generator) -> int:
    return int(rng.integers(2, PRIME - 1))


def _inverse(value: int) -> int:
    return pow(int(value) % PRIME, PRIME - 2, PRIME)


def _number(expression: Any, rng: np.random.Generator) -> int:
    """Residue of a number; an irrational one is a generic number."""
    if expression.is_Rational:
        fraction = Fraction(int(expression.p), int(expression.q))
    elif expression.is_Float:
        fraction = Fraction(str(expression))
    else:
        return _random(rng)
    return fraction.numerator % PRIME * _inverse(fraction.denominator) % PRIME


# Numbers with derivatives: one row (value, derivatives by the unknowns) ----------------------


def _times(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Product of rows of values with derivatives, elementwise over leading axes."""
    found = first[..., :1] * second % PRIME
    found[..., 1:] += first[..., 1:] * second[..., :1] % PRIME
    return found % PRIME


def _inverted(row: np.ndarray) -> np.ndarray:
    inverse = _inverse(int(row[0]))
    found = -row * (inverse * inverse % PRIME) % PRIME
    found[0] = inverse
    return found


def _convolved(first: np.ndarray, second: np.ndarray, order: int, begin: int = 0) -> np.ndarray:
    """Sum of first[j] second[order - j] over j from begin to order."""
    if begin > order:
        return np.zeros(first.shape[1], np.int64)
    terms = _times(first[begin : order + 1], second[order - begin :: -1][: order + 1 - begin])
    return terms.sum(axis=0) % PRIME


def _weighted(jet: np.ndarray, order: int) -> np.ndarray:
    """Coefficients times their order, which is the derivative shifted by one."""
    return np.arange(order + 1)[:, None] * jet[: order + 1] % PRIME


def _add(target: np.ndarray, arguments: list[np.ndarray], _: Any, order: int, __: Any) -> None:
    target[order] = (arguments[0][order] + arguments[1][order]) % PRIME


def _multiply(target: np.ndarray, arguments: list[np.ndarray], _: Any, order: int, __: Any) -> None:
    target[order] = _convolved(arguments[0], arguments[1], order)


def _invert(target: np.ndarray, arguments: list[np.ndarray], _: Any, order: int, __: Any) -> None:
    base = arguments[0]
    lead = _inverted(base[0])
    target[order] = lead if order == 0 else _times(-_convolved(base, target, order, 1), lead)


def _exp(target: np.ndarray, arguments: list[np.ndarray], _: Any, order: int, rng: Any) -> None:
    inner = arguments[0]
    if order == 0:
        target[0, 0] = value = _random(rng)
        target[0, 1:] = value * inner[0, 1:] % PRIME
    else:
        total = _convolved(_weighted(inner, order), target, order, 1)
        target[order] = total * _inverse(order) % PRIME


def _log(target: np.ndarray, arguments: list[np.ndarray], _: Any, order: int, rng: Any) -> None:
    inner = arguments[0]
    lead = _inverted(inner[0])
    if order == 0:
        target[0] = inner[0] * lead[0] % PRIME
        target[0, 0] = _random(rng)
    else:
        terms = _weighted(target, order - 1)
        known = _times(terms[1:], inner[order - 1 : 0 : -1]).sum(axis=0) if order > 1 else 0
        total = inner[order] - known * np.int64(_inverse(order)) % PRIME
        target[order] = _times(total % PRIME, lead)


def _raise(target: np.ndarray, arguments: list[np.ndarray], q: Any, order: int, rng: Any) -> None:
    base = arguments[0]
    lead = _inverted(base[0])
    if order == 0:
        value = _random(rng)
        target[0] = q * (value * (base[0] * lead[0] % PRIME) % PRIME) % PRIME
        target[0, 0] = value
    else:
        j = np.arange(order)[:, None]
        factor = (q * (order - j) - j) % PRIME
        terms = _times(base[order:0:-1], target[:order])
        total = (factor * terms % PRIME).sum(axis=0) % PRIME
        target[order] = _times(total * _inverse(order) % PRIME, lead)


def _tanh(target: np.ndarray, arguments: list[np.ndarray], rest: Any, order: int, rng: Any) -> None:
    """Step of t = tanh(h), with 1 - t^2 kept in ``rest``: t' = (1 - t^2) h'."""
    inner = arguments[0]
    if order == 0:
        target[0, 0] = value = _random(rng)
        target[0, 1:] = (1 - value * value) % PRIME * inner[0, 1:] % PRIME
    else:
        total = _convolved(_weighted(inner, order), rest, order, 1)
        target[order] = total * _inverse(order) % PRIME
    rest[order] = -_convolved(target, target, order) % PRIME
    if order == 0:
        rest[0, 0] = (1 + rest[0, 0]) % PRIME


_STEPS = {
    "add": _add,
    "multiply": _multiply,
    "invert": _invert,
    "exp": _exp,
    "log": _log,
    "power": _raise,
    "tanh": _tanh,
}
