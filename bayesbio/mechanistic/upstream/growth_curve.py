"""Growth curves in closed form: how a quantity rises from a start to a plateau."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.errors import ModelError
from bayesbio.mechanistic.kinetics.growth_forms import (
    BaranyiRoberts,
    GrowthForm,
    TabulatedGrowthForm,
)
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = ["GrowthCurve"]


@dataclasses.dataclass(frozen=True)
class GrowthCurve:
    """
    One quantity that rises to a plateau along a curve in closed form.

    Parameters
    ----------
    form : GrowthForm or its name
        ``BaranyiRoberts()``, ``Logistic()``, ``Gompertz()``, ``Weibull()``, ``KumaraswamyRamp()``,
        any other of `GROWTH_FORMS`, or
        a part of your own.
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
        form = TabulatedGrowthForm.find(self.form, method="value")
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
