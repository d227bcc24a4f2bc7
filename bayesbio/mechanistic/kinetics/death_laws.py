"""
Death laws of cultured cells: what the specific death rate depends on.

A law is one entry of `DEATH_LAWS`: its equation and its parameters, each with unit, central
interval and source.
"""

from __future__ import annotations

from bayesbio.mechanistic.functions import exp
from bayesbio.mechanistic.kinetics.rates import hyperbolic_inhibition, monod
from bayesbio.mechanistic.parts import Law
from bayesbio.mechanistic.process_model import Parameter

__all__ = ["DEATH_LAWS"]

_REVIEW = "Ben Yahia, Malphettes and Heinzle (2015), doi:10.1007/s00253-015-6743-6"
_COURSE = "assumed: viability of fed-batches starts to fall in days 4 to 14, over 1 to 4 days"
_CONSTANT = ("1/h", Parameter(0.0005, 0.02, _REVIEW))
_MAXIMUM = ("1/h", Parameter(0.002, 0.05, _REVIEW))

DEATH_LAWS: dict[str, Law] = {
    "constant": Law(
        lambda time, state, p: p.death_rate,
        {"death_rate": _CONSTANT},
    ),
    "ammonium": Law(
        lambda time, state, p: monod(
            state.ammonium,
            maximum_rate=p.maximum_death_rate,
            half_saturation=p.ammonium_death_constant,
        ),
        {
            "maximum_death_rate": _MAXIMUM,
            "ammonium_death_constant": ("g/L", Parameter(0.02, 0.4, _REVIEW)),
        },
    ),
    "late": Law(
        lambda time, state, p: (
            p.death_rate
            + p.maximum_death_rate / (1 + exp((p.death_onset - time) / p.death_rise_time))
        ),
        {
            "death_rate": _CONSTANT,
            "maximum_death_rate": _MAXIMUM,
            "death_onset": ("h", Parameter(100.0, 350.0, _COURSE)),
            "death_rise_time": ("h", Parameter(8.0, 80.0, _COURSE)),
        },
    ),
    "starvation": Law(
        lambda time, state, p: (
            p.maximum_death_rate
            * hyperbolic_inhibition(state.glucose, inhibition_constant=p.starvation_constant)
        ),
        {
            "maximum_death_rate": _MAXIMUM,
            "starvation_constant": ("g/L", Parameter(0.01, 0.5, _REVIEW)),
        },
    ),
    "accumulated": Law(
        lambda time, state, p: p.death_per_byproduct * state.accumulated_byproduct,
        {
            "death_per_byproduct": (
                "L/(1e9 cells h^2)",
                Parameter(2e-7, 1e-5, "assumed: 0.001 to 0.05 1/h after 5000 million cells h/mL"),
            )
        },
    ),
}
"""
The death laws, by name.

``constant`` is one rate; ``ammonium`` saturates with ammonium (Xing et al. 2010,
doi:10.1002/btpr.284); ``late`` rises from a constant rate along a logistic curve of the culture's
age; ``starvation`` sets in where glucose runs out; ``accumulated`` grows with a by-product that
every living cell releases and that feeds dilute.
"""
