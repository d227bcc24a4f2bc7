"""Growth curves in closed form: how a quantity rises from a start to a plateau."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Protocol

from bayesbio.errors import ModelError
from bayesbio.mechanistic.functions import exp, log, smooth_maximum
from bayesbio.mechanistic.kinetics.rates import power_of_positive
from bayesbio.mechanistic.parts import find_part
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = [
    "GROWTH_FORMS",
    "BaranyiRoberts",
    "Gompertz",
    "GrowthCurve",
    "GrowthForm",
    "KumaraswamyRamp",
    "Logistic",
    "Weibull",
]

RAMP_CORNER = 0.01
"""Rounding of a ramp's start and end, as a share of its rise time [1]."""

_RATE = Parameter(0.01, 1.5, "mammalian to bacterial cells, doi:10.1128/mmbr.62.3.646-666.1998")
_BARANYI = "Baranyi and Roberts (1994), doi:10.1016/0168-1605(94)90157-0"
_ZWIETERING = "Zwietering et al. (1990), doi:10.1128/aem.56.6.1875-1881.1990"
_WEIBULL = "Weibull (1951), doi:10.1115/1.4010337; range assumed for cultures of hours to weeks"
_RAMP = "Kumaraswamy (1980), doi:10.1016/0022-1694(80)90036-0; range assumed for cultures"


class GrowthForm(Protocol):
    """
    The shape of a growth curve.

    Attributes
    ----------
    name : str
        Its name in the menu.
    units : mapping of str to str
        The parameters it brings beside the plateau.
    defaults : mapping of str to Parameter
        Their central intervals.
    """

    @property
    def name(self) -> str:
        """Name in the menu."""
        ...

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


