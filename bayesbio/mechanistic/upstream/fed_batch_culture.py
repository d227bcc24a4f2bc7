"""Fed-batch culture of one microbe on one substrate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.mechanistic.process_model import record
from bayesbio.mechanistic.upstream.microbial_culture import MicrobialCulture

__all__ = ["FedBatchCulture"]


@dataclasses.dataclass(frozen=True)
class FedBatchCulture(MicrobialCulture):
    """
    Cells that grow while a feed brings substrate and fills the vessel.

    Its options (growth law, maintenance, product, inhibition) are those of `MicrobialCulture`.

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

    inputs = ("feed_rate",)
    settings = ("feed_substrate",)
    input_defaults = {"feed_rate": 0.0}

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        return record("State", (*self.concentrations, "volume"))

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        vessel = {"volume": "L", "feed_rate": "L/h", "feed_substrate": "g/L"}
        return {**super().units, **vessel}

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
        formation = self.formation(state, parameters, rates)
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
