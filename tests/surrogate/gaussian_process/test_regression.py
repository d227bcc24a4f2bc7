"""Gaussian processes: exact slopes, known answers, honest intervals, sentences for bad input."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats

import bayesbio
from bayesbio.errors import BayesbioError, DataError, ModelError
from bayesbio.surrogate import GaussianProcessRegression, emulate
from bayesbio.surrogate.gaussian_process.covariance import (
    FAMILIES,
    JITTER,
    Covariance,
    Evidence,
    Linear,
    Smooth,
)

QUICK = dict(draws=150, tune=200, chains=2)


def noisy_curve(seed=3, n=24):
    rng = np.random.default_rng(seed)
    temperature = rng.uniform(300.0, 320.0, n)
    truth = 2.0 + np.sin((temperature - 300.0) / 4.0)
    return pd.DataFrame({"temperature": temperature}), truth + rng.normal(0.0, 0.1, n)


@pytest.fixture(scope="module")
def fitted():
    table, outcome = noisy_curve()
    return GaussianProcessRegression(scale="identity").fit(table, outcome, random_seed=1, **QUICK)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_slope_of_the_evidence_is_that_of_finite_differences(family):
    rng = np.random.default_rng(4)
    rows, values = rng.uniform(-0.5, 0.5, (9, 3)), rng.normal(size=9)
    covariance = Covariance(
        (Smooth("f", (0, 1, 2), family), Linear("trend", (0, 2))), np.array([1.0, 0.0, 0.0, 4.0])
    )
    parameters, noise = rng.normal(0.0, 0.3, covariance.size), rng.uniform(0.01, 0.1, 9)
    evidence = Evidence(covariance, rows, values, moving=2)
    _, slope, by_noise, by_column = evidence(parameters, noise)

    def moved(column):
        other = Evidence(covariance, np.column_stack([rows[:, :2], column]), values)
        return other(parameters, noise)[0]

    assert_allclose(
        slope, optimize.approx_fprime(parameters, lambda p: evidence(p, noise)[0], 1e-6), atol=2e-4
    )
    assert_allclose(
        by_noise,
        optimize.approx_fprime(noise, lambda v: evidence(parameters, v)[0], 1e-7),
        rtol=2e-3,
    )
    assert_allclose(by_column, optimize.approx_fprime(rows[:, 2], moved, 1e-6), atol=2e-4)


def test_the_evidence_is_the_density_of_a_multivariate_normal():
    rng = np.random.default_rng(5)
    rows, values = rng.uniform(-0.5, 0.5, (7, 2)), rng.normal(size=7)
    covariance = Covariance((Smooth("f", (0, 1)), Linear("trend", (0, 1))), np.array([1.0, 0, 0]))
    parameters, noise = rng.normal(0.0, 0.3, covariance.size), rng.uniform(0.01, 0.1, 7)
    total = covariance.between(parameters, rows, rows) + np.diag(noise + JITTER)
    expected = stats.multivariate_normal(np.zeros(7), total).logpdf(values)
    found = Evidence(covariance, rows, values)(parameters, noise)
    assert_allclose(found[0], expected, rtol=1e-9)
    assert_allclose(
        np.diag(covariance.between(parameters, rows, rows)),
        covariance.variances(parameters, rows),
        rtol=1e-9,
    )


def test_left_out_predictions_equal_those_of_processes_without_the_reading(fitted):
    process = fitted.process
    mean, deviation = process.left_out(7)
    rows, keep = process.rows, np.arange(len(process.values)) != 3
    total = process.covariance.between(process.parameters[7], rows, rows)
    total += np.diag(process.noise_of(7) + JITTER)
    cross = total[3, keep] @ np.linalg.inv(total[np.ix_(keep, keep)])
    assert_allclose(mean[3], cross @ process.values[keep], rtol=1e-6)
    assert_allclose(deviation[3] ** 2, total[3, 3] - cross @ total[keep, 3], rtol=1e-6)


def test_noise_is_recovered_and_the_truth_lies_in_the_intervals(fitted):
    grid = np.linspace(301.0, 319.0, 60)
    prediction = fitted.predict({"temperature": grid})
    low, high = prediction["interval"].to_numpy()
    truth = 2.0 + np.sin((grid - 300.0) / 4.0)
    assert np.mean((truth >= low) & (truth <= high)) >= 0.8
    row = fitted.summary().loc["noise"]
    assert row["eti_5"] < 0.1 < row["eti_95"]
    wider = fitted.predict({"temperature": grid}, noise=True)
    assert (wider["sd"] > prediction["sd"]).mean() > 0.9
    assert fitted.leave_one_out_q2 > 0.9
    assert "temperature" in fitted.posterior["posterior/length_scale"].coords["input"]


def test_a_full_run_passes_its_verdict():
    table, outcome = noisy_curve()
    process = GaussianProcessRegression().fit(table, outcome, random_seed=2)
    assert process.check().passed, str(process.check())


def test_exact_readings_are_met_and_curves_drawn_jointly_are_smooth():
    inputs = np.linspace(0.0, 1.0, 7)
    process = GaussianProcessRegression(family="squared_exponential").fit(
        inputs, np.sin(4.0 * inputs), noise=0.0, random_seed=3, **QUICK
    )
    assert_allclose(process.predict(inputs)["mean"], np.sin(4.0 * inputs), atol=2e-4)
    grid = np.linspace(0.3, 0.36, 25)
    joint = process.predict(grid, joint=True)["outcome"].to_numpy().reshape(-1, 25)
    alone = process.predict(grid, joint=False)["outcome"].to_numpy().reshape(-1, 25)
    assert_allclose(joint.std(axis=0), alone.std(axis=0), rtol=0.6)
    assert np.abs(np.diff(joint, 2)).max() < np.abs(np.diff(alone, 2)).max()


def test_noise_that_grows_with_an_input_is_seen():
    rng = np.random.default_rng(6)
    inputs = np.linspace(0.0, 1.0, 40)
    outcome = 3.0 * inputs + rng.normal(0.0, 0.02 * np.exp(3.5 * inputs))
    process = GaussianProcessRegression(scale="identity").fit(
        inputs, outcome, noise="varying", random_seed=4, **QUICK
    )
    readings = process.predict([0.05, 0.95], noise=True)["sd"].to_numpy()
    assert readings[1] > 5.0 * readings[0]


def test_noise_known_per_reading_gives_each_its_weight():
    inputs = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    outcome = np.array([0.0, 0.2, 0.4, 3.0, 0.8, 1.0])
    deviation = np.array([0.01, 0.01, 0.01, 5.0, 0.01, 0.01])
    process = GaussianProcessRegression(scale="identity").fit(
        inputs, outcome, noise=deviation, random_seed=5, **QUICK
    )
    assert abs(float(process.predict([0.6])["mean"][0]) - 0.6) < 0.2
    with pytest.raises(ModelError, match="that of a new reading is not"):
        process.predict([0.5], noise=True)


def test_an_exponential_law_is_learned_on_the_log_scale():
    rng = np.random.default_rng(7)
    table = pd.DataFrame(rng.uniform(0.0, 1.0, (14, 2)), columns=["power", "flow"])
    process = GaussianProcessRegression().fit(
        table, np.exp(4.0 * table["power"] - 2.0 * table["flow"]), noise=0.0, random_seed=6, **QUICK
    )
    assert process.outcome_scale.kind == "log"
    assert "log scale" in process.noticed[0]


def test_a_saved_process_predicts_the_same(fitted, tmp_path):
    fitted.save(tmp_path / "process.nc")
    again = bayesbio.load(tmp_path / "process.nc")
    asked = {"temperature": [305.0, 311.0]}
    assert again.predict(asked).equals(fitted.predict(asked))
    assert again.hash == fitted.hash and again.data_hash == fitted.data_hash


@pytest.mark.slow
def test_a_surrogate_of_a_simulator_knows_its_error_and_its_border():
    def simulator(rate, time):
        return np.exp(-rate * time)

    surrogate = emulate(
        simulator, ranges={"rate": (0.1, 0.5), "time": (0.0, 4.0)}, random_seed=1, **QUICK
    )
    assert surrogate.leave_one_out_q2 > 0.99 and surrogate.caution == ""
    found = surrogate.predict({"rate": [0.3], "time": [2.0]}, outside="refuse")
    assert abs(float(found["mean"][0]) - np.exp(-0.6)) < 0.01
    with pytest.raises(ModelError, match="time = 9 lies outside"):
        surrogate.predict({"rate": [0.3], "time": [9.0]}, outside="refuse")
    assert not surrogate.predict({"rate": [0.3], "time": [9.0]})["inside"].item()


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
    with pytest.raises(ModelError, match="between 0 and 1"):
        fitted.predict([305.0], probability=90)
    with pytest.raises(DataError, match="needs outcomes above zero"):
        GaussianProcessRegression(scale="log").fit(INPUTS, OUTCOME - 1.0, random_seed=1)
    with pytest.raises(ModelError, match="expected low < high"):
        emulate(lambda x: x, ranges={"x": (1.0, 0.0)})
