"""Fits of an awkward campaign: a planned run, names like the sampler's, a clock from -5 h."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.calibrate import build_model, fit
from bayesbio.calibrate.completion import Completion
from bayesbio.calibrate.coordinates.starts import CompiledProblem
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest, Tolerances
from bayesbio.data import Campaign, Run
from bayesbio.errors import CalibrationError, DataError, ModelError
from bayesbio.inference import between
from bayesbio.mechanistic import Parameter

MEDIA = {"A": "old", "B": "old", "C": "new", "D": "new"}
RATES = {"old": 0.20, "new": 0.30}


class Growth:
    """Exponential growth whose parameters have names that once were taken for coordinates."""

    class State(NamedTuple):
        biomass: Any

    class Parameters(NamedTuple):
        growth_rate: Any
        bleed_split: Any
        heat_effect_on_growth: Any

    units = {
        "biomass": "g/L",
        "growth_rate": "1/h",
        "bleed_split": "1",
        "heat_effect_on_growth": "1",
    }
    inputs = ()
    settings = ()
    defaults = {
        "growth_rate": Parameter(0.05, 1.0, "a guess"),
        "bleed_split": Parameter(0.05, 0.5, "a guess"),
        "heat_effect_on_growth": Parameter(0.8, 1.2, "a guess"),
    }

    def rates(self, time, state, parameters, inputs, settings):
        rate = parameters.growth_rate * parameters.heat_effect_on_growth
        return {"growth": rate * (1.0 - 0.1 * parameters.bleed_split) * state.biomass}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        return self.State(biomass=rates["growth"])


def read(name, start=-5.0):
    rng = np.random.default_rng(ord(name))
    hours = np.arange(0.0, 13.0, 2.0)
    values = 0.2 * np.exp(RATES[MEDIA[name]] * hours + rng.normal(0.0, 0.02, hours.size))
    table = pd.DataFrame({"time_h": hours + start, "quantity": "biomass", "value": values})
    return Run(name, table, {"initial_biomass": 0.2, "medium": MEDIA[name]})


@pytest.fixture(scope="module")
def awkward():
    """Four runs read from -5 h on, and one that is only planned."""
    planned = Run("planned", settings={"initial_biomass": 0.2, "medium": "new"})
    return Campaign([*(read(name) for name in MEDIA), planned])


OPTIONS = {
    "vary": {"growth_rate": "medium"},
    "noise": "lognormal",
    "draws": 100,
    "tune": 150,
    "chains": 2,
    "random_seed": 1,
}


@pytest.fixture(scope="module")
def compiled(awkward):
    """The density of these fits, compiled once for all of them."""
    request = FitRequest(awkward, Growth(), vary=OPTIONS["vary"], noise=OPTIONS["noise"])
    return CompiledProblem.of(formulate(request), Tolerances())


@pytest.fixture(scope="module")
def fitted(awkward, compiled):
    """A short fit: what it holds is looked at, not whether it converged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CompiledProblem, "of", lambda *_, **__: compiled)
        return fit(awkward, Growth(), **OPTIONS)


@pytest.fixture
def compiled_once(compiled, monkeypatch):
    """Further fits of this module take the same density."""
    monkeypatch.setattr(CompiledProblem, "of", lambda *_, **__: compiled)


def test_a_planned_run_is_left_out_with_a_finding_and_can_be_predicted(awkward, fitted):
    assert fitted.campaign.names == ("A", "B", "C", "D")
    (warning,) = [text for text in fitted.warnings if "planned" in text]
    assert "no readings" in warning and "calibration.predict(campaign['planned']" in warning
    course = fitted.predict([awkward["planned"]], until=4.0, noise=False)
    assert_allclose(float(course["biomass"].isel(time=0).mean()), 0.2)


def test_a_campaign_without_any_reading_is_refused(awkward):
    with pytest.raises(DataError, match="None of the measured quantities"):
        fit(awkward.select(["planned"]), Growth(), random_seed=1)


def test_parameters_keep_their_names_whatever_these_contain(fitted):
    assert {"bleed_split", "heat_effect_on_growth"} <= set(fitted.draws.data_vars)
    assert not [name for name in map(str, fitted.draws.data_vars) if "." in name]
    assert "growth_rate_effect_of_levels" not in fitted.draws


@pytest.mark.parametrize(
    ("column", "sentence"),
    [("draw", "has a dimension 'draw' already"), ("bleed_split", "the unknown bleed_split")],
)
def test_a_name_that_would_stand_twice_in_the_posterior_is_refused(awkward, column, sentence):
    runs = [
        run.replace(settings={**run.settings, column: str(i % 2)}) for i, run in enumerate(awkward)
    ]
    with pytest.raises((ModelError, DataError), match=sentence):
        build_model(Campaign(runs), Growth(), vary={"growth_rate": column})


