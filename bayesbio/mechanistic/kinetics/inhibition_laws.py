"""How a product slows growth: interchangeable parts that a culture is built with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from bayesbio.mechanistic.kinetics import rates
from bayesbio.mechanistic.parts import find_part
from bayesbio.mechanistic.process_model import Parameter

__all__ = ["INHIBITION_LAWS", "Hyperbolic", "InhibitionLaw", "Levenspiel"]

_REVIEW = "Han and Levenspiel (1988), doi:10.1002/bit.260320404"


class InhibitionLaw(Protocol):
    """
    The share of growth that is left beside a product.

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

    def share(self, product: Any, parameters: Any) -> Any:
        """
        Share of the growth rate that is left.

        Parameters
        ----------
        product : array, any shape [g/L]
        parameters : record
            Holds at least the parameters named in ``units``.

        Returns
        -------
        array, broadcast shape [1]
        """
        ...


@dataclasses.dataclass(frozen=True)
class Levenspiel:
    """
    Growth ends at a maximum product, see `kinetics.rates.levenspiel_inhibition`.

    Examples
    --------
    >>> sorted(Levenspiel().units)
    ['critical_product', 'product_inhibition_exponent']
    """

    name: str = dataclasses.field(default="levenspiel", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {"critical_product": "g/L", "product_inhibition_exponent": "1"}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {
            "critical_product": Parameter(
                low=20.0, high=150.0, source="Levenspiel (1980), doi:10.1002/bit.260220810"
            ),
            "product_inhibition_exponent": Parameter(low=0.4, high=2.5, source=_REVIEW),
        }

    def share(self, product: Any, parameters: Any) -> Any:
        """Share of the growth rate that is left [1]."""
        return rates.levenspiel_inhibition(
            product,
            maximum_product=parameters.critical_product,
            exponent=parameters.product_inhibition_exponent,
        )


@dataclasses.dataclass(frozen=True)
class Hyperbolic:
    """
    Growth fades with product, see `bayesbio.mechanistic.kinetics.rates.hyperbolic_inhibition`.

    Examples
    --------
    >>> Hyperbolic().units
    {'product_inhibition_constant': 'g/L'}
    """

    name: str = dataclasses.field(default="hyperbolic", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {"product_inhibition_constant": "g/L"}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {"product_inhibition_constant": Parameter(low=1.0, high=100.0, source=_REVIEW)}

    def share(self, product: Any, parameters: Any) -> Any:
        """Share of the growth rate that is left [1]."""
        return rates.hyperbolic_inhibition(
            product, inhibition_constant=parameters.product_inhibition_constant
        )


INHIBITION_LAWS: Mapping[str, type[Any]] = {"levenspiel": Levenspiel, "hyperbolic": Hyperbolic}
"""The inhibition menu, by name."""


def inhibition_law(given: Any) -> InhibitionLaw:
    """
    Inhibition law from a part, its name, or the mapping that an archive keeps.

    Parameters
    ----------
    given : InhibitionLaw, str or mapping with the key ``name``

    Returns
    -------
    InhibitionLaw

    Raises
    ------
    ModelError
        For a name that is not on the menu.

    Examples
    --------
    >>> inhibition_law("hyperbolic")
    Hyperbolic(name='hyperbolic')
    """
    return find_part(given, INHIBITION_LAWS, kind="inhibition law", method="share")
