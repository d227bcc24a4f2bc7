"""Batch culture of one microbe on one substrate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.mechanistic.kinetics.growth_laws import GrowthLaw, Monod
from bayesbio.mechanistic.kinetics.inhibition_laws import InhibitionLaw
from bayesbio.mechanistic.kinetics.microbial_kinetics import MicrobialKinetics
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = ["BatchCulture"]


@dataclasses.dataclass(frozen=True)
class BatchCulture:
    """
    Cells that grow in a closed vessel until the substrate is used up.

    Parameters
    ----------
    growth : GrowthLaw or its name
        ``Monod()``, ``Haldane()``, ``Contois()``, ``Tessier()``, ``Moser()`` or a part of your own.
    maintenance : bool
        Pirt maintenance: substrate is also burned to stay alive.
    product : bool
        A product by Luedeking and Piret.
    product_inhibition : InhibitionLaw, its name, or None
        ``Levenspiel()`` or ``Hyperbolic()``: how the product slows growth.

    Raises
    ------
    ModelError
        For an unknown part, or inhibition by a product that is left out.

    Notes
    -----
    X' = mu X; S' = -(mu / Y + m) X; P' = (alpha mu + beta) X, with the laws in
    `bayesbio.mechanistic.kinetics.rates`. All concentrations in g/L. Maintenance fades below
    0.01 g/L substrate, so that the substrate stays zero or more.

    Examples
    --------
    >>> model = BatchCulture()
    >>> model.Parameters._fields
    ('maximum_growth_rate', 'substrate_monod_constant', 'cell_yield')
    >>> state, parameters = model.State(2.0, 1.0), model.Parameters(0.5, 1.0, 0.5)
    >>> rates = model.rates(0.0, state, parameters, None, None)
    >>> model.derivatives(0.0, state, parameters, None, None, rates)
    State(biomass=0.5, substrate=-1.0)
    """

    growth: GrowthLaw | str = Monod()
    maintenance: bool = False
    product: bool = False
    product_inhibition: InhibitionLaw | str | None = None

    inputs = ()
    settings = ()

    def __post_init__(self) -> None:
        parts = self._kinetics
        object.__setattr__(self, "growth", parts.growth)
        object.__setattr__(self, "product_inhibition", parts.product_inhibition)

    @property
    def _kinetics(self) -> MicrobialKinetics:
        return MicrobialKinetics(
            growth=self.growth,  # type: ignore[arg-type]
            maintenance=self.maintenance,
            product=self.product,
            product_inhibition=self.product_inhibition,  # type: ignore[arg-type]
        )

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        return record("State", self._kinetics.states)

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters."""
        return record("Parameters", self._kinetics.parameters)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return self._kinetics.units

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return self._kinetics.defaults

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """Elementary rates, by name."""
        return self._kinetics.rates(state, parameters)

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
        return self.State(**self._kinetics.formation(state, parameters, rates))

    def conserved(self, state: Any, parameters: Any, settings: Any) -> dict[str, Any]:
        """Quantities that stay constant between events."""
        if self.maintenance:
            return {}
        return {"substrate_balance": state.substrate + state.biomass / parameters.cell_yield}
