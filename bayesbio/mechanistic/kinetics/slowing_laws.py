"""
Slowing laws: the share of growth that is left as a culture ages, for causes nobody measured.

A law is one entry of `SLOWING_LAWS`: its equation and its parameters, each with unit, central
interval and source.
"""

from __future__ import annotations

from bayesbio.mechanistic.functions import exp
from bayesbio.mechanistic.kinetics.rates import hyperbolic_inhibition
from bayesbio.mechanistic.parts import Law
from bayesbio.mechanistic.process_model import Parameter

__all__ = ["SLOWING_LAWS"]

_COURSE = "assumed: fed-batches stop growing in days 3 to 12, within 1 to 4 days"
_BYPRODUCT = "assumed: growth halves after 200 to 5000 million cells h/mL"

SLOWING_LAWS: dict[str, Law] = {
    "age": Law(
        lambda time, state, p: 1 / (1 + exp((time - p.growth_end) / p.growth_fall_time)),
        {
            "growth_end": ("h", Parameter(70.0, 300.0, _COURSE)),
            "growth_fall_time": ("h", Parameter(5.0, 60.0, _COURSE)),
        },
    ),
    "accumulated": Law(
        lambda time, state, p: hyperbolic_inhibition(
            (state.accumulated_byproduct / p.byproduct_inhibition_constant) ** 2,
            inhibition_constant=1,
        ),
        {"byproduct_inhibition_constant": ("1e9 cells h/L", Parameter(200.0, 5000.0, _BYPRODUCT))},
    ),
}
"""
The slowing laws, by name.

``age`` falls along a logistic curve of the culture's age; ``accumulated`` with the square of a
by-product that every living cell releases and that feeds dilute.
"""
