"""What is said when a model breaks its contract, or an equation its units."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import sympy
from numpy.testing import assert_allclose

from bayesbio.errors import ModelError, UnitError
from bayesbio.mechanistic import (
    FedBatchCulture,
    Parameter,
    ProcessModel,
    check_model,
    check_units,
    model_records,
    monod,
    record,
)


class Diffusion:
    """Diffusion along five nodes, in and out at the first, a wall at the last."""

    class State(NamedTuple):
        concentration: Any
        volume: Any

    class Parameters(NamedTuple):
        exchange_rate: Any

    units = {
        "concentration": "g/L",
        "volume": "L",
        "exchange_rate": "1/h",
        "outside": "g/L",
        "mean_concentration": "g/L",
    }
    inputs = ("outside",)
    settings = ()
    defaults = {"exchange_rate": Parameter(0.1, 10.0, "assumed for this test")}
    output_names = ("mean_concentration",)
    grids = {"concentration": ("node", np.linspace(0.0, 1.0, 5))}

    def rates(self, time, state, parameters, inputs, settings):
        return {"exchange": parameters.exchange_rate}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        c, k = state.concentration, rates["exchange"]
        left = [inputs.outside, *c[:-1]]
        right = [*c[1:], c[-1]]
        slopes = [k * (b - a) - k * (a - o) for o, a, b in zip(left, c, right, strict=True)]
        if hasattr(slopes[0], "magnitude"):
            return self.State(np.array(slopes, dtype=object), 0 * state.volume * k)
        return self.State(np.array(slopes), 0.0)

    def outputs(self, state, parameters, settings):
        return {"mean_concentration": sum(state.concentration) / 5}


class Plain:
    """A user's model, short: decay of one substance."""

    class State(NamedTuple):
        amount: Any

    class Parameters(NamedTuple):
        decay_rate: Any

    units = {"amount": "g/L", "decay_rate": "1/h"}
    inputs = ()
    settings = ()
    defaults = {"decay_rate": Parameter(0.1, 1.0)}

    def rates(self, time, state, parameters, inputs, settings):
        return {"decay": parameters.decay_rate * state.amount}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        return self.State(amount=-rates["decay"])


def changed(**changes):
    """The short model with some of its parts replaced."""
    return type("Plain", (Plain,), changes)()


def test_a_short_model_of_ones_own_keeps_the_contract():
    check_model(Plain())
    check_units(Plain())
    assert isinstance(Plain(), ProcessModel)


def test_a_state_may_be_an_array_along_a_grid():
    model = Diffusion()
    check_model(model)
    check_units(model)
    state = model.State(np.zeros(5), 1.0)
    inputs = SimpleNamespace(outside=1.0)
    parameters = model.Parameters(2.0)
    rates = model.rates(0.0, state, parameters, inputs, None)
    slopes = model.derivatives(0.0, state, parameters, inputs, None, rates)
    assert_allclose(slopes.concentration, [2.0, 0.0, 0.0, 0.0, 0.0])
    nodes = np.array(sympy.symbols("c:5"), dtype=object)
    traced = model.derivatives(0.0, model.State(nodes, 1.0), parameters, inputs, None, rates)
    assert sympy.expand(traced.concentration[4] - 2.0 * (nodes[3] - nodes[4])) == 0
    assert model_records(model).Settings._fields == ("initial_concentration", "initial_volume")


