"""Where the chains of a calibration start: its compiled density, the mode, coordinates there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from bayesbio.calibrate.coordinates.sampling_coordinates import SamplingCoordinates
from bayesbio.calibrate.model import statistical_model
from bayesbio.calibrate.problem.formulation import Formulation
from bayesbio.calibrate.problem.names import auxiliary_names
from bayesbio.calibrate.requests import Tolerances
from bayesbio.calibrate.start_diagnosis import explain_failed_start
from bayesbio.errors import CalibrationError
from bayesbio.inference import LogDensity, Mode, find_mode


@dataclasses.dataclass(frozen=True, eq=False)
class Start:
    """Where chains start: the mode, data of the coordinates there, what could not be done."""

    mode: Mode
    data: dict[str, np.ndarray]
    warnings: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class CompiledProblem:
    """A formulation with its log density, compiled in the coordinates of the sampler."""

    formulation: Formulation
    coordinates: SamplingCoordinates
    density: LogDensity

    @classmethod
    def of(cls, formulation: Formulation, tolerances: Tolerances) -> CompiledProblem:
        """Build the model in the coordinates of the sampler, and compile it."""
        coordinates = SamplingCoordinates(formulation)
        model = statistical_model(formulation, tolerances, coordinates=coordinates)
        return cls(formulation, coordinates, LogDensity(model))

    def start(self, *, random_seed: int) -> Start:
        """Find the mode, and update the coordinates, made at the prior medians, at it."""
        try:
            hold = group_sd_names(self.formulation)
            mode = find_mode(self.density, hold=hold, random_seed=random_seed)
        except CalibrationError as error:
            raise explain_failed_start(self.formulation, error) from error
        finally:
            self.reset_failures()
        return self.refine_parameterisation(mode, random_seed=random_seed)

    def refine_parameterisation(self, mode: Mode, *, random_seed: int) -> Start:
        """Update the coordinates at a mode, where effects are then zero; the mode in these."""
        data, zero = self.coordinates.update(mode.values)
        if data:
            self.density.set_data(data)
            point = mode.point.copy()
            for name in zero:
                point[self.density.slices[name]] = 0.0
            found = find_mode(self.density, hold=mode.held, random_seed=random_seed, near=point)
            evaluations = mode.evaluations + found.evaluations
            mode = dataclasses.replace(found, elsewhere=mode.elsewhere, evaluations=evaluations)
        return Start(mode, data, tuple(self.coordinates.warnings))

    def parameter_names(self, names: Iterable[str]) -> list[str]:
        """Leave the variables out that only the sampler needs."""
        hidden = auxiliary_variables(self.formulation, self.coordinates)
        return [name for name in names if name not in hidden]

    def reset_failures(self) -> None:
        """Forget the failures of the search for a mode, which may go anywhere."""
        for board in self.density.failure_log:
            board[:] = 0.0


def auxiliary_variables(formulation: Formulation, coordinates: Any = None) -> frozenset[str]:
    """Names of variables of the model that are no parameters."""
    found = set(auxiliary_names(formulation.structure))
    if formulation.posterior_prior is not None:
        found.add(formulation.posterior_prior.coordinate)
    return frozenset(found | set(getattr(coordinates, "names", ())))


def group_sd_names(formulation: Formulation) -> tuple[str, ...]:
    """Names of standard deviations along which the density has no mode: of groups and errors."""
    between_groups = (
        f"{unknown.name}_sd_{level}" for unknown in formulation.unknowns for level in unknown.levels
    )
    of_errors = (
        name
        for quantity, noise in formulation.noise.items()
        for name in noise.without_mode(quantity)
    )
    names = dict.fromkeys((*between_groups, *of_errors))
    return tuple(name for name in names if name not in formulation.from_posterior)
