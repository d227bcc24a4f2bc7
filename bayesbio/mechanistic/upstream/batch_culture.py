"""Batch culture of one microbe on one substrate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.mechanistic.process_model import record
from bayesbio.mechanistic.upstream.microbial_culture import MicrobialCulture

__all__ = ["BatchCulture"]


@dataclasses.dataclass(frozen=True)
class BatchCulture(MicrobialCulture):
    """
    Cells that grow in a closed vessel until the substrate is used up.

    Its options (growth law, maintenance, product, inhibition) are those of `MicrobialCulture`.

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

    inputs = ()
    settings = ()

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        return record("State", self.concentrations)

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
        return self.State(**self.formation(state, parameters, rates))

    def conserved(self, state: Any, parameters: Any, settings: Any) -> dict[str, Any]:
        """Quantities that stay constant between events."""
        if self.maintenance:
            return {}
        return {"substrate_balance": state.substrate + state.biomass / parameters.cell_yield}
