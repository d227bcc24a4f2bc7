"""Batch reactor for two consecutive reactions, with or without an energy balance."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.errors import ModelError
from bayesbio.mechanistic.functions import constant
from bayesbio.mechanistic.kinetics.rates import arrhenius, power_of_positive
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = ["BatchReactor"]

_THERMAL_SAFETY = "Stoessel (2020), Thermal Safety of Chemical Processes, doi:10.1002/9783527696918"
_ORDINARY_RATES = "hours-long batch reactions, assumed; replace by what the laboratory knows"

_DEFAULTS = {
    "rate_constant_1": Parameter(low=0.05, high=5.0, source=_ORDINARY_RATES),
    "rate_constant_2": Parameter(low=0.005, high=0.5, source=_ORDINARY_RATES),
    "activation_energy_1": Parameter(low=40e3, high=110e3, source=_THERMAL_SAFETY),
    "activation_energy_2": Parameter(low=50e3, high=130e3, source=_THERMAL_SAFETY),
    "reaction_enthalpy_1": Parameter(low=-150e3, high=-20e3, source=_THERMAL_SAFETY),
    "reaction_enthalpy_2": Parameter(low=-200e3, high=-20e3, source=_THERMAL_SAFETY),
    "heat_capacity": Parameter(low=1400.0, high=4200.0, source=_THERMAL_SAFETY),
    "heat_transfer": Parameter(low=500.0, high=30e3, source=_THERMAL_SAFETY),
}


@dataclasses.dataclass(frozen=True)
class BatchReactor:
    """
    A -> B -> C in a stirred vessel with a jacket.

    Parameters
    ----------
    isothermal : bool
        Leave out the energy balance: the vessel stays at the reference temperature, and the two
        rate constants are all there is to know.
    order_1 : float
        Order of the first reaction in A; the second is of first order in B.
    reference_temperature : float [K]
        Temperature at which the rate constants are stated; best in the middle of the data.
    temperature_by_run : bool
        With ``isothermal=True``: each run is held at its own ``temperature``, a setting [K], and
        the activation energies are parameters again.

    Raises
    ------
    ModelError
        For an order or a temperature that is not above zero, or a temperature by run in a reactor
        with an energy balance.

    Notes
    -----
    A' = -k1 A^n; B' = k1 A^n - k2 B; C' = k2 B; k = k_ref exp(-E / R (1 / T - 1 / T_ref));
    rho c_p T' = -dH1 k1 A^n - dH2 k2 B + (U A / V) (T_jacket - T). ``heat_capacity`` is rho c_p per
    litre [J/(L K)], ``heat_transfer`` is U A / V [J/(h L K)]; a reaction enthalpy below zero heats.
    A + B + C is constant; with no heat transfer so is rho c_p T + dH1 (B + C) + dH2 C.

    Examples
    --------
    >>> model = BatchReactor(isothermal=True)
    >>> state, parameters = model.State(0.5, 0.25, 0.0), model.Parameters(0.5, 1.0)
    >>> rates = model.rates(0.0, state, parameters, None, None)
    >>> model.derivatives(0.0, state, parameters, None, None, rates)
    State(concentration_a=-0.25, concentration_b=0.0, concentration_c=0.25)
    """

    isothermal: bool = False
    order_1: float = 1
    reference_temperature: float = 333.15
    temperature_by_run: bool = False

    def __post_init__(self) -> None:
        if not self.order_1 > 0:
            raise ModelError(f"order_1 is {self.order_1!r}; a reaction order is above zero.")
        if not self.reference_temperature > 0:
            raise ModelError(
                f"reference_temperature is {self.reference_temperature!r}; give it in kelvin, "
                "for example 333.15."
            )
        if self.temperature_by_run and not self.isothermal:
            raise ModelError(
                "temperature_by_run goes with isothermal=True; with an energy balance the "
                "temperature is a state and follows the jacket."
            )

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        concentrations = ("concentration_a", "concentration_b", "concentration_c")
        return record("State", concentrations + (() if self.isothermal else ("temperature",)))

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters."""
        return record("Parameters", tuple(self.defaults))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what changes in time."""
        return () if self.isothermal else ("jacket_temperature",)

    @property
    def setting_defaults(self) -> Mapping[str, float]:
        """Values of settings that a run may leave out: a charge holds only A."""
        return {"initial_concentration_b": 0.0, "initial_concentration_c": 0.0}

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the constants of a run."""
        return ("temperature",) if self.temperature_by_run else ()

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        first = {1.0: "1/h", 2.0: "L/(mol h)"}.get(
            float(self.order_1), f"(L/mol)**{self.order_1 - 1:.12g}/h"
        )
        units = {
            **dict.fromkeys(("concentration_a", "concentration_b", "concentration_c"), "mol/L"),
            "rate_constant_1": first,
            "rate_constant_2": "1/h",
        }
        if self._temperature_matters:
            units |= {
                "temperature": "K",
                "activation_energy_1": "J/mol",
                "activation_energy_2": "J/mol",
            }
        if not self.isothermal:
            units |= {
                "reaction_enthalpy_1": "J/mol",
                "reaction_enthalpy_2": "J/mol",
                "heat_capacity": "J/(L K)",
                "heat_transfer": "J/(h L K)",
                "jacket_temperature": "K",
            }
        return units

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {name: given for name, given in _DEFAULTS.items() if name in self.units}

    @property
    def _temperature_matters(self) -> bool:
        return self.temperature_by_run or not self.isothermal

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """Elementary rates, by name."""
        constant_1, constant_2 = parameters.rate_constant_1, parameters.rate_constant_2
        if self._temperature_matters:
            temperature = settings.temperature if self.isothermal else state.temperature
            reference = constant(self.reference_temperature, "K", like=temperature)
            constant_1 = arrhenius(
                temperature,
                rate_at_reference=constant_1,
                activation_energy=parameters.activation_energy_1,
                reference_temperature=reference,
            )
            constant_2 = arrhenius(
                temperature,
                rate_at_reference=constant_2,
                activation_energy=parameters.activation_energy_2,
                reference_temperature=reference,
            )
        rates = {
            "reaction_1": constant_1 * self._driving_force(state.concentration_a),
            "reaction_2": constant_2 * state.concentration_b,
        }
        if not self.isothermal:
            rates["heat_exchange"] = parameters.heat_transfer * (
                inputs.jacket_temperature - state.temperature
            )
        return rates

    def _driving_force(self, concentration: Any) -> Any:
        """Concentration to the order of the first reaction; a broken power of zero stays finite."""
        if float(self.order_1).is_integer():
            return concentration ** int(self.order_1)
        unit = constant(1.0, "mol/L", like=concentration)
        return power_of_positive(concentration / unit, exponent=self.order_1) * unit**self.order_1

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
        reaction_1, reaction_2 = rates["reaction_1"], rates["reaction_2"]
        slopes = {
            "concentration_a": -reaction_1,
            "concentration_b": reaction_1 - reaction_2,
            "concentration_c": reaction_2,
        }
        if not self.isothermal:
            heat = (
                rates["heat_exchange"]
                - parameters.reaction_enthalpy_1 * reaction_1
                - parameters.reaction_enthalpy_2 * reaction_2
            )
            slopes["temperature"] = heat / parameters.heat_capacity
        return self.State(**slopes)

    def conserved(self, state: Any, parameters: Any, settings: Any) -> dict[str, Any]:
        """Quantities that stay constant between events."""
        return {
            "mole_balance": state.concentration_a + state.concentration_b + state.concentration_c
        }
