"""
Forms of a growth curve: the value of a quantity that rises from a start to a plateau.

A form is one entry of `GROWTH_FORMS`: its equation in time, start and parameters (plateau among
them), and its parameters beside the plateau, each with unit, central interval and source.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, Protocol

from bayesbio.mechanistic.functions import exp, log, smooth_maximum
from bayesbio.mechanistic.kinetics.rates import power_of_positive
from bayesbio.mechanistic.parts import Law, TabulatedLaw
from bayesbio.mechanistic.process_model import Parameter

__all__ = [
    "GROWTH_FORMS",
    "BaranyiRoberts",
    "Gompertz",
    "GrowthForm",
    "KumaraswamyRamp",
    "Logistic",
    "TabulatedGrowthForm",
    "Weibull",
]

RAMP_CORNER = 0.01
"""Rounding of a ramp's start and end, as a share of its rise time [1]."""

_CELLS = "mammalian to bacterial cells, doi:10.1128/mmbr.62.3.646-666.1998"
_BARANYI = "Baranyi and Roberts (1994), doi:10.1016/0168-1605(94)90157-0"
_ZWIETERING = "Zwietering et al. (1990), doi:10.1128/aem.56.6.1875-1881.1990"
_WEIBULL = "Weibull (1951), doi:10.1115/1.4010337; range assumed for cultures of hours to weeks"
_RAMP = "Kumaraswamy (1980), doi:10.1016/0022-1694(80)90036-0; range assumed for cultures"
_RATE = ("1/h", Parameter(0.01, 1.5, _CELLS))


class GrowthForm(Protocol):
    """What a form of one's own needs: units and central intervals of its parameters."""

    @property
    def units(self) -> Mapping[str, str]:
        """Parameters beside the plateau, and their units."""
        ...

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central intervals of these parameters."""
        ...

    def value(self, time: Any, start: Any, parameters: Any) -> Any:
        """
        Value at a time.

        Parameters
        ----------
        time : array, any shape [h]
        start : broadcastable [unit of the quantity]
            Value before growth.
        parameters : record
            Holds ``plateau`` and the parameters named in ``units``.

        Returns
        -------
        array, broadcast shape [unit of the quantity]
        """
        ...


def _baranyi_roberts(time: Any, start: Any, p: Any) -> Any:
    growing = exp(-p.maximum_growth_rate * time)
    waiting = exp(-p.maximum_growth_rate * p.lag_time)
    left = growing / (growing + waiting - growing * waiting)
    return p.plateau / (1 + (p.plateau / start - 1) * left)


def _logistic(time: Any, start: Any, p: Any) -> Any:
    left = exp(-p.maximum_growth_rate * time)
    return p.plateau / (1 + (p.plateau / start - 1) * left)


def _gompertz(time: Any, start: Any, p: Any) -> Any:
    rise = log(p.plateau / start)
    steepness = p.maximum_growth_rate * math.e / rise
    return start * exp(rise * exp(-exp(steepness * (p.lag_time - time) + 1)))


def _weibull(time: Any, start: Any, p: Any) -> Any:
    elapsed = (time - p.lag_time) / p.time_scale
    risen = 1 - exp(-power_of_positive(elapsed, exponent=p.shape_exponent))
    return start + (p.plateau - start) * risen


def _kumaraswamy_ramp(time: Any, start: Any, p: Any) -> Any:
    elapsed = (time - p.lag_time) / p.rise_time
    begun = smooth_maximum(elapsed, 0, width=RAMP_CORNER)
    share = 1 - smooth_maximum(1 - begun, 0, width=RAMP_CORNER)
    left = 1 - power_of_positive(share, exponent=p.rise_exponent)
    risen = 1 - power_of_positive(left, exponent=p.settling_exponent)
    return start + (p.plateau - start) * risen


GROWTH_FORMS: dict[str, Law] = {
    # Exponential growth after a lag in which the cells adapt:
    # y = y_max / (1 + (y_max / y_0 - 1) exp(-mu A)),
    # exp(-mu A) = e^(-mu t) / (e^(-mu t) + e^(-mu lag) - e^(-mu t - mu lag))
    "baranyi_roberts": Law(
        _baranyi_roberts,
        {"maximum_growth_rate": _RATE, "lag_time": ("h", Parameter(0.5, 30.0, _BARANYI))},
    ),
    # Exponential growth from the start (Zwietering et al. 1990):
    # y = y_max / (1 + (y_max / y_0 - 1) exp(-mu t))
    "logistic": Law(_logistic, {"maximum_growth_rate": _RATE}),
    # Asymmetric sigmoid on the log scale, in biological parameters; the start is the level long
    # before growth: ln(y / y_0) = A exp(-exp(mu e / A (lag - t) + 1)), A = ln(y_max / y_0)
    "gompertz": Law(
        _gompertz,
        {"maximum_growth_rate": _RATE, "lag_time": ("h", Parameter(0.5, 30.0, _ZWIETERING))},
    ),
    # Weibull's distribution function after a lag:
    # y = y_0 + (y_max - y_0) (1 - exp(-((t - lag) / tau)^k))
    "weibull": Law(
        _weibull,
        {
            "lag_time": ("h", Parameter(0.5, 30.0, _WEIBULL)),
            "time_scale": ("h", Parameter(5.0, 200.0, _WEIBULL)),
            "shape_exponent": ("1", Parameter(0.7, 4.0, _WEIBULL)),
        },
    ),
    # Kumaraswamy's distribution function between two times, corners rounded over 1 % of the rise:
    # y = y_0 + (y_max - y_0) (1 - (1 - x^a)^b), x = (t - lag) / rise time held between 0 and 1
    "kumaraswamy_ramp": Law(
        _kumaraswamy_ramp,
        {
            "lag_time": ("h", Parameter(0.5, 30.0, _RAMP)),
            "rise_time": ("h", Parameter(10.0, 300.0, _RAMP)),
            "rise_exponent": ("1", Parameter(0.7, 5.0, _RAMP)),
            "settling_exponent": ("1", Parameter(0.7, 5.0, _RAMP)),
        },
    ),
}
"""The forms of a growth curve, by name."""


class TabulatedGrowthForm(TabulatedLaw):
    """
    A form of the table.

    Examples
    --------
    >>> sorted(Gompertz().units)
    ['lag_time', 'maximum_growth_rate']
    """

    table = GROWTH_FORMS
    kind = "growth form"

    def value(self, time: Any, start: Any, parameters: Any) -> Any:
        """Value at a time; see `GrowthForm`."""
        return self.equation(time, start, parameters)


BaranyiRoberts, Logistic, Gompertz, Weibull, KumaraswamyRamp = (
    functools.partial(TabulatedGrowthForm, name)
    for name in ("baranyi_roberts", "logistic", "gompertz", "weibull", "kumaraswamy_ramp")
)
