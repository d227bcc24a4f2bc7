"""Citrate from the oil that growth and maintenance leave, where residual oil was measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from bayesbio.mechanistic.functions import constant, smooth_maximum, sqrt
from bayesbio.mechanistic.kinetics.rates import monod
from bayesbio.mechanistic.process_model import Parameter
from bayesbio.mechanistic.upstream.yarrowia.yarrowia_fed_batch import BASE_PER_CITRATE

LIMITED = 0.2
"""Width over which a supply that does not suffice turns into no citrate [g/(L h)]."""

_RANGE = "around the estimates of Zheng et al. (2022), doi:10.48550/arXiv.2105.06543"


@dataclasses.dataclass(frozen=True)
class CitrateOnOilSupply:
    """
    Growth until a nutrient is used up; citrate from what cells can form, or what oil is left over.

    For runs whose oil balance does not close: residual oil is an input, as it was read, and the
    dilution by the oil feed. Where there is plenty, citrate forms at the rate of the cells; where
    oil is short, from what the supply leaves after growth and maintenance. A residual of 1 g/L may
    mean either, which a saturation in the residual alone cannot tell. Where oil is plenty cells
    store some of it, so that the nutrient makes more dry mass.

    Notes
    -----
    With s = S / (K_S + S), growth mu = mu_max s N of which the nutrient left N is the share, the
    supply A = D S_F + S / tau, and D the dilution rate by the oil feed::

        needed = mu X / Y_xs + m X
        a = q_max X (1 - C/C_max);  b = Y_cs max(A - needed, 0);  r = a / sqrt(1 + (a/b)^2)
        B = 1.59 mL/g r
        X' = (mu - k_d - D - B) X;  C' = r - (D + B) C
        N' = -mu X / (X_max (1 + h S / (K_h + S))) + D (1 - N) - B N,  N(0) = 1

    1.59 mL/g is the base that neutralises citrate; the feed holds the nutrient as the medium does.
    The maximum is rounded over 0.2 g/(L h). The oil in the feed, ``feed_oil``, is 917 g/L unless a
    run says otherwise. After Zheng et al. (2022), doi:10.48550/arXiv.2105.06543.

    Examples
    --------
    >>> CitrateOnOilSupply().State._fields
    ('biomass', 'citrate', 'nutrient_left')
    """

    class State(NamedTuple):
        """What is balanced."""

        biomass: Any
        citrate: Any
        nutrient_left: Any

    class Parameters(NamedTuple):
        """What is estimated."""

        maximum_growth_rate: Any
        death_rate: Any
        biomass_capacity: Any
        storage_capacity: Any
        storage_oil_constant: Any
        oil_monod_constant: Any
        maximum_formation_rate: Any
        maximum_citrate: Any
        oil_uptake_time: Any
        cell_yield_on_oil: Any
        maintenance: Any
        citrate_yield_on_oil: Any

    inputs = ("residual_oil", "dilution_rate")
    settings = ("feed_oil",)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        concentrations = (
            "biomass",
            "citrate",
            "residual_oil",
            "feed_oil",
            "biomass_capacity",
            "storage_oil_constant",
            "oil_monod_constant",
            "maximum_citrate",
        )
        yields = ("storage_capacity", "cell_yield_on_oil", "citrate_yield_on_oil")
        return {
            **dict.fromkeys(concentrations, "g/L"),
            **dict.fromkeys(yields, "g/g"),
            **dict.fromkeys(("maximum_formation_rate", "maintenance"), "g/(g h)"),
            **dict.fromkeys(("maximum_growth_rate", "death_rate", "dilution_rate"), "1/h"),
            "oil_uptake_time": "h",
            "nutrient_left": "1",
        }

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {
            "maximum_growth_rate": Parameter(0.1, 0.6, _RANGE),
            "death_rate": Parameter(0.0005, 0.008, "assumed: a few per cent a day"),
            "biomass_capacity": Parameter(45.0, 110.0, "dry mass that such cultures reach"),
            "storage_capacity": Parameter(0.2, 1.5, "assumed: lipid up to half of the dry mass"),
            "storage_oil_constant": Parameter(2.0, 40.0, "assumed: the usual levels of oil"),
            "oil_monod_constant": Parameter(0.02, 2.0, _RANGE),
            "maximum_formation_rate": Parameter(0.01, 0.2, "assumed: 100 g/L by 60 g/L in days"),
            "maximum_citrate": Parameter(100.0, 200.0, _RANGE),
            "oil_uptake_time": Parameter(1.0, 15.0, "assumed: hours, as the oil of a batch lasts"),
            "cell_yield_on_oil": Parameter(0.3, 1.0, "assumed: oil is rich in carbon"),
            "maintenance": Parameter(0.01, 0.06, _RANGE),
            "citrate_yield_on_oil": Parameter(0.5, 1.5, _RANGE),
        }

    @property
    def setting_defaults(self) -> Mapping[str, float]:
        """Values of settings that a run may leave out: no product yet, all of the nutrient."""
        return {"initial_citrate": 0.0, "initial_nutrient_left": 1.0, "feed_oil": 917.0}

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """Growth [1/h] and formation of citrate [g/(g h)]."""
        growth = monod(
            inputs.residual_oil,
            maximum_rate=parameters.maximum_growth_rate * state.nutrient_left,
            half_saturation=parameters.oil_monod_constant,
        )
        cells = state.biomass
        supply = (
            inputs.dilution_rate * settings.feed_oil
            + inputs.residual_oil / parameters.oil_uptake_time
        )
        needed = (growth / parameters.cell_yield_on_oil + parameters.maintenance) * cells
        width = constant(LIMITED, "g/(L h)", like=cells)
        from_oil = parameters.citrate_yield_on_oil * smooth_maximum(supply - needed, 0, width=width)
        left = 1 - state.citrate / parameters.maximum_citrate
        by_cells = parameters.maximum_formation_rate * left
        # about the smaller of both: a / sqrt(1 + (a/b)^2)
        short = by_cells * cells / from_oil
        return {"growth": growth, "formation": by_cells / sqrt(1 + short * short)}

    def derivatives(
        self,
        time: Any,
        state: Any,
        parameters: Any,
        inputs: Any,
        settings: Any,
        rates: Mapping[str, Any],
    ) -> Any:
        """Balances of a vessel that the oil feed and the base for the citrate dilute."""
        grown = rates["growth"] * state.biomass
        formed = rates["formation"] * state.biomass
        stored = monod(
            inputs.residual_oil,
            maximum_rate=parameters.storage_capacity,
            half_saturation=parameters.storage_oil_constant,
        )
        base = constant(BASE_PER_CITRATE, "L/g", like=state.citrate) * formed
        feed, left = inputs.dilution_rate, state.nutrient_left
        used = grown / (parameters.biomass_capacity * (1 + stored))
        return self.State(
            biomass=grown - (parameters.death_rate + feed + base) * state.biomass,
            citrate=formed - (feed + base) * state.citrate,
            nutrient_left=feed * (1 - left) - used - base * left,
        )
