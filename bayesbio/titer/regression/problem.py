"""A titer regression with its table: what the data decide, and the density that is sampled."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from bayesbio.data.table import Table
from bayesbio.errors import DataError, ModelError
from bayesbio.titer.factors.coded_rows import CodedRows
from bayesbio.titer.factors.design_matrix import DesignMatrix
from bayesbio.titer.factors.factor_coding import Coding, as_table
from bayesbio.titer.factors.missing_factors import FactorDistribution
from bayesbio.titer.factors.screening import screened_interactions
from bayesbio.titer.factors.terms import Linear, Nominal, Term, second_order
from bayesbio.titer.regression.group_effects import (
    PRODUCTION,
    GroupLevels,
    Varying,
    differ_clearly,
)
from bayesbio.titer.regression.linear_predictor import Regression
from bayesbio.titer.regression.response import Response, measured, standardised
from bayesbio.titer.regression.response_transform import choose_transform
from bayesbio.titer.regression.specification import RegressionSpecification

MOST_PAIRS = 120  # with more pairs of factors than this, interactions are screened
KEPT_PAIRS = 30
# Dimensions of the posterior and of predictions, which no group or response can be called.
RESERVED = frozenset(
    {"chain", "draw", "run", "outside", "column", "term", "production_column", "production_term"}
)


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """A specification and a table that fit each other, with everything the data decided."""

    model: RegressionSpecification
    table: Table  # the rows that have a reading
    transform: str
    design: DesignMatrix
    production_design: DesignMatrix | None  # of the probability of product, for a hurdle
    cells: Mapping[str, np.ndarray]  # coded cells, NaN where missing
    factor_distribution: FactorDistribution
    response: Response
    levels: Mapping[Varying, GroupLevels]
    warnings: tuple[str, ...]

    @property
    def regression(self) -> Regression:
        """Designs and groups."""
        levels = {one: levels.names for one, levels in self.levels.items()}
        return Regression(self.design, self.production_design, levels)

    def rows(self) -> CodedRows:
        """Code the rows of the table."""
        return CodedRows.of_frame(
            self.table.to_frame(), self.design.coding, self.regression.groups
        ).replace(cells=self.cells)

    def build(self) -> pm.Model:
        """Write the density; everything is standardised by the readings' centre and spread."""
        family = self.model.family
        readings, law = self.response.readings, self.response.distribution
        law = law.standardised(self.response.centre, self.response.spread)
        with pm.Model() as model:
            latent = self.factor_distribution.latent(self.cells)
            values = family.unknowns()
            noise = values["noise_score"]
            location = self._linear_predictor("", self.design, latent.cells, noise**2)
            logit = None
            if self.production_design is not None:
                # On the logit scale a reading is worth about as much as one with an error of two.
                logit = self._linear_predictor(
                    PRODUCTION, self.production_design, latent.cells, 4.0
                )
            if latent.row.size:
                raw = latent.sampled(location, readings.quantified, readings.assay, noise)
                location = graph_replace(location, {latent.raw: raw}, strict=False)
                if logit is not None:
                    logit = graph_replace(logit, {latent.raw: raw}, strict=False)
            parts = law.log_likelihood(readings, location, noise, values, logit)
            for flag, part in parts.items():
                pm.Potential(f"readings_{flag or 'quantified'}", part.sum())
        return model

    def _linear_predictor(
        self, prefix: str, design: DesignMatrix, cells: Any, variance: Any
    ) -> Any:
        """Intercept, terms and group effects; `variance` is that of a single reading."""
        spreads = {
            one: one.spread(prefix) for one in self.levels if not (prefix and one.slope is not None)
        }
        shared, settings = self._between_replicates(spreads, len(self.table))
        intercept = (
            pm.Normal("production_intercept", 0.0, 1.5)
            if prefix
            else pm.Normal("intercept_score", 0.0, 1.0)
        )
        shapes: dict[str, Any] = {}
        for term in design.terms:
            shapes.update(term.shape(design.coding))
        name = f"{prefix}effect"
        noise = pt.sqrt(variance + shared)
        effects, prior_sd = self.model.prior.effects(name, design, noise, settings)
        pm.Deterministic(f"{name}_score", effects)
        pm.Deterministic(f"{name}_prior_sd_score", prior_sd)
        location = intercept + design.predictor(cells, effects, shapes)
        for one, spread in spreads.items():
            levels = self.levels[one]
            clear = not prefix and differ_clearly(self.response.readings.quantified, levels.index)
            if clear and one.slope is None and self._are_replicates(levels.index):
                _, first = np.unique(levels.index, return_index=True)
                location = one.level_means(location[first], spread)[levels.index]
            else:
                by_level = one.effects(levels.names, spread, prefix, centred=clear)
                location = location + one.times(by_level[levels.index], cells)
        return location

    def _between_replicates(self, spreads: Mapping[Varying, Any], rows: int) -> tuple[Any, int]:
        """
        Variance that replicates share beside their factors, and the number of settings.

        Where the rows of each level have the same factors, a factor has to be seen through the
        differences between levels, not through the noise of single readings.
        """
        variance, settings = 0.0, rows
        for one, spread in spreads.items():
            levels = self.levels[one]
            if (
                one.slope is None
                and len(levels.names) < rows
                and self._are_replicates(levels.index)
            ):
                variance, settings = variance + spread**2, min(settings, len(levels.names))
        return variance, settings

    def _are_replicates(self, index: np.ndarray) -> bool:
        """Whether rows of one level have the same factors and groups."""
        _, first = np.unique(index, return_index=True)
        columns = [*self.cells.values(), *(levels.index for levels in self.levels.values())]
        exact = not self.factor_distribution.rows(self.cells)[1].any()
        return exact and all(np.array_equal(values[first][index], values) for values in columns)


