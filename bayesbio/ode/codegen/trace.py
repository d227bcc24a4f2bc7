"""A process model in symbols: the one definition from which kernels and equations are made."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy

from bayesbio.errors import ModelError
from bayesbio.mechanistic.process_model import ProcessModel, jump_of, model_records, record
from bayesbio.ode.codegen.numpy_on_symbols import numpy_on_symbols

STANDARD_KINDS = ("sample", "bolus", "inoculation")


@dataclasses.dataclass(frozen=True, eq=False)
class Trace:
    """
    A process model evaluated on symbols.

    Array-valued fields are flat here: a field of n nodes takes n consecutive states. Where a model
    gives its transport along the grid, everything else is traced at one node only, and ``y``,
    ``amounts`` and ``given`` hold one symbol a field; code loops over the nodes.

    Attributes
    ----------
    fields, outputs : mapping of name to slice
        Where each state field stands among the states, and each output among the observed.
    parameters, inputs, settings : tuple of str
    time, y, p, u : symbols
        ``p`` holds parameters, settings, and initial states where there is one node.
    states : list of symbols
        One for each state; the same as ``y`` where there is one node.
    nodes : int
        How often the equations repeat; above 1 only with ``transport``.
    transport : list of (field, operator, coefficient)
        Linear terms along the grid; a field is its place in ``y``.
    derivatives, solution : list of expressions, or None
        One of the two is given.
    observed : list of expressions
        States, then outputs.
    kinds : tuple of str
        Kinds of event, in the order of their code.
    jumps : mapping of kind to expressions
    refusals : mapping of kind to the reason why the model has no such event
    """

    model: ProcessModel
    fields: Mapping[str, slice]
    outputs: Mapping[str, slice]
    parameters: tuple[str, ...]
    inputs: tuple[str, ...]
    settings: tuple[str, ...]
    time: sympy.Symbol
    y: list[sympy.Symbol]
    p: list[sympy.Symbol]
    u: list[sympy.Symbol]
    amounts: list[sympy.Symbol]
    given: list[sympy.Symbol]
    states: list[sympy.Symbol]
    nodes: int
    transport: list[tuple[int, np.ndarray, sympy.Expr]]
    rates: Mapping[str, Any]
    derivatives: list[sympy.Expr] | None
    solution: list[sympy.Expr] | None
    observed: list[sympy.Expr]
    kinds: tuple[str, ...]
    jumps: Mapping[str, list[sympy.Expr]]
    refusals: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Names in ``p``: parameters, settings, then ``initial_<state>`` fields."""
        return self.parameters + self.settings + tuple(f"initial_{name}" for name in self.fields)

    def width(self, name: str) -> int:
        """How many numbers a name in `names` stands for."""
        field = name.removeprefix("initial_")
        if name.startswith("initial_") and field in self.fields:
            place = self.fields[field]
            return place.stop - place.start
        return 1

    @property
    def fingerprint(self) -> str:
        """Hash of the equations and the names in them; it changes with nothing else."""
        parts: list[Any] = [
            self.names,
            self.inputs,
            self.observed_names,
            self.derivatives,
            self.solution,
        ]
        parts += [self.observed, sorted(self.jumps.items())]
        parts.append([(field, values.tolist(), term) for field, values, term in self.transport])
        parts += [sorted((name, unit) for name, unit in self.model.units.items())]
        return hashlib.sha256(str(parts).encode()).hexdigest()

    @property
    def observed_names(self) -> tuple[str, ...]:
        """Every state and output."""
        return tuple(self.fields) + tuple(self.outputs)

    def place(self, quantity: str) -> slice:
        """Where a state or output stands among the observed."""
        return self.fields[quantity] if quantity in self.fields else self.outputs[quantity]


