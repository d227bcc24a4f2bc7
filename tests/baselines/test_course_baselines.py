import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.baselines import BASELINES, MeanTrajectory, Ridge, baseline_scores
from bayesbio.baselines.regressors import LatentComponents
from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Run
from bayesbio.errors import DataError
from bayesbio.inference.validation.cross_validation_folds import Fold, folds
from bayesbio.inference.validation.scores import coverage


def virtual_campaign(number, *, seed):
    """Logistic growth to a level set by the feed, with a rate that varies from run to run."""
    times = np.linspace(0.0, 240.0, 9)
    rng, runs = np.random.default_rng(seed), []
    for place in range(number):
        feed, growth = rng.uniform(0.5, 2.0), np.exp(0.02 * np.exp(0.2 * rng.normal()) * times)
        course = 0.4 * growth / (1 + 0.1 / feed * (growth - 1))
        value = course * np.exp(0.05 * rng.normal(size=len(times)))
        measured = pd.DataFrame({"time_h": times, "quantity": "biomass", "value": value})
        clone = "AB"[place % 2]
        runs.append(Run(f"R{place}", measured, settings={"feed": feed, "clone": clone}))
    return Campaign(runs)


def campaign_of(*runs):
    return Campaign(
        Run(f"R{place}", pd.DataFrame({"time_h": times, "quantity": "titer", "value": values}))
        for place, (times, values) in enumerate(runs)
    )


FIVE = virtual_campaign(5, seed=1)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_draws_plausible_readings_the_same_each_time(name):
    fitted = BASELINES[name]().fit(FIVE.without("R4"), "biomass")
    times = np.array([0.0, 100.0, 240.0, 300.0])
    samples = fitted.predict(FIVE["R4"], times)
    assert samples.shape == (1000, 4)
    assert np.all(samples >= 0) and np.all(samples < 30)
    assert np.all(np.ptp(samples, axis=0) > 0)
    assert np.array_equal(samples, fitted.predict(FIVE["R4"], times))
    assert not np.array_equal(samples, fitted.predict(FIVE["R4"], times, random_seed=1))


@pytest.mark.parametrize("name", BASELINES)
def test_later_readings_of_the_predicted_run_are_not_looked_at(name):
    fitted = BASELINES[name]().fit(FIVE.without("R4"), "biomass")
    run = FIVE["R4"]
    changed = run.measurements.assign(
        value=run.measurements["value"].where(run.measurements["time_h"] == 0, 1e6)
    )
    assert np.array_equal(
        fitted.predict(run, [100.0]), fitted.predict(run.replace(measurements=changed), [100.0])
    )


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize(
    "campaign",
    [
        campaign_of(([24.0], [1.0]), ([24.0], [1.2]), ([24.0], [0.9])),
        campaign_of(([0.0, 24.0], [0.0, 0.0]), ([0.0, 24.0], [0.0, 0.0])),
        campaign_of(([0.0, 9.0, 24.0], [-1.0, 0.5, 1.0]), ([3.0, 30.0], [0.1, 1.2])),
    ],
    ids=["one time", "always zero", "ragged"],
)
def test_small_and_odd_campaigns_still_give_finite_draws(name, campaign):
    samples = BASELINES[name]().fit(campaign, "titer").predict(campaign["R0"], [0.0, 24.0])
    assert np.all(np.isfinite(samples))


def test_the_mean_trajectory_is_the_mean_over_the_runs_that_lasted():
    campaign = campaign_of(([0.0, 48.0], [0.0, 4.0]), ([0.0, 24.0], [2.0, 4.0]))
    run = np.array([0, 0, 1, 1])
    course = MeanTrajectory()._maker(np.zeros((4, 1)), np.zeros(4), run)(run)
    course.fit(np.array([[0.0], [48.0], [0.0], [24.0]]), np.array([0.0, 4.0, 2.0, 4.0]))
    assert_allclose(course.predict(np.array([[0.0], [12.0], [36.0], [60.0]])), [1.0, 2.0, 3.0, 4.0])
    assert campaign.quantities == ("titer",)


