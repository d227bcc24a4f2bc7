"""Models that the columns allow, and those that differ in one option."""

import pandas as pd

from bayesbio.calibrate.choosing.candidates import (
    described,
    first_models,
    is_allowed,
    neighbours,
    options_of_model,
    problem_of,
)
from bayesbio.data import read_campaign
from bayesbio.mechanistic import BatchCulture, MammalianFedBatch
from tests.calibrate.choosing.conftest import LEAN


def test_one_model_a_kind_describes_most_of_the_columns(lactate_is_consumed):
    (model,) = first_models(lactate_is_consumed)
    assert model == MammalianFedBatch(**LEAN)
    assert set(described(model, lactate_is_consumed)) == set(lactate_is_consumed.quantities)


def test_a_model_with_a_state_nobody_measured_is_not_allowed(lactate_is_consumed):
    assert not is_allowed(MammalianFedBatch(**{**LEAN, "ammonium": True}), lactate_is_consumed)
    assert problem_of(MammalianFedBatch(), lactate_is_consumed) is None
    assert is_allowed(MammalianFedBatch(**LEAN, lactate_uptake=True), lactate_is_consumed)


def test_a_shift_is_an_option_only_where_a_profile_shifts(lactate_is_consumed):
    assert not is_allowed(MammalianFedBatch(**LEAN, temperature=True), lactate_is_consumed)


def test_neighbours_differ_in_one_option_and_keep_the_contract():
    near = dict(neighbours(MammalianFedBatch(**LEAN)))
    assert "lactate_uptake=true" in near and "death=late" in near and "slowing=age" in near
    assert "ammonium_uptake=true" not in near  # there is no ammonium to take up
    assert all(model != MammalianFedBatch(**LEAN) for model in near.values())


def test_options_are_written_as_the_command_line_takes_them():
    assert options_of_model(MammalianFedBatch(feed=False, death="late")) == {
        "feed": "false",
        "death": "late",
    }
    assert options_of_model(BatchCulture(growth="contois")) == {"growth": "contois"}


def test_microbes_get_models_of_microbes():
    hours = [0.0, 2.0, 4.0, 6.0]
    sheet = pd.DataFrame({"Run": "A", "Time (h)": hours, "DCW (g/L)": 1.0, "Substrate (g/L)": 2.0})
    names = {type(model).__name__ for model in first_models(read_campaign(sheet))}
    assert "BatchCulture" in names and "MammalianFedBatch" not in names
