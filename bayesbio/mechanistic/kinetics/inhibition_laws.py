"""
Inhibition laws: the share of growth that is left beside a product.

A law is one entry of `INHIBITION_LAWS`: its equation and its parameters, each with unit, central
interval and source.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Protocol

from bayesbio.mechanistic.kinetics import rates
from bayesbio.mechanistic.parts import Law, TabulatedLaw
from bayesbio.mechanistic.process_model import Parameter

__all__ = [
    "INHIBITION_LAWS",
    "Hyperbolic",
    "InhibitionLaw",
    "Levenspiel",
    "TabulatedInhibitionLaw",
]

_REVIEW = "Han and Levenspiel (1988), doi:10.1002/bit.260320404"
_LEVENSPIEL = "Levenspiel (1980), doi:10.1002/bit.260220810"


class InhibitionLaw(Protocol):
    """What an inhibition law of one's own needs: units and central intervals of its parameters."""

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


INHIBITION_LAWS: dict[str, Law] = {
    "levenspiel": Law(
        lambda product, p: rates.levenspiel_inhibition(
            product, maximum_product=p.critical_product, exponent=p.product_inhibition_exponent
        ),
        {
            "critical_product": ("g/L", Parameter(20.0, 150.0, _LEVENSPIEL)),
            "product_inhibition_exponent": ("1", Parameter(0.4, 2.5, _REVIEW)),
        },
    ),
    "hyperbolic": Law(
        lambda product, p: rates.hyperbolic_inhibition(
            product, inhibition_constant=p.product_inhibition_constant
        ),
        {"product_inhibition_constant": ("g/L", Parameter(1.0, 100.0, _REVIEW))},
    ),
}
"""The inhibition laws, by name."""


class TabulatedInhibitionLaw(TabulatedLaw):
    """
    An inhibition law of the table.

    Examples
    --------
    >>> Hyperbolic().units
    {'product_inhibition_constant': 'g/L'}
    """

    table = INHIBITION_LAWS
    kind = "inhibition law"

    def share(self, product: Any, parameters: Any) -> Any:
        """Share of the growth rate that is left [1]; see `InhibitionLaw`."""
        return self.equation(product, parameters)


Levenspiel, Hyperbolic = (
    functools.partial(TabulatedInhibitionLaw, name) for name in ("levenspiel", "hyperbolic")
)
