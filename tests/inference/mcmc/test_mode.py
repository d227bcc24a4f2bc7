"""Modes, Laplace approximations and dispersed starts."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import CalibrationError
from bayesbio.inference import LogDensity, dispersed_starts, find_mode


@pytest.fixture(scope="module")
def regression():
    """Two coefficients with known noise: the posterior is normal, in closed form."""
    design = np.column_stack([np.ones(6), np.arange(6.0)])
    measured = np.array([2.1, 3.9, 6.2, 7.8, 10.1, 12.2])
    with pm.Model() as model:
        beta = pm.Normal("beta", [0.0, 0.0], [10.0, 1.0], shape=2)
        pm.Normal("measured", beta[0] + beta[1] * design[:, 1], 0.5, observed=measured)
    precision = design.T @ design / 0.5**2 + np.diag([0.01, 1.0])
    covariance = np.linalg.inv(precision)
    return LogDensity(model), covariance @ design.T @ measured / 0.5**2, covariance


@pytest.fixture(scope="module")
def groups():
    """Six groups with effects of one scale."""
    rng = np.random.default_rng(5)
    index = np.repeat(np.arange(6), 4)
    measured = np.log(3.0) + 0.3 * rng.standard_normal(6)[index] + 0.1 * rng.standard_normal(24)
    with pm.Model() as model:
        typical = pm.LogNormal("rate", 0.0, 1.0)
        spread = pm.HalfNormal("rate_sd_run", 0.3)
        by_run = pm.LogNormal("rate_by_run", pt.log(typical), spread, shape=6)
        pm.Normal("measured", pt.log(by_run)[index], 0.1, observed=measured)
    return LogDensity(model)


def test_the_mode_of_a_normal_posterior_is_exact(regression):
    density, mean, covariance = regression
    mode = find_mode(density, random_seed=1)
    assert mode.converged
    assert_allclose(mode.point, mean, rtol=1e-6)
    assert_allclose(mode.covariance, covariance, rtol=1e-6)
    assert_allclose(mode.values["beta"], mean, rtol=1e-6)
    assert mode.evaluations < 60


def test_laplace_draws_have_the_posterior_covariance(regression):
    density, mean, covariance = regression
    draws = find_mode(density, random_seed=1).draws(20_000, random_seed=2)
    assert_allclose(draws.mean(axis=0), mean, atol=0.01)
    assert_allclose(np.cov(draws.T), covariance, rtol=0.05)


def test_starts_are_dispersed_finite_and_repeat(regression):
    density, _, covariance = regression
    mode = find_mode(density, random_seed=1)
    four = dispersed_starts(density, mode, chains=4, random_seed=3)
    assert four.tolist() == dispersed_starts(density, mode, chains=8, random_seed=3)[:4].tolist()
    many = dispersed_starts(density, mode, chains=400, random_seed=3)
    assert_allclose(many.std(axis=0), 1.2 * np.sqrt(np.diag(covariance)), rtol=0.1)
    assert all(np.isfinite(density.value_and_gradient(point)[0]) for point in many)


def test_a_held_spread_stays_at_its_prior_median_and_the_rest_finds_its_mode(groups):
    mode = find_mode(groups, hold=["rate_sd_run"], random_seed=1)
    assert mode.converged
    assert mode.held == ("rate_sd_run",)
    assert_allclose(mode.values["rate_sd_run"], 0.3 * 0.6745, rtol=0.15)
    _, gradient = groups.value_and_gradient(mode.point)
    place = groups.slices["rate_sd_run"]
    assert np.abs(np.delete(gradient, place)).max() < 1e-2
    spread = np.std(np.log(mode.values["rate_by_run"]))
    assert 0.1 < spread < 0.6
    assert np.ptp(dispersed_starts(groups, mode, chains=4, random_seed=1)[:, place]) > 0.1


def test_holding_an_unknown_variable_lists_the_known_ones(groups):
    with pytest.raises(CalibrationError, match="'tau' cannot be held.*rate_sd_run"):
        find_mode(groups, hold=["tau"], random_seed=1)


def test_a_default_start_that_is_not_finite_gives_way_to_a_draw_from_the_prior():
    with pm.Model() as model:
        rate = pm.Normal("rate", 1.0, 1.0)
        exploding = pt.switch(rate > 0.5, np.nan, rate)
        pm.Normal("measured", exploding, 0.2, observed=[-0.3, -0.1])
    density = LogDensity(model)
    assert not np.isfinite(density.value_and_gradient(density.default_point())[0])
    mode = find_mode(density, random_seed=1)
    # Closed form: precision 1 + 2 / 0.04, weighted mean of prior and data.
    assert_allclose(mode.point, (1.0 - 0.4 / 0.04) / (1.0 + 2 / 0.04), rtol=1e-5)


def test_the_mode_is_found_beside_a_wall_of_failures():
    with pm.Model() as model:
        rate = pm.Normal("rate", 0.0, 1.0)
        pm.Normal("measured", pt.switch(rate > 0.4, np.nan, rate), 0.1, observed=[0.38])
    mode = find_mode(LogDensity(model), random_seed=1)
    assert_allclose(mode.point, 38 / 101, rtol=1e-4)
    assert_allclose(mode.covariance, 1 / 101, rtol=1e-3)


def test_when_nothing_is_finite_the_error_names_the_term_and_the_place():
    with pm.Model(coords={"titer_row": ["R1 at 24 h", "R2 at 24 h"]}) as model:
        yield_ = pm.LogNormal("product_yield", 0.0, 0.5)
        mean = pt.stack([yield_, yield_ * np.nan])
        pm.Normal("titer", mean, 0.1, observed=[1.0, 1.1], dims="titer_row")
    with pytest.raises(
        CalibrationError,
        match=r"likelihood of titer is nan in 1 of 2 values, first at titer_row = R2 at 24 h.*"
        r"product_yield = ",
    ):
        find_mode(LogDensity(model), random_seed=1)
