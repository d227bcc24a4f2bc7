"""Whether the groups of a level say much about their own effect: centred or standardised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesbio.calibrate.formulation import Formulation
from bayesbio.calibrate.grouping import groups_of
from bayesbio.calibrate.unknowns import Unknown
from bayesbio.errors import BayesbioError
from bayesbio.inference import prior_quantiles
from bayesbio.ode import simulate

TYPICAL_SD = 0.2  # median of the default prior of a standard deviation between groups
SMALLEST_SD = 0.02  # groups that differ by less are taken to differ by this much
NUDGE = 0.01  # relative change of a parameter that measures its influence

Centring = dict[str, dict[str, bool]]


def informative_levels(
    formulation: Formulation, mode: Mapping[str, np.ndarray] | None = None
) -> Centring:
    """
    Decide for each varying parameter and level whether its effects are sampled centred.

    An effect is centred where the readings of a typical group carry more information on it than
    its own prior: sum over rows of (d mean / d effect / noise)^2 above 1 / sd^2 (the Gauss-Newton
    information; Betancourt & Girolami 2015, arXiv:1312.0906). Evaluated at the prior medians, or
    at a mode of the posterior, where noise and spread are known better.
    """
    varied = [unknown for unknown in formulation.unknowns if unknown.levels]
    if not varied:
        return {}
    start = {unknown.name: _value(formulation, unknown, mode) for unknown in formulation.unknowns}
    try:
        means = _means(formulation, start)
    except BayesbioError:
        means = {}
    chosen: Centring = {}
    for unknown in varied:
        moved = dict(start)
        moved[unknown.name] = start[unknown.name] + NUDGE * _size(unknown, start[unknown.name])
        try:
            after = _means(formulation, moved) if means else {}
        except BayesbioError:
            after = {}
        information = np.zeros(len(formulation.campaign))
        for quantity, mean in means.items():
            if quantity in after:
                slope = (after[quantity] - mean) / NUDGE
                scale = formulation.noise[quantity].typical_sd(quantity, mean, mode or {})
                squared = np.nan_to_num((slope / scale) ** 2)
                np.add.at(information, _runs(formulation, quantity), squared)
        chosen[unknown.name] = {}
        for level in unknown.levels:
            index, groups = groups_of(formulation.campaign, level, unknown.name)
            by_group = np.bincount(index, information, len(groups))
            spread = _spread(unknown, level, mode)
            known = bool(means) and bool(np.all(np.isfinite(by_group)))
            chosen[unknown.name][level] = not known or bool(np.median(by_group) * spread**2 > 1.0)
    return chosen


def _value(
    formulation: Formulation, unknown: Unknown, mode: Mapping[str, np.ndarray] | None
) -> Any:
    """One value, or one a run."""
    if mode is None:
        return float(prior_quantiles(unknown.prior, [0.5])[0])
    if not unknown.levels:
        return np.asarray(mode[unknown.name])
    level = unknown.levels[-1]
    index, _ = groups_of(formulation.campaign, level, unknown.name)
    return np.asarray(mode[f"{unknown.name}_by_{level}"])[index]


def _size(unknown: Unknown, value: Any) -> Any:
    """Size of the change that one unit of an effect makes."""
    if unknown.positive:
        return np.abs(value)
    low, high = prior_quantiles(unknown.prior, [0.05, 0.95])
    return (high - low) / 3.29


def _spread(unknown: Unknown, level: str, mode: Mapping[str, np.ndarray] | None) -> float:
    """Estimate the standard deviation between groups, in units of the effect."""
    if mode is None:
        return TYPICAL_SD
    by_level, population = mode[f"{unknown.name}_by_{level}"], mode[unknown.name]
    if unknown.positive:
        effects = np.log(by_level) - np.log(population)
    else:
        effects = (by_level - population) / _size(unknown, population)
    return max(float(np.sqrt(np.mean(effects**2))), SMALLEST_SD)


def _means(formulation: Formulation, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
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
