"""Overflow metabolism: what cells with a limited respiratory capacity do with much sugar."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from bayesbio.mechanistic.functions import constant, smooth_maximum
from bayesbio.mechanistic.kinetics.rates import hyperbolic_inhibition, monod
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = ["OverflowCulture"]

CARBON = {"glucose": 30.026, "acetate": 30.026, "ethanol": 23.034, "biomass": 24.6}
"""Mass per mole of carbon [g/mol]; of biomass as CH1.8 O0.5 N0.2, ash left out."""

REDUCTANCE = {"glucose": 4.0, "acetate": 4.0, "ethanol": 6.0, "biomass": 4.2}
"""Degree of reduction per mole of carbon, with ammonium as nitrogen source (Roels 1983)."""

_VESSEL = {"volume": "L", "feed_rate": "L/h", "feed_glucose": "g/L"}
_TRANSFER = "Garcia-Ochoa and Gomez (2009), doi:10.1016/j.biotechadv.2008.10.006"
_CORNER = 1e-3  # rounding of the respiratory bottleneck [g/(g h)]


@dataclasses.dataclass(frozen=True)
class OverflowCulture:
    """
    Sugar beyond a respiratory capacity becomes a by-product, which is respired when room is left.

    Parameters
    ----------
    gas : bool
        Adds the outputs ``oxygen_uptake_rate``, ``carbon_dioxide_evolution_rate`` and
        ``respiratory_quotient``, which follow from carbon and electrons without a parameter.
    oxygen_transfer : bool
        Adds the output ``dissolved_oxygen``, in balance with transfer: 1 - OUR / (kLa c*), with the
        parameter ``oxygen_transfer_coefficient`` kLa and the setting ``oxygen_solubility`` c*.
    base : bool
        Adds the state ``cumulative_base``: base that neutralises the protons of growth on ammonium.

    Notes
    -----
    The respiratory bottleneck of Sonnleitner and Kaeppeli (1986), doi:10.1002/bit.260280615::

        q = q_max S/(K_S + S) K_i/(K_i + B);  q_over = max(q - q_crit, 0);  q_ox = q - q_over
        q_B = q_B,max B/(K_B + B) max(1 - q_ox/q_crit, 0)
        mu = Y_ox q_ox + Y_over q_over + Y_B q_B
        X' = mu X - D X;  S' = -q X + D (S_feed - S);  B' = (Y_BS q_over - q_B) X - D B;  V' = F
    """

    gas: bool = False
    oxygen_transfer: bool = False
    base: bool = False

    byproduct: ClassVar[str]
    intervals: ClassVar[Mapping[str, Parameter]]
    inputs: ClassVar = ("feed_rate",)
    input_defaults: ClassVar = {"feed_rate": 0.0}

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the states."""
        base = ("cumulative_base",) if self.base else ()
        return ("biomass", "glucose", self.byproduct, *base, "volume")

    @property
    def _terms(self) -> dict[str, tuple[str, Parameter]]:
        """Unit and central interval of every parameter."""
        name, rate = self.byproduct, "g/(g h)"
        units = {
            "maximum_uptake": rate,
            "glucose_monod_constant": "g/L",
            "respiratory_capacity": rate,
            "oxidative_yield": "g/g",
            "overflow_yield": "g/g",
            f"{name}_yield_on_glucose": "g/g",
            f"maximum_{name}_uptake": rate,
            f"{name}_monod_constant": "g/L",
            f"cell_yield_on_{name}": "g/g",
            f"{name}_inhibition_constant": "g/L",
        }
        terms = {each: (unit, self.intervals[each]) for each, unit in units.items()}
        if self.oxygen_transfer:
            terms["oxygen_transfer_coefficient"] = ("1/h", Parameter(20.0, 1000.0, _TRANSFER))
        if self.base:
            source = "assumed: base of 2 to 15 mol/L takes up one proton per nitrogen"
            terms["base_per_biomass"] = ("L/g", Parameter(4e-4, 5e-3, source))
        return terms

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters."""
        return record("Parameters", tuple(self._terms))

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {name: interval for name, (_, interval) in self._terms.items()}

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the constants of a run."""
        solubility = ("oxygen_solubility",) if self.oxygen_transfer else ()
        return ("feed_glucose", *solubility)

    @property
    def setting_defaults(self) -> Mapping[str, float]:
        """Values of settings that a run may leave out; air-saturated medium holds 0.21 mmol/L."""
        known = {"oxygen_solubility": 2.1e-4} if self.oxygen_transfer else {}
        return known | ({"initial_cumulative_base": 0.0} if self.base else {})

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of measured quantities that are no states."""
        gas = ("oxygen_uptake_rate", "carbon_dioxide_evolution_rate", "respiratory_quotient")
        return (gas if self.gas else ()) + (("dissolved_oxygen",) if self.oxygen_transfer else ())

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        known = dict.fromkeys(self.state_names, "g/L") | _VESSEL
        known |= {"cumulative_base": "L"} if self.base else {}
        known |= {name: unit for name, (unit, _) in self._terms.items()}
        known |= {"oxygen_solubility": "mol/L"} if self.oxygen_transfer else {}
        outputs = {name: "1" if "rate" not in name else "mol/(L h)" for name in self.output_names}
        return known | outputs

    def _uptake(self, state: Any, parameters: Any) -> dict[str, Any]:
        """Specific rates of what is taken up, oxidised and spilled [g/(g h)]."""
        byproduct, name = getattr(state, self.byproduct), self.byproduct
        uptake = monod(
            state.glucose,
            maximum_rate=parameters.maximum_uptake,
            half_saturation=parameters.glucose_monod_constant,
        ) * hyperbolic_inhibition(
            byproduct, inhibition_constant=getattr(parameters, f"{name}_inhibition_constant")
        )
        capacity = parameters.respiratory_capacity
        corner = constant(_CORNER, "g/(g h)", like=uptake)
        spilled = smooth_maximum(uptake - capacity, 0, width=corner)
        room = smooth_maximum(capacity - uptake, 0, width=corner) / capacity
        again = monod(
            byproduct,
            maximum_rate=getattr(parameters, f"maximum_{name}_uptake"),
            half_saturation=getattr(parameters, f"{name}_monod_constant"),
        )
        return {"oxidation": uptake - spilled, "overflow": spilled, "reuse": again * room}

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """``oxidation`` and ``overflow`` of glucose, ``reuse`` of the by-product [g/(g h)]."""
        return self._uptake(state, parameters)

    def _reactions(self, state: Any, parameters: Any, rates: Mapping[str, Any]) -> dict[str, Any]:
        """Form each concentration by reaction [g/(L h)]."""
        name, cells = self.byproduct, state.biomass
        growth = (
            parameters.oxidative_yield * rates["oxidation"]
            + parameters.overflow_yield * rates["overflow"]
            + getattr(parameters, f"cell_yield_on_{name}") * rates["reuse"]
        )
        made = getattr(parameters, f"{name}_yield_on_glucose") * rates["overflow"]
        return {
            "biomass": growth * cells,
            "glucose": -(rates["oxidation"] + rates["overflow"]) * cells,
            name: (made - rates["reuse"]) * cells,
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
        """Balances, formed from the rates."""
        formation = self._reactions(state, parameters, rates)
        dilution = inputs.feed_rate / state.volume
        fed = {"glucose": settings.feed_glucose}
        slopes = {
            name: formed + dilution * (fed.get(name, 0) - getattr(state, name))
            for name, formed in formation.items()
        }
        if self.base:
            slopes["cumulative_base"] = (
                parameters.base_per_biomass * formation["biomass"] * state.volume
            )
        slopes["volume"] = inputs.feed_rate
        return record("State", self.state_names)(**slopes)

    def outputs(self, state: Any, parameters: Any, settings: Any) -> dict[str, Any]:
        """Gas rates from the balances of carbon and electrons; oxygen in balance with transfer."""
        if not self.output_names:
            return {}
        formation = self._reactions(state, parameters, self._uptake(state, parameters))
        carbon = {
            name: formed / constant(CARBON[name], "g/mol", like=formed)
            for name, formed in formation.items()
        }
        evolved = -sum(carbon.values())
        consumed = -sum(REDUCTANCE[name] * formed for name, formed in carbon.items()) / 4
        gas = {
            "oxygen_uptake_rate": consumed,
            "carbon_dioxide_evolution_rate": evolved,
            "respiratory_quotient": evolved / consumed,
        }
        if self.oxygen_transfer:
            transfer = parameters.oxygen_transfer_coefficient * settings.oxygen_solubility
            gas["dissolved_oxygen"] = 1 - consumed / transfer
        return {name: gas[name] for name in self.output_names}
