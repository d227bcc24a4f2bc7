"""Perfusion culture of mammalian cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.errors import ModelError
from bayesbio.mechanistic.process_model import Parameter
from bayesbio.mechanistic.upstream.mammalian_fed_batch import MammalianFedBatch

__all__ = ["Perfusion"]

_DEVICE = "assumed: cell retention devices hold back 90 to 100 % of the cells"
_SIEVING = "assumed: between a fouled and a free membrane"
_PARTS = {
    "cell_retention": ("1", Parameter(0.9, 0.9999, _DEVICE)),
    "product_sieving": ("1", Parameter(0.4, 1.0, _SIEVING)),
}


@dataclasses.dataclass(frozen=True)
class Perfusion(MammalianFedBatch):
    """
    Cells held back in the vessel while medium flows through it, with a bleed.

    What the cells do, and the options for it, are those of `MammalianFedBatch`; only the flows
    differ.

    Parameters
    ----------
    leaking : bool
        The device lets some cells through: adds ``cell_retention``, the share held back.
    sieving : bool
        The device holds back product, too: adds ``product_sieving``, permeate over vessel
        concentration.

    Notes
    -----
    With the medium's flow F_p (``perfusion_rate``), of which the bleed takes F_b (``bleed_rate``)
    with cells and the device the rest, h = (F_p - F_b) / V and b = F_b / V::

        X' = r_X - b X - (1 - R) h X;  c' = r_c + (F_p / V) c_medium - (b + h) c
        P' = r_P - (b + s h) P;  V' = 0

    (reviewed by Bielser et al. 2018, doi:10.1016/j.biotechadv.2018.05.011). Concentrations of the
    medium are the settings ``feed_glucose`` ... [g/L].

    Examples
    --------
    >>> Perfusion(glutamine=False).inputs
    ('perfusion_rate', 'bleed_rate')
    """

    leaking: bool = False
    sieving: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.feed:
            raise ModelError("A perfusion is fed with medium: leave out feed=False.")
        if self.sieving and not self.titer:
            raise ModelError("sieving needs titer: leave out titer=False or sieving.")

    @property
    def _terms(self) -> dict[str, tuple[str, Parameter]]:
        asked = {"cell_retention": self.leaking, "product_sieving": self.sieving}
        return super()._terms | {name: _PARTS[name] for name, wanted in asked.items() if wanted}

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what changes in time."""
        others = tuple(name for name in super().inputs if name != "feed_rate")
        return ("perfusion_rate", "bleed_rate", *others)

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
        medium = inputs.perfusion_rate / state.volume
        bleed = inputs.bleed_rate / state.volume
        harvest = medium - bleed
        lost = dict.fromkeys(("viable_cell_density", "dead_cell_density"), bleed)
        if self.leaking:
            lost = dict.fromkeys(lost, bleed + (1 - parameters.cell_retention) * harvest)
        if self.sieving:
            lost["titer"] = bleed + parameters.product_sieving * harvest
        supplied = {
            name: getattr(settings, f"feed_{name}") for name in ("glucose", *self._limiting)
        }
        slopes = {
            name: formed - lost.get(name, medium) * getattr(state, name)
            for name, formed in self.formation(state, parameters, rates).items()
        }
        for name, concentration in supplied.items():
            slopes[name] += medium * concentration
        return self.State(**slopes, volume=0 * state.volume * rates["growth"])

    def conserved(self, state: Any, parameters: Any, settings: Any) -> dict[str, Any]:
        """Nothing is conserved while cells are held back and product is not."""
        return {}
