"""Corrected models: the factor's equation, its anchor, and rates that keep their balances."""

import math

import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import ModelError
from bayesbio.mechanistic import BatchCulture
from bayesbio.mechanistic.corrected_model import CorrectedModel, Correction

BASE = BatchCulture(product=True)
SLOWER = Correction(
    on="growth", inputs=["product"], knots=3, anchor={"product": 1.0}, span={"product": (0.0, 6.0)}
)
GIVEN = (0.4, 0.2, 0.5, 0.3, 0.02)
WEIGHTS = (0.5, -1.0, 2.0, 0.3)  # amplitude, then one weight for each knot


def ramp(distance, width):
    return (distance + math.sqrt(distance**2 + width**2)) / 2


def rates_at(product, weights=WEIGHTS):
    model = CorrectedModel(BASE, [SLOWER])
    parameters = model.Parameters(*GIVEN, *weights)
    state = model.State(2.0, 3.0, product)
    return model, state, parameters, model.rates(0.0, state, parameters, None, None)


def test_a_rate_is_multiplied_by_the_exponential_of_ramps_from_the_anchor():
    plain = 0.4 * 3.0 / 3.2
    total = 0.5 * sum(
        weight * (ramp((4.0 - knot) / 6.0, 1 / 3) - ramp((1.0 - knot) / 6.0, 1 / 3))
        for weight, knot in zip(WEIGHTS[1:], (0.0, 2.0, 4.0), strict=True)
    )
    assert_allclose(rates_at(4.0)[3]["growth"], plain * math.exp(total), rtol=1e-12)
    assert_allclose(rates_at(1.0)[3]["growth"], plain, rtol=1e-12)


def test_balances_are_those_of_the_base_with_the_corrected_rates():
    model, state, parameters, rates = rates_at(4.0)
    found = model.derivatives(0.0, state, parameters, None, None, rates)
    mu = rates["growth"]
    assert_allclose(found, [mu * 2.0, -mu / 0.5 * 2.0, (0.3 * mu + 0.02) * 2.0], rtol=1e-12)


@pytest.mark.parametrize(
    ("correction", "sentence"),
    [
        (Correction(on="growth", inputs=["oxygen"], anchor={"oxygen": 1.0}), "no state, input"),
        (SLOWER, "two corrections"),
    ],
)
def test_corrections_that_do_not_fit_are_refused(correction, sentence):
    with pytest.raises(ModelError, match=sentence):
        CorrectedModel(BASE, [SLOWER, correction])
