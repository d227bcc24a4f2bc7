"""The coordinates in which a calibration is sampled, as one list of changes of coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from bayesbio.calibrate.coordinates.correction_weights import CorrectionWeights
from bayesbio.calibrate.coordinates.reference_rates import ReferenceRates
from bayesbio.calibrate.coordinates.run_information import GroupEffects
from bayesbio.calibrate.model import TextbookCoordinates
from bayesbio.calibrate.problem.formulation import Formulation


class Coordinates(Protocol):
    """
    A change of coordinates of some unknowns; the posterior stays as it is.

    `names` are variables that only the sampler needs, `parameters` unknowns that `register`
    registers in place of the textbook prior, `warnings` what could not be done.
    """

    names: tuple[str, ...]
    parameters: tuple[str, ...]
    warnings: list[str]

    def register(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Register the unknowns in the current model; their values by name."""
        ...

    def update(self, mode: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Give data of the coordinates at a mode, by name; `names` are then zero there."""
        ...


class SamplingCoordinates(TextbookCoordinates):
    """All changes of coordinates of a formulation, in the order in which they are registered."""

    def __init__(self, formulation: Formulation) -> None:
        reference = ReferenceRates(formulation)
        self.effects = GroupEffects(formulation, reference)
        self.changes: tuple[Coordinates, ...] = (
            CorrectionWeights(formulation),
            reference,
            self.effects,
        )
        self.names = tuple(name for each in self.changes for name in each.names)
        self.parameters = tuple(name for each in self.changes for name in each.parameters)

    @property
    def warnings(self) -> list[str]:
        """What could not be done."""
        return list(dict.fromkeys(told for each in self.changes for told in each.warnings))

    def register(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Register the unknowns of every change in the current model."""
        made: dict[str, Any] = {}
        for each in self.changes:
            made |= each.register({**values, **made})
        return made

    def effect_arguments(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Further arguments of `varying` for the group effects of an unknown."""
        return self.effects.effect_arguments(name, values)

    def update(self, mode: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
        """Give data of all changes at a mode, and the variables that are zero there."""
        data: dict[str, np.ndarray] = {}
        zero: list[str] = []
        for each in self.changes:
            found = each.update(mode)
            if found:
                data |= found
                zero += each.names
        return data, zero
