"""Inhibition laws of the table against their equations as published."""

from types import SimpleNamespace

import pytest

from bayesbio.mechanistic import Hyperbolic, Levenspiel
from bayesbio.mechanistic.kinetics.inhibition_laws import INHIBITION_LAWS

GIVEN = SimpleNamespace(
    critical_product=60.0, product_inhibition_exponent=2.0, product_inhibition_constant=8.0
)


def test_levenspiel_ends_growth_at_the_critical_product():
    assert Levenspiel().share(15.0, GIVEN) == pytest.approx((1 - 15.0 / 60.0) ** 2, rel=1e-6)
    assert Levenspiel().share(60.0, GIVEN) == pytest.approx(0.0, abs=1e-6)


def test_half_of_growth_is_left_at_the_hyperbolic_constant():
    assert Hyperbolic().share(8.0, GIVEN) == pytest.approx(0.5)
    assert Hyperbolic().share(24.0, GIVEN) == pytest.approx(8.0 / 32.0)


@pytest.mark.parametrize("law", INHIBITION_LAWS)
def test_nothing_is_inhibited_without_product(law):
    share = INHIBITION_LAWS[law].equation(0.0, GIVEN)
    assert share == pytest.approx(1.0, rel=1e-6)
