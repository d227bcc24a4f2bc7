"""Death laws: limits that follow from their equations."""

from types import SimpleNamespace as Values

import pytest

from bayesbio.mechanistic.kinetics.death_laws import DEATH_LAWS

STATE = Values(ammonium=0.1, glucose=0.2, accumulated_byproduct=4000.0)


def rate(law, time=0.0, state=STATE, **parameters):
    return DEATH_LAWS[law].equation(time, state, Values(**parameters))


def test_saturation_gives_half_the_maximum_at_the_constant():
    assert rate("ammonium", maximum_death_rate=0.02, ammonium_death_constant=0.1) == 0.01
    assert rate("starvation", maximum_death_rate=0.02, starvation_constant=0.2) == 0.01


def test_late_death_is_half_its_maximum_at_the_onset_and_rises_with_age():
    given = dict(death_rate=0.001, maximum_death_rate=0.02, death_onset=200.0, death_rise_time=20.0)
    assert rate("late", 200.0, **given) == pytest.approx(0.011)
    assert rate("late", 0.0, **given) == pytest.approx(0.001 + 0.02 / (1 + 22026.4658), rel=1e-6)
    assert rate("late", 400.0, **given) == pytest.approx(0.021, rel=1e-4)


def test_accumulated_byproduct_kills_in_proportion():
    assert rate("accumulated", death_per_byproduct=1e-6) == pytest.approx(0.004)


def test_constant_death_is_constant():
    assert rate("constant", time=300.0, death_rate=0.003) == 0.003


@pytest.mark.parametrize("law", DEATH_LAWS)
def test_every_parameter_has_an_interval_and_a_source(law):
    for unit, interval in DEATH_LAWS[law].parameters.values():
        assert unit and 0 < interval.low < interval.high and interval.source
