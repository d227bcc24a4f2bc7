"""Gauss-Newton information of each run about parameters that vary between runs or groups."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm

from bayesbio.calibrate.coordinates.reference_rates import ReferenceRates
from bayesbio.calibrate.problem.formulation import Formulation
from bayesbio.calibrate.problem.grouping import groups_of
from bayesbio.calibrate.problem.unknowns import Unknown
from bayesbio.errors import BayesbioError
from bayesbio.inference import (
    EffectInformation,
    covariate_levels,
    member_values,
    nesting,
    prior_quantiles,
)
from bayesbio.ode import simulate

LOG = logging.getLogger(__name__)
RELATIVE_STEP = 0.01  # relative change of a parameter that measures its influence

RunInformation = dict[str, EffectInformation]


class GroupEffects:
    """Partially non-centred effects of groups, given the information of the runs' readings."""

    parameters: tuple[str, ...] = ()

    def __init__(self, formulation: Formulation, reference: ReferenceRates) -> None:
        self.formulation, self.reference = formulation, reference
        self.warnings: list[str] = []
        self.vary = [unknown.name for unknown in formulation.unknowns if unknown.levels]
        self.names = tuple(f"{name}_effect_of_levels" for name in self.vary)
        self.at_medians = gauss_newton_information(
            formulation, reference.offsets(formulation.medians)
        )

    def register(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Leave population values as they are."""
        return {}

    def effect_arguments(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of `varying`: information of the runs as data, offset of reference rates."""
        information = [
            pm.Data(key, value) for key, value in _data_of(name, self.at_medians[name]).items()
        ]
        offset = self.reference.log_factors(values).get(name)
        return {"evidence": EffectInformation(*information), "offset": offset}

    def update(self, mode: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Information of the runs at a mode: data of the model, by name."""
        if not self.vary:
            return {}
        scalars = {
            name: float(mode[name]) for name in self.formulation.medians if np.ndim(mode[name]) == 0
        }
        offsets = self.reference.offsets({**self.formulation.given, **scalars})
        found = gauss_newton_information(self.formulation, offsets, mode, warnings=self.warnings)
        return {key: v for name in self.vary for key, v in _data_of(name, found[name]).items()}


def gauss_newton_information(
    formulation: Formulation,
    offsets: Mapping[str, float],
    mode: Mapping[str, np.ndarray] | None = None,
    *,
    warnings: list[str] | None = None,
) -> RunInformation:
    """
    Fisher information of each run's readings about each varying parameter, by Gauss and Newton.

    Sum of (d mean / d value / noise)^2 at the prior medians, or at a mode, which stays the most
    likely; zero where there is no solution, with a sentence in ``warnings``.
    """
    varied = [unknown for unknown in formulation.unknowns if unknown.levels]
    if not varied:
        return {}
    start = run_values(formulation, mode)

    def means_at(values: Mapping[str, Any], what: str) -> dict[str, np.ndarray]:
        try:
            return means_at_readings(formulation, values)
        except BayesbioError as error:
            sentence = f"Effects of {what} are sampled non-centred, which may be slow: {error}"
            (LOG.debug if warnings is None else LOG.warning)(sentence)
            if warnings is not None:
                warnings.append(sentence)
            return {}

    means = means_at(start, ", ".join(unknown.name for unknown in varied))
    found: RunInformation = {}
    for unknown in varied:
        size = _unit_change(unknown, start[unknown.name])
        step = {**start, unknown.name: start[unknown.name] + RELATIVE_STEP * size}
        after = means_at(step, unknown.name) if means else {}
        information = np.zeros(len(formulation.campaign))
        for quantity in after:
            mean = means[quantity]
            slope = (after[quantity] - mean) / RELATIVE_STEP
            sd = formulation.noise[quantity].typical_sd(quantity, mean, mode or {})
            squared = np.nan_to_num((slope / sd) ** 2, posinf=0.0)
            np.add.at(information, _runs(formulation, quantity), squared)
        if not unknown.positive:
            information = information / size**2
        value, pull = unconstrained_values(formulation, unknown, mode)
        expected = value + pull / np.where(information > 0.0, information, np.inf)
        found[unknown.name] = EffectInformation(
            information, expected + offsets.get(unknown.name, 0.0)
        )
    return found


def run_values(
    formulation: Formulation, mode: Mapping[str, np.ndarray] | None = None
) -> dict[str, Any]:
    """Give each unknown its value at a mode, or its prior median: one, or one a run."""
    return {unknown.name: _value(formulation, unknown, mode) for unknown in formulation.unknowns}


def _data_of(name: str, information: EffectInformation) -> dict[str, np.ndarray]:
    """Name the arrays as the data of a model are named."""
    return {
        f"{name}.{what}": np.asarray(value, dtype=float)
        for what, value in zip(("information", "expected"), information, strict=True)
    }


def unconstrained_values(
    formulation: Formulation, unknown: Unknown, mode: Mapping[str, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    """
    Value of each run on the additive scale, and the gradient of its prior there.

    At the mode the readings of a group pull as hard as its prior: effect / sd^2.
    """
    runs = len(formulation.campaign)

    def link(values: Any) -> np.ndarray:
        return np.log(values) if unknown.positive else np.asarray(values)

    if mode is None:
        return np.full(runs, link(formulation.medians[unknown.name])), np.zeros(runs)
    numbers = {
        level: groups_of(formulation.campaign, level, unknown.name)[0] for level in unknown.levels
    }
    holders = nesting(unknown.name, unknown.levels, numbers)
    by_level = {level: link(mode[f"{unknown.name}_by_{level}"]) for level in unknown.levels}
    origin = link(mode[unknown.name])
    value = member_values(by_level, holders, numbers, origin)
    last = unknown.levels[-1]
    holder = holders[last]
    above = origin if holder is None else by_level[holder][numbers[holder]]
    effect = by_level[last][numbers[last]] - above
    if unknown.design is not None:
        columns = unknown.design.columns
        moving = covariate_levels((columns, None), unknown.levels, numbers).get(last, [])
        effect = effect - columns[:, moving] @ mode[f"{unknown.name}_slope"][moving]
    pull = effect / mode[f"{unknown.name}_sd_{last}"] ** 2
    return value, pull / np.bincount(numbers[last])[numbers[last]]


def _value(
    formulation: Formulation, unknown: Unknown, mode: Mapping[str, np.ndarray] | None
) -> Any:
    """One value, or one a run."""
    if mode is None:
        return formulation.medians[unknown.name]
    if not unknown.levels:
        return np.asarray(mode[unknown.name])
    value, _ = unconstrained_values(formulation, unknown, mode)
    return np.exp(value) if unknown.positive else value


def _unit_change(unknown: Unknown, value: Any) -> Any:
    """Change of the value that one unit of an effect makes."""
    if unknown.positive:
        return np.abs(value)
    low, high = prior_quantiles(unknown.prior, [0.05, 0.95])
    return (high - low) / 3.29


def means_at_readings(formulation: Formulation, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Mean trajectory at the readings of each quantity."""
    course = simulate(
        formulation.kernels.trace.model,
        parameters={**formulation.given, **values},
        campaign=formulation.campaign,
        rtol=1e-6,
    )
    found = {}
    for quantity, rows in formulation.rows.items():
        values_at = course[formulation.aliases.get(quantity, quantity)].isel(chain=0, draw=0)
        run = values_at["run"].to_index().get_indexer(rows["run"].astype(str))
        time = values_at["time"].to_index().get_indexer(rows["time_h"])
        found[quantity] = values_at.to_numpy()[run, time]
    return found


def _runs(formulation: Formulation, quantity: str) -> np.ndarray:
    names = list(formulation.campaign.names)
    return np.array([names.index(run) for run in formulation.rows[quantity]["run"]])
