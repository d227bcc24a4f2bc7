"""Most probable parameters without compiling: truth recovered, runs left out predicted."""

import numpy as np
import pytest

from bayesbio.calibrate.choosing.least_squares import QuickProblem
from bayesbio.errors import ModelError
from bayesbio.mechanistic import MammalianFedBatch
from tests.calibrate.choosing.conftest import LEAN, TRUTH


@pytest.fixture(scope="module")
def fitted(lactate_is_consumed):
    problem = QuickProblem(lactate_is_consumed, MammalianFedBatch(**LEAN, lactate_uptake=True))
    return problem, problem.fit(random_seed=1)


def test_what_the_data_determine_is_recovered(fitted):
    _, fit = fitted
    assert fit.values["maximum_growth_rate"] == pytest.approx(TRUTH["maximum_growth_rate"], rel=0.2)
    assert fit.values["lactate_yield_on_glucose"] == pytest.approx(0.4, rel=0.25)
    assert all(noise < 0.08 for noise in fit.noise.values())


def test_slopes_are_those_of_the_errors_while_there_is_glucose(fitted):
    problem, fit = fitted
    early = problem.readings.time <= 96.0
    slopes, step = problem._slopes(fit.point), 1e-3
    for number in (0, len(problem.shared)):
        up, down = fit.point.copy(), fit.point.copy()
        up[number] += step
        down[number] -= step
        above, below = problem.errors(np.array([up, down]))
        expected = -(above - below) / (2 * step)
        assert np.abs(expected[early]).max() > 0
        np.testing.assert_allclose(
            slopes[early, number], expected[early], atol=0.02 * np.abs(expected[early]).max()
        )


def test_runs_left_out_are_predicted_as_well_as_assays_allow(fitted, lactate_is_consumed):
    problem, fit = fitted
    left_out = problem.left_out(fit, [["R1"], ["R2"], ["R3"]])
    assert set(left_out["run"]) == {"R1", "R2", "R3"}
    assert (left_out["time_h"] > 0).all()
    assert left_out["error"].abs().median() < 0.12


def test_courses_go_through_the_readings(fitted, lactate_is_consumed):
    problem, fit = fitted
    courses = problem.courses(fit.point, 50)
    assert courses["lactate"].dims == ("chain", "draw", "run", "time")
    last = float(courses["lactate"].sel(run="R1").isel(chain=0, draw=0, time=-1))
    frame = lactate_is_consumed.to_frame()
    rows = frame[(frame["run"] == "R1") & (frame["quantity"] == "lactate")]
    assert last == pytest.approx(float(rows["value"].iloc[-1]), abs=0.4)


def test_what_nothing_gives_is_asked_for(lactate_is_consumed):
    with pytest.raises(ModelError, match="needs feed_glucose, which nothing gives"):
        QuickProblem(lactate_is_consumed, MammalianFedBatch(**{**LEAN, "feed": True}))
