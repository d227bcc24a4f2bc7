"""Intervals, records and jumps of a process model."""

from types import SimpleNamespace

import numpy as np
import pytest
import sympy
from numpy.testing import assert_allclose

from bayesbio.errors import ModelError
from bayesbio.mechanistic import (
    BatchCulture,
    BatchReactor,
    MammalianFedBatch,
    Parameter,
    jump_of,
    mass_balance_jump,
)


@pytest.mark.parametrize(
    ("low", "high", "probability"),
    [(2.0, 1.0, 0.9), (1.0, 1.0, 0.9), (0.0, np.inf, 0.9), (1, 2, 1)],
)
def test_an_interval_that_is_none_is_refused(low, high, probability):
    with pytest.raises(ModelError, match="interval"):
        Parameter(low, high, probability=probability)


def test_the_end_of_an_interval_is_a_number():
    with pytest.raises(ModelError, match="'0.1', which is no number"):
        Parameter("0.1", 1.0)


def test_the_centre_of_an_interval_is_geometric_when_it_is_positive():
    assert Parameter(0.01, 1.0).centre == pytest.approx(0.1)
    assert Parameter(-3.0, 1.0).centre == -1.0


def event(model, kind, **amounts):
    fields = model.State._fields
    return SimpleNamespace(
        kind=kind,
        amounts=model.State(*(amounts.get(name, 0.0) for name in fields)),
        given=model.State(*(float(name in amounts) for name in fields)),
    )


MAMMALIAN = MammalianFedBatch()
FULL = MAMMALIAN.State(8.0, 1.0, 2.0, 0.5, 1.5, 0.1, 0.8, 1.6)


def test_a_bolus_adds_its_amount_and_dilutes_everything_else():
    after = mass_balance_jump(
        MAMMALIAN, FULL, event(MAMMALIAN, "bolus", glucose=8.0, volume=0.4), None
    )
    assert after.volume == 2.0
    assert_allclose(after.glucose, (2.0 * 1.6 + 8.0) / 2.0)
    for name in ("viable_cell_density", "titer", "ammonium"):
        assert_allclose(getattr(after, name), getattr(FULL, name) * 0.8)


def test_a_sample_takes_volume_and_changes_no_concentration():
    after = mass_balance_jump(MAMMALIAN, FULL, event(MAMMALIAN, "sample", volume=0.1), None)
    assert after == FULL._replace(volume=1.5)


def test_an_inoculation_sets_what_is_given():
    after = mass_balance_jump(
        MAMMALIAN, FULL, event(MAMMALIAN, "inoculation", viable_cell_density=0.4), None
    )
    assert after == FULL._replace(viable_cell_density=0.4)


def test_a_switch_changes_no_state():
    assert mass_balance_jump(MAMMALIAN, FULL, event(MAMMALIAN, "switch"), None) == FULL


def test_a_bolus_does_not_mix_temperatures():
    model, settings = BatchReactor(), SimpleNamespace(volume=2.0)
    state = model.State(0.5, 0.1, 0.0, 333.0)
    after = mass_balance_jump(model, state, event(model, "bolus", concentration_a=1.0), settings)
    assert after == model.State(1.0, 0.1, 0.0, 333.0)


def test_a_bolus_into_no_volume_says_what_to_do():
    model = BatchCulture()
    with pytest.raises(ModelError, match=r"declare the setting 'volume' \[L\]"):
        jump_of(model)(
            model.State(1.0, 1.0), event(model, "bolus", substrate=1.0), SimpleNamespace()
        )


def test_a_sample_from_a_vessel_without_volume_changes_nothing():
    model = BatchCulture()
    state = model.State(1.0, 2.0)
    assert jump_of(model)(state, event(model, "sample"), SimpleNamespace()) == state


def test_an_event_of_another_kind_is_refused():
    with pytest.raises(ModelError, match="list the kind in event_kinds"):
        mass_balance_jump(MAMMALIAN, FULL, event(MAMMALIAN, "harvest"), None)


def test_a_jump_goes_through_in_symbols():
    symbols = MAMMALIAN.State(*sympy.symbols(MAMMALIAN.State._fields, positive=True))
    added = MAMMALIAN.State(*sympy.symbols([f"add_{name}" for name in symbols._fields]))
    bolus = SimpleNamespace(kind="bolus", amounts=added, given=None)
    after = mass_balance_jump(MAMMALIAN, symbols, bolus, None)
    gained = after.glucose * after.volume - symbols.glucose * symbols.volume
    assert sympy.simplify(gained - added.glucose) == 0


def test_a_model_with_its_own_jump_keeps_it():
    model = SimpleNamespace(jump=lambda state, event, settings: "own")
    assert jump_of(model)(None, None, None) == "own"
