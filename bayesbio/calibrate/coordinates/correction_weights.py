"""Weights of learned corrections: sampled given what the readings say of all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesbio.calibrate.coordinates.run_information import NUDGE, means_at_readings, run_values
from bayesbio.calibrate.problem.formulation import Formulation
from bayesbio.errors import BayesbioError
from bayesbio.inference import JointlyNoncentered, register

Knots = dict[str, tuple[str, tuple[str, ...]]]


def knots_of(formulation: Formulation) -> Knots:
    """
    Find corrections whose amplitude and weights are all estimated, the weights as by default.

    Returns
    -------
    dict of the correction's name to (amplitude, weights)
    """
    model = formulation.kernels.trace.model
    unknowns = {unknown.name: unknown for unknown in formulation.unknowns}
    carried = () if formulation.carried is None else formulation.carried.names
    found: Knots = {}
    for correction in getattr(model, "corrections", ()):
        amplitude, *weights = correction.parameters
        usual = [
            name in unknowns
            and name not in carried
            and not unknowns[name].levels
            and unknowns[name].design is None
            for name in (amplitude, *weights)
        ]
        told = {unknowns[name].source for name in weights if name in unknowns}
        if all(usual) and told == {model.defaults[weights[0]].source}:
            found[correction.name] = amplitude, tuple(weights)
    return found


def curvatures(
    formulation: Formulation, mode: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """
    Say what readings tell of the weights times their amplitude: data of a model, by name.

    Curvature of the log likelihood by Gauss and Newton at a mode, and a pull such that the mode
    stays the most likely; nothing at all before there is a mode, or where it has no solution.
    """
    found: dict[str, np.ndarray] = {}
    for name, (amplitude, weights) in knots_of(formulation).items():
        curvature, pull = np.zeros((len(weights), len(weights))), np.zeros(len(weights))
        if mode is not None:
            size = float(mode[amplitude])
            effects = size * np.array([float(mode[weight]) for weight in weights])
            try:
                curvature = _curvature(formulation, mode, size, weights)
                pull = curvature @ effects + effects / size**2
            except BayesbioError:
                pass  # standardised by the amplitude alone
        found[f"{name}_curvature"], found[f"{name}_pull"] = curvature, pull
    return found


def register_weights(formulation: Formulation, held: Mapping[str, Any]) -> dict[str, Any]:
    """Register amplitudes and weights in the current model; values by name."""
    priors = {unknown.name: unknown.prior for unknown in formulation.unknowns}
    values: dict[str, Any] = {}
    for name, (amplitude, weights) in knots_of(formulation).items():
        size = values[amplitude] = register(amplitude, priors[amplitude])
        curvature, pull = held[f"{name}_curvature"], held[f"{name}_pull"]
        # The transform may only see what the variable itself depends on: let it, in name, on these.
        named = 0.0 * (curvature.sum() + pull.sum())
        effects = pm.Normal(
            f"{name}_effect_of_knots",
            mu=pt.zeros(len(weights)) + named,
            sigma=pt.ones(len(weights)) * size,
            shape=len(weights),
            transform=JointlyNoncentered(curvature, pull),
        )
        for place, weight in enumerate(weights):
            values[weight] = pm.Deterministic(weight, effects[place] / size)
    return values


def _curvature(
    formulation: Formulation,
    mode: Mapping[str, np.ndarray],
    size: float,
    weights: tuple[str, ...],
) -> np.ndarray:
    """Sum over readings of the products of slopes, in units of the noise."""
    at = run_values(formulation, mode)
    means = means_at_readings(formulation, at)
    slopes: dict[str, list[np.ndarray]] = {quantity: [] for quantity in means}
    for weight in weights:
        moved = means_at_readings(formulation, {**at, weight: at[weight] + NUDGE / size})
        for quantity, mean in means.items():
            scale = formulation.noise[quantity].typical_sd(quantity, mean, mode)
            slope = (moved[quantity] - mean) / NUDGE / scale
            slopes[quantity].append(np.nan_to_num(slope, posinf=0.0, neginf=0.0))
    columns = [np.stack(each) for each in slopes.values()]
    return np.asarray(sum(each @ each.T for each in columns))
