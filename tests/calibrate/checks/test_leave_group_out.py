"""Runs and groups left out: by weights, by refits, beside baselines; and several calibrations."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.stats import norm

from bayesbio.calibrate import Calibration, fit, leave_out
from bayesbio.calibrate.checks import leave_group_out as leaving_out
from bayesbio.calibrate.completion import options_of
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest, Tolerances
from bayesbio.data import Campaign, Run
from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference import describe
from bayesbio.mechanistic import BatchCulture

READINGS, RUNS, SD, WIDE = 3, 8, 0.5, 10.0


class Constant:
    """Something that stays as it is, as a user would write it."""

    class State(NamedTuple):
        response: float

    class Parameters(NamedTuple):
        level: float

    units = {"response": "1", "level": "1"}
    inputs = ()
    settings = ()
    defaults = {}

    def solution(self, time, parameters, settings):
        return self.State(response=parameters.level)


@pytest.fixture(scope="module")
def readings():
    return 2.0 + SD * np.random.default_rng(5).standard_normal((RUNS, READINGS))


@pytest.fixture(scope="module")
def constant(readings):
    """One level under a normal prior and readings of known sd: everything is normal."""
    runs = [
        Run(
            f"R{place}",
            pd.DataFrame(
                {"time_h": [1.0, 2.0, 3.0], "quantity": "response", "value": own, "sd": SD}
            ),
            {"initial_response": 0.0, "site": "AB"[place % 2]},
        )
        for place, own in enumerate(readings)
    ]
    return fit(
        Campaign(runs, units={"response": "1"}),
        Constant(),
        priors={"level": pm.Normal.dist(0.0, WIDE)},
        draws=1000,
        tune=300,
        random_seed=1,
    )


def elpd_of(left_out, others):
    """Sum of log predictive densities of single readings, given others."""
    precision = 1.0 / WIDE**2 + others.size / SD**2
    mean, sd = others.sum() / SD**2 / precision, np.sqrt(1.0 / precision + SD**2)
    return norm.logpdf(left_out, mean, sd).sum()


@pytest.fixture(scope="module")
def by_run(constant):
    return leave_out(constant, baselines=["mean trajectory"])


def test_the_weights_of_a_whole_run_give_the_closed_form_of_leaving_it_out(by_run, readings):
    assert set(by_run.groups["method"]) == {"importance weights"}
    expected = [
        elpd_of(own, np.delete(readings, place, axis=0)) for place, own in enumerate(readings)
    ]
    assert_allclose(by_run.groups["elpd"], expected, atol=0.03)


def test_the_weights_of_a_whole_site_give_the_closed_form_of_leaving_it_out(constant, readings):
    found = leave_out(constant, by="site", baselines=None, largest_pareto_k=np.inf)
    assert list(found.groups.index) == ["A", "B"]
    assert found.groups.loc["A", "runs"] == "R0, R2, R4, R6"
    expected = [elpd_of(readings[::2], readings[1::2]), elpd_of(readings[1::2], readings[::2])]
    assert_allclose(found.groups["elpd"], expected, atol=0.3)


def test_scores_are_by_horizon_and_stand_beside_the_baselines(by_run):
    table = by_run.summary()
    assert table.index.names == ["quantity", "horizon", "model"]
    assert set(table.index.get_level_values("horizon")) == {"0-33 %", "33-67 %", "67-100 %"}
    assert set(table.index.get_level_values("model")) == {"Constant", "mean trajectory"}
    assert (table["readings"] == RUNS).all()
    assert by_run.readings["pit"].between(0.0, 1.0).all()
    assert 0.7 <= by_run.coverage() <= 1.0
    assert "8 by importance weights" in str(by_run)


def test_where_weights_do_not_do_a_run_is_fitted_again(constant, readings, monkeypatch):
    monkeypatch.setattr(
        "bayesbio.calibrate.checks.leave_group_out._weights",
        lambda fold, calibration: (
            np.full(4000, 1.0 / 4000),
            0.9 if fold.held_out == ("R2",) else 0.1,
        ),
    )
    with ThreadPoolExecutor(1) as pool:
        found = leave_out(constant, baselines=None, executor=pool, draws=1000, tune=300, chains=2)
    assert found.groups["method"].to_dict() == {
        f"R{place}": "exact refit" if place == 2 else "importance weights" for place in range(RUNS)
    }
    expected = elpd_of(readings[2], np.delete(readings, 2, axis=0))
    assert_allclose(found.groups.loc["R2", "elpd"], expected, atol=0.03)


@pytest.mark.slow
def test_the_rest_of_a_run_is_predicted_from_its_first_reading_and_the_other_runs(
    constant, readings
):
    with ThreadPoolExecutor(1) as pool:
        found = leave_out(
            constant,
            known_until=1.0,
            baselines=["mean trajectory"],
            executor=pool,
            draws=1000,
            tune=300,
            chains=2,
        )
    assert set(found.groups["method"]) == {"exact refit"}
    assert (found.groups["readings"] == READINGS - 1).all()
    assert (found.readings["time_h"] > 1.0).all()
    known = [np.append(np.delete(readings, i, axis=0), own[0]) for i, own in enumerate(readings)]
    expected = [elpd_of(own[1:], rest) for own, rest in zip(readings, known, strict=True)]
    assert_allclose(found.groups["elpd"], expected, atol=0.03)


def test_what_no_weights_forget_is_fitted_again_whatever_is_allowed(constant, monkeypatch):
    """A density of zero leaves no weights at all."""
    asked = []

    def refit(folds, *_, **__):
        asked.extend(folds)
        raise InterruptedError

    monkeypatch.setattr(leaving_out, "_weights", lambda *_: (np.empty(0), np.inf))
    monkeypatch.setattr(leaving_out, "refit_each", refit)
    with pytest.raises(InterruptedError):
        leave_out(constant, baselines=None, largest_pareto_k=np.inf)
    assert len(asked) == RUNS


def test_a_calibration_from_a_file_says_which_priors_it_needs_again(constant):
    loaded = dataclasses.replace(constant, fit_arguments=None)
    with pytest.raises(
        CalibrationError, match=r"level has Normal\(0, .*leave_out\(calibration, pri"
    ):
        leave_out(loaded, largest_pareto_k=-np.inf)


def test_a_calibration_from_a_file_repeats_its_own_fit_with_the_start_priors_of_all_runs():
    """Its model's defaults, fixed values, levels and noise; starts as all readings suggested."""
    rows = pd.DataFrame({"time_h": [0.0, 4.0, 8.0], "quantity": "biomass"})
    runs = [
        Run(f"R{i}", rows.assign(value=[0.2 * i, 0.5 * i, 1.2 * i]), {"initial_substrate": 20.0})
        for i in (1, 2, 30)
    ]
    vary = {"maximum_growth_rate": ("run",)}
    request = FitRequest(Campaign(runs), BatchCulture(), {"cell_yield": 0.5}, vary)
    whole = formulate(request)
    loaded = Calibration(
        whole.model, whole.campaign, xr.DataTree(), whole.noise,
        options_of(whole, Tolerances(), random_seed=1),
    )  # fmt: skip
    asked, starts = leaving_out._refit_options(loaded, {"draws": 50})
    assert asked["vary"] == vary and asked["priors"] == {"cell_yield": 0.5}
    assert asked["noise"] == dict(whole.noise) and asked["draws"] == 50
    expected = {name: describe(prior) for name, prior in whole.start_priors.items()}
    assert {name: describe(prior) for name, prior in starts.items()} == expected
    fewer = formulate(FitRequest(Campaign(runs[:2]), BatchCulture(), {"cell_yield": 0.5}, vary))
    assert describe(fewer.start_priors["initial_biomass"]) != expected["initial_biomass"]


def test_a_setting_that_runs_lack_cannot_be_left_out(constant):
    with pytest.raises(DataError, match="Did you mean 'site'"):
        leave_out(constant, by="sites")
