"""A packed bed with flow, axial dispersion, reversible adsorption and a saturable reaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from bayesbio.mechanistic.grids import GridOperator, SpectralElements, spectral_elements
from bayesbio.mechanistic.kinetics.rates import monod
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = ["PackedBed"]


@dataclasses.dataclass(frozen=True)
class PackedBed:
    """
    Solute that flows through a packed bed, adsorbs reversibly and is converted on the way.

    A bed of immobilised enzyme, or a tracer test of a column where nothing reacts.

    Parameters
    ----------
    length : float [m]
        Length of the bed.
    elements, degree : int
        Of the grid; see `spectral_elements`. The nodes should resolve a front:
        length * velocity / dispersion below about ten times the number of nodes.

    Raises
    ------
    ModelError
        For a grid that cannot be built.

    Notes
    -----
    c' = -v dc/dz + D d2c/dz2 - (1 - e) / e (k_up c - k_off q) - r c / (K + c) - k c, and
    q' = k_up c - k_off q. ``bound`` is q per volume of packing; velocity is interstitial.
    Danckwerts' conditions at both ends (doi:10.1016/0009-2509(53)80001-1).

    Examples
    --------
    >>> bed = PackedBed(length=0.1, elements=2, degree=2)
    >>> len(bed.grids["concentration"][1])
    5
    """

    length: float = 0.1
    elements: int = 15
    degree: int = 4

    State = record("State", ("concentration", "bound"))
    units = {
        "concentration": "g/L",
        "bound": "g/L",
        "velocity": "m/h",
        "axial_dispersion": "m**2/h",
        "column_porosity": "1",
        "uptake_rate": "1/h",
        "release_rate": "1/h",
        "maximum_reaction_rate": "g/(L h)",
        "half_saturation": "g/L",
        "decay_rate": "1/h",
        "inlet_concentration": "g/L",
        "outlet_concentration": "g/L",
    }
    inputs = ("inlet_concentration",)
    settings = ()
    setting_defaults = {"initial_concentration": 0.0, "initial_bound": 0.0}
    output_names = ("outlet_concentration",)
    defaults = {
        "velocity": Parameter(
            low=0.2,
            high=5.0,
            source="laboratory columns, 20 to 500 cm/h; known from flow and porosity",
        ),
        "axial_dispersion": Parameter(
            low=1e-4, high=1e-2, source="order of magnitude; a tracer test narrows it"
        ),
        "column_porosity": Parameter(
            low=0.3, high=0.45, source="packed spheres; a tracer test narrows it"
        ),
        "uptake_rate": Parameter(
            low=1.0, high=100.0, source="order of magnitude for small solutes"
        ),
        "release_rate": Parameter(
            low=1.0, high=100.0, source="order of magnitude for small solutes"
        ),
        "maximum_reaction_rate": Parameter(
            low=0.1, high=50.0, source="order of magnitude; depends on the enzyme load"
        ),
        "half_saturation": Parameter(
            low=0.05, high=5.0, source="order of magnitude; depends on the enzyme"
        ),
        "decay_rate": Parameter(
            low=1e-3, high=1.0, source="order of magnitude; a blank run narrows it"
        ),
    }
    Parameters = record("Parameters", tuple(defaults))

    def __post_init__(self) -> None:
        spectral_elements(self.length, elements=self.elements, degree=self.degree)

    @cached_property
    def grid(self) -> SpectralElements:
        """Nodes of the bed and the operators on them."""
        return spectral_elements(self.length, elements=self.elements, degree=self.degree)

    @property
    def grids(self) -> Mapping[str, tuple[str, Any]]:
        """Position of the nodes, for both states."""
        return dict.fromkeys(self.State._fields, ("position", self.grid.nodes))

    def transport(
        self, time: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, list[tuple[GridOperator, Any]]]:
        """Operators along the bed, each with its coefficient."""
        grid = self.grid
        return {
            "concentration": [
                (grid.advection, parameters.velocity),
                (grid.dispersion, parameters.axial_dispersion),
                (grid.inflow, parameters.velocity * inputs.inlet_concentration),
            ]
        }

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """Elementary rates, by name."""
        return {
            "adsorption": parameters.uptake_rate * state.concentration,
            "desorption": parameters.release_rate * state.bound,
            "reaction": monod(
                state.concentration,
                maximum_rate=parameters.maximum_reaction_rate,
                half_saturation=parameters.half_saturation,
            ),
            "decay": parameters.decay_rate * state.concentration,
        }

    def derivatives(
        self,
        time: Any,
        state: Any,
        parameters: Any,
        inputs: Any,
        settings: Any,
        rates: Mapping[str, Any],
    ) -> Any:
        """Balances at a node, formed from the rates; transport comes on top."""
        uptake = rates["adsorption"] - rates["desorption"]
        phase_ratio = (1 - parameters.column_porosity) / parameters.column_porosity
        return self.State(
            concentration=-phase_ratio * uptake - rates["reaction"] - rates["decay"], bound=uptake
        )

    def outputs(self, state: Any, parameters: Any, settings: Any) -> dict[str, Any]:
        """Concentration that leaves the bed."""
        return {"outlet_concentration": state.concentration[-1]}