@dataclasses.dataclass(frozen=True)
class BaranyiRoberts:
    """
    Exponential growth after a lag in which the cells adapt, up to a plateau.

    Notes
    -----
    y = y_max / (1 + (y_max / y_0 - 1) exp(-mu A)),
    exp(-mu A) = e^(-mu t) / (e^(-mu t) + e^(-mu lag) - e^(-mu t - mu lag)); Baranyi and Roberts
    (1994), doi:10.1016/0168-1605(94)90157-0

    Examples
    --------
    >>> sorted(BaranyiRoberts().units)
    ['lag_time', 'maximum_growth_rate']
    """

    name: str = dataclasses.field(default="baranyi_roberts", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {"maximum_growth_rate": "1/h", "lag_time": "h"}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {"maximum_growth_rate": _RATE, "lag_time": Parameter(0.5, 30.0, _BARANYI)}

    def value(self, time: Any, start: Any, parameters: Any) -> Any:
        """Value at a time."""
        growing = exp(-parameters.maximum_growth_rate * time)
        waiting = exp(-parameters.maximum_growth_rate * parameters.lag_time)
        left = growing / (growing + waiting - growing * waiting)
        return parameters.plateau / (1 + (parameters.plateau / start - 1) * left)


@dataclasses.dataclass(frozen=True)
class Logistic:
    """
    Exponential growth from the start, slowing towards a plateau.

    Notes
    -----
    y = y_max / (1 + (y_max / y_0 - 1) exp(-mu t)); see Zwietering et al. (1990),
    doi:10.1128/aem.56.6.1875-1881.1990

    Examples
    --------
    >>> Logistic().units
    {'maximum_growth_rate': '1/h'}
    """

    name: str = dataclasses.field(default="logistic", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {"maximum_growth_rate": "1/h"}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {"maximum_growth_rate": _RATE}

    def value(self, time: Any, start: Any, parameters: Any) -> Any:
        """Value at a time."""
        left = exp(-parameters.maximum_growth_rate * time)
        return parameters.plateau / (1 + (parameters.plateau / start - 1) * left)


@dataclasses.dataclass(frozen=True)
class Gompertz:
    """
    Asymmetric sigmoid on the log scale, in biological parameters.

    The start is the level long before growth, which the curve leaves only slightly by time zero.

    Notes
    -----
    ln(y / y_0) = A exp(-exp(mu e / A (lag - t) + 1)), A = ln(y_max / y_0); Zwietering et al.
    (1990), doi:10.1128/aem.56.6.1875-1881.1990

    Examples
    --------
    >>> sorted(Gompertz().units)
    ['lag_time', 'maximum_growth_rate']
    """

    name: str = dataclasses.field(default="gompertz", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {"maximum_growth_rate": "1/h", "lag_time": "h"}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {"maximum_growth_rate": _RATE, "lag_time": Parameter(0.5, 30.0, _ZWIETERING)}

    def value(self, time: Any, start: Any, parameters: Any) -> Any:
        """Value at a time."""
        rise = log(parameters.plateau / start)
        steepness = parameters.maximum_growth_rate * math.e / rise
        return start * exp(rise * exp(-exp(steepness * (parameters.lag_time - time) + 1)))


@dataclasses.dataclass(frozen=True)
class Weibull:
    """
    Rise after a lag by the Weibull distribution function.

    Notes
    -----
    y = y_0 + (y_max - y_0) (1 - exp(-((t - lag) / tau)^k)) after the lag; Weibull (1951),
    doi:10.1115/1.4010337

    Examples
    --------
    >>> sorted(Weibull().units)
    ['lag_time', 'shape_exponent', 'time_scale']
    """

    name: str = dataclasses.field(default="weibull", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {"lag_time": "h", "time_scale": "h", "shape_exponent": "1"}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {
            "lag_time": Parameter(0.5, 30.0, _WEIBULL),
            "time_scale": Parameter(5.0, 200.0, _WEIBULL),
            "shape_exponent": Parameter(0.7, 4.0, _WEIBULL),
        }

    def value(self, time: Any, start: Any, parameters: Any) -> Any:
        """Value at a time."""
        elapsed = (time - parameters.lag_time) / parameters.time_scale
        risen = 1 - exp(-power_of_positive(elapsed, exponent=parameters.shape_exponent))
        return start + (parameters.plateau - start) * risen


@dataclasses.dataclass(frozen=True)
class KumaraswamyRamp:
    """
    Rise between two moments: flat, then a ramp of flexible shape, then flat again.

    Notes
    -----
    y = y_0 + (y_max - y_0) (1 - (1 - x^a)^b), x = (t - lag) / rise time held between 0 and 1, with
    corners rounded over 1 % of the rise time; the distribution function of Kumaraswamy (1980),
    doi:10.1016/0022-1694(80)90036-0

    Examples
    --------
    >>> sorted(KumaraswamyRamp().units)
    ['lag_time', 'rise_exponent', 'rise_time', 'settling_exponent']
    """

    name: str = dataclasses.field(default="kumaraswamy_ramp", init=False)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {
            "lag_time": "h",
            "rise_time": "h",
            "rise_exponent": "1",
            "settling_exponent": "1",
        }

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {
            "lag_time": Parameter(0.5, 30.0, _RAMP),
            "rise_time": Parameter(10.0, 300.0, _RAMP),
            "rise_exponent": Parameter(0.7, 5.0, _RAMP),
            "settling_exponent": Parameter(0.7, 5.0, _RAMP),
        }

    def value(self, time: Any, start: Any, parameters: Any) -> Any:
        """Value at a time."""
        elapsed = (time - parameters.lag_time) / parameters.rise_time
        begun = smooth_maximum(elapsed, 0, width=RAMP_CORNER)
        share = 1 - smooth_maximum(1 - begun, 0, width=RAMP_CORNER)
        left = 1 - power_of_positive(share, exponent=parameters.rise_exponent)
        risen = 1 - power_of_positive(left, exponent=parameters.settling_exponent)
        return start + (parameters.plateau - start) * risen


GROWTH_FORMS: Mapping[str, type[Any]] = {
    "baranyi_roberts": BaranyiRoberts,
    "logistic": Logistic,
    "gompertz": Gompertz,
    "weibull": Weibull,
    "kumaraswamy_ramp": KumaraswamyRamp,
}
"""The forms of a growth curve, by name."""


@dataclasses.dataclass(frozen=True)
class GrowthCurve:
    """
    One quantity that rises to a plateau along a curve in closed form.

    Parameters
    ----------
    form : GrowthForm or its name
        ``BaranyiRoberts()``, ``Logistic()``, ``Gompertz()``, ``Weibull()``, ``KumaraswamyRamp()``
        or a part of your own.
    quantity : str
        What rises; ``initial_<quantity>`` is the level it rises from.
    unit : str
        Its unit.
    plateau : (low, high) [unit]
        Central 90 % interval of the plateau before any data.

    Raises
    ------
    ModelError
        For an unknown form, or an interval whose ends are not in order.

    Examples
    --------
    >>> model = GrowthCurve(form="logistic", quantity="optical_density", unit="1")
    >>> model.Parameters._fields
    ('plateau', 'maximum_growth_rate')
    >>> settings = record("Settings", ("initial_optical_density",))(0.5)
    >>> model.solution(0.0, model.Parameters(plateau=8.0, maximum_growth_rate=0.5), settings)
    State(optical_density=0.5)
    """

    form: GrowthForm | str = BaranyiRoberts()
    quantity: str = "biomass"
    unit: str = "g/L"
    plateau: tuple[float, float] = (1.0, 100.0)

    inputs = ()
    settings = ()

    def __post_init__(self) -> None:
        form = find_part(self.form, GROWTH_FORMS, kind="growth form", method="value")
        object.__setattr__(self, "form", form)
        if len(tuple(self.plateau)) != 2:
            raise ModelError(f"plateau is {self.plateau!r}; give its central interval (low, high).")
        low, high = self.plateau
        object.__setattr__(self, "plateau", (float(low), float(high)))
        Parameter(low, high)

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        return record("State", (self.quantity,))

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters."""
        return record("Parameters", tuple(self.defaults))

    @property
    def _form(self) -> GrowthForm:
        return self.form  # type: ignore[return-value]

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {self.quantity: self.unit, "plateau": self.unit, **self._form.units}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        plateau = Parameter(*self.plateau, source="given with the model")
        return {"plateau": plateau, **self._form.defaults}

    def solution(self, time: Any, parameters: Any, settings: Any) -> Any:
        """State at a time, in closed form."""
        start = getattr(settings, f"initial_{self.quantity}")
        return self.State(self._form.value(time, start, parameters))
