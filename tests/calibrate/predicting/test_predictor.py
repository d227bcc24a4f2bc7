"""Predictions from draws that were made by hand: courses, clocks, replicated readings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.calibrate.predicting.predictor import Predictor
from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.calibrate.requests import PredictionRequest, Tolerances
from bayesbio.data import Campaign, Run
from bayesbio.errors import ModelError
from bayesbio.inference import normal
from bayesbio.mechanistic import BatchReactor

RATES = np.array([[0.3, 0.5]])
ROWS = pd.DataFrame({"time_h": [1.0, 4.0], "quantity": "concentration_a", "value": [0.7, 0.2]})


@pytest.fixture(scope="module")
def predictor():
    early = ROWS.assign(time_h=[-3.0, 1.0])
    start = {"initial_concentration_a": 1.0}
    dims = ("chain", "draw")
    draws = xr.Dataset(
        {
            "rate_constant_1": (dims, RATES),
            "noise_concentration_a": (dims, np.full((1, 2), 0.1)),
        },
        {"chain": [0], "draw": [0, 1]},
    )
    return Predictor(
        BatchReactor(isothermal=True),
        Campaign([Run("R1", ROWS, start), Run("early", early, start)]),
        draws,
        {"concentration_a": normal()},
        ParameterStructure(given={"rate_constant_2": 0.05}),
        Tolerances(),
    )


def test_every_draw_follows_its_own_closed_form(predictor):
    course = predictor.predict(PredictionRequest("R1", times=[0.0, 2.0], noise=False))
    expected = np.exp(-RATES[..., None] * np.array([0.0, 2.0]))
    assert_allclose(course["concentration_a"].squeeze("run"), expected, rtol=1e-4)


def test_runs_of_two_clocks_start_at_their_own_starts(predictor):
    course = predictor.predict(PredictionRequest(until=4.0, noise=False))["concentration_a"]
    assert course["time"].min() == -3.0
    assert_allclose(course.sel(run="R1", time=4.0)[0], np.exp(-RATES[0] * 4.0), rtol=1e-4)
    assert_allclose(course.sel(run="early", time=4.0)[0], np.exp(-RATES[0] * 7.0), rtol=1e-4)
    assert np.isnan(course.sel(run="R1", time=-3.0)).all()


def test_replicated_readings_come_with_their_likelihood(predictor):
    rows = ROWS.assign(run="R1", flag="", sd=np.nan, value_upper=np.nan, replicate=1)
    groups = predictor.replicate({"concentration_a": rows}, random_seed=1)
    found = groups["log_likelihood"]["concentration_a"]
    mean = np.exp(-RATES[..., None] * ROWS["time_h"].to_numpy())
    assert_allclose(found, stats.norm(mean, 0.1).logpdf([0.7, 0.2]), rtol=1e-3)
    assert groups["posterior_predictive"]["concentration_a"].shape == (1, 2, 2)


def test_a_plan_without_times_asks_for_them(predictor):
    with pytest.raises(ModelError, match="say until="):
        predictor.predict(PredictionRequest(settings={"initial_concentration_a": 0.5}))
