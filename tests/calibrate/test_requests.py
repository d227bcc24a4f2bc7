"""What is asked of a fit and of a prediction, checked at the door."""

from __future__ import annotations

import pandas as pd
import pytest

from bayesbio.calibrate.requests import (
    FitRequest,
    PredictionRequest,
    SamplerOptions,
    Tolerances,
    fit_arguments,
    split_options,
)
from bayesbio.data import Campaign, Event, Profile, Run
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.mechanistic import BatchCulture

ROWS = pd.DataFrame({"time_h": [1.0], "quantity": "biomass", "value": [0.3]})
CAMPAIGN = Campaign([Run("R1", ROWS, {"pH": 7.0}), Run("R2", ROWS)])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: Tolerances(rtol=0.0), "rtol=0.0 came"),
        (lambda: Tolerances(method="euler"), "method='euler' is unknown"),
        (lambda: SamplerOptions(draws=0), "draws=0 came"),
        (lambda: SamplerOptions(chains="4"), "chains='4' came"),
        (lambda: SamplerOptions(tune=True), "tune=True came"),
        (lambda: SamplerOptions(target_accept=95), "between 0 and 1"),
        (lambda: FitRequest(CAMPAIGN, BatchCulture(), priors=[1.0]), "priors="),
        (lambda: PredictionRequest(outside="hide"), "outside='hide' is unknown"),
        (lambda: PredictionRequest(runs=3).chosen(CAMPAIGN), "runs is 3; expected names"),
    ],
)
def test_options_are_checked_at_the_door(wrong, sentence):
    with pytest.raises((CalibrationError, ModelError), match=sentence):
        wrong()


def test_options_of_fit_are_sorted_into_requests_and_back():
    given = {"priors": {"cell_yield": 0.5}, "draws": 50, "rtol": 1e-5}
    asked = split_options(CAMPAIGN, BatchCulture(), given, start_priors={"initial_biomass": 1})
    request, tolerances, sampler = asked
    assert request.start_priors == {"initial_biomass": 1}
    assert tolerances == Tolerances(rtol=1e-5) and sampler == SamplerOptions(draws=50)
    again = fit_arguments(*asked)
    assert given.items() <= again.items() and again["vary"] is None
    with pytest.raises(CalibrationError, match="'drawz' is no option of fit. Did you mean 'draws'"):
        split_options(CAMPAIGN, BatchCulture(), {"drawz": 50})


def test_a_prediction_is_of_all_runs_a_new_one_or_changed_ones():
    assert [run.name for run in PredictionRequest().chosen(CAMPAIGN)] == ["R1", "R2"]
    (new,) = PredictionRequest(settings={"pH": 6.9}).chosen(CAMPAIGN)
    assert new.name == "new" and new.settings == {"pH": 6.9}
    event = Event(2.0, "stop")
    asked = PredictionRequest("R1", profiles={"feed": [(0.0, 1.0)]}, events=[event])
    (changed,) = asked.chosen(CAMPAIGN)
    assert changed.settings == {"pH": 7.0} and changed.events == (event,)
    assert changed.profiles["feed"] == Profile(((0.0, 1.0),))
