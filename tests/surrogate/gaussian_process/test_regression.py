"""Gaussian process regression: fixed answers, intervals that hold the truth, the contract."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesbio
from bayesbio.errors import BayesbioError, CalibrationError, DataError, ModelError
from bayesbio.surrogate import GaussianProcessRegression

QUICK = dict(draws=100, tune=150, chains=2)


def mean(prediction):
    return prediction["outcome"].mean(("chain", "draw")).to_numpy()


def deviation(prediction):
    return prediction["outcome"].std(("chain", "draw")).to_numpy()


def test_noise_is_recovered_and_the_function_lies_within_its_posterior(fitted):
    grid = np.linspace(301.0, 319.0, 60)
    prediction = fitted.predict({"temperature": grid}, noise=False)
    truth = 2.0 + np.sin((grid - 300.0) / 4.0)
    assert np.abs((mean(prediction) - truth) / deviation(prediction)).max() < 6.0
    noise = np.log(fitted.posterior["posterior/noise"])
    assert abs(noise.mean() - np.log(0.1)) < 5.0 * noise.std()
    wider = fitted.predict({"temperature": grid})
    assert (deviation(wider) > deviation(prediction)).mean() > 0.9
    assert fitted.leave_one_out_q2 > 0.9
    assert "temperature" in fitted.posterior["posterior/length_scale"].coords["input"]


def test_a_full_run_passes_its_verdict(fitted):
    assert fitted.require() is fitted
    assert fitted.summary().attrs["verdict"] == "passed"
    assert fitted.warnings == []


def test_a_prediction_names_its_unit_and_flags_what_lies_outside(fitted):
    prediction = fitted.predict({"temperature": [305.0, 350.0]})
    assert prediction["outcome"].dims == ("chain", "draw", "point")
    assert prediction["outcome"].attrs["units"] == "g/L"
    assert prediction["outside"].to_numpy().tolist() == [False, True]
    with pytest.raises(ModelError, match="temperature = 350 lies outside"):
        fitted.predict({"temperature": [305.0, 350.0]}, outside="refuse")


def test_what_was_asked_stays_with_the_result(fitted):
    assert fitted.model == GaussianProcessRegression(link="identity")
    assert fitted.options["noise"] == "estimate" and fitted.options["draws"] == 700
    assert fitted.data.columns.tolist() == ["temperature", "outcome"]


def test_a_run_too_short_is_not_passed(noisy_curve):
    table, outcome = noisy_curve
    short = GaussianProcessRegression(link="identity").fit(
        table, outcome, draws=10, tune=50, chains=2, random_seed=1
    )
    with pytest.raises(CalibrationError, match="did not pass its checks"):
        short.require()


def test_exact_readings_are_met_and_curves_drawn_jointly_are_smooth():
    inputs = np.linspace(0.0, 1.0, 7)
    process = GaussianProcessRegression(family="squared_exponential").fit(
        inputs, np.sin(4.0 * inputs), noise=0.0, random_seed=3, **QUICK
    )
    assert_allclose(mean(process.predict(inputs)), np.sin(4.0 * inputs), atol=2e-4)
    grid = np.linspace(0.3, 0.36, 25)
    joint = process.predict(grid, joint=True)["outcome"].to_numpy().reshape(-1, 25)
    alone = process.predict(grid, joint=False)["outcome"].to_numpy().reshape(-1, 25)
    assert np.abs(np.diff(joint, 2)).max() < np.abs(np.diff(alone, 2)).max()


def test_noise_that_grows_with_an_input_is_seen():
    rng = np.random.default_rng(6)
    inputs = np.linspace(0.0, 1.0, 40)
    outcome = 3.0 * inputs + rng.normal(0.0, 0.02 * np.exp(3.5 * inputs))
    process = GaussianProcessRegression(link="identity").fit(
        inputs, outcome, noise="varying", random_seed=4, **QUICK
    )
    readings = deviation(process.predict([0.05, 0.95]))
    assert readings[1] > 5.0 * readings[0]


def test_noise_known_per_reading_gives_each_its_weight():
    inputs = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    outcome = np.array([0.0, 0.2, 0.4, 3.0, 0.8, 1.0])
    deviation = np.array([0.01, 0.01, 0.01, 5.0, 0.01, 0.01])
    process = GaussianProcessRegression(link="identity").fit(
        inputs, outcome, noise=deviation, random_seed=5, **QUICK
    )
    assert abs(mean(process.predict([0.6], noise=False))[0] - 0.6) < 0.2
    with pytest.raises(ModelError, match="that of a new reading is not"):
        process.predict([0.5])


def test_an_exponential_law_is_learned_on_the_log_scale():
    rng = np.random.default_rng(7)
    table = pd.DataFrame(rng.uniform(0.0, 1.0, (14, 2)), columns=["power", "flow"])
    process = GaussianProcessRegression().fit(
        table, np.exp(4.0 * table["power"] - 2.0 * table["flow"]), noise=0.0, random_seed=6, **QUICK
    )
    assert process.transform.link == "log"
    assert "log link was taken" in process.warnings[0]


def test_a_saved_process_predicts_the_same(fitted, tmp_path):
    fitted.save(tmp_path / "process.nc")
    again = bayesbio.load(tmp_path / "process.nc")
    asked = {"temperature": [305.0, 311.0]}
    assert again.predict(asked).equals(fitted.predict(asked))
    assert again.hash == fitted.hash and again.data_hash == fitted.data_hash


INPUTS, OUTCOME = np.linspace(0.0, 1.0, 6), np.array([0.0, 1.0, 0.5, 2.0, 1.0, 3.0])


@pytest.mark.parametrize(
    ("inputs", "outcome", "options", "sentence"),
    [
        (INPUTS[:2], OUTCOME[:2], {}, "at least 3"),
        (INPUTS, OUTCOME[:5], {}, "one outcome per row"),
        (INPUTS, np.where(INPUTS > 0.9, np.nan, OUTCOME), {}, "is nan in row 5"),
        (np.where(INPUTS > 0.9, np.nan, INPUTS), OUTCOME, {}, "is nan in row 5"),
        (INPUTS, np.ones(6), {}, "does not vary"),
        (np.ones(6), OUTCOME, {}, "the same in every row"),
        (np.round(INPUTS), OUTCOME, {"noise": 0.0}, "are the same point"),
        (INPUTS, OUTCOME, {"noise": -1.0}, "zero or more"),
        (INPUTS, OUTCOME, {"noise": "big"}, "'estimate', 'varying'"),
        (INPUTS, OUTCOME, {"domain": {"x1": (0.2, 1.0)}}, "its readings span"),
        (INPUTS, OUTCOME, {"domain": {"x2": (0.2, 1.0)}}, "the inputs are x1"),
        ({"strain": ["a"] * 6}, OUTCOME, {}, "not all numbers"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(inputs, outcome, options, sentence):
    with pytest.raises(DataError, match=sentence):
        GaussianProcessRegression().fit(inputs, outcome, random_seed=1, **options)


def test_bad_choices_and_questions_are_answered_with_a_sentence(fitted):
    with pytest.raises(ModelError, match="'smooth', 'squared_exponential', 'matern52'"):
        GaussianProcessRegression(family="rbf")
    with pytest.raises(BayesbioError, match="'temperature' is missing"):
        fitted.predict({"temp": [305.0]})
    with pytest.raises(BayesbioError, match="have 2 columns where 1"):
        fitted.predict([[305.0, 1.0]])
    with pytest.raises(ModelError, match="'flag', 'refuse'"):
        fitted.predict([305.0], outside="clip")
    with pytest.raises(DataError, match="needs outcomes above zero"):
        GaussianProcessRegression(link="log").fit(INPUTS, OUTCOME - 1.0, random_seed=1)
