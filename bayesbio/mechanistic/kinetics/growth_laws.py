"""The growth menu: interchangeable parts that a culture is built with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from bayesbio.mechanistic.kinetics import rates
from bayesbio.mechanistic.parts import find_part
from bayesbio.mechanistic.process_model import Parameter

__all__ = ["GROWTH_LAWS", "Contois", "GrowthLaw", "Haldane", "Monod", "Moser", "Tessier"]

_SUSPENDED_MICROBES = "Kovarova-Kovar and Egli (1998), doi:10.1128/mmbr.62.3.646-666.1998"

_MAXIMUM_RATE = Parameter(low=0.05, high=0.8, source=_SUSPENDED_MICROBES)
_MONOD_CONSTANT = Parameter(low=0.005, high=1.0, source=_SUSPENDED_MICROBES)


class GrowthLaw(Protocol):
    """
    How the specific growth rate depends on substrate and biomass.

    Attributes
    ----------
    name : str
        Its name in the menu.
    units : mapping of str to str
        The parameters it brings, with their units.
    defaults : mapping of str to Parameter
        Their central intervals.
    """

    @property
    def name(self) -> str:
        """Name in the menu."""
        ...

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


@dataclasses.dataclass(frozen=True)
class Monod:
    """
    Monod growth, see `bayesbio.mechanistic.kinetics.rates.monod`.

    Examples
    --------
    >>> sorted(Monod().units)
    ['maximum_growth_rate', 'substrate_monod_constant']
    """

    name: str = dataclasses.field(default="monod", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {"maximum_growth_rate": "1/h", "substrate_monod_constant": "g/L"}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {
            "maximum_growth_rate": _MAXIMUM_RATE,
            "substrate_monod_constant": _MONOD_CONSTANT,
        }

    def rate(self, substrate: Any, biomass: Any, parameters: Any) -> Any:
        """Specific growth rate [1/h]."""
        return rates.monod(
            substrate,
            maximum_rate=parameters.maximum_growth_rate,
            half_saturation=parameters.substrate_monod_constant,
        )


@dataclasses.dataclass(frozen=True)
class Haldane:
    """
    Growth that excess substrate inhibits, see `bayesbio.mechanistic.kinetics.rates.haldane`.

    Examples
    --------
    >>> Haldane().units["substrate_inhibition_constant"]
    'g/L'
    """

    name: str = dataclasses.field(default="haldane", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {
            "maximum_growth_rate": "1/h",
            "substrate_monod_constant": "g/L",
            "substrate_inhibition_constant": "g/L",
        }

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {
            "maximum_growth_rate": _MAXIMUM_RATE,
            "substrate_monod_constant": _MONOD_CONSTANT,
            "substrate_inhibition_constant": Parameter(
                low=5.0, high=300.0, source="Andrews (1968), doi:10.1002/bit.260100602"
            ),
        }

    def rate(self, substrate: Any, biomass: Any, parameters: Any) -> Any:
        """Specific growth rate [1/h]."""
        return rates.haldane(
            substrate,
            maximum_rate=parameters.maximum_growth_rate,
            half_saturation=parameters.substrate_monod_constant,
            inhibition_constant=parameters.substrate_inhibition_constant,
        )


@dataclasses.dataclass(frozen=True)
class Contois:
    """
    Growth limited by substrate per biomass, see `bayesbio.mechanistic.kinetics.rates.contois`.

    Examples
    --------
    >>> Contois().units["contois_constant"]
    'g/g'
    """

    name: str = dataclasses.field(default="contois", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {"maximum_growth_rate": "1/h", "contois_constant": "g/g"}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {
            "maximum_growth_rate": _MAXIMUM_RATE,
            "contois_constant": Parameter(
                low=0.005, high=1.0, source="Contois (1959), doi:10.1099/00221287-21-1-40"
            ),
        }

    def rate(self, substrate: Any, biomass: Any, parameters: Any) -> Any:
        """Specific growth rate [1/h]."""
        return rates.contois(
            substrate,
            biomass=biomass,
            maximum_rate=parameters.maximum_growth_rate,
            contois_constant=parameters.contois_constant,
        )


@dataclasses.dataclass(frozen=True)
class Tessier:
    """
    Growth with an exponential approach, see `bayesbio.mechanistic.kinetics.rates.tessier`.

    Examples
    --------
    >>> Tessier().units["tessier_constant"]
    'g/L'
    """

    name: str = dataclasses.field(default="tessier", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {"maximum_growth_rate": "1/h", "tessier_constant": "g/L"}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {
            "maximum_growth_rate": _MAXIMUM_RATE,
            "tessier_constant": Parameter(low=0.007, high=1.5, source=_SUSPENDED_MICROBES),
        }

    def rate(self, substrate: Any, biomass: Any, parameters: Any) -> Any:
        """Specific growth rate [1/h]."""
        return rates.tessier(
            substrate,
            maximum_rate=parameters.maximum_growth_rate,
            tessier_constant=parameters.tessier_constant,
        )


@dataclasses.dataclass(frozen=True)
class Moser:
    """
    Monod growth with an exponent, see `bayesbio.mechanistic.kinetics.rates.moser`.

    Examples
    --------
    >>> Moser().units["moser_exponent"]
    '1'
    """

    name: str = dataclasses.field(default="moser", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {
            "maximum_growth_rate": "1/h",
            "substrate_monod_constant": "g/L",
            "moser_exponent": "1",
        }

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {
            "maximum_growth_rate": _MAXIMUM_RATE,
            "substrate_monod_constant": _MONOD_CONSTANT,
            "moser_exponent": Parameter(low=1.0, high=3.0, source=_SUSPENDED_MICROBES),
        }

    def rate(self, substrate: Any, biomass: Any, parameters: Any) -> Any:
        """Specific growth rate [1/h]."""
        return rates.moser(
            substrate,
            maximum_rate=parameters.maximum_growth_rate,
            half_saturation=parameters.substrate_monod_constant,
            exponent=parameters.moser_exponent,
        )


GROWTH_LAWS: Mapping[str, type[Any]] = {
    "monod": Monod,
    "haldane": Haldane,
    "contois": Contois,
    "tessier": Tessier,
    "moser": Moser,
}
"""The growth menu, by name."""


def growth_law(given: Any) -> GrowthLaw:
    """
    Growth law from a part, its name, or the mapping that an archive keeps.

    Parameters
    ----------
    given : GrowthLaw, str or mapping with the key ``name``

    Returns
    -------
    GrowthLaw

    Raises
    ------
    ModelError
        For a name that is not on the menu.

    Examples
    --------
    >>> growth_law("contois")
    Contois(name='contois')
    """
    return find_part(given, GROWTH_LAWS, kind="growth law", method="rate")
