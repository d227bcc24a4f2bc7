"""A posterior that becomes a prior, and what priors say before any sampling."""

from __future__ import annotations

import pytest

from bayesbio.calibrate import fit, update
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest
from bayesbio.errors import CalibrationError, ModelError


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
