"""Citrate from oil by the yeast Yarrowia lipolytica, in fed-batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.mechanistic.functions import constant
from bayesbio.mechanistic.kinetics.rates import hyperbolic_inhibition, monod
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = ["YarrowiaFedBatch"]

BASE_PER_NITROGEN = 7.14e-3
"""Base that neutralises one gram of assimilated nitrogen [L/g]."""

BASE_PER_CITRATE = 1.59e-3
"""Base that neutralises one gram of citrate [L/g]."""

NITROGEN_IN_BIOMASS = 0.1
"""Nitrogen in new biomass, for the base where nitrogen is left out [g/g]."""

_SOURCE = "published estimate as centre, Zheng et al. (2022), doi:10.48550/arXiv.2105.06543"

_CENTRES = {  # published constant, and the factor that spans 90 % on either side of it
    "maximum_growth_rate": (0.3844627, 1.5),
    "oil_monod_constant": (0.0430429, 3.0),
    "oil_inhibition_constant": (612.178130, 1.5),
    "nitrogen_monod_constant": (0.02000201, 3.0),
    "oxygen_monod_constant": (0.0033085322, 3.0),
    "biomass_inhibition_constant": (59.9737695, 1.5),
    "biomass_capacity": (60.0, 1.3),
    "nitrogen_repression_constant": (0.12294103, 3.0),
    "maximum_formation_rate": (0.14255192, 1.5),
    "maximum_citrate": (130.901733, 1.3),
    "lipid_share": (0.47917813, 1.3),
    "lipid_per_growth": (0.127275, 1.5),
    "lipid_turnover_rate": (0.02165744, 2.0),
    "maintenance": (0.02252332, 2.0),
    "cell_yield_on_oil": (0.2385559, 1.5),
    "cell_yield_on_nitrogen": (10.0, 1.3),
    "citrate_yield_on_oil": (0.682572, 1.5),
    "lipid_yield_on_oil": (0.3574429, 1.5),
    "evaporation_rate": (0.0026, 1.5),
}

_UNITS = {
    "lipid_free_biomass": "g/L",
    "biomass": "g/L",
    "citrate": "g/L",
    "lipid": "g/L",
    "residual_oil": "g/L",
    "nitrogen": "g/L",
    "volume": "L",
    "oil_feed_rate": "L/h",
    "base_feed_rate": "L/h",
    "dissolved_oxygen": "1",
    "feed_oil": "g/L",
    "maximum_growth_rate": "1/h",
    "oil_monod_constant": "g/L",
    "oil_inhibition_constant": "g/L",
    "nitrogen_monod_constant": "g/L",
    "oxygen_monod_constant": "1",
    "biomass_inhibition_constant": "g/L",
    "biomass_capacity": "g/L",
    "nitrogen_repression_constant": "g/L",
    "maximum_formation_rate": "g/(g h)",
    "maximum_citrate": "g/L",
    "lipid_share": "1",
    "lipid_per_growth": "g/g",
    "lipid_turnover_rate": "g/(g h)",
    "maintenance": "g/(g h)",
    "cell_yield_on_oil": "g/g",
    "cell_yield_on_nitrogen": "g/g",
    "citrate_yield_on_oil": "g/g",
    "lipid_yield_on_oil": "g/g",
    "evaporation_rate": "L/h",
}


@dataclasses.dataclass(frozen=True)
class YarrowiaFedBatch:
    """
    Growth on oil until nitrogen is used up, then citrate and lipid.

    With all parts this is the published model, its constants the centres of the default intervals.
    What the measurements cannot support can be left out.

    Parameters
    ----------
    lipid : bool
        Without it the state ``biomass`` is all dry mass, citrate forms at
        2 x ``maximum_formation_rate`` x (its factors), and no oil goes into lipid.
    nitrogen : bool
        Without it growth ends at ``biomass_capacity``, and citrate forms in proportion to how far
        the biomass has come: growth x (1 - X / capacity), formation x X / capacity. The inhibition
        by biomass, which the capacity replaces, goes too.
    base_feed : bool
        With it the flow of base is a measured input, ``base_feed_rate`` [L/h]; otherwise it
        follows from growth and citrate.

    Notes
    -----
    With o = O / (K_O + O), s = S / (K_S + S) K_iS / (K_iS + S), D = (F_B + F_S - V_evap) / V::

        beta = beta_max K_iN/(K_iN + N) s o K_iX/(K_iX + X) (1 - C/C_max)
        q_C = 2 (1 - r_L) beta;  beta_L = r_L beta - K_SL L/(L + X) o
        mu = mu_max s N/(K_N + N) o / (1 + X/K_iX)
        q_S = mu/Y_xs + m o S/(K_S + S) + q_C/Y_cs + beta_L/Y_ls
        F_B = V (7.14 mL/g mu X/Y_xn + 1.59 mL/g q_C X)
        X' = mu X - D X;  C' = q_C X - D C;  L' = (alpha mu + beta_L) X - D L
        S' = -q_S X + F_S S_F/V - D S;  N' = -mu X/Y_xn - D N;  V' = F_B + F_S - V_evap

    Zheng et al. (2022), doi:10.48550/arXiv.2105.06543. X is lipid-free biomass; ``biomass`` is
    then an output, X + L. Dissolved oxygen is a share of saturation. The oil in the feed,
    ``feed_oil``, is 917 g/L unless a run says otherwise.

    Examples
    --------
    >>> YarrowiaFedBatch().State._fields
    ('lipid_free_biomass', 'citrate', 'lipid', 'residual_oil', 'nitrogen', 'volume')
    >>> YarrowiaFedBatch(lipid=False, nitrogen=False).State._fields
    ('biomass', 'citrate', 'residual_oil', 'volume')
    """

    lipid: bool = True
    nitrogen: bool = True
    base_feed: bool = False

    settings = ("feed_oil",)

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        kept = {
            "lipid_free_biomass": self.lipid,
            "biomass": not self.lipid,
            "citrate": True,
            "lipid": self.lipid,
            "residual_oil": True,
            "nitrogen": self.nitrogen,
            "volume": True,
        }
        return record("State", tuple(name for name, keep in kept.items() if keep))

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters."""
        left_out = set()
        if not self.lipid:
            left_out |= {"lipid_share", "lipid_per_growth", "lipid_turnover_rate"}
            left_out |= {"lipid_yield_on_oil"}
        if self.nitrogen:
            left_out |= {"biomass_capacity"}
        else:
            left_out |= {"nitrogen_monod_constant", "nitrogen_repression_constant"}
            left_out |= {"biomass_inhibition_constant", "cell_yield_on_nitrogen"}
        return record("Parameters", tuple(name for name in _CENTRES if name not in left_out))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what changes in time."""
        always = ("oil_feed_rate", "dissolved_oxygen")
        return (*always, "base_feed_rate") if self.base_feed else always

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of measured quantities that are no states."""
        return ("biomass",) if self.lipid else ()

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        names = (*self.State._fields, *self.Parameters._fields, *self.inputs, *self.settings)
        return {name: _UNITS[name] for name in (*names, *self.output_names)}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        defaults = {}
        for name in self.Parameters._fields:
            centre, factor = _CENTRES[name]
            source = _SOURCE if name != "biomass_capacity" else "dry mass that such cultures reach"
            defaults[name] = Parameter(centre / factor, centre * factor, source)
        return defaults

    @property
    def setting_defaults(self) -> Mapping[str, float]:
        """Values of settings that a run may leave out."""
        return {"feed_oil": 917.0}

    def _cells(self, state: Any) -> Any:
        return state.lipid_free_biomass if self.lipid else state.biomass

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """Elementary rates, by name."""
        cells = self._cells(state)
        oxygen = monod(
            inputs.dissolved_oxygen,
            maximum_rate=1,
            half_saturation=parameters.oxygen_monod_constant,
        )
        oil = monod(
            state.residual_oil, maximum_rate=1, half_saturation=parameters.oil_monod_constant
        )
        supply = oxygen * oil
        supply = supply * hyperbolic_inhibition(
            state.residual_oil, inhibition_constant=parameters.oil_inhibition_constant
        )
        growth = parameters.maximum_growth_rate * supply
        formation = parameters.maximum_formation_rate * supply
        formation = formation * (1 - state.citrate / parameters.maximum_citrate)
        if self.nitrogen:
            crowding = hyperbolic_inhibition(
                cells, inhibition_constant=parameters.biomass_inhibition_constant
            )
            growth = monod(
                state.nitrogen,
                maximum_rate=growth * crowding,
                half_saturation=parameters.nitrogen_monod_constant,
            )
            repression = hyperbolic_inhibition(
                state.nitrogen, inhibition_constant=parameters.nitrogen_repression_constant
            )
            formation = formation * repression * crowding
        else:
            grown = cells / parameters.biomass_capacity
            growth = growth * (1 - grown)
            formation = formation * grown
        rates = {
            "growth": growth,
            "formation": formation,
            "maintenance": parameters.maintenance * oxygen * oil,
        }
        if self.lipid:
            stored = state.lipid / (state.lipid + cells)
            rates["lipid_turnover"] = parameters.lipid_turnover_rate * stored * oxygen
        return rates

    def derivatives(
        self,
        time: Any,
        state: Any,
        parameters: Any,
        inputs: Any,
        settings: Any,
        rates: Mapping[str, Any],
    ) -> Any:
        """Balances, formed from the rates."""
        cells, volume, growth = self._cells(state), state.volume, rates["growth"]
        citrate = 2 * rates["formation"]
        if self.lipid:
            citrate = citrate * (1 - parameters.lipid_share)
        uptake = (
            growth / parameters.cell_yield_on_oil
            + rates["maintenance"]
            + citrate / parameters.citrate_yield_on_oil
        )
        if self.nitrogen:
            assimilation = growth / parameters.cell_yield_on_nitrogen
        else:
            assimilation = NITROGEN_IN_BIOMASS * growth
        slopes = {"citrate": citrate * cells}
        if self.lipid:
            storage = parameters.lipid_share * rates["formation"] - rates["lipid_turnover"]
            uptake = uptake + storage / parameters.lipid_yield_on_oil
            slopes["lipid_free_biomass"] = growth * cells
            slopes["lipid"] = (parameters.lipid_per_growth * growth + storage) * cells
        else:
            slopes["biomass"] = growth * cells
        if self.nitrogen:
            slopes["nitrogen"] = -assimilation * cells
        slopes["residual_oil"] = -uptake * cells + inputs.oil_feed_rate * settings.feed_oil / volume
        if self.base_feed:
            base = inputs.base_feed_rate
        else:
            per_nitrogen = constant(BASE_PER_NITROGEN, "L/g", like=volume)
            per_citrate = constant(BASE_PER_CITRATE, "L/g", like=volume)
            base = volume * cells * (per_nitrogen * assimilation + per_citrate * citrate)
        flow = base + inputs.oil_feed_rate - parameters.evaporation_rate
        dilution = flow / volume
        diluted = {
            name: formed - dilution * getattr(state, name) for name, formed in slopes.items()
        }
        return self.State(**diluted, volume=flow)

    def outputs(self, state: Any, parameters: Any, settings: Any) -> dict[str, Any]:
        """Measured quantities that are no states."""
        return {"biomass": state.lipid_free_biomass + state.lipid} if self.lipid else {}

    def conserved(self, state: Any, parameters: Any, settings: Any) -> dict[str, Any]:
        """Quantities that stay constant between events."""
        if not self.nitrogen:
            return {}
        bound = self._cells(state) / parameters.cell_yield_on_nitrogen
        return {"nitrogen_balance": (state.nitrogen + bound) * state.volume}
