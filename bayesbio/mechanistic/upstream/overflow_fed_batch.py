"""Fed-batch culture of Escherichia coli with acetate overflow."""

from __future__ import annotations

import dataclasses
from typing import Any

from bayesbio.mechanistic.process_model import Parameter, record
from bayesbio.mechanistic.upstream.overflow_culture import OverflowCulture

__all__ = ["OverflowFedBatch"]

_XU = "Xu, Jahic and Enfors (1999), doi:10.1021/bp9801087"


@dataclasses.dataclass(frozen=True)
class OverflowFedBatch(OverflowCulture):
    """
    Escherichia coli on glucose: acetate is formed beyond a critical uptake, and re-consumed.

    Its options (gas, oxygen_transfer, base) and equations are those of `OverflowCulture`, after
    Xu, Jahic and Enfors (1999), doi:10.1021/bp9801087. The input ``feed_rate`` [L/h] is zero where
    a run gives none; the setting ``feed_glucose`` is in g/L.

    Examples
    --------
    >>> OverflowFedBatch(gas=True).output_names[:2]
    ('oxygen_uptake_rate', 'carbon_dioxide_evolution_rate')
    """

    byproduct = "acetate"
    intervals = {
        "maximum_uptake": Parameter(0.7, 2.2, _XU),
        "glucose_monod_constant": Parameter(0.01, 0.2, _XU),
        "respiratory_capacity": Parameter(0.3, 1.2, _XU),
        "oxidative_yield": Parameter(0.35, 0.6, _XU),
        "overflow_yield": Parameter(0.05, 0.3, _XU),
        "acetate_yield_on_glucose": Parameter(0.3, 0.9, _XU),
        "maximum_acetate_uptake": Parameter(0.05, 0.5, _XU),
        "acetate_monod_constant": Parameter(0.02, 0.5, _XU),
        "cell_yield_on_acetate": Parameter(0.15, 0.5, _XU),
        "acetate_inhibition_constant": Parameter(2.0, 30.0, _XU),
    }

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        return record("State", self.state_names)