def test_a_wrong_unit_is_found_on_a_grid_too():
    planted = type("Diffusion", (Diffusion,), {"units": Diffusion.units | {"outside": "g"}})
    with pytest.raises(UnitError, match="does not balance"):
        check_units(planted())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"units": {"amount": "g/L"}}, "parameter 'decay_rate' has no unit"),
        ({"units": Plain.units | {"amout": "g"}}, r"'amout', which .* Did you mean 'amount'\?"),
        (
            {"defaults": {"decay_rte": Parameter(1, 2)}},
            r"no parameter .* Did you mean 'decay_rate'\?",
        ),
        ({"defaults": {"decay_rate": (0.1, 1.0)}}, r"write Parameter\(low="),
        ({"inputs": "feed_rate"}, "inputs is the text 'feed_rate'; it must be a tuple"),
        ({"settings": ("amount",)}, "'amount' is both a state and a setting"),
        ({"settings": ("volume",)}, "setting 'volume' has no unit"),
        ({"State": ("amount",)}, "it must be a NamedTuple class"),
        ({"derivatives": None}, "cannot be evaluated: TypeError"),
        ({"grids": {"nodes": ("x", np.arange(3))}}, "grids names 'nodes', which is no state"),
        ({"input_defaults": {"feed": 0.0}}, "input_defaults names 'feed', which is not declared"),
        (
            {"output_names": ("titer",), "units": Plain.units | {"titer": "g/L"}},
            "no method outputs",
        ),
    ],
)
def test_what_is_missing_or_misspelt_is_named(changes, sentence):
    with pytest.raises(ModelError, match=sentence):
        check_model(changed(**changes))


def test_a_misspelt_parameter_in_a_body_is_answered_with_its_line_and_the_nearest_name():
    def rates(self, time, state, parameters, inputs, settings):
        return {"decay": parameters.decay_rat * state.amount}

    with pytest.raises(
        ModelError, match=r"decay_rat \* state.amount}'.* Did you mean 'decay_rate'\?"
    ):
        check_model(changed(rates=rates))


def test_a_derivative_must_be_a_state_of_the_right_shape():
    wrong = record("State", ("other",))

    def other(self, time, state, parameters, inputs, settings, rates):
        return wrong(0.0)

    def longer(self, time, state, parameters, inputs, settings, rates):
        return self.State(np.zeros(3))

    with pytest.raises(ModelError, match="return self.State"):
        check_model(changed(derivatives=other))
    with pytest.raises(ModelError, match=r"has shape \(3,\), but the state has shape \(\)"):
        check_model(changed(derivatives=longer))


def test_a_model_without_equations_says_so():
    bare = SimpleNamespace(
        State=Plain.State,
        Parameters=Plain.Parameters,
        units={},
        inputs=(),
        settings=(),
        defaults={},
    )
    with pytest.raises(ModelError, match="has no 'derivatives'; give rates and derivatives"):
        check_model(bare)


def test_a_bare_number_with_a_hidden_unit_is_found_with_its_line():
    def rates(self, time, state, parameters, inputs, settings):
        return {"decay": monod(state.amount, maximum_rate=parameters.decay_rate, half_saturation=1)}

    with pytest.raises(UnitError, match=r"It happened in rates, at 'return .*constant\("):
        check_units(changed(rates=rates))


def test_a_unit_of_the_right_kind_and_wrong_size_is_found():
    with pytest.raises(UnitError, match="off by a factor, 0.0416667"):
        check_units(changed(units=Plain.units | {"decay_rate": "1/day"}))


def test_a_unit_that_nobody_knows_is_named():
    with pytest.raises(UnitError, match="decay_rate has unit 'furlong per fortnite'"):
        check_units(changed(units=Plain.units | {"decay_rate": "furlong per fortnite"}))


def test_volume_counts_in_litres():
    units = FedBatchCulture().units
    planted = SimpleNamespace(
        **{
            part: getattr(FedBatchCulture(), part)
            for part in dir(FedBatchCulture())
            if not part.startswith("_") and part != "units"
        },
        units={name: unit.replace("L", "mL") for name, unit in units.items()},
    )
    with pytest.raises(UnitError, match="in litres"):
        check_units(planted)


def test_numbers_that_do_not_suit_an_equation_are_no_fault_of_the_model():
    def rates(self, time, state, parameters, inputs, settings):
        return {"decay": state.amount / (time - 0.8)}

    check_model(changed(rates=rates))