def trace(model: Any) -> Trace:
    """
    Evaluate a process model on symbols.

    Raises
    ------
    ModelError
        Where a body does more than arithmetic and `mechanistic.functions`, or returns something
        else than its contract says.
    """
    name = type(model).__name__
    records = model_records(model)
    grids = getattr(model, "grids", {})
    fields = _places(model.State._fields, {f: len(grid) for f, (_, grid) in grids.items()})
    size = sum(place.stop - place.start for place in fields.values())
    repeated = hasattr(model, "transport")
    nodes = _node_count(model, fields) if repeated else 1
    here = {field: slice(i, i + 1) for i, field in enumerate(fields)} if repeated else fields
    states = _symbols("y", size)
    y = _symbols("y", size // nodes)
    time = sympy.Symbol("t", real=True)
    parameter_names = tuple(model.Parameters._fields)
    initial_names = tuple(f"initial_{field}" for field in fields)
    setting_names = tuple(n for n in records.Settings._fields if n not in initial_names)
    input_names = tuple(records.Inputs._fields)
    constants = len(parameter_names) + len(setting_names)
    p = _symbols("p", constants + (0 if repeated else size))
    u = _symbols("u", len(input_names))
    amounts, given = _symbols("a", len(y)), _symbols("g", len(y))

    state = _as_record(model.State, here, y)
    parameters = model.Parameters(*p[: len(parameter_names)])
    inputs = records.Inputs(*u)
    start = _symbols("start", len(y)) if repeated else p[constants:]
    settings = records.Settings(
        *p[len(parameter_names) : constants], *_as_record(model.State, here, start)
    )

    def call(what: str, body: Callable[..., Any], *arguments: Any) -> Any:
        try:
            with numpy_on_symbols():
                return body(*arguments)
        except (TypeError, AttributeError) as error:
            raise ModelError(
                f"{name}.{what} could not be followed with symbols: {error}. Bodies are plain "
                "arithmetic plus exp, log, sqrt, tanh, smooth_maximum from "
                "bayesbio.mechanistic.functions (or NumPy's of the same names), without "
                "comparisons, and read fields that the model declares."
            ) from error

    def flat(what: str, value: Any) -> list[sympy.Expr]:
        if not isinstance(value, tuple) or len(value) != len(fields):
            raise ModelError(
                f"{name}.{what} returned {type(value).__name__}; expected {name}.State with "
                f"{', '.join(fields)}."
            )
        found: list[sympy.Expr] = []
        for field, part in zip(fields, value, strict=True):
            wanted = here[field].stop - here[field].start
            parts = list(np.ravel(np.asarray(part, dtype=object)))
            if len(parts) == 1:
                parts *= wanted
            if len(parts) != wanted:
                raise ModelError(
                    f"{name}.{what}: {field} has {len(parts)} numbers; its grid has {wanted}."
                )
            found.extend(_expression(part) for part in parts)
        return found

    rates: Mapping[str, Any] = {}
    derivatives = solution = None
    if hasattr(model, "solution"):
        solution = flat("solution", call("solution", model.solution, time, parameters, settings))
    else:
        arguments = (time, state, parameters, inputs, settings)
        if hasattr(model, "rates"):
            named = call("rates", model.rates, *arguments)
            rates = {name: _without_remainders(value) for name, value in dict(named).items()}
        derivatives = flat("derivatives", call("derivatives", model.derivatives, *arguments, rates))
        if any(
            symbol in set(start) - set(p) for part in derivatives for symbol in part.free_symbols
        ):
            raise ModelError(
                f"{name}.derivatives reads an initial state; with transport it sees one node and "
                "knows none. Declare a setting of its own."
            )
    transport = []
    if repeated:
        terms = call("transport", model.transport, time, parameters, inputs, settings)
        transport = _transport_terms(name, fields, nodes, terms)
    found = {}
    if hasattr(model, "outputs"):
        whole = _as_record(model.State, fields, states)
        found = dict(call("outputs", model.outputs, whole, parameters, settings))
    parts = {key: list(np.ravel(np.asarray(value, object))) for key, value in found.items()}
    outputs = _places(tuple(parts), {key: len(value) for key, value in parts.items()}, size)
    observed = [sympy.sympify(s) for s in states]
    observed += [_expression(part) for value in parts.values() for part in value]

    jumps: dict[str, list[sympy.Expr]] = {}
    refusals: dict[str, str] = {}
    event_record = record("TracedEvent", ("kind", "amounts", "given"))
    kinds = STANDARD_KINDS + tuple(getattr(model, "event_kinds", ()))
    for kind in kinds if derivatives is not None else ():
        added = _as_record(model.State, here, amounts)
        event = event_record(kind, added, _as_record(model.State, here, given))
        try:
            after = call("jump", jump_of(model), state, event, settings)
        except ModelError as refusal:
            refusals[kind] = str(refusal)
        else:
            jumps[kind] = flat(f"jump ({kind})", after)
    return Trace(
        model=model, fields=fields, outputs=outputs, parameters=parameter_names,
        inputs=input_names, settings=setting_names, time=time, y=y, p=p, u=u, amounts=amounts,
        given=given, states=states, nodes=nodes, transport=transport, rates=rates,
        derivatives=derivatives, solution=solution, observed=observed, kinds=tuple(jumps),
        jumps=jumps, refusals=refusals,
    )  # fmt: skip


def _expression(value: Any) -> sympy.Expr:
    """Make a number or an expression one that has derivatives."""
    return _without_remainders(sympy.sympify(value))


def _without_remainders(value: Any) -> Any:
    """Write a remainder, such as the time of day ``time % 24``, by whole parts."""
    if isinstance(value, np.ndarray):
        return value
    return (
        value.replace(sympy.Mod, lambda a, b: a - b * sympy.floor(a / b))
        if hasattr(value, "replace")
        else value
    )


def _symbols(letter: str, count: int) -> list[sympy.Symbol]:
    return [sympy.Symbol(f"{letter}{i}", real=True) for i in range(count)]


def _places(names: tuple[str, ...], sizes: Mapping[str, int], start: int = 0) -> dict[str, slice]:
    places = {}
    for name in names:
        places[name] = slice(start, start + sizes.get(name, 1))
        start = places[name].stop
    return places


def _as_record(record: Any, fields: Mapping[str, slice], flat: list[Any]) -> Any:
    """Put flat symbols into a state record: a symbol a scalar field, an array a gridded one."""
    offset = min(place.start for place in fields.values())
    parts = []
    for place in fields.values():
        part = flat[place.start - offset : place.stop - offset]
        parts.append(part[0] if len(part) == 1 else np.array(part, dtype=object))
    return record(*parts)


def _node_count(model: Any, fields: Mapping[str, slice]) -> int:
    """How many nodes the one grid has along which all states lie."""
    grids = getattr(model, "grids", {})
    sizes = {place.stop - place.start for place in fields.values()}
    without = [field for field in fields if field not in grids]
    if without or len(sizes) != 1:
        raise ModelError(
            f"{type(model).__name__} gives its transport along a grid, so all states lie along one "
            f"grid; {', '.join(without) or 'their grids'} "
            f"{'has none' if without else 'differ in length'}. Declare it in grids."
        )
    return sizes.pop()


def _transport_terms(
    name: str, fields: Mapping[str, slice], nodes: int, terms: Any
) -> list[tuple[int, np.ndarray, sympy.Expr]]:
    """Terms of a model's transport as arrays and expressions, checked."""
    found = []
    for field, parts in dict(terms).items():
        if field not in fields:
            raise ModelError(
                f"{name}.transport names {field!r}, which is no state; it has {', '.join(fields)}."
            )
        for operator, coefficient in parts:
            values = np.asarray(operator.values, float)
            if values.shape not in ((nodes,), (nodes, nodes)):
                raise ModelError(
                    f"{name}.transport of {field}: an operator has shape {values.shape}; with "
                    f"{nodes} nodes a matrix has ({nodes}, {nodes}) and a source ({nodes},)."
                )
            found.append((list(fields).index(field), values, sympy.sympify(coefficient)))
    return found
