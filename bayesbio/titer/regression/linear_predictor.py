"""Where new cultures lie on the scale of the model, with levels that were not fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.errors import DataError
from bayesbio.titer.factors.design_matrix import Design
from bayesbio.titer.factors.terms import Nominal, Ordered
from bayesbio.titer.regression.group_effects import Varying, level_name, row_levels


def added_up(
    design: Design,
    cells: Mapping[str, Any],
    draws: Mapping[str, np.ndarray],
    name: str,
    frame: pd.DataFrame,
    rng: np.random.Generator,
) -> np.ndarray:
    """Add up the terms; a level that was not fitted is drawn from the distribution of levels."""
    shapes = {shape: draws[shape] for shape in design.shape_names}
    total = design.predictor(cells, draws[name], shapes)
    scales = draws[f"{name}_scale"]
    for place, term in enumerate(design.terms):
        unseen = {
            factor
            for factor in term.factors
            if not design.coding[factor].is_number and (cells[factor] < 0).any()
        }
        if not unseen or not (isinstance(term, Nominal) or term.kind == "interaction"):
            continue
        factor = sorted(unseen)[0]
        other = [f for f in term.factors if f != factor]
        times: Any = 1.0
        if other and design.coding[other[0]].is_number:
            times = cells[other[0]]
        given = np.array([str(value) for value in frame[factor]])
        for level in sorted(set(given[cells[factor] < 0])):
            new = scales[:, place] * rng.standard_normal(len(scales))
            total = total + new[:, None] * ((given == level) * times)
    return total


def grouped(
    levels: Mapping[Varying, tuple[str, ...]],
    frame: pd.DataFrame,
    cells: Mapping[str, Any],
    chosen: Mapping[str, np.ndarray],
    prefix: str,
    rng: np.random.Generator,
    said: list[str],
) -> np.ndarray:
    """Add what groups do; a level that was not fitted is drawn from their distribution."""
    count = len(chosen["intercept"])
    total = np.zeros((count, len(frame)))
    for one, names in levels.items():
        if prefix and one.slope is not None:
            continue
        numbers = {name: number for number, name in enumerate(names)}
        place, unseen = row_levels(frame, one.group, numbers)
        effects = chosen[f"{prefix}by_{one.name}"]
        known = np.concatenate([effects, np.zeros((count, 1))], axis=1)[:, place]
        if unseen:
            said.append(
                f"{one.group} {', '.join(unseen)} was not fitted: its effect was drawn from "
                "the distribution of levels."
            )
        for name in unseen:
            here = (
                np.array([level_name(value) == name for value in frame[one.group]])
                if one.group in frame
                else np.ones(len(frame), dtype=bool)
            )
            new = chosen[f"{prefix}sd_{one.name}"] * rng.standard_normal(count)
            known += new[:, None] * here
        total += one.times(known, cells)
    return total


def unknown_levels(
    design: Design, frame: pd.DataFrame, cells: Mapping[str, np.ndarray]
) -> list[str]:
    """Name the levels that were not fitted; refuse those of an ordered factor (`DataError`)."""
    said = []
    ordered = {term.factor for term in design.terms if isinstance(term, Ordered)}
    for code in design.coding:
        if code.is_number or not (cells[code.name] < 0).any():
            continue
        new = sorted({str(v) for v in np.array(frame[code.name])[cells[code.name] < 0]})
        if code.name in ordered:
            raise DataError(
                f"{code.name} is {new[0]!r}; an ordered factor has only the levels that were "
                f"fitted: {', '.join(code.levels)}."
            )
        said.append(
            f"{code.name} {', '.join(new)} was not fitted: its effect was drawn from the "
            "distribution of levels."
        )
    return said
