"""Weights of learned corrections, whitened by the Gauss-Newton curvature of their likelihood."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesbio.calibrate.coordinates.run_information import (
    RELATIVE_STEP,
    means_at_readings,
    run_values,
)
from bayesbio.calibrate.problem.formulation import Formulation
from bayesbio.errors import BayesbioError
from bayesbio.inference import JointlyNoncentered, register
from bayesbio.inference.hierarchy.noncentering import whitened_normal

LOG = logging.getLogger(__name__)


class CorrectionWeights:
    """
    Effects amplitude x weight of each correction, whitened by what the readings say of them.

    Of corrections whose amplitude and weights are all estimated, the weights with their default
    prior.
    """

    def __init__(self, formulation: Formulation) -> None:
        self.formulation = formulation
        self.warnings: list[str] = []
        self.corrections = _standard_corrections(formulation)
        self.names = tuple(f"{name}.effects" for name in self.corrections)
        self.parameters = tuple(
            name
            for amplitude, weights in self.corrections.values()
            for name in (amplitude, *weights)
        )

    def register(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Register amplitudes and weights in the current model."""
        priors = {unknown.name: unknown.prior for unknown in self.formulation.unknowns}
        made: dict[str, Any] = {}
        for name, (amplitude, weights) in self.corrections.items():
            count = len(weights)
            size = made[amplitude] = register(amplitude, priors[amplitude])
            curvature = pm.Data(f"{name}.curvature", np.zeros((count, count)))
            pull = pm.Data(f"{name}.pull", np.zeros(count))
            effects = whitened_normal(
                f"{name}.effects",
                pt.zeros(count),
                pt.ones(count) * size,
                JointlyNoncentered(curvature, pull),
                data=(curvature, pull),
            )
            for i, weight in enumerate(weights):
                made[weight] = pm.Deterministic(weight, effects[i] / size)
        return made

    def update(self, mode: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """
        Gauss-Newton curvature of the log likelihood at a mode: data of the model, by name.

        The pull is such that the mode stays the most likely.
        """
        data: dict[str, np.ndarray] = {}
        for name, (amplitude, weights) in self.corrections.items():
            size = float(mode[amplitude])
            effects = size * np.array([float(mode[weight]) for weight in weights])
            try:
                curvature = weight_information(self.formulation, mode, size, weights)
            except BayesbioError as error:
                self.warnings.append(
                    f"The weights of {name} are standardised by their amplitude alone, which may "
                    f"be slow: there is no solution beside the mode ({error})"
                )
                LOG.warning(self.warnings[-1])
                continue
            data[f"{name}.curvature"] = curvature
            data[f"{name}.pull"] = curvature @ effects + effects / size**2
        return data


def _standard_corrections(formulation: Formulation) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Find corrections whose amplitude and weights are all estimated as by default."""
    model = formulation.model
    unknowns = {unknown.name: unknown for unknown in formulation.unknowns}
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for correction in getattr(model, "corrections", ()):
        amplitude, *weights = correction.parameters
        plain = [
            name in unknowns
            and name not in formulation.from_posterior
            and not unknowns[name].levels
            and unknowns[name].design is None
            for name in (amplitude, *weights)
        ]
        sources = {unknowns[name].source for name in weights if name in unknowns}
        if all(plain) and sources == {model.defaults[weights[0]].source}:
            found[correction.name] = amplitude, tuple(weights)
    return found


def weight_information(
    formulation: Formulation,
    mode: Mapping[str, np.ndarray],
    size: float,
    weights: tuple[str, ...],
) -> np.ndarray:
    """Gauss-Newton information about weights: products of slopes, in units of the noise."""
    values = run_values(formulation, mode)
    means = means_at_readings(formulation, values)
    slopes: dict[str, list[np.ndarray]] = {quantity: [] for quantity in means}
    for weight in weights:
        step = {**values, weight: values[weight] + RELATIVE_STEP / size}
        moved = means_at_readings(formulation, step)
        for quantity, mean in means.items():
            sd = formulation.noise[quantity].typical_sd(quantity, mean, mode)
            slope = (moved[quantity] - mean) / RELATIVE_STEP / sd
            slopes[quantity].append(np.nan_to_num(slope, posinf=0.0, neginf=0.0))
    columns = [np.stack(each) for each in slopes.values()]
    return np.asarray(sum(each @ each.T for each in columns))
