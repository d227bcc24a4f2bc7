"""What readings can determine: known symmetries found, and nothing else called confounded."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import sympy

from bayesbio.calibrate import structural_identifiability
from bayesbio.data import Campaign, Run
from bayesbio.errors import ModelError
from bayesbio.mechanistic import (
    BatchCulture,
    BatchReactor,
    GrowthCurve,
    MammalianFedBatch,
    Parameter,
    exp,
    sqrt,
    tanh,
)
from bayesbio.ode.generic_sensitivity import PRIME, generic_sensitivity, kernel_of, rank_of


class Symmetric:
    """One state that sees its parameters only through a b^2 / c, and d not at all."""

    class State(NamedTuple):
        amount: float

    class Parameters(NamedTuple):
        a: float
        b: float
        c: float
        d: float

    units = dict.fromkeys(("amount", "a", "b", "c", "d"), "1")
    inputs = ()
    settings = ()
    defaults = dict.fromkeys("abcd", Parameter(0.5, 2.0))

    def rates(self, time, state, parameters, inputs, settings):
        return {"loss": parameters.a * parameters.b**2 / parameters.c}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        return self.State(-rates["loss"] * state.amount)


class EveryFunction(Symmetric):
    """The same exchange behind every function that a model body may use."""

    def rates(self, time, state, parameters, inputs, settings):
        group = parameters.a * parameters.b**2 / parameters.c
        bent = exp(-group) + sqrt(1.0 + group * state.amount) + tanh(group) + group**0.7
        return {"loss": bent * (1.0 + parameters.d) ** state.amount}


def test_substrate_that_was_not_measured_hides_behind_one_scale():
    found = structural_identifiability(BatchCulture(), ["biomass"], known=["initial_biomass"])
    assert found.identifiable == ("maximum_growth_rate",)
    (hidden,) = found.confounded
    powers = dict(zip(hidden.names, hidden.exponents, strict=True))
    assert powers == {"substrate_monod_constant": 1, "cell_yield": -1, "initial_substrate": 1}
    assert list(found.helpful) == ["substrate"]


def test_a_known_start_breaks_the_scale():
    assert structural_identifiability(BatchCulture(), ["biomass"]).passed


def test_heats_and_capacities_are_known_up_to_one_factor():
    found = structural_identifiability(BatchReactor(), ["concentration_a", "temperature"])
    (heats,) = found.confounded
    assert set(heats.names) == {
        *("reaction_enthalpy_1", "reaction_enthalpy_2", "heat_capacity", "heat_transfer"),
    }
    assert set(heats.exponents) == {1}
    assert "fix one of these by a prior" in str(found)


def test_an_exchange_of_powers_and_an_idle_parameter_are_named():
    found = structural_identifiability(Symmetric(), ["amount"])
    assert "d leaves no trace in what is measured." in found.sentences
    exchange = [c for c in found.confounded if len(c.names) > 1]
    for each in exchange:  # a b^2 / c stays the same along each direction
        powers = dict.fromkeys("abc", 0) | dict(zip(each.names, each.exponents, strict=True))
        assert powers["a"] + 2 * powers["b"] - powers["c"] == 0
    assert len(exchange) == 2
    assert found.identifiable == ("initial_amount",)


def test_the_exchange_is_seen_through_exponentials_roots_and_powers():
    found = structural_identifiability(EveryFunction(), ["amount"])
    assert set(found.identifiable) == {"d", "initial_amount"}
    assert len(found.confounded) == 2


def test_a_product_that_is_not_read_leaves_its_yields_free():
    found = structural_identifiability(MammalianFedBatch(), ["viable_cell_density", "glucose"])
    assert [c.sentence for c in found.confounded] == [
        "specific_productivity leaves no trace in what is measured."
    ]
    assert found.helpful == {"titer": ("specific_productivity",)}


def test_a_curve_in_closed_form_is_followed_too():
    assert structural_identifiability(GrowthCurve(), ["biomass"]).passed


def test_a_campaign_says_what_is_measured_and_which_starts_are_known():
    rows = {"time_h": [1.0, 2.0], "quantity": "biomass", "value": [0.2, 0.3]}
    run = Run("R1", pd.DataFrame(rows), {"initial_biomass": 0.1, "initial_substrate": 5.0})
    found = structural_identifiability(BatchCulture(), Campaign([run]))
    assert found.passed
    assert found.measured == ("biomass",)
    assert "initial_substrate" not in found.identifiable


def test_the_rank_agrees_with_taylor_coefficients_differentiated_by_sympy():
    a, b, x0 = sympy.symbols("a b x0", positive=True)  # x' = -a b x, two unknowns seen as one
    series = [x0 * (-a * b) ** k / sympy.factorial(k) for k in range(4)]
    jacobian = sympy.Matrix(series).jacobian([a, b, x0]).subs({a: 2, b: 3, x0: 5})

    class Decay(Symmetric):
        def rates(self, time, state, parameters, inputs, settings):
            return {"loss": parameters.a * parameters.b}

    found = generic_sensitivity(Decay(), known=["c", "d"], runs=1)
    assert found.unknowns == ("a", "b", "initial_amount")
    assert rank_of(found.rows["amount"]) == jacobian.rank() == 2


def test_kernels_are_annihilated():
    rng = np.random.default_rng(3)
    matrix = rng.integers(0, 50, (4, 7))
    basis = kernel_of(matrix)
    assert len(basis) == 7 - rank_of(matrix)
    products = [
        [sum(int(x) * int(y) for x, y in zip(r, v, strict=True)) for v in basis] for r in matrix
    ]
    assert all(value % PRIME == 0 for row in products for value in row)


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(ModelError, match="'biomas' is no state or output of BatchCulture"):
        structural_identifiability(BatchCulture(), ["biomas"])
    with pytest.raises(ModelError, match="'yield' is no unknown"):
        structural_identifiability(BatchCulture(), ["biomass"], known=["yield"])
