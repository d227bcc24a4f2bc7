"""Missing factor values and errors in variables: a multivariate normal of the numeric factors."""

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

# Weight of the shrinkage of the correlations towards zero, in rows.
PRIOR_ROWS = 10.0


@dataclasses.dataclass(frozen=True, eq=False)
class FactorDistribution:
    """
    Multivariate normal distribution of the numeric factors, standardised.

    Mean and covariance are estimated from the pairs of cells that are there, the correlations
    shrunk towards zero with the weight of ten rows, and taken as known.
    """

    names: tuple[str, ...]
    mean: np.ndarray  # shape (factors,)
    covariance: np.ndarray  # shape (factors, factors)
    error: np.ndarray  # standard deviation with which a cell is read; zero for exact ones

    @classmethod
    def of_cells(
        cls, coding: Coding, cells: Cells, error: Mapping[str, float]
    ) -> FactorDistribution:
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
        sizes = np.array([error.get(name, 0.0) / coding[name].spread for name in names])
        # Variance of the factor without its error; at least a tenth of what was seen.
        np.fill_diagonal(covariance, np.maximum(spread**2 - sizes**2, 0.1 * spread**2))
        width, directions = np.linalg.eigh(covariance)
        covariance = directions * np.maximum(width, 1e-8) @ directions.T
        return cls(names, np.zeros(len(names)), covariance, sizes)

    def conditional(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Conditional normal of the uncertain cells of a row of scores, NaN where missing.

        Mean, and lower triangular root: mean + root @ standard normals are draws.
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
        Draw the missing cells of new rows given the others of their row, shape (draws, rows).

        Cells that are there count as exact, whatever the error of reading them was.
        """
        exact = dataclasses.replace(self, error=np.zeros_like(self.error))
        scores, uncertain = exact.rows(cells)
        drawn = {
            self.names[factor]: np.tile(scores[:, factor], (draws, 1))
            for factor in np.flatnonzero(uncertain.any(axis=0))
        }
        for row in np.flatnonzero(uncertain.any(axis=1)):
            mean, root = exact.conditional(scores[row])
            values = mean + rng.standard_normal((draws, len(mean))) @ root.T
            for column, factor in enumerate(np.flatnonzero(uncertain[row])):
                drawn[self.names[factor]][:, row] = values[:, column]
        return {**cells, **drawn}

    def latent(self, cells: Cells) -> LatentCells:
        """Write the uncertain cells of each row as functions of standard normals."""
        scores, uncertain = self.rows(cells)
        rows = np.flatnonzero(uncertain.any(axis=1))
        most = int(uncertain.sum(axis=1).max(initial=0))
        mean, root = np.zeros((len(rows), most)), np.zeros((len(rows), most, most))
        where: list[tuple[int, int, int, int]] = []  # index among rows, column, row, factor
        for index, row in enumerate(rows):
            centre, lower = self.conditional(scores[row])
            count = len(centre)
            mean[index, :count], root[index, :count, :count] = centre, lower
            where += [
                (index, column, int(row), int(factor))
                for column, factor in enumerate(np.flatnonzero(uncertain[row]))
            ]
        at = np.array(where, dtype=int).reshape(-1, 4)
        raw = pt.vector("missing_cell_raw", shape=(len(where),), dtype="float64")
        if not where:
            return LatentCells(raw, at[:, 2], raw, dict(cells))
        padded = pt.set_subtensor(pt.zeros((len(rows), most))[at[:, 0], at[:, 1]], raw)
        values = (mean + pt.sum(root * padded[:, None, :], axis=2))[at[:, 0], at[:, 1]]
        completed: dict[str, Any] = dict(cells)
        for factor in np.unique(at[:, 3]):
            uses = np.flatnonzero(at[:, 3] == factor)
            base = pt.as_tensor(np.nan_to_num(scores[:, factor]))
            completed[self.names[factor]] = pt.set_subtensor(base[at[uses, 2]], values[uses])
        return LatentCells(raw, at[:, 2], values, completed)

    def filled(self, cells: Cells, values: np.ndarray) -> dict[str, np.ndarray]:
        """Put draws of ``missing_cell``, shape (draws, cells), into the rows that were fitted."""
        found = dict(cells)
        for number, (row, factor) in enumerate(np.argwhere(self.rows(cells)[1])):
            name = self.names[factor]
            if found[name].ndim == 1:
                found[name] = np.tile(found[name], (len(values), 1))
            found[name][:, row] = values[:, number]
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class LatentCells:
    """Uncertain cells as functions of a vector that is replaced once they are registered."""

    raw: Any  # standard normal given the other cells of the row, shape (uncertain,)
    row: np.ndarray  # the row of each, shape (uncertain,)
    values: Any  # the cells, standardised, shape (uncertain,)
    cells: Mapping[str, Any]  # all cells, with `values` where they are uncertain

    def sampled(self, location: Any, value: np.ndarray, assay: np.ndarray, noise: Any) -> Any:
        """
        Register ``missing_cell_raw`` and ``missing_cell``; gives what replaces `raw`.

        They are sampled standardised given the titer of their row, where that is quantified: its
        location and reading (NaN where it is not), shape (rows,), known standard deviation of the
        assay, and noise of a culture around its location.
        """
        rows, index = np.unique(self.row, return_inverse=True)
        known = np.isfinite(value)
        slope: Any = pt.grad(pt.sum(location[known]), self.raw, disconnected_inputs="ignore")
        middle, slope = graph_replace(
            [location, slope], {self.raw: pt.zeros(self.row.size)}, strict=False
        )
        residual = pt.switch(known, np.where(known, value, 0.0) - middle, 0.0)[rows]
        spread = pt.sqrt(noise**2 + assay[rows] ** 2)
        raw = standard_normal_cells("missing_cell_raw", index, slope, residual, spread)
        pm.Deterministic("missing_cell", graph_replace(self.values, {self.raw: raw}))
        return raw