def formulate(model: RegressionSpecification, table: Table | pd.DataFrame) -> Problem:
    """Check specification and table against each other, and settle what the data decide."""
    _refuse_reserved(model)
    table, warnings = measured(as_table(table, model.response), model)
    coding, more = Coding.of_table(table, _factors(model, table))
    warnings += more
    groups = {one.group for one in model.groups}
    unused = [name for name in table.groups if name not in groups and name not in coding.names]
    if unused:
        warnings.append(
            f"The groups {', '.join(unused)} are not used; varying=[...] gives the cultures of a "
            "group an effect in common."
        )
    cells = coding.cells(table.to_frame())
    transform = model.transform
    if transform is None:
        transform, why = choose_transform(
            table, model.response, coding.names, hurdle=model.is_hurdle
        )
        warnings.append(why)
    terms, more = _terms(model, table, coding, transform)
    design = DesignMatrix.of_cells(coding, terms, cells)
    warnings += more
    if len(design.labels) >= len(table):
        warnings.append(
            f"There are {len(design.labels)} terms for {len(table)} rows: the prior decides which "
            "of them act, and collinear effects are shared out between them."
        )
    for mixture in model.mixtures:
        mixture.validate(table)
    response, more = standardised(table, model, transform)
    levels, of_groups = _levels(model, table, coding)
    production = None
    if model.is_hurdle:
        production = DesignMatrix.of_cells(coding, _main_effects(design), cells)
    error = _factor_error(model, coding)
    problem = Problem(
        model=model,
        table=table,
        transform=transform,
        design=design,
        production_design=production,
        cells=cells,
        factor_distribution=FactorDistribution.of_cells(coding, cells, error),
        response=response,
        levels=levels,
        warnings=(*warnings, *more, *of_groups),
    )
    _refuse_clashes(problem)
    return problem


def _factors(model: RegressionSpecification, table: Table) -> tuple[str, ...]:
    """Columns that the terms depend on."""
    groups = {one.group for one in model.groups}
    if model.terms is not None:
        listed = {factor for term in model.terms for factor in term.factors}
        listed |= {one.slope for one in model.groups if one.slope is not None}
        for name in sorted(listed):
            table.column(name)
        return tuple(name for name in table if name in listed)
    if model.factors is not None:
        return tuple(model.factors)
    return tuple(name for name in table.factors if name not in groups)


