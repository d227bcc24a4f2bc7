"""What every library model keeps, in each of its forms."""

import dataclasses
import json
import pickle
import re
from types import SimpleNamespace

import numpy as np
import pint
import pytest
import sympy
from numpy.testing import assert_allclose

from bayesbio.data.vocabulary import quantities as vocabulary
from bayesbio.data.vocabulary import units
from bayesbio.errors import ModelError, UnitError
from bayesbio.mechanistic import (
    LIBRARY,
    BatchReactor,
    MammalianFedBatch,
    check_model,
    check_units,
    find_model,
    model_records,
)

EVERY_MODEL = LIBRARY
WITH_RATES = [model for model in EVERY_MODEL if hasattr(model, "rates")]
CONSERVING = [model for model in WITH_RATES if hasattr(model, "conserved")]


def name(model):
    options = (f"{field}={value}" for field, value in dataclasses.asdict(model).items())
    return re.sub(r"[{}' ]", "", f"{type(model).__name__}({','.join(options)})")


def every_model(models=EVERY_MODEL):
    return pytest.mark.parametrize("model", models, ids=name)


def arguments(model, value):
    """Time, state, parameters, inputs and settings, each field made by value(kind, field)."""
    records = model_records(model)
    kinds = ("state", "parameter", "input", "setting")
    made = (
        record(*(value(kind, field) for field in record._fields))
        for kind, record in zip(kinds, records, strict=True)
    )
    return (value("time", "time"), *made)


def symbols(model):
    return arguments(model, lambda kind, field: sympy.Symbol(f"{kind}_{field}", positive=True))


def plausible(model, generator):
    """Parameters inside their intervals, states and inputs of ordinary size."""

    def value(kind, field):
        if kind == "parameter":
            default = model.defaults[field]
            return generator.uniform(default.low, default.high)
        if "temperature" in field:
            return generator.uniform(300.0, 350.0)
        return generator.uniform(0.1, 2.0)

    return arguments(model, value)


def slopes(model, values, factors=None):
    rates = model.rates(*values)
    if factors is not None:
        rates = {rate: factors[rate] * value for rate, value in rates.items()}
    return model.derivatives(*values, rates)


@every_model()
def test_a_model_keeps_the_contract(model):
    check_model(model)


@every_model()
def test_every_equation_balances_in_its_units(model):
    check_units(model)


@every_model()
def test_every_parameter_has_a_unit_a_default_and_a_source(model):
    starts = {f"initial_{state}" for state in model.State._fields}
    assert set(model.defaults) - starts == set(model.Parameters._fields)
    for parameter, default in model.defaults.items():
        units.unit(model.units[parameter.removeprefix("initial_")])
        assert default.probability == 0.9
        assert len(default.source) > 10, parameter


@every_model()
def test_a_name_in_the_vocabulary_has_the_unit_of_the_vocabulary(model):
    for field, unit in model.units.items():
        known = vocabulary.find(field) if field in vocabulary.known() else None
        if known is not None and not (field == "rate_constant_1" and model.order_1 != 1):
            assert_allclose(units.convert(1.0, unit, known.unit), 1.0, rtol=1e-12)


@every_model([model for model in EVERY_MODEL if not hasattr(model, "grids")])
def test_every_measured_quantity_is_in_the_vocabulary(model):
    """A bed carries any solute: what is measured of it is named by its campaign."""
    for field in (*model.State._fields, *getattr(model, "output_names", ()), *model.inputs):
        assert field in vocabulary.known()


@every_model(CONSERVING)
def test_what_is_conserved_has_no_slope(model):
    values = symbols(model)
    _, state, parameters, _, settings = values
    factors = {rate: sympy.Symbol(f"factor_{rate}") for rate in model.rates(*values)}
    change = slopes(model, values, factors)
    for kept in model.conserved(state, parameters, settings).values():
        drift = sum(
            sympy.diff(kept, symbol) * slope for symbol, slope in zip(state, change, strict=True)
        )
        assert sympy.simplify(sympy.expand(drift)) == 0


