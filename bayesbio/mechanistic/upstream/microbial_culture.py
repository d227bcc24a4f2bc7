"""Growth, maintenance and product of one microbe on one substrate, whatever the vessel."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.errors import ModelError
from bayesbio.mechanistic.functions import constant
from bayesbio.mechanistic.kinetics.growth_laws import GrowthLaw, Monod, TabulatedGrowthLaw
from bayesbio.mechanistic.kinetics.inhibition_laws import InhibitionLaw, TabulatedInhibitionLaw
from bayesbio.mechanistic.kinetics.rates import luedeking_piret, monod, pirt
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = ["MAINTENANCE_DEPLETION", "MicrobialCulture"]

MAINTENANCE_DEPLETION = 0.01
"""Substrate at which maintenance is halved because little is left to burn [g/L]."""

_YIELD = "Heijnen and van Dijken (1992), doi:10.1002/bit.260390806"
_MAINTENANCE = "Tijhuis et al. (1993), doi:10.1002/bit.260420415"
_PRODUCT = "order of magnitude, Luedeking and Piret (1959), doi:10.1002/jbmte.390010406"


@dataclasses.dataclass(frozen=True)
class MicrobialCulture:
    """
    What one gram of cells does in an hour: the reactions that batch and fed-batch culture share.

    Parameters
    ----------
    growth : GrowthLaw or its name
        Of the table `GROWTH_LAWS` (``Monod()``, ``Haldane()``, ``Contois()``, ``Tessier()``,
        ``Moser()`` ...), or a part of your own.
    maintenance : bool
        Pirt maintenance: substrate is also burned to stay alive.
    product : bool
        Luedeking-Piret product. The yield of cells on substrate is then an apparent one, which
        includes what the product takes.
    product_inhibition : InhibitionLaw, its name, or None
        How the product slows growth (``Levenspiel()``, ``Hyperbolic()``); needs ``product=True``.

    Raises
    ------
    ModelError
        For an unknown part, or inhibition by a product that is left out.
    """

    growth: GrowthLaw | str = Monod()
    maintenance: bool = False
    product: bool = False
    product_inhibition: InhibitionLaw | str | None = None

    def __post_init__(self) -> None:
        growth = TabulatedGrowthLaw.find(self.growth, method="rate")
        object.__setattr__(self, "growth", growth)
        if self.product_inhibition is not None:
            inhibition = TabulatedInhibitionLaw.find(self.product_inhibition, method="share")
            object.__setattr__(self, "product_inhibition", inhibition)
            if not self.product:
                raise ModelError(
                    "product_inhibition was given, but the product is left out; set product=True "
                    "or drop product_inhibition."
                )

    @property
    def concentrations(self) -> tuple[str, ...]:
        """Names of the states that react."""
        return ("biomass", "substrate", "product") if self.product else ("biomass", "substrate")

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters."""
        return record("Parameters", tuple(self._reactions))

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        units = {name: unit for name, (unit, _) in self._reactions.items()}
        return dict.fromkeys(self.concentrations, "g/L") | units

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {name: default for name, (_, default) in self._reactions.items() if default}

    @property
    def _reactions(self) -> dict[str, tuple[str, Parameter]]:
        """Unit and central interval of every parameter."""
        found = _of_part(self.growth)
        found["cell_yield"] = ("g/g", Parameter(0.1, 0.6, _YIELD))
        if self.maintenance:
            found["maintenance"] = ("g/(g h)", Parameter(0.005, 0.1, _MAINTENANCE))
        if self.product:
            found["growth_associated_yield"] = ("g/g", Parameter(0.02, 5.0, _PRODUCT))
            found["non_growth_associated_rate"] = ("g/(g h)", Parameter(0.0005, 0.5, _PRODUCT))
        if self.product_inhibition is not None:
            found |= _of_part(self.product_inhibition)
        return found

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """``growth`` [1/h]; ``maintenance``, ``non_growth_production`` [g/(g h)] where modelled."""
        part: Any = self.growth
        growth = part.rate(state.substrate, state.biomass, parameters)
        if self.product_inhibition is not None:
            part = self.product_inhibition
            growth = growth * part.share(state.product, parameters)
        rates = {"growth": growth}
        if self.maintenance:
            rates["maintenance"] = monod(
                state.substrate,
                maximum_rate=parameters.maintenance,
                half_saturation=constant(MAINTENANCE_DEPLETION, "g/L", like=state.substrate),
            )
        if self.product:
            rates["non_growth_production"] = parameters.non_growth_associated_rate
        return rates

    def formation(self, state: Any, parameters: Any, rates: Mapping[str, Any]) -> dict[str, Any]:
        """Form each concentration by reaction [g/(L h)], balanced whatever multiplies a rate."""
        growth = rates["growth"]
        uptake = growth / parameters.cell_yield
        if self.maintenance:
            uptake = pirt(
                growth, cell_yield=parameters.cell_yield, maintenance_rate=rates["maintenance"]
            )
        formation = {"biomass": growth * state.biomass, "substrate": -uptake * state.biomass}
        if self.product:
            formation["product"] = state.biomass * luedeking_piret(
                growth,
                growth_associated=parameters.growth_associated_yield,
                non_growth_associated=rates["non_growth_production"],
            )
        return formation


def _of_part(part: Any) -> dict[str, Any]:
    """Read unit and central interval of a law's parameters; one of your own may give none."""
    return {name: (unit, part.defaults.get(name)) for name, unit in part.units.items()}
