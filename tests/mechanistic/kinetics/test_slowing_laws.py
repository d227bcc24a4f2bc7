"""Slowing laws: limits that follow from their equations."""

from types import SimpleNamespace as Values

import pytest

from bayesbio.mechanistic.kinetics.slowing_laws import SLOWING_LAWS


@pytest.mark.parametrize(("age", "share"), [(0.0, 1.0), (150.0, 0.5), (300.0, 0.0)])
def test_growth_ends_along_a_logistic_curve_of_age(age, share):
    given = Values(growth_end=150.0, growth_fall_time=10.0)
    assert SLOWING_LAWS["age"].equation(age, None, given) == pytest.approx(share, abs=1e-6)


def test_half_of_growth_is_left_at_the_inhibition_constant():
    state, given = Values(accumulated_byproduct=800.0), Values(byproduct_inhibition_constant=800.0)
    assert SLOWING_LAWS["accumulated"].equation(0.0, state, given) == pytest.approx(0.5)


@pytest.mark.parametrize("law", SLOWING_LAWS)
def test_every_parameter_has_an_interval_and_a_source(law):
    for unit, interval in SLOWING_LAWS[law].parameters.values():
        assert unit and 0 < interval.low < interval.high and interval.source
