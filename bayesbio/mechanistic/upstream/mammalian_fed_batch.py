"""Fed-batch culture of mammalian cells, such as CHO making an antibody."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from bayesbio.data.vocabulary.quantities import quantity
from bayesbio.errors import ModelError, did_you_mean
from bayesbio.mechanistic.functions import constant
from bayesbio.mechanistic.kinetics.death_laws import DEATH_LAWS
from bayesbio.mechanistic.kinetics.rates import (
    arrhenius,
    byproduct_inhibition,
    hyperbolic_inhibition,
    monod,
)
from bayesbio.mechanistic.kinetics.slowing_laws import SLOWING_LAWS
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = ["AMMONIUM_PER_GLUTAMINE", "GLUCOSE_DEPLETION", "MammalianFedBatch"]


def _molar_mass(name: str) -> float:
    """Molar mass of a molecule in the vocabulary [g/mol]."""
    mass = quantity(name).molar_mass
    assert mass is not None
    return mass


GLUCOSE_DEPLETION = 0.1e-3 * _molar_mass("glucose")
"""Glucose at which maintenance is halved because little is left to burn (0.1 mM) [g/L]."""

AMMONIUM_PER_GLUTAMINE = _molar_mass("ammonium") / _molar_mass("glutamine")
"""Ammonium released when glutamine degrades, one mole each [g/g]."""

_XING = "Xing et al. (2010), doi:10.1002/btpr.284"
_REVIEW = "Ben Yahia, Malphettes and Heinzle (2015), doi:10.1007/s00253-015-6743-6"

_STATES = {
    "viable_cell_density": "1e6 cells/mL",
    "dead_cell_density": "1e6 cells/mL",
    "glucose": "g/L",
    "glutamine": "g/L",
    "lactate": "g/L",
    "ammonium": "g/L",
    "accumulated_byproduct": "1e9 cells h/L",
    "titer": "g/L",
    "volume": "L",
}
_FLOWS = ("feed_rate", "perfusion_rate", "bleed_rate")
_INPUTS = dict.fromkeys(_FLOWS, "L/h") | {"temperature": "K", "ph": "1"}
_INPUT_DEFAULTS = dict.fromkeys(_FLOWS, 0.0) | {"temperature": 310.15, "ph": 7.0}
_SETPOINT = "assumed: cultures grow best at 36 to 38 degC; hypothermia spares cells and glucose"
_PER_CELL = "g/(1e9 cells h)"

_PARAMETERS = {
    "maximum_growth_rate": ("1/h", Parameter(0.015, 0.075, _REVIEW)),
    "glucose_monod_constant": ("g/L", Parameter(0.01, 0.5, _REVIEW)),
    "glutamine_monod_constant": ("g/L", Parameter(0.002, 0.08, _REVIEW)),
    "lactate_inhibition_constant": ("g/L", Parameter(3.0, 40.0, _REVIEW)),
    "ammonium_inhibition_constant": ("g/L", Parameter(0.05, 0.6, _REVIEW)),
    "lysis_rate": ("1/h", Parameter(0.0005, 0.03, "assumed: dead cells last 1 to 60 days")),
    "cell_yield_on_glucose": ("1e9 cells/g", Parameter(0.5, 6.0, _XING)),
    "glucose_maintenance": (_PER_CELL, Parameter(2e-4, 1e-2, _XING)),
    "cell_yield_on_glutamine": ("1e9 cells/g", Parameter(2.0, 40.0, _XING)),
    "glutamine_degradation_rate": ("1/h", Parameter(5e-4, 6e-3, _XING)),
    "lactate_yield_on_glucose": ("g/g", Parameter(0.1, 1.0, _XING)),
    "maximum_lactate_uptake": (_PER_CELL, Parameter(5e-5, 3e-3, _REVIEW)),
    "lactate_uptake_constant": ("g/L", Parameter(0.05, 2.0, _REVIEW)),
    "ammonium_yield_on_glutamine": ("g/g", Parameter(0.03, 0.15, _XING)),
    "ammonium_yield_on_cells": ("g/(1e9 cells)", Parameter(0.002, 0.06, _XING)),
    "ammonium_maintenance": (
        _PER_CELL,
        Parameter(5e-7, 5e-5, "assumed: 0.01 to 1 mM a day from 20 million cells/mL at rest"),
    ),
    "maximum_ammonium_uptake": (_PER_CELL, Parameter(1e-6, 1e-4, _REVIEW)),
    "ammonium_uptake_constant": ("g/L", Parameter(0.005, 0.2, _REVIEW)),
    "specific_productivity": (_PER_CELL, Parameter(1e-4, 3e-3, _XING)),
    "productivity_ratio_in_growth": (
        "1",
        Parameter(0.2, 2.0, "assumed: growing cells make a fifth to twice as much as resting ones"),
    ),
    "growth_activation_energy": ("J/mol", Parameter(40e3, 160e3, _SETPOINT)),
    "death_activation_energy": ("J/mol", Parameter(20e3, 200e3, _SETPOINT)),
    "maintenance_activation_energy": ("J/mol", Parameter(20e3, 120e3, _SETPOINT)),
    "productivity_activation_energy": ("J/mol", Parameter(-100e3, 60e3, _SETPOINT)),
    "optimal_ph": ("1", Parameter(6.9, 7.25, "assumed: mammalian cultures are held at 6.8 to 7.2")),
    "ph_width": ("1", Parameter(0.2, 0.8, "assumed: growth halves 0.2 to 0.8 from the optimum")),
}
_NUTRIENT = (
    ("{}_monod_constant", "g/L", Parameter(0.002, 0.08, _REVIEW)),
    (
        "cell_yield_on_{}",
        "1e9 cells/g",
        Parameter(3.0, 60.0, "assumed: up to a tenfold of glutamine's"),
    ),
)
_AT_START = {  # of states that nobody measured
    "dead_cell_density": Parameter(
        low=0.002, high=0.1, source="assumed: 0.2 to 1 million cells/mL at 90 to 99 % viability"
    ),
    "glutamine": Parameter(low=0.2, high=1.5, source="assumed: media hold 1.5 to 10 mM glutamine"),
}


@dataclasses.dataclass(frozen=True)
class MammalianFedBatch:
    """
    Viable and dead cells, nutrients, two by-products and a product in a fed vessel.

    What nobody measured can be left out; the rest keeps its meaning. What happens only in some
    cultures can be added.

    Parameters
    ----------
    glutamine : bool
        Without it glucose alone limits growth, and ammonium is formed per new cell.
    lactate : bool
        Without it lactate neither forms nor inhibits.
    ammonium : bool
        Without it ammonium neither forms nor inhibits.
    titer : bool
        Without it there is no product.
    dead_cells : bool
        Without it cells that die are not counted, and there is no viability.
    feed : bool
        Without it nothing flows in continuously (batch, or boluses only): no feed rate and no
        feed concentrations are asked for.
    lactate_uptake : bool
        Cells take lactate up again, the more the slower they grow.
    ammonium_uptake : bool
        Cells take ammonium up again, in the same way.
    ammonium_maintenance : bool
        Cells at rest form ammonium, too, as they burn amino acids.
    lysis : bool
        Dead cells dissolve, so that total counts fall.
    death : str, optional
        A name in `DEATH_LAWS`: "ammonium" where it is modelled, else "constant"; "late",
        "starvation" and "accumulated" are the others.
    slowing : str, optional
        A name in `SLOWING_LAWS`, for growth that ends from a cause nobody measured: "age" or
        "accumulated" (a by-product of all living cells).
    productivity_with_growth : bool
        Growing cells make more or less product than resting ones.
    temperature, ph : bool
        Rates follow the profile of that name (a shift, say); 310.15 K and 7.0 where a run gives
        none.
    nutrients : sequence of str
        Further nutrients that limit growth, such as ("asparagine", "serine").

    Raises
    ------
    ModelError
        For an option that needs a part that is left out, and for an unknown death law.

    Notes
    -----
    With D = F / V, X in 1e6 cells/mL (which is 1e9 cells/L), the rest in g/L::

        mu = mu_max Glc/(K_glc + Glc) Gln/(K_gln + Gln) K_lac/(K_lac + Lac) K_amm/(K_amm + Amm)
        k_d = k_d,max Amm/(K_d + Amm)
        q_glc = mu/Y_glc + m_glc Glc/(0.1 mM + Glc);  q_gln = mu/Y_gln
        X_v' = (mu - k_d) X_v - D X_v;  X_d' = k_d X_v - k_lys X_d - D X_d
        Glc' = -q_glc X_v + D (Glc_feed - Glc)
        Gln' = -q_gln X_v - k_deg Gln + D (Gln_feed - Gln)
        Lac' = (Y_lac q_glc - u_lac) X_v - D Lac
        Amm' = (Y_amm q_gln + m_amm - u_amm) X_v + (M_amm/M_gln) k_deg Gln - D Amm
        P' = q_P X_v - D P;  V' = F

    after Xing et al. (2010), doi:10.1002/btpr.284. Options add the uptakes
    u = u_max c/(K_u + c) (1 - mu/mu_max), so that by-products are consumed when growth has slowed
    (forms reviewed by Ben Yahia et al. 2015, doi:10.1007/s00253-015-6743-6); q_P times
    1 + (r - 1) mu/mu_max; Arrhenius factors around 310.15 K; and 1/(1 + ((pH - pH_opt)/w)^2) on
    growth. The input ``feed_rate`` F [L/h] is zero where a run gives none; feed concentrations are
    settings [g/L].

    Examples
    --------
    >>> MammalianFedBatch().State._fields[:4]
    ('viable_cell_density', 'dead_cell_density', 'glucose', 'glutamine')
    >>> lean = MammalianFedBatch(glutamine=False, ammonium=False)
    >>> lean.Parameters._fields[:4]
    ('maximum_growth_rate', 'glucose_monod_constant', 'lactate_inhibition_constant', 'death_rate')
    """

    glutamine: bool = True
    lactate: bool = True
    ammonium: bool = True
    titer: bool = True
    dead_cells: bool = True
    feed: bool = True
    lactate_uptake: bool = False
    ammonium_uptake: bool = False
    ammonium_maintenance: bool = False
    lysis: bool = False
    death: str | None = None
    slowing: str | None = None
    productivity_with_growth: bool = False
    temperature: bool = False
    ph: bool = False
    nutrients: tuple[str, ...] = ()

    remedies: ClassVar[Mapping[tuple[str, str], str]] = {
        ("lactate", "falls"): "lactate_uptake=True",
        ("ammonium", "falls"): "ammonium_uptake=True",
        ("ammonium", "rises"): "ammonium_maintenance=True",
        ("viability", "falls"): "death='late'",
        ("viable_cell_density", "falls"): "death='late'",
        ("total_cell_density", "falls"): "lysis=True",
    }
    """Which option makes a quantity fall or rise late in a run."""

    def __post_init__(self) -> None:
        given = (self.nutrients,) if isinstance(self.nutrients, str) else self.nutrients
        object.__setattr__(self, "nutrients", tuple(given))
        for option, part in (
            ("lactate_uptake", "lactate"),
            ("ammonium_uptake", "ammonium"),
            ("ammonium_maintenance", "ammonium"),
            ("lysis", "dead_cells"),
            ("productivity_with_growth", "titer"),
        ):
            if getattr(self, option) and not getattr(self, part):
                raise ModelError(f"{option} needs {part}: leave out {part}=False or {option}.")
        for option, name, laws in (
            ("death", self._death, DEATH_LAWS),
            ("slowing", self.slowing or "age", SLOWING_LAWS),
        ):
            if name not in laws:
                raise ModelError(
                    f"{option}={name!r} is no {option} law; the menu has {', '.join(laws)}."
                    f"{did_you_mean(name, laws)}"
                )
        if self._death == "ammonium" and not self.ammonium:
            raise ModelError("death='ammonium' needs ammonium: leave out ammonium=False.")
        if taken := set(self.nutrients) & set(_STATES):
            raise ModelError(
                f"{', '.join(taken)} is part of the model already, no nutrient to add."
            )

    @property
    def _death(self) -> str:
        """Name of the death law."""
        return self.death or ("ammonium" if self.ammonium else "constant")

    @property
    def _limiting(self) -> tuple[str, ...]:
        """Nutrients beside glucose."""
        return ("glutamine", *self.nutrients) if self.glutamine else self.nutrients

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        left_out = {
            "dead_cell_density": not self.dead_cells,
            "accumulated_byproduct": "accumulated" not in (self._death, self.slowing),
            **{
                name: not getattr(self, name)
                for name in ("glutamine", "lactate", "ammonium", "titer")
            },
        }
        names = [name for name in _STATES if not left_out.get(name)]
        return record("State", (*names[:-1], *self.nutrients, names[-1]))

    @property
    def _terms(self) -> dict[str, tuple[str, Parameter]]:
        """Unit and central interval of every parameter, in the order of `Parameters`."""
        asked = {
            "glutamine_monod_constant": self.glutamine,
            "lactate_inhibition_constant": self.lactate,
            "ammonium_inhibition_constant": self.ammonium,
            "lysis_rate": self.lysis,
            "cell_yield_on_glutamine": self.glutamine,
            "glutamine_degradation_rate": self.glutamine,
            "lactate_yield_on_glucose": self.lactate,
            "maximum_lactate_uptake": self.lactate_uptake,
            "lactate_uptake_constant": self.lactate_uptake,
            "ammonium_yield_on_glutamine": self.ammonium and self.glutamine,
            "ammonium_yield_on_cells": self.ammonium and not self.glutamine,
            "ammonium_maintenance": self.ammonium_maintenance,
            "maximum_ammonium_uptake": self.ammonium_uptake,
            "ammonium_uptake_constant": self.ammonium_uptake,
            "specific_productivity": self.titer,
            "productivity_ratio_in_growth": self.productivity_with_growth,
            "growth_activation_energy": self.temperature,
            "death_activation_energy": self.temperature,
            "maintenance_activation_energy": self.temperature,
            "productivity_activation_energy": self.temperature and self.titer,
            "optimal_ph": self.ph,
            "ph_width": self.ph,
        }
        terms: dict[str, tuple[str, Parameter]] = {}
        for name, term in _PARAMETERS.items():
            if name == "lysis_rate":  # growth and death come before yields
                terms |= SLOWING_LAWS[self.slowing].parameters if self.slowing else {}
                terms |= DEATH_LAWS[self._death].parameters
            if asked.get(name, True):
                terms[name] = term
        for nutrient in self.nutrients:
            terms |= {name.format(nutrient): (unit, known) for name, unit, known in _NUTRIENT}
        return terms

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters."""
        return record("Parameters", tuple(self._terms))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what changes in time."""
        asked = {"feed_rate": self.feed, "temperature": self.temperature, "ph": self.ph}
        return tuple(name for name, wanted in asked.items() if wanted)

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the constants of a run."""
        return tuple(f"feed_{name}" for name in ("glucose", *self._limiting) if self.feed)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of measured quantities that are no states."""
        return ("viability",) if self.dead_cells else ()

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {
            **{name: _STATES.get(name, "g/L") for name in self.State._fields},
            **{name: unit for name, (unit, _) in self._terms.items()},
            **{name: _INPUTS[name] for name in self.inputs},
            **dict.fromkeys(self.settings, "g/L"),
            **dict.fromkeys(self.output_names, "1"),
        }

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        known = {name: interval for name, (_, interval) in self._terms.items()}
        states = self.State._fields
        return known | {f"initial_{name}": _AT_START[name] for name in _AT_START if name in states}

    @property
    def setting_defaults(self) -> Mapping[str, float]:
        """Values of settings that a run may leave out: an inoculum brings no product."""
        fresh = ("titer", "accumulated_byproduct")
        return {f"initial_{name}": 0.0 for name in fresh if name in self.State._fields}

    @property
    def input_defaults(self) -> Mapping[str, float]:
        """Values of inputs that a run may leave out."""
        return {name: _INPUT_DEFAULTS[name] for name in self.inputs}

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """Elementary rates, by name."""

        def warmed(rate: Any, energy: str) -> Any:
            """Arrhenius factor on a rate, where temperature is followed."""
            if not self.temperature:
                return rate
            return arrhenius(
                inputs.temperature,
                rate_at_reference=rate,
                activation_energy=getattr(parameters, energy),
                reference_temperature=constant(310.15, "K", like=inputs.temperature),
            )

        growth = warmed(parameters.maximum_growth_rate, "growth_activation_energy")
        for nutrient in ("glucose", *self._limiting):
            growth = monod(
                getattr(state, nutrient),
                maximum_rate=growth,
                half_saturation=getattr(parameters, f"{nutrient}_monod_constant"),
            )
        byproducts = [name for name in ("lactate", "ammonium") if getattr(self, name)]
        growth = growth * byproduct_inhibition(
            [getattr(state, name) for name in byproducts],
            inhibition_constants=[
                getattr(parameters, f"{name}_inhibition_constant") for name in byproducts
            ],
        )
        if self.ph:
            distance = (inputs.ph - parameters.optimal_ph) / parameters.ph_width
            growth = growth * hyperbolic_inhibition(distance**2, inhibition_constant=1)
        if self.slowing:
            growth = growth * SLOWING_LAWS[self.slowing].equation(time, state, parameters)
        death = DEATH_LAWS[self._death].equation(time, state, parameters)
        rates = {"growth": growth, "death": warmed(death, "death_activation_energy")}
        rates["glucose_maintenance"] = monod(
            state.glucose,
            maximum_rate=warmed(parameters.glucose_maintenance, "maintenance_activation_energy"),
            half_saturation=constant(GLUCOSE_DEPLETION, "g/L", like=state.glucose),
        )
        share = growth / parameters.maximum_growth_rate  # of the fastest growth
        for name in byproducts:
            if getattr(self, f"{name}_uptake"):
                uptake = monod(
                    getattr(state, name),
                    maximum_rate=getattr(parameters, f"maximum_{name}_uptake"),
                    half_saturation=getattr(parameters, f"{name}_uptake_constant"),
                )
                rates[f"{name}_uptake"] = uptake * (1 - share)
        if self.glutamine:
            rates["glutamine_degradation"] = parameters.glutamine_degradation_rate
        if self.titer:
            production = warmed(parameters.specific_productivity, "productivity_activation_energy")
            if self.productivity_with_growth:
                ratio = parameters.productivity_ratio_in_growth
                production = production * (1 + (ratio - 1) * share)
            rates["production"] = production
        return rates

    def formation(self, state: Any, parameters: Any, rates: Mapping[str, Any]) -> dict[str, Any]:
        """Form each concentration by reaction, per volume and hour."""
        cells, growth = state.viable_cell_density, rates["growth"]
        glucose_uptake = growth / parameters.cell_yield_on_glucose + rates["glucose_maintenance"]
        uptake = {
            name: growth / getattr(parameters, f"cell_yield_on_{name}") for name in self._limiting
        }
        formation = {
            "viable_cell_density": (growth - rates["death"]) * cells,
            "glucose": -glucose_uptake * cells,
            **{name: -rate * cells for name, rate in uptake.items()},
        }
        if self.dead_cells:
            formation["dead_cell_density"] = rates["death"] * cells
        if self.lysis:
            formation["dead_cell_density"] -= parameters.lysis_rate * state.dead_cell_density
        if self.lactate:
            formation["lactate"] = parameters.lactate_yield_on_glucose * glucose_uptake * cells
        if self.ammonium and not self.glutamine:
            formation["ammonium"] = parameters.ammonium_yield_on_cells * growth * cells
        if self.glutamine:
            degraded = rates["glutamine_degradation"] * state.glutamine
            formation["glutamine"] -= degraded
            if self.ammonium:
                formation["ammonium"] = (
                    parameters.ammonium_yield_on_glutamine * uptake["glutamine"] * cells
                    + AMMONIUM_PER_GLUTAMINE * degraded
                )
        if self.ammonium_maintenance:
            formation["ammonium"] += parameters.ammonium_maintenance * cells
        for name in ("lactate", "ammonium"):
            if getattr(self, f"{name}_uptake"):
                formation[name] -= rates[f"{name}_uptake"] * cells
        if "accumulated" in (self._death, self.slowing):
            formation["accumulated_byproduct"] = cells
        if self.titer:
            formation["titer"] = rates["production"] * cells
        return formation

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
        formation = self.formation(state, parameters, rates)
        if not self.feed:
            return self.State(**formation, volume=0 * state.volume * rates["growth"])
        dilution = inputs.feed_rate / state.volume
        fed = {name: getattr(settings, f"feed_{name}") for name in ("glucose", *self._limiting)}
        slopes = {
            name: formed + dilution * (fed.get(name, 0) - getattr(state, name))
            for name, formed in formation.items()
        }
        return self.State(**slopes, volume=inputs.feed_rate)

    def outputs(self, state: Any, parameters: Any, settings: Any) -> dict[str, Any]:
        """Measured quantities that are no states."""
        if not self.dead_cells:
            return {}
        cells = state.viable_cell_density + state.dead_cell_density
        return {"viability": state.viable_cell_density / cells}

    def conserved(self, state: Any, parameters: Any, settings: Any) -> dict[str, Any]:
        """Quantities that stay constant between events."""
        if not self.lactate or self.lactate_uptake:
            return {}
        fed = settings.feed_glucose if self.feed else 0
        used = parameters.lactate_yield_on_glucose * (fed - state.glucose)
        return {"lactate_from_glucose": (used - state.lactate) * state.volume}
