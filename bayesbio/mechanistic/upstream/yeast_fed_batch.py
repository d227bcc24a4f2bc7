"""Fed-batch culture of baker's yeast with ethanol overflow and diauxic growth."""

from __future__ import annotations

import dataclasses
from typing import Any

from bayesbio.mechanistic.process_model import Parameter, record
from bayesbio.mechanistic.upstream.overflow_culture import OverflowCulture

__all__ = ["YeastFedBatch"]

_SONNLEITNER = "Sonnleitner and Kaeppeli (1986), doi:10.1002/bit.260280615"


@dataclasses.dataclass(frozen=True)
class YeastFedBatch(OverflowCulture):
    """
    Saccharomyces cerevisiae on glucose: ethanol beyond the respiratory capacity, then diauxie.

    Its options (gas, oxygen_transfer, base) and equations are those of `OverflowCulture`, after
    Sonnleitner and Kaeppeli (1986), doi:10.1002/bit.260280615. The input ``feed_rate`` [L/h] is
    zero where a run gives none; the setting ``feed_glucose`` is in g/L.

    Examples
    --------
    >>> YeastFedBatch().State._fields
    ('biomass', 'glucose', 'ethanol', 'volume')
    """

    byproduct = "ethanol"
    intervals = {
        "maximum_uptake": Parameter(1.5, 5.0, _SONNLEITNER),
        "glucose_monod_constant": Parameter(0.02, 0.5, _SONNLEITNER),
        "respiratory_capacity": Parameter(0.2, 0.9, _SONNLEITNER),
        "oxidative_yield": Parameter(0.4, 0.6, _SONNLEITNER),
        "overflow_yield": Parameter(0.04, 0.16, _SONNLEITNER),
        "ethanol_yield_on_glucose": Parameter(0.3, 0.5, _SONNLEITNER),
        "maximum_ethanol_uptake": Parameter(0.05, 0.4, _SONNLEITNER),
        "ethanol_monod_constant": Parameter(0.02, 0.5, _SONNLEITNER),
        "cell_yield_on_ethanol": Parameter(0.4, 0.8, _SONNLEITNER),
        "ethanol_inhibition_constant": Parameter(
            15.0, 120.0, "assumed: ethanol halves the uptake of sugar at 2 to 10 %"
        ),
    }

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        return record("State", self.state_names)
