"""Draws of a titer regression, and the predictions that follow from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.data.table import Table
from bayesbio.inference.diagnostics.draws import stack_draws
from bayesbio.titer.factors.coded_rows import CodedRows
from bayesbio.titer.factors.missing_factors import FactorDistribution
from bayesbio.titer.regression.likelihood import ReadingDistribution
from bayesbio.titer.regression.linear_predictor import LinearPredictor, Regression
from bayesbio.titer.regression.specification import RegressionSpecification

Selection = slice | np.ndarray
ALL = slice(None)


@dataclasses.dataclass(frozen=True, eq=False)
class TiterDraws:
    """Posterior draws of a titer regression, with what they belong to."""

    model: RegressionSpecification  # the `TiterModel` that was fitted
    table: Table  # the rows it was fitted on
    transform: str  # whether effects multiply or add
    regression: Regression  # terms and groups
    factor_distribution: FactorDistribution  # of the numeric factors, for missing cells
    distribution: ReadingDistribution  # of a reading around its linear predictor
    # Groups posterior (intercept; effect by column, of the transformed titer per standard deviation
    # of the factor; noise; sd_ and by_ of groups; shapes), sample_stats, posterior_predictive,
    # log_likelihood and observed_data.
    posterior: xr.DataTree
    options: Mapping[str, Any]  # what was asked of the sampler
    warnings: tuple[str, ...] = ()  # sentences about the data and what was decided from them

    @property
    def response(self) -> str:
        """Column that is explained."""
        return self.model.response

    @property
    def unit(self) -> str:
        """Unit of the response."""
        return self.table.unit(self.response)

    @property
    def design(self) -> Any:
        """Design matrix of the titer."""
        return self.regression.design

    @property
    def factors(self) -> tuple[str, ...]:
        """Factors that vary in the table."""
        return self.design.coding.names

    @cached_property
    def flat(self) -> dict[str, np.ndarray]:
        """Draws of every unknown, chains joined, shape (draws, ...)."""
        return stack_draws(self.posterior["posterior"].to_dataset())

    @property
    def number(self) -> int:
        """Number of draws, all chains together."""
        return len(self.flat["intercept"])

    def selected(self, draws: Selection = ALL) -> dict[str, np.ndarray]:
        """Select draws of every unknown."""
        return {name: values[draws] for name, values in self.flat.items()}

    def thinned(self, most: int) -> np.ndarray:
        """Choose evenly spaced draws."""
        return np.unique(np.linspace(0, self.number - 1, min(most, self.number)).astype(int))

    def rows(self, frame: pd.DataFrame, rng: np.random.Generator, draws: Selection = ALL) -> Any:
        """Code rows; missing numbers are drawn given the other factors of their row."""
        rows = CodedRows.of_frame(frame, self.design.coding, self.regression.groups)
        if not any(np.isnan(rows.cells[name]).any() for name in self.factor_distribution.names):
            return rows
        count = len(self.flat["intercept"][draws])
        return rows.replace(cells=self.factor_distribution.completed(rows.cells, count, rng))

    def linear_predictor(
        self, rows: CodedRows, rng: np.random.Generator, draws: Selection = ALL
    ) -> LinearPredictor:
        """Linear predictor of rows; levels that were not fitted are drawn with `rng`."""
        return self.regression.linear_predictor(rows, self.selected(draws), rng)

    def typical(self, at: LinearPredictor, draws: Selection = ALL, assay: Any = None) -> np.ndarray:
        """
        Typical titer at a linear predictor, shape (draws, rows).

        The median of log-transformed titers, else the mean; times the probability of product.
        """
        if self.transform == "log":
            titer = np.exp(at.location)
            logit = at.production_logit
            return titer if logit is None else titer / (1.0 + np.exp(-logit))
        return self.distribution.mean(at.location, *self._residual(at, draws, assay), at[1])

    def drawn(
        self,
        at: LinearPredictor,
        rng: np.random.Generator,
        draws: Selection = ALL,
        assay: Any = None,
    ) -> np.ndarray:
        """
        Draw readings at a linear predictor, shape (draws, rows), from the likelihood.

        `assay` is the known error of each reading on the scale of the model, where it is known.
        """
        spread, values = self._residual(at, draws, assay)
        drawn = self.distribution.draw(at.location, spread, values, rng, at.production_logit)
        return np.exp(drawn) if self.transform == "log" else drawn

    def predicted(
        self, frame: pd.DataFrame, rng: np.random.Generator, *, noise: bool, draws: Selection = ALL
    ) -> np.ndarray:
        """Predict readings or typical titers of the cultures of a frame, shape (draws, rows)."""
        at = self.linear_predictor(self.rows(frame, rng, draws), rng, draws)
        given = self.model.family.assay
        assay = None
        if isinstance(given, str) and given in frame:
            assay = self._assay_on_scale(frame[given].to_numpy(float), at.location)
        return self.drawn(at, rng, draws, assay) if noise else self.typical(at, draws, assay)

    def _residual(
        self, at: LinearPredictor, draws: Selection, assay: Any
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Give the standard deviation of readings, assay included, and unknowns of the family."""
        names = self.model.family.unknown_names
        values = {name: self.flat[name][draws][:, None] for name in names}
        given = self.model.family.assay
        if assay is None and isinstance(given, str):
            typical = np.sqrt(np.nanmean(self.table[given] ** 2))
            assay = self._assay_on_scale(typical, at.location)
        elif assay is None:
            assay = float(given or 0.0)
            assay = np.sqrt(np.log1p(assay**2)) if self.transform == "log" else assay
        return np.sqrt(values["noise"] ** 2 + np.square(assay)), values

    def _assay_on_scale(self, size: Any, location: np.ndarray) -> Any:
        """Error of an assay, given in the unit of the response, on the scale of the model."""
        if self.transform == "log":
            return np.sqrt(np.log1p((size / np.exp(location)) ** 2))
        return size
