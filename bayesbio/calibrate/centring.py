"""Whether the groups of a level say much about their own effect: centred or standardised."""

from __future__ import annotations

import numpy as np

from bayesbio.calibrate.formulation import Formulation, groups_of
from bayesbio.errors import BayesbioError
from bayesbio.inference import Noise, prior_quantiles
from bayesbio.ode import simulate

TYPICAL_SD = 0.2  # median of the default prior of a standard deviation between groups
NUDGE = 0.01  # relative change of a parameter that measures its influence
GUESS = 0.1  # relative error where the noise says nothing else


def informative_levels(formulation: Formulation) -> dict[str, dict[str, bool]]:
    """
    Decide for each varying parameter and level whether its effects are sampled centred.

    An effect is centred where the readings of a typical group carry more information on it than
    its own prior: sum over rows of (d mean / d effect / noise)^2 above 1 / sd^2, at the prior
    medians (the Gauss-Newton information; Betancourt & Girolami 2015, arXiv:1312.0906).
    """
    varied = [unknown for unknown in formulation.unknowns if unknown.levels]
    if not varied:
        return {}
    start = {
        unknown.name: float(prior_quantiles(unknown.prior, [0.5])[0])
        for unknown in formulation.unknowns
    }
    try:
        means = _means(formulation, start)
    except BayesbioError:
        means = {}
    chosen: dict[str, dict[str, bool]] = {}
    for unknown in varied:
        nudge = NUDGE * (abs(start[unknown.name]) or 1.0)
        moved = {**start, unknown.name: start[unknown.name] + nudge}
        try:
            after = _means(formulation, moved) if means else {}
        except BayesbioError:
            after = {}
        information = np.zeros(len(formulation.campaign))
        for quantity, mean in means.items():
            if quantity in after:
                slope = (after[quantity] - mean) / NUDGE
                size = slope / _scale(formulation.noise[quantity], mean)
                np.add.at(information, _runs(formulation, quantity), np.nan_to_num(size**2))
        chosen[unknown.name] = {}
        for level in unknown.levels:
            index, groups = groups_of(formulation.campaign, level, unknown.name)
            by_group = np.bincount(index, information, len(groups))
            known = bool(means) and np.all(np.isfinite(by_group))
            chosen[unknown.name][level] = (
                bool(np.median(by_group) * TYPICAL_SD**2 > 1.0) if known else True
            )
    return chosen


def _means(formulation: Formulation, values: dict[str, float]) -> dict[str, np.ndarray]:
    """Mean trajectory at the readings of each quantity."""
    course = simulate(
        formulation.kernels.trace.model,
        parameters={**formulation.given, **values},
        campaign=formulation.campaign,
        rtol=1e-6,
    )
    found = {}
    for quantity, rows in formulation.rows.items():
        values_at = course[quantity].isel(chain=0, draw=0)
        run = values_at["run"].to_index().get_indexer(rows["run"].astype(str))
        time = values_at["time"].to_index().get_indexer(rows["time_h"])
        found[quantity] = values_at.to_numpy()[run, time]
    return found


def _runs(formulation: Formulation, quantity: str) -> np.ndarray:
    names = list(formulation.campaign.names)
    return np.array([names.index(run) for run in formulation.rows[quantity]["run"]])


def _scale(noise: Noise, mean: np.ndarray) -> np.ndarray:
    """Guess of the standard deviation of a reading around its mean."""
    size = noise.known_scale or (0.67 * noise.size if noise.size else None)
    if noise.kind in ("lognormal", "proportional"):
        floor = 1e-3 * float(np.nanmax(np.abs(mean))) or 1.0
        return (size or GUESS) * np.maximum(np.abs(mean), floor)
    return np.full_like(mean, size or GUESS * (float(np.nanmax(np.abs(mean))) or 1.0))
