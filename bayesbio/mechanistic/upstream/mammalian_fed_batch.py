"""Fed-batch culture of mammalian cells, such as CHO making an antibody."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.data.vocabulary.quantities import quantity
from bayesbio.mechanistic.functions import constant
from bayesbio.mechanistic.kinetics.rates import byproduct_inhibition, monod
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

_UNITS = {
    "viable_cell_density": "1e6 cells/mL",
    "dead_cell_density": "1e6 cells/mL",
    "glucose": "g/L",
    "glutamine": "g/L",
    "lactate": "g/L",
    "ammonium": "g/L",
    "titer": "g/L",
    "volume": "L",
    "viability": "1",
    "feed_rate": "L/h",
    "feed_glucose": "g/L",
    "feed_glutamine": "g/L",
    "maximum_growth_rate": "1/h",
    "glucose_monod_constant": "g/L",
    "glutamine_monod_constant": "g/L",
    "lactate_inhibition_constant": "g/L",
    "ammonium_inhibition_constant": "g/L",
    "maximum_death_rate": "1/h",
    "ammonium_death_constant": "g/L",
    "death_rate": "1/h",
    "cell_yield_on_glucose": "1e9 cells/g",
    "glucose_maintenance": "g/(1e9 cells h)",
    "cell_yield_on_glutamine": "1e9 cells/g",
    "glutamine_degradation_rate": "1/h",
    "lactate_yield_on_glucose": "g/g",
    "ammonium_yield_on_glutamine": "g/g",
    "ammonium_yield_on_cells": "g/(1e9 cells)",
    "specific_productivity": "g/(1e9 cells h)",
}

_INITIAL_DEAD_CELLS = Parameter(
    low=0.002, high=0.1, source="assumed: 0.2 to 1 million cells/mL at 90 to 99 % viability"
)
_DEFAULTS = {
    "maximum_growth_rate": Parameter(low=0.015, high=0.075, source=_REVIEW),
    "glucose_monod_constant": Parameter(low=0.01, high=0.5, source=_REVIEW),
    "glutamine_monod_constant": Parameter(low=0.002, high=0.08, source=_REVIEW),
    "lactate_inhibition_constant": Parameter(low=3.0, high=40.0, source=_REVIEW),
    "ammonium_inhibition_constant": Parameter(low=0.05, high=0.6, source=_REVIEW),
    "maximum_death_rate": Parameter(low=0.002, high=0.05, source=_REVIEW),
    "ammonium_death_constant": Parameter(low=0.02, high=0.4, source=_REVIEW),
    "death_rate": Parameter(low=0.0005, high=0.02, source=_REVIEW),
    "cell_yield_on_glucose": Parameter(low=0.5, high=6.0, source=_XING),
    "glucose_maintenance": Parameter(low=2e-4, high=1e-2, source=_XING),
    "cell_yield_on_glutamine": Parameter(low=2.0, high=40.0, source=_XING),
    "glutamine_degradation_rate": Parameter(low=5e-4, high=6e-3, source=_XING),
    "lactate_yield_on_glucose": Parameter(low=0.1, high=1.0, source=_XING),
    "ammonium_yield_on_glutamine": Parameter(low=0.03, high=0.15, source=_XING),
    "ammonium_yield_on_cells": Parameter(low=0.002, high=0.06, source=_XING),
    "specific_productivity": Parameter(low=1e-4, high=3e-3, source=_XING),
}


@dataclasses.dataclass(frozen=True)
class MammalianFedBatch:
    """
    Viable and dead cells, two nutrients, two by-products and a product in a fed vessel.

    What nobody measured can be left out; the rest keeps its meaning.

    Parameters
    ----------
    glutamine : bool
        Without it glucose alone limits growth, and ammonium is formed per new cell.
    lactate : bool
        Without it lactate neither forms nor inhibits.
    ammonium : bool
        Without it ammonium neither forms nor inhibits, and cells die at one constant rate.
    titer : bool
        Without it there is no product.
    dead_cells : bool
        Without it cells that die are not counted, and there is no viability.
    feed : bool
        Without it nothing flows in continuously (batch, or boluses only): no feed rate and no
        feed concentrations are asked for.

    Notes
    -----
    With D = F / V, X in 1e6 cells/mL (which is 1e9 cells/L), the rest in g/L::

        mu = mu_max Glc/(K_glc + Glc) Gln/(K_gln + Gln) K_lac/(K_lac + Lac) K_amm/(K_amm + Amm)
        k_d = k_d,max Amm/(K_d + Amm)
        q_glc = mu/Y_glc + m_glc Glc/(0.1 mM + Glc);  q_gln = mu/Y_gln
        X_v' = (mu - k_d) X_v - D X_v;  X_d' = k_d X_v - D X_d
        Glc' = -q_glc X_v + D (Glc_feed - Glc)
        Gln' = -q_gln X_v - k_deg Gln + D (Gln_feed - Gln)
        Lac' = Y_lac q_glc X_v - D Lac
        Amm' = Y_amm q_gln X_v + (M_amm/M_gln) k_deg Gln - D Amm
        P' = q_P X_v - D P;  V' = F

    after Xing et al. (2010), doi:10.1002/btpr.284. The input ``feed_rate`` F [L/h] is zero where a
    run gives none; ``feed_glucose`` and ``feed_glutamine`` are settings [g/L].

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

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        kept = {
            "viable_cell_density": True,
            "dead_cell_density": self.dead_cells,
            "glucose": True,
            "glutamine": self.glutamine,
            "lactate": self.lactate,
            "ammonium": self.ammonium,
            "titer": self.titer,
            "volume": True,
        }
        return record("State", tuple(name for name, keep in kept.items() if keep))

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters."""
        kept = {
            "maximum_growth_rate": True,
            "glucose_monod_constant": True,
            "glutamine_monod_constant": self.glutamine,
            "lactate_inhibition_constant": self.lactate,
            "ammonium_inhibition_constant": self.ammonium,
            "maximum_death_rate": self.ammonium,
            "ammonium_death_constant": self.ammonium,
            "death_rate": not self.ammonium,
            "cell_yield_on_glucose": True,
            "glucose_maintenance": True,
            "cell_yield_on_glutamine": self.glutamine,
            "glutamine_degradation_rate": self.glutamine,
            "lactate_yield_on_glucose": self.lactate,
            "ammonium_yield_on_glutamine": self.ammonium and self.glutamine,
            "ammonium_yield_on_cells": self.ammonium and not self.glutamine,
            "specific_productivity": self.titer,
        }
        return record("Parameters", tuple(name for name, keep in kept.items() if keep))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what changes in time."""
        return ("feed_rate",) if self.feed else ()

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the constants of a run."""
        if not self.feed:
            return ()
        return ("feed_glucose", "feed_glutamine") if self.glutamine else ("feed_glucose",)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of measured quantities that are no states."""
        return ("viability",) if self.dead_cells else ()

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        names = (
            *self.State._fields,
            *self.Parameters._fields,
            *self.inputs,
            *self.settings,
            *self.output_names,
        )
        return {name: _UNITS[name] for name in names}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        known = {name: _DEFAULTS[name] for name in self.Parameters._fields}
        if "dead_cell_density" in self.State._fields:
            known["initial_dead_cell_density"] = _INITIAL_DEAD_CELLS
        return known

    @property
    def setting_defaults(self) -> Mapping[str, float]:
        """Values of settings that a run may leave out: an inoculum brings no product."""
        return {"initial_titer": 0.0} if self.titer else {}

    @property
    def input_defaults(self) -> Mapping[str, float]:
        """Values of inputs that a run may leave out."""
        return dict.fromkeys(self.inputs, 0.0)

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """Elementary rates, by name."""
        growth = monod(
            state.glucose,
            maximum_rate=parameters.maximum_growth_rate,
            half_saturation=parameters.glucose_monod_constant,
        )
        if self.glutamine:
            growth = monod(
                state.glutamine,
                maximum_rate=growth,
                half_saturation=parameters.glutamine_monod_constant,
            )
        byproducts = [name for name in ("lactate", "ammonium") if getattr(self, name)]
        growth = growth * byproduct_inhibition(
            [getattr(state, name) for name in byproducts],
            inhibition_constants=[
                getattr(parameters, f"{name}_inhibition_constant") for name in byproducts
            ],
        )
        rates = {"growth": growth}
        if self.ammonium:
            rates["death"] = monod(
                state.ammonium,
                maximum_rate=parameters.maximum_death_rate,
                half_saturation=parameters.ammonium_death_constant,
            )
        else:
            rates["death"] = parameters.death_rate
        rates["glucose_maintenance"] = monod(
            state.glucose,
            maximum_rate=parameters.glucose_maintenance,
            half_saturation=constant(GLUCOSE_DEPLETION, "g/L", like=state.glucose),
        )
        if self.glutamine:
            rates["glutamine_degradation"] = parameters.glutamine_degradation_rate
        if self.titer:
            rates["production"] = parameters.specific_productivity
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
        cells, growth = state.viable_cell_density, rates["growth"]
        glucose_uptake = growth / parameters.cell_yield_on_glucose + rates["glucose_maintenance"]
        formation = {
            "viable_cell_density": (growth - rates["death"]) * cells,
            "glucose": -glucose_uptake * cells,
        }
        if self.dead_cells:
            formation["dead_cell_density"] = rates["death"] * cells
        if self.lactate:
            formation["lactate"] = parameters.lactate_yield_on_glucose * glucose_uptake * cells
        if self.glutamine:
            glutamine_uptake = growth / parameters.cell_yield_on_glutamine
            degraded = rates["glutamine_degradation"] * state.glutamine
            formation["glutamine"] = -glutamine_uptake * cells - degraded
            if self.ammonium:
                formation["ammonium"] = (
                    parameters.ammonium_yield_on_glutamine * glutamine_uptake * cells
                    + AMMONIUM_PER_GLUTAMINE * degraded
                )
        elif self.ammonium:
            formation["ammonium"] = parameters.ammonium_yield_on_cells * growth * cells
        if self.titer:
            formation["titer"] = rates["production"] * cells
        if not self.feed:
            return self.State(**formation, volume=0 * state.volume * growth)
        dilution = inputs.feed_rate / state.volume
        fed = {"glucose": settings.feed_glucose}
        if self.glutamine:
            fed["glutamine"] = settings.feed_glutamine
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
        if not self.lactate:
            return {}
        fed = settings.feed_glucose if self.feed else 0
        used = parameters.lactate_yield_on_glucose * (fed - state.glucose)
        return {"lactate_from_glucose": (used - state.lactate) * state.volume}
