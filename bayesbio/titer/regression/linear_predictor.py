"""Linear predictor of cultures: fixed effects and group effects, new levels from their prior."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bayesbio.titer.factors.coded_rows import CodedRows
from bayesbio.titer.factors.design_matrix import DesignMatrix
from bayesbio.titer.regression.group_effects import PRODUCTION, Varying

Draws = Mapping[str, np.ndarray]


class LinearPredictor(NamedTuple):
    """Linear predictor of rows, for many draws."""

    location: np.ndarray  # of the transformed titer, shape (draws, rows)
    production_logit: np.ndarray | None  # log odds of product, for a hurdle, shape (draws, rows)


@dataclasses.dataclass(frozen=True, eq=False)
class Regression:
    """Designs and groups of a fitted regression."""

    design: DesignMatrix
    production_design: DesignMatrix | None  # of a hurdle
    levels: Mapping[Varying, tuple[str, ...]]  # fitted levels of the groups

    @property
    def groups(self) -> tuple[str, ...]:
        """Columns of the groups."""
        return tuple(dict.fromkeys(one.group for one in self.levels))

    def linear_predictor(
        self, rows: CodedRows, draws: Draws, rng: np.random.Generator
    ) -> LinearPredictor:
        """Linear predictor of rows; effects of levels that were not fitted are drawn with `rng`."""
        location = draws["intercept"][:, None] + fixed_effects(self.design, rows, draws, "", rng)
        location = location + self._group_effects(rows, draws, "", rng)
        if self.production_design is None:
            return LinearPredictor(location, None)
        logit = draws["production_intercept"][:, None] + fixed_effects(
            self.production_design, rows, draws, PRODUCTION, rng
        )
        return LinearPredictor(location, logit + self._group_effects(rows, draws, PRODUCTION, rng))

    def new_levels(self, rows: CodedRows) -> list[str]:
        """Sentences about levels that were not fitted."""
        coding = self.design.coding
        new = {c.name: rows.unseen(c.name) for c in coding if not c.is_number}
        for one, fitted in self.levels.items():
            new.setdefault(one.group, sorted({*rows.names[one.group]} - {*fitted}))
        return [
            f"{column} {', '.join(levels)} was not fitted: its effect was drawn from the "
            "distribution of levels."
            for column, levels in new.items()
            if levels
        ]

    def _group_effects(
        self, rows: CodedRows, draws: Draws, prefix: str, rng: np.random.Generator
    ) -> np.ndarray:
        total = np.zeros((len(draws["intercept"]), len(rows)))
        for one, fitted in self.levels.items():
            if not (prefix and one.slope is not None):
                effects = group_effects(one, fitted, rows, draws, prefix, rng)
                total += one.times(effects, rows.cells)
        return total


def fixed_effects(
    design: DesignMatrix, rows: CodedRows, draws: Draws, prefix: str, rng: np.random.Generator
) -> np.ndarray:
    """Sum of the terms, shape (draws, rows); new levels are drawn from the prior of their term."""
    shapes = {name: draws[name] for name in design.shape_units}
    total = design.predictor(rows.cells, draws[f"{prefix}effect"], shapes)
    prior_sd = draws[f"{prefix}effect_prior_sd"]
    for number, term in enumerate(design.terms):
        for column in term.unseen_columns(rows, design.coding):
            effect = prior_sd[:, number] * rng.standard_normal(len(prior_sd))
            total = total + effect[:, None] * column
    return total


def group_effects(
    group: Varying,
    fitted: tuple[str, ...],
    rows: CodedRows,
    draws: Draws,
    prefix: str,
    rng: np.random.Generator,
) -> np.ndarray:
    """Effects of the levels of rows, shape (draws, rows); new levels from their distribution."""
    names, index = rows.names[group.group], {name: n for n, name in enumerate(fitted)}
    effects = draws[f"{prefix}by_{group.name}"]
    padded = np.concatenate([effects, np.zeros((len(effects), 1))], axis=1)
    total = padded[:, [index.get(name, -1) for name in names]]
    for level in sorted({*names} - {*fitted}):
        new = draws[f"{prefix}sd_{group.name}"] * rng.standard_normal(len(effects))
        total += new[:, None] * (names == level)
    return total