def test_ridge_recovers_a_law_that_is_linear_in_a_setting_times_time():
    times = np.linspace(0.0, 100.0, 11)
    runs = [
        Run(
            f"R{place}",
            pd.DataFrame({"time_h": times, "quantity": "titer", "value": rate * times}),
            settings={"rate": rate},
        )
        for place, rate in enumerate([0.01, 0.02, 0.03, 0.04, 0.05])
    ]
    fitted = Ridge().fit(Campaign(runs), "titer")
    samples = fitted.predict(Run("new", settings={"rate": 0.033}), [50.0, 100.0])
    assert_allclose(samples.mean(axis=0), [1.65, 3.3], atol=0.02)


@pytest.mark.parametrize("name", ["mean trajectory", "ridge"])
def test_intervals_cover_runs_never_seen_about_as_often_as_they_say(name):
    inside = []
    for seed in range(10):
        campaign = virtual_campaign(14, seed=seed)
        fitted = BASELINES[name]().fit(campaign.select(campaign.names[:8]), "biomass")
        for run in campaign.select(campaign.names[8:]):
            observed = run.measurements["value"].to_numpy()
            inside.append(coverage(fitted.predict(run, run.times()), observed))
    assert 0.82 < np.mean(inside) < 0.95


def test_scores_are_one_line_per_model_quantity_and_held_out_run():
    models = ["mean trajectory", "ridge"]
    table = baseline_scores(FIVE, models=models)
    assert table[["model", "quantity", "run"]].values.tolist() == [
        [model, "biomass", run] for model in models for run in FIVE.names
    ]
    assert set(table) >= {"crps", "rmse", "coverage_90", "width_90"}
    assert table["readings"].eq(9).all()


def test_settings_that_matter_help_when_there_are_runs_to_learn_from():
    campaign = virtual_campaign(24, seed=3)
    names = campaign.names
    divided = [Fold(names[16:], campaign.select(names[:16]), campaign.select(names[16:]))]
    scores = baseline_scores(campaign, folds=divided).groupby("model")["crps"].mean()
    assert scores.drop("mean trajectory").max() < 0.8 * scores["mean trajectory"]


def test_ridge_falls_back_on_the_mean_course_when_features_tell_nothing():
    rng, times = np.random.default_rng(5), np.linspace(0.0, 100.0, 11)
    runs = [
        Run(
            f"R{place}",
            pd.DataFrame(
                {
                    "time_h": times,
                    "quantity": "titer",
                    "value": 1.0 + times / 20 + 0.1 * rng.normal(size=11),
                }
            ),
            settings={f"noise_{n}": rng.normal() for n in range(6)},
        )
        for place in range(6)
    ]
    scores = baseline_scores(Campaign(runs), models=["ridge", "mean trajectory"])
    mean = scores.groupby("model")["rmse"].mean()
    assert mean["ridge"] < 1.5 * mean["mean trajectory"]


def test_partial_least_squares_agrees_with_scikit_learn():
    from sklearn.cross_decomposition import PLSRegression

    rng = np.random.default_rng(6)
    features, target = rng.normal(size=(30, 5)), rng.normal(size=30)
    for number in (1, 3, 5):
        peer = PLSRegression(number, scale=False).fit(features, target).predict(features)
        ours = LatentComponents(number).fit(features, target).predict(features)
        assert_allclose(ours, peer.ravel(), rtol=1e-8)


def test_scores_follow_the_folds_they_are_given():
    by_clone = folds(FIVE, by="clone")
    table = baseline_scores(FIVE, ["biomass"], by_clone, models=["mean trajectory"])
    assert table["run"].tolist() == ["R0", "R2", "R4", "R1", "R3"]
    alone = MeanTrajectory().fit(FIVE.select(["R1", "R3"]), "biomass")
    run = FIVE["R0"]
    errors = alone.predict(run, run.times()).mean(axis=0) - run.measurements["value"].to_numpy()
    assert_allclose(table["rmse"][0], np.sqrt(np.mean(errors**2)))


def test_a_quantity_that_was_not_measured_is_refused_in_words():
    with pytest.raises(DataError, match="'lactate' quantified in at least two runs, but 0 of 5"):
        MeanTrajectory().fit(FIVE, "lactate")


def test_an_unknown_baseline_is_refused_with_the_known_ones():
    with pytest.raises(DataError, match="'lasso'; choose among 'mean trajectory'"):
        baseline_scores(FIVE, models=["lasso"])