@every_model(WITH_RATES)
def test_multiplying_every_rate_by_one_changes_nothing(model):
    values = plausible(model, np.random.default_rng(1))
    ones = dict.fromkeys(model.rates(*values), 1.0)
    assert slopes(model, values, ones) == slopes(model, values)


@every_model(WITH_RATES)
def test_every_named_rate_matters(model):
    values = plausible(model, np.random.default_rng(2))
    names = list(model.rates(*values))
    for rate in names:
        doubled = {other: 2.0 if other == rate else 1.0 for other in names}
        assert slopes(model, values, doubled) != slopes(model, values)


@every_model(WITH_RATES)
def test_a_concentration_at_zero_does_not_fall(model):
    generator = np.random.default_rng(3)
    for _ in range(20):
        values = plausible(model, generator)
        for field in model.State._fields:
            if "/L" in model.units[field] or "/mL" in model.units[field]:
                at_zero = values[1]._replace(**{field: 0.0})
                change = slopes(model, (values[0], at_zero, *values[2:]))
                assert getattr(change, field) >= -1e-5


@every_model()
def test_numbers_arrays_and_symbols_agree(model):
    generator = np.random.default_rng(4)
    rows = [plausible(model, generator) for _ in range(3)]

    def evaluate(values):
        if hasattr(model, "solution"):
            return model.solution(values[0], values[2], values[4])
        return slopes(model, values)

    one_by_one = np.array([evaluate(row) for row in rows], dtype=float)
    records = model_records(model)
    together = [np.array([row[0] for row in rows])]
    for place, record in enumerate(records, start=1):
        together.append(record(*np.array([row[place] for row in rows]).T))
    at_once = [np.broadcast_to(value, 3) for value in evaluate(together)]
    assert_allclose(np.array(at_once).T, one_by_one, rtol=1e-12)

    traced = symbols(model)
    flat = [traced[0], *(symbol for record in traced[1:] for symbol in record)]
    compiled = sympy.lambdify(flat, list(evaluate(traced)), "numpy")
    for row, expected in zip(rows, one_by_one, strict=True):
        given = [row[0], *(number for record in row[1:] for number in record)]
        assert_allclose(np.array(compiled(*given), dtype=float), expected, rtol=1e-9, atol=1e-12)


@every_model()
def test_a_model_is_found_again_from_its_name_and_options(model):
    written = json.loads(json.dumps(dataclasses.asdict(model)))
    assert find_model(type(model).__name__, **written) == model


@every_model()
def test_a_model_and_its_records_survive_pickling(model):
    again = pickle.loads(pickle.dumps(model))
    assert again == model
    state = model.State(*range(len(model.State._fields)))
    assert pickle.loads(pickle.dumps(state)) == state


WRONG = {"1/h": "1/day", "g/L": "mg/L", "h": "day", "K": "mK", "1": "g", "L": "mL"}


@every_model()
def test_a_wrong_unit_of_any_one_name_is_found(model):
    for field, unit in model.units.items():
        for wrong in (f"kg*({unit})" if unit != "1" else "kg", WRONG.get(unit, f"60*({unit})")):
            with pytest.raises(UnitError, match=type(model).__name__):
                check_units(replanted(model, units={**model.units, field: wrong}))


@every_model(WITH_RATES)
def test_a_wrong_equation_of_any_state_is_found(model):
    for field in model.State._fields:

        def derivatives(*values, field=field):
            right = model.derivatives(*values)
            state = values[1]
            return right._replace(**{field: getattr(right, field) + getattr(state, field)})

        with pytest.raises(UnitError, match="balance"):
            check_units(replanted(model, derivatives=derivatives))


def replanted(model, **changes):
    """The same model with some of its parts replaced."""
    parts = {
        part: getattr(model, part)
        for part in dir(model)
        if not part.startswith("_") and part not in changes
    }
    return type(type(model).__name__, (SimpleNamespace,), {})(**parts, **changes)


def test_a_replanted_model_without_changes_passes():
    check_units(replanted(MammalianFedBatch()))


def test_pint_is_the_judge_of_units():
    assert isinstance(units.unit("1e9 cells/g"), pint.Quantity)
    with pytest.raises(ModelError, match="is a class, not a model"):
        check_units(BatchReactor)
