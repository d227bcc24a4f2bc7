import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.baselines import BASELINES, MeanTrajectory, Ridge
from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Run
from bayesbio.errors import DataError
from bayesbio.inference.validation.scores import coverage


def campaign_of(*runs):
    return Campaign(
        Run(f"R{place}", pd.DataFrame({"time_h": times, "quantity": "titer", "value": values}))
        for place, (times, values) in enumerate(runs)
    )


@pytest.fixture(scope="module", params=BASELINES)
def fitted(request, five):
    """Every baseline, fitted to four of five runs."""
    return BASELINES[request.param]().fit(five.without("R4"), "biomass")


def test_every_baseline_draws_plausible_readings_the_same_each_time(fitted, five):
    times = np.array([0.0, 100.0, 240.0, 300.0])
    samples = fitted.predict(five["R4"], times)
    assert samples.shape == (1000, 4)
    assert np.all(samples >= 0) and np.all(samples < 30)
    assert np.all(np.ptp(samples, axis=0) > 0)
    assert np.array_equal(samples, fitted.predict(five["R4"], times))
    assert not np.array_equal(samples, fitted.predict(five["R4"], times, random_seed=1))


def test_later_readings_of_the_predicted_run_are_not_looked_at(fitted, five):
    run = five["R4"]
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
def test_intervals_cover_runs_never_seen_about_as_often_as_they_say(name, virtual_campaign):
    inside = []
    for seed in range(10):
        campaign = virtual_campaign(14, seed=seed)
        fitted = BASELINES[name]().fit(campaign.select(campaign.names[:8]), "biomass")
        for run in campaign.select(campaign.names[8:]):
            observed = run.measurements["value"].to_numpy()
            inside.append(coverage(fitted.predict(run, run.times()), observed))
    assert 0.82 < np.mean(inside) < 0.95


def test_a_quantity_that_was_not_measured_is_refused_in_words(five):
    with pytest.raises(DataError, match="'lactate' quantified in at least two runs, but 0 of 5"):
        MeanTrajectory().fit(five, "lactate")
