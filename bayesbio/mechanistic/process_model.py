"""What a process model promises: its contract, its records and its jump at an event."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import namedtuple
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol, runtime_checkable

from bayesbio.errors import ModelError

__all__ = [
    "Parameter",
    "ProcessModel",
    "Records",
    "jump_of",
    "mass_balance_jump",
    "model_records",
    "record",
]


@runtime_checkable
class ProcessModel(Protocol):
    """
    What a process model promises; no inheritance needed.

    A model is a small object. Everything that describes it is read from the instance, because
    constructor options may change it. Bodies are plain arithmetic plus
    `bayesbio.mechanistic.functions`; every argument is a record with attribute access.

    Attributes
    ----------
    State, Parameters : NamedTuple classes
        Their fields are the states and the parameters.
    units : mapping of str to str
        The unit of every state, parameter, input, setting and output.
    inputs : tuple of str
        Quantities that change in time during a run (profiles).
    settings : tuple of str
        Constants of a run. ``initial_<state>`` always exists beside them.
    defaults : mapping of str to `Parameter`
        A central interval for each parameter, or for ``initial_<state>``.

    Notes
    -----
    Beside these a model gives either

    - ``rates(time, state, parameters, inputs, settings)`` -> dict of named rates, and
      ``derivatives(time, state, parameters, inputs, settings, rates)`` -> State; a correction may
      multiply any named rate, so a rate is an elementary one and balances are formed from the
      rates in ``derivatives``; or
    - ``solution(time, parameters, settings)`` -> State, in closed form.

    and may give

    - ``outputs(state, parameters, settings)`` -> dict, with ``output_names`` listing its keys;
    - ``jump(state, event, settings)`` -> State, with ``event_kinds`` naming kinds of events beyond
      bolus, sample, inoculation and switch (`mass_balance_jump` serves where there is no jump);
    - ``conserved(state, parameters, settings)`` -> dict of quantities that stay constant between
      events;
    - ``input_defaults`` and ``setting_defaults``: values where a run gives none;
    - ``for_campaign(campaign)`` -> model: the model fitted out for the runs it is calibrated on;
    - ``grids``: {state: (dimension name, coordinates, shape (n,))} for a state that is an array
      along a grid, such as a concentration at the nodes of a column;
    - ``transport(time, parameters, inputs, settings)`` -> {state: [(operator, coefficient), ...]},
      for a model whose states all lie along one grid. The balance of a state at every node is then
      what ``derivatives`` returns there plus the sum of coefficient * operator: a `GridOperator`
      with a matrix acts on the state's values along the grid, one with a vector is a source, such
      as the inflow. ``rates``, ``derivatives`` and ``jump`` are equations of one node, the same at
      each: plain arithmetic that takes numbers, or arrays over the nodes. They are followed once
      and repeated in a loop, so hundreds of nodes compile as fast as one. ``outputs`` sees the
      states as arrays, for example ``state.concentration[-1]`` at the outlet. `PackedBed` is an
      example.
    """

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        ...

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters."""
        ...

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the quantities that change in time."""
        ...

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the constants of a run."""
        ...

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central intervals of the parameters."""
        ...


@dataclasses.dataclass(frozen=True)
class Parameter:
    """
    What is known of a parameter before any data: a central interval and where it comes from.

    Parameters
    ----------
    low, high : float [unit of the parameter]
        Ends of the central interval; finite, low below high. With ``low`` exactly zero the
        parameter is half-normal, and lies below ``high`` with the given probability.
    source : str
        Where the interval comes from, with a DOI where there is one.
    probability : float [1]
        Probability that the value lies inside; half of the rest on either side.

    Raises
    ------
    ModelError
        When the ends or the probability make no interval.

    Examples
    --------
    >>> Parameter(low=0.04, high=0.25).centre
    0.1
    """

    low: float
    high: float
    source: str = ""
    probability: float = 0.9

    def __post_init__(self) -> None:
        for end in (self.low, self.high, self.probability):
            if isinstance(end, str) or not hasattr(end, "__float__"):
                raise ModelError(
                    f"A parameter's interval holds {end!r}, which is no number; write "
                    "Parameter(low=0.02, high=0.06, source='...')."
                )
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ModelError(
                f"A parameter's interval runs from {self.low!r} to {self.high!r}; both ends must "
                "be finite and low below high. Swap or widen them."
            )
        if not 0 < self.probability < 1:
            raise ModelError(
                f"A parameter's interval has probability {self.probability!r}; it must lie "
                "between 0 and 1, for example 0.9."
            )

    @property
    def centre(self) -> float:
        """Middle of the interval: geometric where both ends are positive, else arithmetic."""
        if self.low > 0:
            return math.sqrt(self.low * self.high)
        return (self.low + self.high) / 2


@cache
def record(name: str, fields: tuple[str, ...]) -> type[Any]:
    """
    Make a record class: a named tuple that is the same class each time and can be pickled.

    Parameters
    ----------
    name : str
    fields : tuple of str

    Returns
    -------
    type
        A named tuple class.

    Examples
    --------
    >>> State = record("State", ("biomass", "volume"))
    >>> State(biomass=1.0, volume=2.0)
    State(biomass=1.0, volume=2.0)
    >>> record("State", ("biomass", "volume")) is State
    True
    """
    base = namedtuple(name, fields)  # type: ignore[misc] # noqa: PYI024

    def __reduce__(self: Any) -> tuple[Any, ...]:
        return _restore, (name, fields, tuple(self))

    return type(name, (base,), {"__slots__": (), "__reduce__": __reduce__, "__module__": __name__})


def _restore(name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    """Rebuild a pickled record."""
    return record(name, fields)(*values)


class Records(NamedTuple):
    """The record classes of one model: what its bodies receive."""

    State: type[Any]
    Parameters: type[Any]
    Inputs: type[Any]
    Settings: type[Any]


def model_records(model: ProcessModel) -> Records:
    """
    Record classes of a model's states, parameters, inputs and settings.

    Parameters
    ----------
    model : ProcessModel

    Returns
    -------
    Records
        ``Settings`` holds the model's settings, then ``initial_<state>`` of every state.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchCulture
    >>> model_records(BatchCulture()).Settings._fields
    ('initial_biomass', 'initial_substrate')
    """
    initial = tuple(f"initial_{name}" for name in model.State._fields)
    given = tuple(name for name in model.settings if name not in initial)
    return Records(
        State=model.State,
        Parameters=model.Parameters,
        Inputs=record("Inputs", tuple(model.inputs)),
        Settings=record("Settings", given + initial),
    )


def jump_of(model: ProcessModel) -> Callable[..., Any]:
    """
    Jump of a model at an event: its own, or the mass balance.

    Parameters
    ----------
    model : ProcessModel

    Returns
    -------
    callable
        ``jump(state, event, settings)`` -> State.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchCulture
    >>> jump_of(BatchCulture()).__name__
    'jump'
    """
    own = getattr(model, "jump", None)
    if own is not None:
        return own

    def jump(state: Any, event: Any, settings: Any) -> Any:
        return mass_balance_jump(model, state, event, settings)

    return jump


def mass_balance_jump(model: ProcessModel, state: Any, event: Any, settings: Any) -> Any:
    """
    State after a bolus, a sample or an inoculation, by mass balance over a well mixed vessel.

    Parameters
    ----------
    model : ProcessModel
        Its units tell concentrations (per L or mL) from amounts (g, mol, L).
    state : record
        State just before the event.
    event : record
        ``kind``; ``amounts``, a State-like record with the amount of each quantity (g, mol,
        1e9 cells or L; 0 where absent); ``given``, a State-like record of 0 and 1.
    settings : record
        Must hold ``volume`` where the model has no such state.

    Returns
    -------
    State
        bolus: concentrations become (c V + amount) / (V + added volume), amounts are added.
        sample: the volume falls, concentrations stay. inoculation: given states are set.
        Temperatures, states on a grid and the like stay as they are, except in an inoculation.

    Raises
    ------
    ModelError
        For another kind of event, or a bolus into a vessel without a volume.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from bayesbio.mechanistic import FedBatchCulture
    >>> model = FedBatchCulture()
    >>> feed = SimpleNamespace(kind="bolus", amounts=model.State(0.0, 8.0, 1.0),
    ...                        given=model.State(0, 1, 1))
    >>> mass_balance_jump(model, model.State(2.0, 0.0, 1.0), feed, None)
    State(biomass=1.0, substrate=4.0, volume=2.0)
    """
    state, fields = model.State(*state), model.State._fields
    if event.kind == "switch":
        return state
    if event.kind == "inoculation":
        return model.State(
            *(
                given * amount + (1 - given) * before
                for before, amount, given in zip(state, event.amounts, event.given, strict=True)
            )
        )
    if event.kind == "sample":
        if "volume" not in fields:
            return state
        return state._replace(volume=state.volume - event.amounts.volume)
    if event.kind != "bolus":
        raise ModelError(
            f"{type(model).__name__} does not know the event {event.kind!r}; the mass balance "
            "understands bolus, sample, inoculation and switch. Give the model a "
            "jump(state, event, settings) and list the kind in event_kinds."
        )
    volume = state.volume if "volume" in fields else getattr(settings, "volume", None)
    added = event.amounts.volume if "volume" in fields else 0
    grids = getattr(model, "grids", {})
    after = {}
    for name in fields:
        before, amount = getattr(state, name), getattr(event.amounts, name)
        if name in grids:
            after[name] = before
        elif _is_concentration(model.units[name]):
            if volume is None:
                raise ModelError(
                    f"A bolus of {name} into {type(model).__name__} needs the volume of the "
                    "vessel, and the model has neither a state nor a setting of that name. Use a "
                    "model with a volume, or declare the setting 'volume' [L]."
                )
            after[name] = (before * volume + amount) / (volume + added)
        elif _is_amount(model.units[name]):
            after[name] = before + amount
        else:
            after[name] = before
    return model.State(**after)


def _is_concentration(unit: str) -> bool:
    """Whether a unit is something per litre or millilitre."""
    return re.search(r"/\s*\(?\s*m?L\b", unit) is not None


def _is_amount(unit: str) -> bool:
    """Whether a unit is an amount that a bolus adds to."""
    return unit in ("L", "g", "mol", "1e9 cells")
