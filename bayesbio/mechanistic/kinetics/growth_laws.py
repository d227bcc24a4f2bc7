"""
Growth laws: how the specific growth rate depends on substrate and biomass.

A law is one entry of `GROWTH_LAWS`: its equation and its parameters, each with unit, central
interval and source. Every model, check and promise test finds it there.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Protocol

from bayesbio.mechanistic.kinetics import rates
from bayesbio.mechanistic.parts import Law, TabulatedLaw
from bayesbio.mechanistic.process_model import Parameter

__all__ = [
    "GROWTH_LAWS",
    "Contois",
    "GrowthLaw",
    "Haldane",
    "Monod",
    "Moser",
    "TabulatedGrowthLaw",
    "Tessier",
]

_SUSPENDED_MICROBES = "Kovarova-Kovar and Egli (1998), doi:10.1128/mmbr.62.3.646-666.1998"
_CONTOIS = "Contois (1959), doi:10.1099/00221287-21-1-40"
_MAXIMUM_RATE = ("1/h", Parameter(0.05, 0.8, _SUSPENDED_MICROBES))
_MONOD_CONSTANT = ("g/L", Parameter(0.005, 1.0, _SUSPENDED_MICROBES))
_INHIBITION = ("g/L", Parameter(5.0, 300.0, "Andrews (1968), doi:10.1002/bit.260100602"))


class GrowthLaw(Protocol):
    """What a growth law of one's own needs: units and central intervals of its parameters."""

    @property
    def units(self) -> Mapping[str, str]:
        """Parameters and their units."""
        ...

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central intervals of the parameters."""
        ...

    def rate(self, substrate: Any, biomass: Any, parameters: Any) -> Any:
        """
        Specific growth rate.

        Parameters
        ----------
        substrate, biomass : array, any broadcastable shapes [g/L]
        parameters : record
            Holds at least the parameters named in ``units``.

        Returns
        -------
        array, broadcast shape [1/h]
        """
        ...


GROWTH_LAWS: dict[str, Law] = {
    "monod": Law(
        lambda substrate, biomass, p: rates.monod(
            substrate,
            maximum_rate=p.maximum_growth_rate,
            half_saturation=p.substrate_monod_constant,
        ),
        {"maximum_growth_rate": _MAXIMUM_RATE, "substrate_monod_constant": _MONOD_CONSTANT},
    ),
    "haldane": Law(
        lambda substrate, biomass, p: rates.haldane(
            substrate,
            maximum_rate=p.maximum_growth_rate,
            half_saturation=p.substrate_monod_constant,
            inhibition_constant=p.substrate_inhibition_constant,
        ),
        {
            "maximum_growth_rate": _MAXIMUM_RATE,
            "substrate_monod_constant": _MONOD_CONSTANT,
            "substrate_inhibition_constant": _INHIBITION,
        },
    ),
    "contois": Law(
        lambda substrate, biomass, p: rates.contois(
            substrate,
            biomass=biomass,
            maximum_rate=p.maximum_growth_rate,
            contois_constant=p.contois_constant,
        ),
        {
            "maximum_growth_rate": _MAXIMUM_RATE,
            "contois_constant": ("g/g", Parameter(0.005, 1.0, _CONTOIS)),
        },
    ),
    "tessier": Law(
        lambda substrate, biomass, p: rates.tessier(
            substrate, maximum_rate=p.maximum_growth_rate, tessier_constant=p.tessier_constant
        ),
        {
            "maximum_growth_rate": _MAXIMUM_RATE,
            "tessier_constant": ("g/L", Parameter(0.007, 1.5, _SUSPENDED_MICROBES)),
        },
    ),
    "moser": Law(
        lambda substrate, biomass, p: rates.moser(
            substrate,
            maximum_rate=p.maximum_growth_rate,
            half_saturation=p.substrate_monod_constant,
            exponent=p.moser_exponent,
        ),
        {
            "maximum_growth_rate": _MAXIMUM_RATE,
            "substrate_monod_constant": _MONOD_CONSTANT,
            "moser_exponent": ("1", Parameter(1.0, 3.0, _SUSPENDED_MICROBES)),
        },
    ),
}
"""The growth laws, by name."""


class TabulatedGrowthLaw(TabulatedLaw):
    """
    A growth law of the table; ``Monod()`` is ``TabulatedGrowthLaw("monod")``.

    Examples
    --------
    >>> sorted(Monod().units)
    ['maximum_growth_rate', 'substrate_monod_constant']
    """

    table = GROWTH_LAWS
    kind = "growth law"

    def rate(self, substrate: Any, biomass: Any, parameters: Any) -> Any:
        """Specific growth rate [1/h]; see `GrowthLaw`."""
        return self.equation(substrate, biomass, parameters)


Monod, Haldane, Contois, Tessier, Moser = (
    functools.partial(TabulatedGrowthLaw, name)
    for name in ("monod", "haldane", "contois", "tessier", "moser")
)
