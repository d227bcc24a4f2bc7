"""Fed-batch culture of one microbe on one substrate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.mechanistic.kinetics.growth_laws import GrowthLaw, Monod
from bayesbio.mechanistic.kinetics.inhibition_laws import InhibitionLaw
from bayesbio.mechanistic.kinetics.microbial_kinetics import MicrobialKinetics
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = ["FedBatchCulture"]


@dataclasses.dataclass(frozen=True)
class FedBatchCulture:
    """
    Cells that grow while a feed brings substrate and fills the vessel.

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
    With D = F / V: X' = mu X - D X; S' = -(mu / Y + m) X + D (S_feed - S);
    P' = (alpha mu + beta) X - D P; V' = F. The input ``feed_rate`` F [L/h] is zero where a run
    gives none; the setting ``feed_substrate`` S_feed is in g/L.

    Examples
    --------
    >>> model = FedBatchCulture(growth="haldane", product=True)
    >>> model.State._fields
    ('biomass', 'substrate', 'product', 'volume')
    """

    growth: GrowthLaw | str = Monod()
    maintenance: bool = False
    product: bool = False
    product_inhibition: InhibitionLaw | str | None = None

    inputs = ("feed_rate",)
    settings = ("feed_substrate",)

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
        return record("State", (*self._kinetics.states, "volume"))

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters."""
        return record("Parameters", self._kinetics.parameters)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        vessel = {"volume": "L", "feed_rate": "L/h", "feed_substrate": "g/L"}
        return {**self._kinetics.units, **vessel}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return self._kinetics.defaults

    @property
    def input_defaults(self) -> Mapping[str, float]:
        """Values of inputs that a run may leave out."""
        return {"feed_rate": 0.0}

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
        formation = self._kinetics.formation(state, parameters, rates)
        dilution = inputs.feed_rate / state.volume
        slopes = {
            "biomass": formation["biomass"] - dilution * state.biomass,
            "substrate": formation["substrate"]
            + dilution * (settings.feed_substrate - state.substrate),
            "volume": inputs.feed_rate,
        }
        if self.product:
            slopes["product"] = formation["product"] - dilution * state.product
        return self.State(**slopes)

    def conserved(self, state: Any, parameters: Any, settings: Any) -> dict[str, Any]:
        """Quantities that stay constant between events."""
        if self.maintenance:
            return {}
        bound = state.biomass / parameters.cell_yield
        missing = settings.feed_substrate - state.substrate - bound
        return {"substrate_balance": missing * state.volume}