def _terms(
    model: RegressionSpecification, table: Table, coding: Coding, transform: str
) -> tuple[tuple[Term, ...], list[str]]:
    """Terms of the regression, and what has to be said of them."""
    fitted = set(coding.names)
    if model.terms is not None:
        terms = tuple(term for term in model.terms if set(term.factors) <= fitted)
        if not terms:
            raise ModelError(
                f"None of the terms ({', '.join(t.label for t in model.terms) or 'none given'}) "
                f"can be fitted; the factors that vary are {', '.join(coding.names)}."
            )
        return terms, []
    pairs, warnings = len(coding) * (len(coding) - 1) // 2, []
    if pairs <= MOST_PAIRS:
        terms = second_order(coding)
    else:
        screened = screened_interactions(
            table, model.response, factors=coding.names, transform=transform, keep=KEPT_PAIRS
        )
        warnings.append(
            f"{len(coding)} factors have {pairs} pairs; the {len(screened)} that were most "
            "promising beside their main effects and squares were kept as interactions. The table "
            "was used twice for that: treat these interactions as suggestions."
        )
        terms = second_order(coding, interactions=screened)
    shares = {name for mixture in model.mixtures for name in mixture.factors}
    kept = (t for t in terms if not (t.kind == "square" and set(t.factors) <= shares))
    return tuple(kept), warnings


def _main_effects(design: DesignMatrix) -> tuple[Term, ...]:
    """Give the main effects: the terms of the logistic regression of a hurdle."""
    factors = dict.fromkeys(t.factors[0] for t in design.terms if t.kind == "main")
    return tuple(
        Linear(name) if design.coding[name].is_number else Nominal(name)
        for name in factors or design.coding.names
    )


def _levels(
    model: RegressionSpecification, table: Table, coding: Coding
) -> tuple[dict[Varying, GroupLevels], list[str]]:
    levels, warnings = {}, []
    for one in dict.fromkeys(model.groups):
        found = GroupLevels.of_table(table, one.group)
        if one.slope is not None and not coding[one.slope].is_number:
            raise ModelError(f"Varying by {one.group}: {one.slope} has levels, not numbers.")
        missing = int(pd.isna(table[one.group]).sum())
        if missing:
            warnings.append(
                f"{one.group} is missing in {missing} of {len(table)} rows; they form a level of "
                "their own."
            )
        if len(found.names) < 2:
            warnings.append(f"{one.group} is {found.names[0]} in every row; it was left out.")
            continue
        levels[one] = found
    return levels, warnings


def _factor_error(model: RegressionSpecification, coding: Coding) -> dict[str, float]:
    for name, size in model.factor_error.items():
        if not coding[name].is_number or not size >= 0.0:
            raise ModelError(f"The error of {name} is {size}; expected a number and a size.")
    return {name: float(size) for name, size in model.factor_error.items()}


def _refuse_reserved(model: RegressionSpecification) -> None:
    """Refuse names that the posterior or a prediction needs for its dimensions."""
    taken = {model.response, *(one.group for one in model.groups)} & (RESERVED - {"run"})
    taken |= {model.response} & {"run"}
    if taken:
        raise DataError(
            f"The column {sorted(taken)[0]!r} is called like a dimension of the posterior; rename "
            "it before the fit."
        )


def _refuse_clashes(problem: Problem) -> None:
    """Refuse unknowns that would be called the same, such as a group of two names joined."""
    names = ["intercept", "effect", "effect_prior_sd", "missing_cell"]
    names += problem.model.family.unknown_names
    names += [n for t in problem.design.terms for n in t.shape_units(problem.design.coding)]
    names += [f"{part}_{one.name}" for one in problem.levels for part in ("sd", "by")]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ModelError(
            f"Two unknowns of the model would both be called {twice[0]!r}. Rename a column, or "
            "give each factor one term with a shape."
        )
