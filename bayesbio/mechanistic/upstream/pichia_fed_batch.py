"""Fed-batch culture of Pichia pastoris on glycerol, then methanol."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.mechanistic.kinetics.rates import haldane, hyperbolic_inhibition, monod
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = ["PichiaFedBatch"]

_COS = "Cos et al. (2006), doi:10.1186/1475-2859-5-17"
_UNITS = {"volume": "L", "feed_rate": "L/h", "feed_rate_2": "L/h"}
_TERMS = {
    "maximum_growth_rate": ("1/h", Parameter(0.1, 0.35, _COS)),
    "glycerol_monod_constant": ("g/L", Parameter(0.02, 1.0, _COS)),
    "cell_yield_on_glycerol": ("g/g", Parameter(0.35, 0.7, _COS)),
    "maximum_growth_on_methanol": ("1/h", Parameter(0.02, 0.15, _COS)),
    "methanol_monod_constant": ("g/L", Parameter(0.05, 3.0, _COS)),
    "methanol_inhibition_constant": ("g/L", Parameter(3.0, 40.0, _COS)),
    "cell_yield_on_methanol": ("g/g", Parameter(0.15, 0.5, _COS)),
    "methanol_maintenance": ("g/(g h)", Parameter(0.003, 0.05, _COS)),
    "glycerol_repression_constant": ("g/L", Parameter(0.01, 1.0, _COS)),
    "growth_associated_yield": ("g/g", Parameter(0.001, 0.2, _COS)),
    "non_growth_associated_rate": ("g/(g h)", Parameter(1e-5, 5e-3, _COS)),
}
_PRODUCT = ("growth_associated_yield", "non_growth_associated_rate")


@dataclasses.dataclass(frozen=True)
class PichiaFedBatch:
    """
    Growth on glycerol, then growth and induced production on methanol.

    Parameters
    ----------
    titer : bool
        Without it there is no product.

    Notes
    -----
    With r = K_r/(K_r + G) (glycerol represses the use of methanol), D = (F + F_2)/V::

        mu_G = mu_max G/(K_G + G);  mu_M = r mu_M,max M/(K_M + M + M^2/K_i)
        q_M = mu_M/Y_M + r m M/(K_M + M);  q_P = r M/(K_M + M) beta + alpha mu_M
        X' = (mu_G + mu_M) X - D X;  G' = -mu_G/Y_G X + F G_feed/V - D G
        M' = -q_M X + F_2 M_feed/V - D M;  P' = q_P X - D P;  V' = F + F_2

    (forms reviewed by Cos et al. 2006, doi:10.1186/1475-2859-5-17). Inputs ``feed_rate`` (glycerol)
    and ``feed_rate_2`` (methanol) [L/h] are zero where a run gives none; ``feed_glycerol`` and
    ``feed_methanol`` are settings [g/L].

    Examples
    --------
    >>> PichiaFedBatch().State._fields
    ('biomass', 'glycerol', 'methanol', 'titer', 'volume')
    """

    titer: bool = True

    inputs = ("feed_rate", "feed_rate_2")
    settings = ("feed_glycerol", "feed_methanol")
    input_defaults = {"feed_rate": 0.0, "feed_rate_2": 0.0}

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        product = ("titer",) if self.titer else ()
        return record("State", ("biomass", "glycerol", "methanol", *product, "volume"))

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters."""
        return record("Parameters", tuple(self.defaults))

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {
            name: interval
            for name, (_, interval) in _TERMS.items()
            if self.titer or name not in _PRODUCT
        }

    @property
    def setting_defaults(self) -> Mapping[str, float]:
        """Values of settings that a run may leave out: no methanol, no product at the start."""
        return {"initial_methanol": 0.0} | ({"initial_titer": 0.0} if self.titer else {})

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        solutes = dict.fromkeys((*self.State._fields, *self.settings), "g/L")
        return solutes | _UNITS | {name: _TERMS[name][0] for name in self.defaults}

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """Growth on either substrate and maintenance; production where modelled."""
        share = hyperbolic_inhibition(
            state.glycerol, inhibition_constant=parameters.glycerol_repression_constant
        )
        induced = share * monod(
            state.methanol, maximum_rate=1, half_saturation=parameters.methanol_monod_constant
        )
        rates = {
            "growth_on_glycerol": monod(
                state.glycerol,
                maximum_rate=parameters.maximum_growth_rate,
                half_saturation=parameters.glycerol_monod_constant,
            ),
            "growth_on_methanol": share
            * haldane(
                state.methanol,
                maximum_rate=parameters.maximum_growth_on_methanol,
                half_saturation=parameters.methanol_monod_constant,
                inhibition_constant=parameters.methanol_inhibition_constant,
            ),
            "methanol_maintenance": induced * parameters.methanol_maintenance,
        }
        if self.titer:
            rates["production"] = induced * parameters.non_growth_associated_rate
        return rates

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
        cells, flow = state.biomass, inputs.feed_rate + inputs.feed_rate_2
        on_glycerol, on_methanol = rates["growth_on_glycerol"], rates["growth_on_methanol"]
        methanol_uptake = (
            on_methanol / parameters.cell_yield_on_methanol + rates["methanol_maintenance"]
        )
        slopes = {
            "biomass": (on_glycerol + on_methanol) * cells,
            "glycerol": -on_glycerol / parameters.cell_yield_on_glycerol * cells
            + inputs.feed_rate * settings.feed_glycerol / state.volume,
            "methanol": -methanol_uptake * cells
            + inputs.feed_rate_2 * settings.feed_methanol / state.volume,
        }
        if self.titer:
            specific = parameters.growth_associated_yield * on_methanol + rates["production"]
            slopes["titer"] = specific * cells
        dilution = flow / state.volume
        diluted = {name: slope - dilution * getattr(state, name) for name, slope in slopes.items()}
        return self.State(**diluted, volume=flow)
