"""Citrate from oil where the oil itself was measured: growth to a capacity, then citrate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from bayesbio.mechanistic.kinetics.rates import monod
from bayesbio.mechanistic.process_model import Parameter

_ASSUMED = "assumed, in the range of Zheng et al. (2022), doi:10.48550/arXiv.2105.06543"


@dataclasses.dataclass(frozen=True)
class CitrateOnMeasuredOil:
    """
    Growth to a capacity and citrate from the cells, both as far as measured oil allows.

    A reduced form of `YarrowiaFedBatch` for runs whose oil balance does not close: residual oil is
    an input, as it was read, and dilution comes from the volume record.

    Notes
    -----
    With s = S / (K_S + S), f = S / (K_f + S) and D the dilution rate by feed and base::

        X' = mu_max s (1 - X/X_max) X - D X
        C' = q_max f X/X_max (1 - C/C_max) X - D C

    After Zheng et al. (2022), doi:10.48550/arXiv.2105.06543.

    Examples
    --------
    >>> CitrateOnMeasuredOil().State._fields
    ('biomass', 'citrate')
    """

    class State(NamedTuple):
        """What is balanced."""

        biomass: Any
        citrate: Any

    class Parameters(NamedTuple):
        """What is estimated."""

        maximum_growth_rate: Any
        biomass_capacity: Any
        oil_monod_constant: Any
        maximum_formation_rate: Any
        formation_oil_constant: Any
        maximum_citrate: Any

    inputs = ("residual_oil", "dilution_rate")
    settings = ()

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        concentrations = (
            "biomass",
            "citrate",
            "residual_oil",
            "biomass_capacity",
            "oil_monod_constant",
            "formation_oil_constant",
            "maximum_citrate",
        )
        return {
            **dict.fromkeys(concentrations, "g/L"),
            "maximum_growth_rate": "1/h",
            "maximum_formation_rate": "g/(g h)",
            "dilution_rate": "1/h",
        }

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {
            "maximum_growth_rate": Parameter(0.1, 0.6, _ASSUMED),
            "biomass_capacity": Parameter(45.0, 110.0, "dry mass that such cultures reach"),
            "oil_monod_constant": Parameter(0.02, 2.0, _ASSUMED),
            "maximum_formation_rate": Parameter(0.005, 0.08, "assumed: 100 g/L by 60 g/L in days"),
            "formation_oil_constant": Parameter(0.3, 20.0, "assumed: traces to the usual level"),
            "maximum_citrate": Parameter(130.0, 400.0, _ASSUMED),
        }

    @property
    def setting_defaults(self) -> Mapping[str, float]:
        """Values of settings that a run may leave out: an inoculum brings no product."""
        return {"initial_citrate": 0.0}

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """Elementary rates, by name."""
        growth = monod(
            inputs.residual_oil,
            maximum_rate=parameters.maximum_growth_rate,
            half_saturation=parameters.oil_monod_constant,
        )
        formation = monod(
            inputs.residual_oil,
            maximum_rate=parameters.maximum_formation_rate,
            half_saturation=parameters.formation_oil_constant,
        )
        grown = state.biomass / parameters.biomass_capacity
        left = 1 - state.citrate / parameters.maximum_citrate
        return {"growth": growth * (1 - grown), "formation": formation * grown * left}

    def derivatives(
        self,
        time: Any,
        state: Any,
        parameters: Any,
        inputs: Any,
        settings: Any,
        rates: Mapping[str, Any],
    ) -> Any:
        """Balances of a vessel that feed and base dilute."""
        return self.State(
            biomass=(rates["growth"] - inputs.dilution_rate) * state.biomass,
            citrate=rates["formation"] * state.biomass - inputs.dilution_rate * state.citrate,
        )
