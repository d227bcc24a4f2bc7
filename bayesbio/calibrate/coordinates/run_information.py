"""What the readings of each run say about a parameter that varies between runs or groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesbio.calibrate.coordinates.reference_rates import rate_forms
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

NUDGE = 0.01  # relative change of a parameter that measures its influence

Said = dict[str, EffectInformation]


def said_by_runs(formulation: Formulation, mode: Mapping[str, np.ndarray] | None = None) -> Said:
    """
    Say for each varying parameter what the readings of each run tell of its value.

    Information is that of Gauss and Newton: the sum over a run's readings of (d mean / d value /
    noise)^2, other parameters as they are. Evaluated at the prior medians, or at a mode of the
    posterior, where noise is known better; the expected value is such that the mode stays the most
    likely. Runs that cannot be solved there are taken to say nothing.
    """
    varied = [unknown for unknown in formulation.unknowns if unknown.levels]
    if not varied:
        return {}
    start = run_values(formulation, mode)
    try:
        means = means_at_readings(formulation, start)
    except BayesbioError:
        means = {}
    offsets = _offsets(formulation, mode)
    said: Said = {}
    for unknown in varied:
        size = _size(unknown, start[unknown.name])
        moved = dict(start)
        moved[unknown.name] = start[unknown.name] + NUDGE * size
        try:
            after = means_at_readings(formulation, moved) if means else {}
        except BayesbioError:
            after = {}
        information = np.zeros(len(formulation.campaign))
        for quantity, mean in means.items():
            if quantity in after:
                slope = (after[quantity] - mean) / NUDGE
                scale = formulation.noise[quantity].typical_sd(quantity, mean, mode or {})
                squared = np.nan_to_num((slope / scale) ** 2, posinf=0.0)
                np.add.at(information, _runs(formulation, quantity), squared)
        if not unknown.positive:
            information = information / size**2
        value, pull = _at(formulation, unknown, mode)
        expected = value + pull / np.where(information > 0.0, information, np.inf)
        said[unknown.name] = EffectInformation(
            information, expected + offsets.get(unknown.name, 0.0)
        )
    return said


def run_values(
    formulation: Formulation, mode: Mapping[str, np.ndarray] | None = None
) -> dict[str, Any]:
    """Give each unknown its value at a mode, or its prior median: one, or one a run."""
    return {unknown.name: _value(formulation, unknown, mode) for unknown in formulation.unknowns}


def data_of(said: Said) -> dict[str, np.ndarray]:
    """Name the arrays as the data of a model are named."""
    return {
        f"{name}_{what}": np.asarray(value, dtype=float)
        for name, evidence in said.items()
        for what, value in zip(("information", "expected"), evidence, strict=True)
    }


def _at(
    formulation: Formulation, unknown: Unknown, mode: Mapping[str, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Value of each run on the scale where effects add, without covariates, and what pulls it."""
    runs = len(formulation.campaign)

    def scale(values: Any) -> np.ndarray:
        return np.log(values) if unknown.positive else np.asarray(values)

    if mode is None:
        return np.full(runs, scale(prior_quantiles(unknown.prior, [0.5])[0])), np.zeros(runs)
    numbers = {
        level: groups_of(formulation.campaign, level, unknown.name)[0] for level in unknown.levels
    }
    holders = nesting(unknown.name, unknown.levels, numbers)
    by_level = {level: scale(mode[f"{unknown.name}_by_{level}"]) for level in unknown.levels}
    origin = scale(mode[unknown.name])
    value = member_values(by_level, holders, numbers, origin)
    # At the mode the readings of a group pull as hard as its prior: effect / spread^2.
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


def _offsets(formulation: Formulation, mode: Mapping[str, np.ndarray] | None) -> dict[str, float]:
    """Find what the rates at the reference state add to the logarithms of maximum rates."""
    if mode is not None:
        led = {name: f"{name}_at_reference" for name in mode if f"{name}_at_reference" in mode}
        return {name: float(mode[rate] - np.log(mode[name])) for name, rate in led.items()}
    medians = {
        unknown.name: float(prior_quantiles(unknown.prior, [0.5])[0])
        for unknown in formulation.unknowns
    }
    return {
        form.leading: float(
            pt.as_tensor_variable(form.log_factor(medians)).eval(mode="FAST_COMPILE")
        )
        for form in rate_forms(formulation)
    }


def _value(
    formulation: Formulation, unknown: Unknown, mode: Mapping[str, np.ndarray] | None
) -> Any:
    """One value, or one a run."""
    if mode is None:
        return float(prior_quantiles(unknown.prior, [0.5])[0])
    if not unknown.levels:
        return np.asarray(mode[unknown.name])
    value, _ = _at(formulation, unknown, mode)
    return np.exp(value) if unknown.positive else value


def _size(unknown: Unknown, value: Any) -> Any:
    """Size of the change that one unit of an effect makes."""
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
