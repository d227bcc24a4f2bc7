"""Covariates of a parameter: a formula in the settings of the runs, as columns of numbers."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError

from bayesbio.errors import CalibrationError, did_you_mean

FUNCTIONS = ("log", "log2", "log10", "exp", "sqrt", "abs", "center", "scale", "poly", "C")
ARITHMETIC = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.Call,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.operator,
    ast.unaryop,
)
SAME = 1e-9  # columns that differ by less, relative to their size, are the same


@dataclasses.dataclass(frozen=True, eq=False)
class Design:
    """
    A formula over a table of runs, made by `design`.

    Attributes
    ----------
    formula : str
    terms : tuple of str
        What each column is: ``log(temperature_shift)``, ``clone=B`` (against the first clone).
    columns : array, (runs, terms)
        Their values, minus their means over the runs, so that a parameter without its covariates
        is that of an average run.
    """

    formula: str
    terms: tuple[str, ...]
    columns: np.ndarray
    _parameter: str
    _table: pd.DataFrame
    _matrix: object
    _means: np.ndarray

    @property
    def scales(self) -> np.ndarray:
        """Standard deviation of each column over the runs, (terms,)."""
        return np.std(self.columns, axis=0)

    @property
    def names(self) -> tuple[str, ...]:
        """Settings that the formula needs."""
        return tuple(_names(self.formula, self._parameter))

    def of(self, table: pd.DataFrame) -> np.ndarray:
        """
        Columns for other runs.

        Parameters
        ----------
        table : DataFrame
            Settings, one row a run, indexed by the names of the runs.

        Returns
        -------
        array, (runs, terms)

        Raises
        ------
        CalibrationError
            When a run has no value of a covariate, or a level that was not calibrated on.
        """
        _check_present(self.formula, self.names, table, self._parameter)
        for name in self.names:
            if pd.api.types.is_numeric_dtype(self._table[name]):
                continue
            seen = list(dict.fromkeys(self._table[name].astype(str)))
            for run, value in table[name].astype(str).items():
                if value not in seen:
                    raise CalibrationError(
                        f"Run {run!r}: {name} is {value!r}, and {self._parameter} was calibrated "
                        f"with {', '.join(seen)} only; a formula says nothing about another. To "
                        f"predict a new {name}, let {self._parameter} vary between them: "
                        f"vary={{{self._parameter!r}: {name!r}}}."
                    )
        made = self._matrix.model_spec.get_model_matrix(  # type: ignore[attr-defined]
            _typed(table, self.names), context=_CONTEXT
        )
        return _without_intercept(made)[1] - self._means


def design(parameter: str, formula: str, table: pd.DataFrame) -> Design:
    """
    Turn a formula into columns of numbers.

    Parameters
    ----------
    parameter : str
        Whose covariates they are, for messages.
    formula : str
        Right-hand side of a Wilkinson formula in the settings of the runs (house units), such as
        ``"log(temperature_shift) + clone"``. Functions: log, log2, log10, exp, sqrt, abs, center,
        scale, poly and C.
    table : DataFrame
        Settings, one row a run, indexed by the names of the runs.

    Returns
    -------
    Design

    Raises
    ------
    CalibrationError
        When the formula names something the runs do not have, a covariate is the same in all runs,
        columns cannot be told apart, or the formula holds more than arithmetic.

    Notes
    -----
    Wilkinson and Rogers (1973), doi:10.2307/2346786. Formulas come back from saved files, so
    everything but arithmetic and the functions above is refused.

    Examples
    --------
    >>> runs = pd.DataFrame({"clone": ["A", "A", "B"]}, index=["R1", "R2", "R3"])
    >>> design("specific_productivity", "clone", runs).terms
    ('clone=B',)
    """
    names = _names(formula, parameter)
    what = f"covariates={{{parameter!r}: {formula!r}}}"
    for name in names:
        if name not in table:
            hint = did_you_mean(name, table)
            raise CalibrationError(
                f"{what}: no run has a {name!r}.{hint} The table of runs has "
                f"{', '.join(map(str, table)) or 'no columns'}."
            )
    _check_present(formula, names, table, parameter)
    used = _typed(table, names)
    for name in names:
        if used[name].nunique() < 2:
            raise CalibrationError(
                f"{what}: {name} is {used[name].iloc[0]} in all {len(used)} runs, so the data "
                "cannot say what it does. Leave it out of the formula."
            )
    try:
        with np.errstate(divide="ignore", invalid="ignore"):  # looked at below, by name
            made = Formula(f"1 + {formula}").get_model_matrix(used, context=_CONTEXT)
    except (FormulaicError, ValueError, TypeError) as error:
        raise CalibrationError(f"{what} was not understood: {_first_line(error)}") from error
    terms, columns = _without_intercept(made)
    if not terms:
        raise CalibrationError(f"{what} has no covariate. Leave it out.")
    if not np.all(np.isfinite(columns)):
        bad = terms[int(np.flatnonzero(~np.isfinite(columns).all(axis=0))[0])]
        raise CalibrationError(
            f"{what}: {bad} is not a finite number in every run, such as the logarithm of zero."
        )
    means = columns.mean(axis=0)
    _check_independent(what, terms, columns - means)
    return Design(formula, terms, columns - means, parameter, used, made, means)


def are_identifiable(columns: np.ndarray, groups: Sequence[int]) -> bool:
    """
    Whether effects of groups can be told from covariates.

    Parameters
    ----------
    columns : array, (runs, terms)
        As `Design.columns`.
    groups : sequence of int
        Group of each run.

    Returns
    -------
    bool
        False where the covariates already give every group a value of its own.

    Examples
    --------
    >>> are_identifiable(np.array([[-1.0], [1.0]]), [0, 1])
    False
    """
    members = np.eye(int(np.max(groups)) + 1)[np.asarray(groups, dtype=int)]
    known = np.column_stack([np.ones(len(members)), columns])
    return bool(np.linalg.matrix_rank(np.column_stack([known, members])) > _rank(known))


def _rank(columns: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(columns))


_CONTEXT = {"sqrt": np.sqrt, "abs": np.abs}


def _names(formula: str, parameter: str) -> list[str]:
    """Find the settings in a formula; refuse all but arithmetic and known functions."""
    what = f"covariates={{{parameter!r}: {formula!r}}}"
    if not isinstance(formula, str) or "~" in formula or "__" in formula:
        raise CalibrationError(
            f"{what}: expected the right-hand side of a formula, such as "
            "'log(temperature_shift) + clone'."
        )
    try:
        factors = [factor.expr for term in Formula(f"1 + {formula}") for factor in term.factors]
        trees = [ast.parse(factor, mode="eval") for factor in factors]
    except (FormulaicError, SyntaxError, AttributeError) as error:
        raise CalibrationError(f"{what} was not understood: {_first_line(error)}") from error
    found: list[str] = []
    for tree in trees:
        called = {
            id(node.func): node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ARITHMETIC) or getattr(node, "keywords", None):
                raise CalibrationError(
                    f"{what}: only arithmetic and the functions {', '.join(FUNCTIONS)} may stand "
                    "in a formula. Compute anything else as a column of the table of runs."
                )
            if isinstance(node, ast.Name) and id(node) not in called:
                found.append(node.id)
        for function in called.values():
            if function not in FUNCTIONS:
                raise CalibrationError(
                    f"{what}: the function {function!r} is not known; use one of "
                    f"{', '.join(FUNCTIONS)}."
                )
    return list(dict.fromkeys(found))


def _typed(table: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Columns as numbers where all are, else as text."""
    found = pd.DataFrame(index=table.index)
    for name in names:
        column = table[name]
        numeric = all(isinstance(each, int | float | np.number) for each in column)
        found[name] = column.astype(float) if numeric else column.astype(str)
    return found


