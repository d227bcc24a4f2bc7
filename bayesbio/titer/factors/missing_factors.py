"""Cells of a table that are not known exactly: missing, or read with an error."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from bayesbio.titer.factors.factor_coding import Coding
from bayesbio.titer.factors.missing_factor_transform import standard_normal_cells
from bayesbio.titer.factors.terms import Cells
from bayesbio.titer.regression.likelihood import Readings

# How far the correlations of the factors are drawn towards none, in rows.
PRIOR_ROWS = 10.0


@dataclasses.dataclass(frozen=True, eq=False)
class Population:
    """
    How the numeric factors go together, on their standardised scales: a normal distribution.

    Mean and covariance are estimated from the pairs of cells that were read, the correlations drawn
    towards none by ten rows' worth, and taken as known.

    Parameters
    ----------
    names : tuple of str
    mean : array, shape (factors,)
    covariance : array, shape (factors, factors)
    error : array, shape (factors,)
        Standard deviation with which a cell is read; zero for exact ones.

    Examples
    --------
    >>> population = Population(("a", "b"), np.zeros(2), np.array([[1.0, 0.8], [0.8, 1.0]]),
    ...     np.zeros(2))
    >>> mean, root = population.given(np.array([1.0, np.nan]))
    >>> mean.round(3).tolist(), root.round(3).tolist()
    ([0.8], [[0.6]])
    """

    names: tuple[str, ...]
    mean: np.ndarray
    covariance: np.ndarray
    error: np.ndarray

    @classmethod
    def of_cells(cls, coding: Coding, cells: Cells, error: Mapping[str, float]) -> Population:
        """Estimate it; `error` is in the unit of each factor."""
        names = coding.numbers
        if not names:
            return cls((), np.empty(0), np.empty((0, 0)), np.empty(0))
        scores = np.array([cells[name] for name in names]).reshape(len(names), -1)
        known = np.isfinite(scores)
        filled = np.where(known, scores, 0.0)
        pairs = known.astype(float) @ known.T
        covariance = filled @ filled.T / (pairs + PRIOR_ROWS)
        spread = np.sqrt((filled**2).sum(axis=1) / known.sum(axis=1))
        blurred = np.array([error.get(name, 0.0) / coding[name].spread for name in names])
        # What is left of the spread is the factor's own; at least a tenth of its variance.
        np.fill_diagonal(covariance, np.maximum(spread**2 - blurred**2, 0.1 * spread**2))
        width, directions = np.linalg.eigh(covariance)
        covariance = directions * np.maximum(width, 1e-8) @ directions.T
        return cls(names, np.zeros(len(names)), covariance, blurred)

    def given(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Tell what a row says of its uncertain cells.

        Parameters
        ----------
        row : array, shape (factors,)
            Standardised readings, NaN where missing.

        Returns
        -------
        mean : array, shape (uncertain,)
        root : array, shape (uncertain, uncertain)
            Lower triangular; mean + root @ standard normals are draws.
        """
        read = np.isfinite(row)
        uncertain = ~read | (self.error > 0.0)
        covered = self.covariance[np.ix_(read, read)] + np.diag(self.error[read] ** 2)
        across = self.covariance[np.ix_(uncertain, read)]
        gain = np.linalg.solve(covered, across.T).T if read.any() else across
        mean = self.mean[uncertain] + gain @ (row[read] - self.mean[read])
        left = self.covariance[np.ix_(uncertain, uncertain)] - gain @ across.T
        return mean, np.linalg.cholesky(left + 1e-10 * np.eye(len(mean)))

    def rows(self, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
        """Give the scores, shape (rows, factors), and which cells are uncertain."""
        if not self.names:
            rows = len(next(iter(cells.values())))
            return np.empty((rows, 0)), np.empty((rows, 0), dtype=bool)
        scores = np.array([cells[name] for name in self.names]).reshape(len(self.names), -1).T
        return scores, ~np.isfinite(scores) | (self.error > 0.0)

    def completed(
        self, cells: Cells, draws: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """
        Draw the missing cells of new rows, given the others of their row.

        Cells that are there count as what they say, whatever the error of reading them was.

        Returns
        -------
        dict
            Shape (draws, rows) for factors of which cells are missing, else as it came.
        """
        exact = dataclasses.replace(self, error=np.zeros_like(self.error))
        return exact._drawn(cells, draws, rng)

    def _drawn(self, cells: Cells, draws: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        scores, uncertain = self.rows(cells)
        drawn = {}
        for place in np.flatnonzero(uncertain.any(axis=0)):
            drawn[self.names[place]] = np.tile(scores[:, place], (draws, 1))
        for number in np.flatnonzero(uncertain.any(axis=1)):
            mean, root = self.given(scores[number])
            values = mean + rng.standard_normal((draws, len(mean))) @ root.T
            for column, place in enumerate(np.flatnonzero(uncertain[number])):
                drawn[self.names[place]][:, number] = values[:, column]
        return {**cells, **drawn}

    def latent(self, cells: Cells) -> Latent:
        """
        Write the uncertain cells of each row as its readings tell them, from standard normals.

        Returns
        -------
        Latent
        """
        scores, uncertain = self.rows(cells)
        rows = np.flatnonzero(uncertain.any(axis=1))
        most = int(uncertain.sum(axis=1).max(initial=0))
        mean, root = np.zeros((len(rows), most)), np.zeros((len(rows), most, most))
        where: list[tuple[int, int, int, int]] = []  # place among rows, column, row, factor
        for place, number in enumerate(rows):
            centre, lower = self.given(scores[number])
            count = len(centre)
            mean[place, :count], root[place, :count, :count] = centre, lower
            where += [
                (place, column, int(number), int(factor))
                for column, factor in enumerate(np.flatnonzero(uncertain[number]))
            ]
        at = np.array(where, dtype=int).reshape(-1, 4)
        raw = pt.vector("cell_raw", shape=(len(where),), dtype="float64")
        if not where:
            return Latent(raw, at[:, 2], raw, dict(cells))
        padded = pt.set_subtensor(pt.zeros((len(rows), most))[at[:, 0], at[:, 1]], raw)
        values = (mean + pt.sum(root * padded[:, None, :], axis=2))[at[:, 0], at[:, 1]]
        found: dict[str, Any] = dict(cells)
        for factor in np.unique(at[:, 3]):
            own = np.flatnonzero(at[:, 3] == factor)
            base = pt.as_tensor(np.nan_to_num(scores[:, factor]))
            found[self.names[factor]] = pt.set_subtensor(base[at[own, 2]], values[own])
        return Latent(raw, at[:, 2], values, found)

    def filled(
        self, cells: Cells, what: list[tuple[str, int]], values: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Put draws of ``cell``, shape (draws, cells), into the rows that were fitted."""
        found = dict(cells)
        for number, (name, row) in enumerate(what):
            if found[name].ndim == 1:
                found[name] = np.tile(found[name], (len(values), 1))
            found[name][:, row] = values[:, number]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain lists, ready for JSON."""
        return {
            "names": list(self.names),
            "mean": self.mean.tolist(),
            "covariance": self.covariance.tolist(),
            "error": self.error.tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Population:
        """Rebuild what `to_dict` gave."""
        size = len(content["names"])
        return cls(
            tuple(content["names"]),
            np.array(content["mean"], dtype=float),
            np.array(content["covariance"], dtype=float).reshape(size, size),
            np.array(content["error"], dtype=float),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Latent:
    """
    Uncertain cells as functions of a vector that stands for them until they are registered.

    Parameters
    ----------
    raw : PyTensor vector, shape (uncertain,)
        Stands for what is standard normal given the readings of the row.
    row : int array, shape (uncertain,)
        The row of each.
    values : PyTensor vector, shape (uncertain,)
        The cells, standardised.
    cells : mapping of factor to array or PyTensor vector
        All cells, with `values` where they are uncertain.
    """

    raw: Any
    row: np.ndarray
    values: Any
    cells: Mapping[str, Any]

    def sampled(self, location: Any, readings: Readings, noise: Any) -> Any:
        """
        Register ``cell_raw`` and ``cell`` in the current ``pm.Model``.

        They are sampled standardised given the titer of their row, where that is a number.

        Parameters
        ----------
        location : PyTensor vector, shape (rows,)
            Of the readings, from `cells`.
        readings : Readings
        noise : variable
            Standard deviation of a culture around its location.

        Returns
        -------
        PyTensor vector, shape (uncertain,)
            What to put in the place of `raw`.
        """
        rows, place = np.unique(self.row, return_inverse=True)
        told = readings.flag == ""
        slope: Any = pt.grad(pt.sum(location[told]), self.raw, disconnected_inputs="ignore")
        middle, slope = graph_replace(
            [location, slope], {self.raw: pt.zeros(self.row.size)}, strict=False
        )
        away = pt.switch(told, np.where(told, readings.value, 0.0) - middle, 0.0)[rows]
        spread = pt.sqrt(noise**2 + readings.assay[rows] ** 2)
        raw = standard_normal_cells("cell_raw", place, slope, away, spread)
        pm.Deterministic("cell", graph_replace(self.values, {self.raw: raw}))
        return raw
