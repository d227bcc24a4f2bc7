"""Checks that a process model keeps its contract and that its equations balance in units."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bayesbio.data.vocabulary import units
from bayesbio.errors import ModelError, UnitError, did_you_mean
from bayesbio.mechanistic.process_model import Parameter, ProcessModel, model_records

__all__ = ["check_model", "check_units"]


def check_model(model: ProcessModel) -> str:
    """
    Check that a model keeps the contract, by reading it and by evaluating it.

    Parameters
    ----------
    model : ProcessModel

    Returns
    -------
    str
        ``fine``, and what a fit will ask for: parameters without a default interval.

    Raises
    ------
    ModelError
        With one sentence for each thing that is missing, misspelt or does not fit.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchCulture
    >>> check_model(BatchCulture())
    'fine'
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
    bare = [name for name in model.Parameters._fields if name not in model.defaults]
    if not bare:
        return "fine"
    return f"fine; without a default interval, so that a fit needs a prior: {', '.join(bare)}"


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
        if what == "transport":
            _check_transport(model, name, value, expected[what, name], unit_of, hour)
            continue
        slope = what == "derivatives"
        unit = unit_of[name] / hour if slope else unit_of[name]
        text = f"{model.units[name]}/h" if slope else model.units[name]
        _compare(model, what, name, value, expected[what, name], unit, text)


def _check_transport(
    model: Any, name: str, terms: Any, plain: Any, unit_of: Mapping[str, Any], hour: Any
) -> None:
    """Check that every term along the grid comes in the state's unit per hour."""
    text = f"{model.units[name]}/h"
    for (operator, coefficient), (_, number) in zip(terms, plain, strict=True):
        acts_on = unit_of[name] if np.ndim(operator.values) == 2 else unit_of[name] / unit_of[name]
        value = coefficient * (1 * units.unit(operator.unit)) * (1 * acts_on)
        _compare(model, "transport", name, value, number, unit_of[name] / hour, text)


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
        rates = {}
        if hasattr(model, "rates"):
            rates = model.rates(time, state, parameters, inputs, settings)
            found |= {("rates", name): value for name, value in rates.items()}
        slopes = model.derivatives(time, state, parameters, inputs, settings, rates)
        if not hasattr(slopes, "_asdict"):
            raise TypeError(f"derivatives gives a {type(slopes).__name__}; return self.State(...)")
        found |= {("derivatives", name): value for name, value in slopes._asdict().items()}
    for body in ("outputs", "conserved"):
        if hasattr(model, body):
            values = getattr(model, body)(state, parameters, settings)
            found |= {(body, name): value for name, value in values.items()}
    if hasattr(model, "transport"):
        terms = model.transport(time, parameters, inputs, settings)
        found |= {("transport", name): value for name, value in terms.items()}
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
        "transport": f"the transport of {name}",
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
    if not hasattr(model, "solution") and not hasattr(model, "derivatives"):
        yield "has no 'derivatives'; give rates and derivatives, or a closed-form solution."


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
            if name in _DIMENSIONS:
                yield (
                    f"{group} {name!r} has the name of a dimension that every posterior or "
                    f"trajectory has ({', '.join(_DIMENSIONS)}); choose another."
                )
    yield from _clashes(model, seen, groups)
    initial = {f"initial_{name}" for name in model.State._fields}
    for name, group in seen.items():
        if name not in model.units and name not in initial:
            yield f"{group} {name!r} has no unit; add it to units, '1' for a plain number."
    for name in model.units:
        unlisted = hasattr(model, "outputs") and not hasattr(model, "output_names")
        if name not in seen and name not in initial and not unlisted:
            yield f"units names {name!r}, which the model does not have.{did_you_mean(name, seen)}"
    for name in getattr(model, "grids", {}):
        if name not in model.State._fields:
            hint = did_you_mean(name, model.State._fields)
            yield f"grids names {name!r}, which is no state.{hint}"
    starts = tuple(f"initial_{name}" for name in model.State._fields)
    for part, allowed in (
        ("input_defaults", model.inputs),
        ("setting_defaults", (*model.settings, *starts)),
    ):
        for name in getattr(model, part, {}):
            if name not in allowed:
                yield f"{part} names {name!r}, which is not declared.{did_you_mean(name, allowed)}"
    if outputs and not hasattr(model, "outputs"):
        yield f"output_names promises {outputs[0]!r}, but there is no method outputs."