def test_a_medium_called_new_is_a_medium_like_any_other(fitted):
    """A run that states no medium draws an effect of its own, not that of the medium "new"."""
    settings = {"initial_biomass": 0.2}
    asked = {"times": [8.0], "noise": False}
    unknown = fitted.predict(settings=settings, **asked)["biomass"]
    known = fitted.predict(settings={**settings, "medium": "new"}, **asked)["biomass"]
    assert float(unknown.std()) > 2.0 * float(known.std())


def test_a_run_starts_when_it_was_first_read_whatever_times_are_asked_for(fitted):
    at_readings = fitted.predict("A", noise=False)["biomass"].sel(time=7.0)
    for asked in ({"until": 7.0}, {"times": [3.0, 7.0]}):
        course = fitted.predict("A", noise=False, **asked)["biomass"].sel(time=7.0)
        assert_allclose(course, at_readings, rtol=1e-4)


def test_runs_of_two_clocks_are_predicted_together(awkward, fitted):
    runs = [awkward["A"], Run("later", settings={"initial_biomass": 0.2, "medium": "old"})]
    course = fitted.predict(runs, until=7.0, noise=False)["biomass"].median(("chain", "draw"))
    alone = fitted.predict("A", until=7.0, noise=False)["biomass"].median(("chain", "draw"))
    assert_allclose(course.sel(run="A"), alone.sel(run="A"), rtol=1e-5)
    assert course["time"].min() == -5.0
    new = fitted.predict([runs[1]], times=[0.0, 7.0], noise=False)["biomass"]
    assert_allclose(new.isel(time=0), 0.2)


def test_a_prediction_says_which_runs_leave_what_was_studied(fitted):
    inside = fitted.predict(settings={"initial_biomass": 0.2, "medium": "old"}, until=7.0)
    beyond = fitted.predict(settings={"initial_biomass": 0.5, "medium": "old"}, until=9.0)
    assert inside["outside"].dims == ("run",) and not inside["outside"].any()
    assert beyond["outside"].all()
    assert "initial_biomass is 0.5" in beyond["outside"].attrs["reasons"][0]
    assert "9 h come after the last reading, 7 h" in beyond["outside"].attrs["reasons"][0]
    assert all("units" in values.attrs for values in inside.data_vars.values())
    with pytest.raises(ModelError, match="leaves what was studied: initial_biomass is 0.5"):
        fitted.predict(settings={"initial_biomass": 0.5}, until=7.0, outside="refuse")
    with pytest.raises(ModelError, match="after the start of the runs, which is -5 h"):
        fitted.predict("A", until=-6.0)


def test_what_the_draws_will_go_through_is_done_before_the_first_of_them(
    awkward, compiled_once, monkeypatch
):
    def fails(self, rows, *, random_seed):
        raise CalibrationError("no predictive readings")

    stages = []
    monkeypatch.setattr("bayesbio.calibrate.predicting.predictor.Predictor.replicate", fails)
    with pytest.raises(CalibrationError, match="no predictive readings"):
        fit(awkward, Growth(), progress=stages.append, **OPTIONS)
    assert not [each for each in stages if each.finished]


def test_draws_are_kept_where_something_beside_them_cannot_be_computed(
    awkward, compiled_once, monkeypatch
):
    def fails(self, draws):
        raise ValueError("out of luck")

    monkeypatch.setattr(Completion, "prior", fails)
    kept = fit(awkward, Growth(), **OPTIONS)
    assert kept.draws.sizes["draw"] == 100 and "prior" not in kept.posterior.children
    assert "The draws from the prior could not be computed: out of luck" in kept.warnings


def test_chains_on_an_executor_share_one_search_for_the_mode(
    awkward, fitted, compiled_once, monkeypatch
):
    searches = []
    start = CompiledProblem.start

    def counted(self, **options):
        searches.append(options)
        return start(self, **options)

    monkeypatch.setattr(CompiledProblem, "start", counted)
    with ThreadPoolExecutor(1) as pool:
        other = fit(awkward, Growth(), executor=pool, **OPTIONS)
    assert len(searches) == 1
    assert set(other.draws.data_vars) == set(fitted.draws.data_vars)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"draws": 0}, "draws=0 came"),
        ({"chains": "4"}, "chains='4' came"),
        ({"target_accept": 95}, "between 0 and 1"),
        ({"rtol": 0.0}, "rtol=0.0 came"),
        ({"priors": [1.0]}, "priors="),
        ({"noise": {"biomass": 0.1}}, "noise for 'biomass' is 0.1"),
        ({"noise": "lognorml"}, "Did you mean 'lognormal'"),
    ],
)
def test_options_are_checked_at_the_door(awkward, changed, sentence):
    with pytest.raises((CalibrationError, ModelError), match=sentence):
        fit(awkward, Growth(), **{**OPTIONS, **changed})


def test_numbers_of_numpy_fix_a_parameter(awkward):
    made = build_model(awkward, Growth(), priors={"bleed_split": np.int64(0)})
    assert "bleed_split" not in made.named_vars
    assert (
        "growth_rate"
        in build_model(awkward, Growth(), priors={"growth_rate": between(0.1, 0.4)}).named_vars
    )