def _check_present(formula: str, names: Iterable[str], table: pd.DataFrame, parameter: str) -> None:
    for name in names:
        column = table[name] if name in table else pd.Series(None, index=table.index, dtype=object)
        missing = column.index[column.isna()]
        if len(missing):
            raise CalibrationError(
                f"Run {missing[0]!r} has no {name!r}, which {parameter} depends on "
                f"({parameter} ~ {formula}). Add it to the table of runs or to settings={{...}}."
            )


def _without_intercept(made: pd.DataFrame) -> tuple[tuple[str, ...], np.ndarray]:
    kept = [name for name in made.columns if name != "Intercept"]
    terms = tuple(re.sub(r"\[(?:T\.)?([^\]]*)\]", r"=\1", str(name)) for name in kept)
    return terms, np.asarray(made[kept], dtype=float)


def _check_independent(what: str, terms: Sequence[str], columns: np.ndarray) -> None:
    """Refuse columns that are the same in all runs, or combinations of those before."""
    for place, term in enumerate(terms):
        own = columns[:, place]
        size = np.max(np.abs(own))
        if size <= SAME:
            raise CalibrationError(f"{what}: {term} is the same in all runs. Leave it out.")
        before = columns[:, :place]
        if place:
            fitted = before @ np.linalg.lstsq(before, own, rcond=None)[0]
            if np.max(np.abs(own - fitted)) <= 1e-8 * size:
                raise CalibrationError(
                    f"{what}: in these {len(columns)} runs {term} follows from "
                    f"{', '.join(terms[:place])}, so their effects cannot be told apart. Leave one "
                    "out."
                )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