_DIMENSIONS = ("time", "run", "chain", "draw")


def _clashes(
    model: Any, seen: Mapping[str, str], groups: Mapping[str, tuple[str, ...]]
) -> Iterable[str]:
    """Names that a posterior would give to something else of the same model."""
    measured = (*groups["state"], *groups["output"])
    estimated = (*groups["parameter"], *(f"initial_{name}" for name in groups["state"]))
    for name, group in seen.items():
        if name.startswith("noise_") and name.removeprefix("noise_") in measured:
            yield (
                f"{group} {name!r} has the name of the noise of {name.removeprefix('noise_')} in a "
                "posterior; choose another."
            )
        for other in estimated:
            if name.startswith((f"{other}_sd_", f"{other}_by_")):
                yield (
                    f"{group} {name!r} has the name of how {other} differs between groups in a "
                    "posterior (..._sd_..., ..._by_...); choose another."
                )
        if group != "setting" and name in estimated[len(groups["parameter"]) :]:
            yield f"{group} {name!r} has the name of a state's start; choose another."


def _default_problems(model: Any) -> Iterable[str]:
    known = (*model.Parameters._fields, *(f"initial_{name}" for name in model.State._fields))
    for name, value in model.defaults.items():
        if name not in known:
            yield (
                f"defaults names {name!r}, which is no parameter and no initial state."
                f"{did_you_mean(name, known)}"
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
            f"{did_you_mean(wrong, known)}"
        )
        return
    yield from _comparisons(model, arguments)
    yield from _transport_problems(model, found)
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
    given = tuple(name for what, name in found if what == "outputs")
    promised = tuple(getattr(model, "output_names", given))
    for name in given:
        if name not in model.units:
            yield f"output {name!r} has no unit; add it to units, '1' for a plain number."
    if set(given) != set(promised):
        yield f"outputs gives {given}, but output_names promises {promised}."


def _comparisons(model: Any, arguments: _Arguments) -> Iterable[str]:
    """Find a decision on a value (if, max, min, and, or): equations are followed with symbols."""
    if getattr(model, "grids", {}):
        return
    several = [type(group)(*(np.array([v, 1.3 * v]) for v in group)) for group in arguments[1:]]
    try:
        with np.errstate(all="ignore"):
            _evaluate(model, _Arguments(arguments.time, *several))
    except ValueError as error:
        if "truth value" in str(error):
            yield (
                f"an equation decides by a value (if, max, min, and, or).{_place(error)} "
                "Use smooth laws: smooth_maximum from bayesbio.mechanistic.functions, tanh for a "
                "switch; a true switch in time is an event of the run."
            )
    except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError):
        return  # a body for single numbers; whether symbols pass is seen when it is compiled


def _transport_problems(model: Any, found: Mapping[tuple[str, str], Any]) -> Iterable[str]:
    states, grids = model.State._fields, getattr(model, "grids", {})
    terms = {name: value for (what, name), value in found.items() if what == "transport"}
    sizes = {len(grids[name][1]) for name in states if name in grids}
    if hasattr(model, "transport") and (set(states) - set(grids) or len(sizes) != 1):
        yield "has transport, so every state needs the same grid; declare it in grids for each."
        return
    for name, parts in terms.items():
        if name not in states:
            yield f"transport names {name!r}, which is no state.{did_you_mean(name, states)}"
            continue
        for operator, _ in parts:
            shape, size = np.shape(operator.values), len(grids[name][1])
            if shape not in ((size,), (size, size)):
                yield (
                    f"transport of {name!r}: an operator has shape {shape}; with {size} nodes a "
                    f"matrix has ({size}, {size}) and a source ({size},)."
                )


def _name(model: Any) -> str:
    return type(model).__name__
