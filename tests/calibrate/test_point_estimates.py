"""The mode of a posterior, labelled as that."""

from __future__ import annotations

import pytest

from bayesbio.calibrate import quick_look


@pytest.fixture(scope="module")
def quick(campaign, model):
    """A quick look at the virtual campaign."""
    return quick_look(
        campaign, model, vary={"rate_constant_1": "run"}, noise="normal", random_seed=1
    )


def test_units_are_those_of_a_calibration(quick, calibration):
    units = quick.summary()["unit"]
    assert units["noise_concentration_a"] == "mol/L"
    assert units["rate_constant_1"] == units["rate_constant_1_by_run[R1]"] == "1/h"
    assert units["rate_constant_1_sd_run"] == "1"
    assert units.to_dict() == calibration.summary()["unit"].to_dict()


def test_the_mode_lies_where_the_posterior_does(quick, calibration):
    table = calibration.summary()
    estimate = quick.summary()["estimate"].reindex(["rate_constant_1", "rate_constant_2"])
    distance = (estimate - table["mean"].reindex(estimate.index)) / table["sd"]
    assert (distance.dropna().abs() < 1.0).all()


def test_it_predicts_as_a_calibration_does_with_one_draw(quick, campaign):
    course = quick.predict(until=8.0)
    assert dict(course.sizes)["chain"] == dict(course.sizes)["draw"] == 1
    assert "outside" in course and not course["outside"].any()
    assert quick.label.startswith("quick look")
