"""A posterior that becomes a prior, and what priors say before any sampling."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.calibrate import fit, prior_check, update
from bayesbio.calibrate.coordinates.sampling_coordinates import SamplingCoordinates
from bayesbio.calibrate.coordinates.starts import group_sd_names
from bayesbio.calibrate.model import statistical_model
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.problem.posterior_prior import fit_copula
from bayesbio.calibrate.requests import FitRequest, Tolerances
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference import between, literature
from bayesbio.report import draw_prior_check


def test_a_carried_posterior_has_the_quantiles_and_correlations_of_its_draws():
    rng = np.random.default_rng(1)
    first, second = rng.multivariate_normal([0, 0], [[1.0, -0.7], [-0.7, 1.0]], 8000).T
    values = {
        "rate": np.exp(-1.0 + 0.3 * first),
        "offset": 2.0 + second,
        "rate_sd_run": np.abs(0.2 * rng.standard_normal(8000)),
    }
    draws = xr.Dataset({name: (("chain", "draw"), x[None]) for name, x in values.items()})
    carried = fit_copula(draws, list(values), source="campaign 1")
    assert carried.positive.tolist() == [True, False, True]
    with pm.Model():
        registered = carried.register()
    again = dict(
        zip(
            values,
            pm.draw([registered[name] for name in values], 8000, random_seed=2),
            strict=True,
        )
    )
    for name, x in values.items():
        wanted = np.quantile(x, [0.1, 0.25, 0.5, 0.75, 0.9])
        found = np.quantile(again[name], [0.1, 0.25, 0.5, 0.75, 0.9])
        assert_allclose(found, wanted, atol=0.06 * x.std())
    assert_allclose(np.corrcoef(again["rate"], again["offset"])[0, 1], -0.68, atol=0.04)


def new_runs(campaign):
    """The campaign again under other names, as if run a second time."""
    runs = [run.replace(name=f"{run.name}b") for run in campaign]
    shifted = [
        run.replace(measurements=run.measurements.assign(value=run.measurements["value"] * 1.001))
        for run in runs
    ]
    return campaign.replace(runs=tuple(shifted))


def test_a_calibration_stands_for_priors_and_for_their_source(calibration, campaign, model):
    found = formulate(
        FitRequest(new_runs(campaign), model, priors=calibration, vary={"rate_constant_1": "run"})
    )
    assert set(found.posterior_prior.names) == {
        "rate_constant_1",
        "rate_constant_2",
        "rate_constant_1_sd_run",
        "noise_concentration_a",
        "noise_concentration_b",
    }
    sources = {unknown.name: unknown.source for unknown in found.unknowns}
    assert sources["rate_constant_2"].endswith(calibration.hash[:12])


def test_data_do_not_count_twice(calibration, campaign, model):
    with pytest.raises(CalibrationError, match="'R1' was calibrated on already.*count twice"):
        update(calibration, campaign, random_seed=1)
    with pytest.raises(ModelError, match="average run is another in each campaign"):
        fit(
            new_runs(campaign),
            model,
            priors=calibration,
            covariates={"rate_constant_1": "clone"},
            random_seed=1,
        )


def test_spreads_that_are_carried_are_neither_solved_with_nor_held(calibration, campaign, model):
    formulation = formulate(
        FitRequest(new_runs(campaign), model, priors=calibration, vary={"rate_constant_1": "run"})
    )
    made = statistical_model(
        formulation, Tolerances(), coordinates=SamplingCoordinates(formulation)
    )
    free = {variable.name for variable in made.free_RVs}
    assert free == {"copula_scores", "rate_constant_1_effect_of_levels"}
    assert "rate_constant_1_sd_run" in made.named_vars
    assert not group_sd_names(formulation)


@pytest.mark.slow
def test_two_campaigns_in_turn_agree_with_one_fit_of_both(campaign, model):
    options = {"noise": "normal", "vary": {"rate_constant_1": "run"}, "draws": 1000, "tune": 500}
    first = fit(campaign.select(["R1", "R2", "R3"]), model, random_seed=1, **options)
    second = update(
        first, campaign.select(["R4", "R5"]), draws=1000, tune=500, random_seed=2
    ).require()
    joint = fit(campaign, model, random_seed=3, **options)
    for name in ("rate_constant_1", "rate_constant_2", "noise_concentration_a"):
        one, two = joint.draws[name], second.draws[name]
        assert abs(float(one.mean() - two.mean())) < 0.25 * float(one.std())
        assert 0.8 < float(two.std() / one.std()) < 1.25


def test_priors_that_hold_the_readings_say_so(campaign, model):
    found = prior_check(campaign, model, vary={"rate_constant_1": "run"}, draws=200, random_seed=4)
    table = found.summary()
    assert set(table.index) == {"concentration_a", "concentration_b"}
    assert (table["inside"] > 0.8).all()
    assert found.prediction["concentration_a"].dims == ("chain", "draw", "run", "time")
    assert "lie in the 90 % band of the priors" in str(found)


def test_priors_that_exclude_the_readings_are_found_out_and_keep_their_source(campaign, model):
    slow = literature(0.001, standard_error=0.0001, doi="10.1021/ie50518a003")
    found = prior_check(
        campaign,
        model,
        priors={"rate_constant_1": slow, "rate_constant_2": between(0.01, 0.1)},
        draws=100,
        random_seed=4,
    )
    assert found.summary().loc["concentration_b", "inside"] < 0.3
    assert "Only" in str(found) and "above it" in str(found)
    assert found.options["sources"]["rate_constant_1"] == "doi:10.1021/ie50518a003"


def test_the_summary_says_how_much_runs_borrow_from_each_other(calibration):
    table = calibration.shrinkage()
    assert table.loc["rate_constant_1_sd_run", "groups"] == 5
    assert 0.0 < table.loc["rate_constant_1_sd_run", "shrinkage"] < 0.5  # each run has its data
    shown = calibration.summary()["shrinkage"].dropna()
    assert shown.index.tolist() == ["rate_constant_1_sd_run"]


def test_the_picture_of_the_priors_shows_every_run_and_ends_near_the_readings(campaign, model):
    found = prior_check(campaign, model, draws=60, random_seed=4)
    figure = draw_prior_check(found, "concentration_a")
    shown = [panel for panel in figure.axes if panel.get_visible()]
    assert len(shown) == len(campaign)
    largest = campaign.to_frame().query("quantity == 'concentration_a'")["value"].max()
    assert all(panel.get_ylim()[1] <= 5.0 * largest for panel in shown)


def test_power_scaling_sees_priors_and_data_apart(calibration):
    item = calibration.check()["prior-data conflict"]
    assert item.advisory and "power-scaling" in item.sentence
    names = set(calibration.posterior["log_prior"].data_vars)
    assert names == set(calibration.draws.data_vars) - {"rate_constant_1_by_run"}
