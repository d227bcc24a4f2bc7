"""Growth, maintenance and product of one microbe on one substrate, whatever the vessel."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.errors import ModelError
from bayesbio.mechanistic.functions import constant
from bayesbio.mechanistic.kinetics.growth_laws import GrowthLaw, growth_law
from bayesbio.mechanistic.kinetics.inhibition_laws import InhibitionLaw, inhibition_law
from bayesbio.mechanistic.kinetics.rates import luedeking_piret, monod, pirt
from bayesbio.mechanistic.process_model import Parameter

__all__ = ["MAINTENANCE_DEPLETION", "MicrobialKinetics"]

MAINTENANCE_DEPLETION = 0.01
"""Substrate at which maintenance is halved because little is left to burn [g/L]."""


@dataclasses.dataclass(frozen=True)
class MicrobialKinetics:
    """
    The reactions of a culture: what one gram of cells does in an hour.

    Parameters
    ----------
    growth : GrowthLaw or its name
        From the growth menu.
    maintenance : bool
        Pirt maintenance: substrate is also burned to stay alive.
    product : bool
        Luedeking-Piret product. The yield of cells on substrate is then an apparent one, which
        includes what the product takes.
    product_inhibition : InhibitionLaw, its name, or None
        How the product slows growth; needs ``product=True``.

    Raises
    ------
    ModelError
        For an unknown part, or inhibition by a product that is left out.

    Examples
    --------
    >>> MicrobialKinetics(growth="contois", maintenance=True).parameters
    ('maximum_growth_rate', 'contois_constant', 'cell_yield', 'maintenance')
    """

    growth: GrowthLaw
    maintenance: bool = False
    product: bool = False
    product_inhibition: InhibitionLaw | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "growth", growth_law(self.growth))
        if self.product_inhibition is not None:
            object.__setattr__(self, "product_inhibition", inhibition_law(self.product_inhibition))
            if not self.product:
                raise ModelError(
                    "product_inhibition was given, but the product is left out; set product=True "
                    "or drop product_inhibition."
                )

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the concentrations."""
        return ("biomass", "substrate", "product") if self.product else ("biomass", "substrate")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(name for name in self.units if name not in self.states)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every concentration and parameter."""
        units = dict.fromkeys(self.states, "g/L") | dict(self.growth.units)
        units["cell_yield"] = "g/g"
        if self.maintenance:
            units["maintenance"] = "g/(g h)"
        if self.product:
            units["growth_associated_yield"] = "g/g"
            units["non_growth_associated_rate"] = "g/(g h)"
        if self.product_inhibition is not None:
            units |= self.product_inhibition.units
        return units

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central interval of every parameter."""
        defaults = dict(self.growth.defaults)
        defaults["cell_yield"] = Parameter(
            low=0.1, high=0.6, source="Heijnen and van Dijken (1992), doi:10.1002/bit.260390806"
        )
        if self.maintenance:
            defaults["maintenance"] = Parameter(
                low=0.005, high=0.1, source="Tijhuis et al. (1993), doi:10.1002/bit.260420415"
            )
        if self.product:
            source = "order of magnitude, Luedeking and Piret (1959), doi:10.1002/jbmte.390010406"
            defaults["growth_associated_yield"] = Parameter(0.02, 5.0, source)
            defaults["non_growth_associated_rate"] = Parameter(0.0005, 0.5, source)
        if self.product_inhibition is not None:
            defaults |= self.product_inhibition.defaults
        return defaults

    def rates(self, state: Any, parameters: Any) -> dict[str, Any]:
        """
        Elementary specific rates.

        Parameters
        ----------
        state : record
            Holds biomass, substrate and, where it is modelled, product [g/L].
        parameters : record

        Returns
        -------
        dict of str to array
            ``growth`` [1/h]; ``maintenance`` and ``non_growth_production`` [g/(g h)] where
            modelled.
        """
        growth = self.growth.rate(state.substrate, state.biomass, parameters)
        if self.product_inhibition is not None:
            growth = growth * self.product_inhibition.share(state.product, parameters)
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
        """
        Form each concentration by reaction, balanced whatever multiplies a rate.

        Parameters
        ----------
        state, parameters : records
        rates : mapping
            As given by `rates`, or with some of them multiplied.

        Returns
        -------
        dict of str to array [g/(L h)]
        """
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
