"""What a process model promises, and the checks that it keeps the promise."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import traceback
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from bayesbio.data import units
from bayesbio.errors import ModelError, UnitError

__all__ = [
    "Parameter",
    "ProcessModel",
    "Records",
    "check_model",
    "check_units",
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
    - ``grids``: {state: (dimension name, coordinates, shape (n,))} for a state that is an array
      along a grid, such as a concentration at the nodes of a column.
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
        Ends of the central interval; finite, low below high.
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
            f"{_name(model)} does not know the event {event.kind!r}; the mass balance understands "
            "bolus, sample, inoculation and switch. Give the model a jump(state, event, settings) "
            "and list the kind in event_kinds."
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
                    f"A bolus of {name} into {_name(model)} needs the volume of the vessel, and "
                    "the model has neither a state nor a setting of that name. Use a model with a "
                    "volume, or declare the setting 'volume' [L]."
                )
            after[name] = (before * volume + amount) / (volume + added)
        elif _is_amount(model.units[name]):
            after[name] = before + amount
        else:
            after[name] = before
    return model.State(**after)


def check_model(model: ProcessModel) -> None:
    """
    Check that a model keeps the contract, by reading it and by evaluating it once.

    Parameters
    ----------
    model : ProcessModel

    Raises
    ------
    ModelError
        With one sentence for each thing that is missing, misspelt or does not fit.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchCulture
    >>> check_model(BatchCulture())
    """
    if isinstance(model, type):
        raise ModelError(
            f"{model.__name__} is a class, not a model; make one first: {model.__name__}()."
        )
    problems = list(_missing_parts(model))
    if not problems:
        problems = [*_name_problems(model), *_default_problems(model)]
    if not problems:
        problems = list(_evaluation_problems(model))
    if problems:
        raise ModelError(f"{_name(model)}: " + " ".join(problems))


def check_units(model: ProcessModel) -> None:
    """
    Check that every equation of a model balances in its units, hidden factors included.

    Pint quantities pass through rates, derivatives, outputs, conserved quantities and solution.
    Each result must come in the declared unit (a derivative in the state's unit per hour) and,
    once converted, equal the value computed without units: a rate declared in 1/day is found out
    as much as one declared in g/L.

    Parameters
    ----------
    model : ProcessModel

    Raises
    ------
    ModelError
        When the model does not keep the contract at all (`check_model`).
    UnitError
        When a unit is unknown or an equation does not balance; the message names the equation.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchReactor
    >>> check_units(BatchReactor())
    """
    check_model(model)
    volume = model.units.get("volume", "L")
    if not hasattr(model, "jump") and not units.same_dimension(volume, "L"):
        raise UnitError(f"{_name(model)}: volume is in {volume!r}; a volume is in litres, 'L'.")
    if not hasattr(model, "jump") and units.convert(1.0, volume, "L") != 1.0:
        raise UnitError(
            f"{_name(model)}: volume is in {volume!r}; the mass balance at events counts in "
            "litres. Declare 'L' and use litres in the equations."
        )
    unit_of = {}
    for name, text in model.units.items():
        try:
            unit_of[name] = units.unit(text)
        except UnitError as error:
            raise UnitError(f"{_name(model)}: {name} has unit {text!r}: {error}") from error
    for state in model.State._fields:
        unit_of[f"initial_{state}"] = unit_of[state]
    for time in (0.8, 2.7):  # before and after any lag of order one
        _check_balances(model, _example_arguments(model, time), unit_of, units.unit("h"))


def _check_balances(model: Any, plain: _Arguments, unit_of: Mapping[str, Any], hour: Any) -> None:
    """Evaluate a model with and without units, and compare."""
    dressed = _Arguments(
        plain.time * hour,
        *(
            values._make(
                value * unit_of[name] for name, value in zip(values._fields, values, strict=True)
            )
            for values in plain[1:]
        ),
    )
    expected = _evaluate(model, plain)
    try:
        found = _evaluate(model, dressed)
    except Exception as error:  # whatever pint raises, the sentence below says where
        raise UnitError(
            f"{_name(model)}: an equation does not balance in its units: {error}.{_place(error)} "
            "Check the declared units of what stands there; a number written into the body needs "
            "its unit too: constant(0.1, 'g/L', like=state.substrate)."
        ) from error
    for (what, name), value in found.items():
        if what in ("rates", "conserved"):
            continue
        slope = what == "derivatives"
        unit = unit_of[name] / hour if slope else unit_of[name]
        text = f"{model.units[name]}/h" if slope else model.units[name]
        _compare(model, what, name, value, expected[what, name], unit, text)


class _Arguments(NamedTuple):
    time: Any
    state: Any
    parameters: Any
    inputs: Any
    settings: Any


def _evaluate(model: Any, arguments: _Arguments) -> dict[tuple[str, str], Any]:
    """Everything a model computes from one set of arguments, by (body, name)."""
    time, state, parameters, inputs, settings = arguments
    found: dict[tuple[str, str], Any] = {}
    if hasattr(model, "solution"):
        solved = model.solution(time, parameters, settings)
        found |= {("solution", name): value for name, value in solved._asdict().items()}
    else:
        rates = model.rates(time, state, parameters, inputs, settings)
        found |= {("rates", name): value for name, value in rates.items()}
        slopes = model.derivatives(time, state, parameters, inputs, settings, rates)
        found |= {("derivatives", name): value for name, value in slopes._asdict().items()}
    for body in ("outputs", "conserved"):
        if hasattr(model, body):
            values = getattr(model, body)(state, parameters, settings)
            found |= {(body, name): value for name, value in values.items()}
    return found


def _example_arguments(model: Any, time: float = 0.8) -> _Arguments:
    """Positive arguments of order one, all different, so that no term hides behind another."""
    records = model_records(model)
    grids = getattr(model, "grids", {})
    turn = iter(range(1, 10_000))

    def between(low: float, high: float, name: str) -> Any:
        base = name.removeprefix("initial_") if name.startswith("initial_") else name
        if base in grids:
            size = len(grids[base][1])
            return np.array([between(low, high, "") for _ in range(size)])
        share = (next(turn) * 0.6180339887498949) % 1.0
        kelvin = model.units.get(base, "") in ("K", "kelvin")
        return (300.0 if kelvin else 0.0) + low + (high - low) * share

    return _Arguments(
        time,
        records.State(*(between(0.3, 0.7, name) for name in records.State._fields)),
        records.Parameters(*(between(1.1, 1.9, name) for name in records.Parameters._fields)),
        records.Inputs(*(between(0.3, 0.7, name) for name in records.Inputs._fields)),
        records.Settings(*(between(0.3, 0.7, name) for name in records.Settings._fields)),
    )


def _compare(
    model: Any, what: str, name: str, value: Any, expected: Any, unit: Any, text: str
) -> None:
    """Raise unless a quantity has the unit, and in it the value computed without units."""
    equation = {
        "derivatives": f"the balance of {name}",
        "outputs": f"the output {name}",
        "solution": f"the solution of {name}",
    }[what]
    if not hasattr(value, "_REGISTRY"):
        array = np.asarray(value)
        if array.dtype == object:  # a grid filled node by node
            for one, other in zip(array.ravel(), np.ravel(expected), strict=True):
                _compare(model, what, name, one, other, unit, text)
            return
        if not np.any(array):
            return
        value = value * (unit / unit).to("")
    wanted = 1 * unit
    if not value.is_compatible_with(wanted):
        raise UnitError(
            f"{_name(model)}: {equation} comes out in {value.units:~P}, but [{text}] was expected. "
            "Check the equation, and the declared units of what stands in it."
        )
    found = (value / wanted).to("").magnitude
    if not np.allclose(found, expected, rtol=1e-9, atol=1e-12):
        factor = np.max(np.abs(np.asarray(found) / np.asarray(expected)))
        raise UnitError(
            f"{_name(model)}: {equation} is off by a factor, {factor:.6g} here, once units are "
            f"converted to [{text}]. A declared unit has the right kind and the wrong size, such "
            "as 1/day for 1/h; declare house units (h, K, g/L, 1e6 cells/mL, L)."
        )


def _place(error: BaseException) -> str:
    """Sentence that quotes the line of the model in which an error arose."""
    skip = ("pint", "numpy", "flexcache", "flexparser")
    here = Path(__file__).name
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(f"/{name}/" in Path(frame.filename).as_posix() for name in skip)
        and Path(frame.filename).name not in (here, "functions.py", "rates.py")
        and "bayesbio/data" not in Path(frame.filename).as_posix()
        and frame.line
    ]
    if not own:
        return ""
    return f" It happened in {own[-1].name}, at '{own[-1].line}'."


def _missing_parts(model: Any) -> Iterable[str]:
    for part in ("State", "Parameters", "units", "inputs", "settings", "defaults"):
        if not hasattr(model, part):
            yield f"has no {part!r}; {_PARTS[part]}."
        elif part in ("State", "Parameters") and not hasattr(getattr(model, part), "_fields"):
            yield f"{part} is {getattr(model, part)!r}; {_PARTS[part]}."
        elif part in ("inputs", "settings") and isinstance(getattr(model, part), str):
            yield f"{part} is the text {getattr(model, part)!r}; {_PARTS[part]}."
    if not hasattr(model, "solution"):
        for part in ("rates", "derivatives"):
            if not hasattr(model, part):
                yield f"has no {part!r}; give rates and derivatives, or a closed-form solution."


_PARTS = {
    "State": "it must be a NamedTuple class whose fields are the states",
    "Parameters": "it must be a NamedTuple class whose fields are the parameters",
    "units": "it must map each name to its unit, such as {'biomass': 'g/L'}",
    "inputs": "it must be a tuple of names, () for none",
    "settings": "it must be a tuple of names, () for none",
    "defaults": "it must map parameters to Parameter(low, high, source), {} for none",
}


def _name_problems(model: Any) -> Iterable[str]:
    outputs = tuple(getattr(model, "output_names", ()))
    groups = {
        "state": model.State._fields,
        "parameter": model.Parameters._fields,
        "input": tuple(model.inputs),
        "setting": tuple(model.settings),
        "output": outputs,
    }
    seen: dict[str, str] = {}
    for group, names in groups.items():
        for name in names:
            if name in seen:
                yield (
                    f"{name!r} is both a {seen[name]} and a {group}; every name needs one meaning."
                )
            seen.setdefault(name, group)
            if name == "time" or name.startswith("noise_") or "_sd_" in name or "_by_" in name:
                yield (
                    f"{group} {name!r} has a name that posteriors need (time, noise_..., "
                    "..._sd_..., ..._by_...); choose another."
                )
    initial = {f"initial_{name}" for name in model.State._fields}
    for name, group in seen.items():
        if name not in model.units and name not in initial:
            yield f"{group} {name!r} has no unit; add it to units, '1' for a plain number."
    for name in model.units:
        if name not in seen and name not in initial:
            yield f"units names {name!r}, which the model does not have.{_nearest(name, seen)}"
    for name in getattr(model, "grids", {}):
        if name not in model.State._fields:
            yield f"grids names {name!r}, which is no state.{_nearest(name, model.State._fields)}"
    for part, allowed in (("input_defaults", model.inputs), ("setting_defaults", model.settings)):
        for name in getattr(model, part, {}):
            if name not in allowed:
                yield f"{part} names {name!r}, which is not declared.{_nearest(name, allowed)}"
    if outputs and not hasattr(model, "outputs"):
        yield f"output_names promises {outputs[0]!r}, but there is no method outputs."


def _default_problems(model: Any) -> Iterable[str]:
    known = (*model.Parameters._fields, *(f"initial_{name}" for name in model.State._fields))
    for name, value in model.defaults.items():
        if name not in known:
            yield (
                f"defaults names {name!r}, which is no parameter and no initial state."
                f"{_nearest(name, known)}"
            )
        if not isinstance(value, Parameter):
            yield (
                f"the default of {name!r} is {value!r}; write Parameter(low=..., high=..., "
                "source=...)."
            )


def _evaluation_problems(model: Any) -> Iterable[str]:
    arguments = _example_arguments(model)
    try:
        with np.errstate(all="ignore"):
            found = _evaluate(model, arguments)
    except ArithmeticError:  # these numbers do not suit the equations; the names were found
        return
    except (AttributeError, NameError, TypeError, KeyError, ValueError, IndexError) as error:
        known = (
            *_Arguments._fields,
            *(name for values in arguments[1:] for name in values._fields),
        )
        wrong = str(getattr(error, "name", "") or (error.args[0] if error.args else ""))
        yield (
            f"its equations cannot be evaluated: {type(error).__name__}: {error}.{_place(error)}"
            f"{_nearest(wrong, known)}"
        )
        return
    body = "solution" if hasattr(model, "solution") else "derivatives"
    slopes = {name: value for (what, name), value in found.items() if what == body}
    grids = getattr(model, "grids", {})
    states = model.State._fields
    if tuple(slopes) != states:
        yield f"{body} gives {tuple(slopes)}, but the states are {states}; return self.State(...)."
    for name in set(slopes) & set(states):
        shape = np.shape(grids[name][1]) if name in grids else ()
        if np.shape(slopes[name]) not in (shape, ()):
            yield (
                f"{body} of {name!r} has shape {np.shape(slopes[name])}, but the state has shape "
                f"{shape}; declare its grid, or return one value a node."
            )
    promised = tuple(getattr(model, "output_names", ()))
    given = tuple(name for what, name in found if what == "outputs")
    if set(given) != set(promised):
        yield f"outputs gives {given}, but output_names promises {promised}."


def _is_concentration(unit: str) -> bool:
    """Whether a unit is something per litre or millilitre."""
    return re.search(r"/\s*\(?\s*m?L\b", unit) is not None


def _is_amount(unit: str) -> bool:
    """Whether a unit is an amount that a bolus adds to."""
    return unit in ("L", "g", "mol", "1e9 cells")


def _name(model: Any) -> str:
    return type(model).__name__


def _nearest(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {found[0]}?" if found else ""
