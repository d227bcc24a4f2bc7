"""Quick posteriors agree with the posterior where they can, and say so where they cannot."""

import numpy as np
import pymc as pm
import pytest
from scipy.stats import norm

from bayesbio.errors import CalibrationError
from bayesbio.inference import (
    LogDensity,
    laplace_approximation,
    pathfinder_approximation,
    sequential_monte_carlo,
)

COVARIANCE = np.array([[1.0, 0.9], [0.9, 1.0]])
MEASURED = np.array([1.0, -0.5])
METHODS = [laplace_approximation, pathfinder_approximation, sequential_monte_carlo]


@pytest.fixture(scope="module")
def linear():
    """A correlated normal likelihood under normal priors: posterior and evidence are known."""
    with pm.Model() as model:
        level = pm.Normal("level", 0.0, 2.0, shape=2)
        pm.MvNormal("measured", level, COVARIANCE, observed=MEASURED)
    return LogDensity(model)


@pytest.fixture(scope="module")
def banana():
    """A curved ridge, which no normal distribution fits."""
    with pm.Model() as model:
        along = pm.Normal("along", 0.0, 1.0)
        across = pm.Normal("across", 0.0, 10.0)
        pm.Potential("ridge", -0.5 * ((across - 4.0 * along**2) / 0.05) ** 2)
    return LogDensity(model)


@pytest.fixture(scope="module")
def two_peaks():
    """A likelihood with two equal peaks, of which the prior prefers one."""
    with pm.Model() as model:
        place = pm.Normal("place", 1.0, 2.0)
        height = pm.math.logaddexp(-50.0 * (place - 2.0) ** 2, -50.0 * (place + 2.0) ** 2)
        pm.Potential("peaks", height)
    return LogDensity(model)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_mean_covariance_and_evidence_of_a_normal_posterior_are_found(linear, method):
    found = method(linear, draws=2000, random_seed=1)
    prior = 4.0 * np.eye(2)
    gain = prior @ np.linalg.inv(prior + COVARIANCE)
    mean, covariance = gain @ MEASURED, prior - gain @ prior
    points = found.points.reshape(-1, 2)
    error = np.sqrt(np.diag(covariance) / 500)
    assert (np.abs(points.mean(axis=0) - mean) < 4 * error).all()
    np.testing.assert_allclose(np.cov(points.T), covariance, rtol=0.15)
    total = prior + COVARIANCE
    evidence = -0.5 * (
        MEASURED @ np.linalg.solve(total, MEASURED)
        + np.linalg.slogdet(total)[1]
        + 2 * np.log(2 * np.pi)
    )
    assert found.log_evidence == pytest.approx(evidence, abs=0.15)
    assert found.reliable
    assert "not a sampled posterior" in found.sentence()


@pytest.mark.parametrize("method", METHODS[:2], ids=lambda method: method.__name__)
def test_normal_approximations_say_that_they_miss_a_curved_ridge(banana, method):
    found = method(banana, draws=1000, random_seed=1)
    assert not found.reliable
    assert "misses part of the posterior" in found.sentence()


def test_a_population_follows_a_curved_ridge(banana):
    found = sequential_monte_carlo(banana, draws=1000, moves=20, random_seed=1)
    along, across = found.points.reshape(-1, 2).T
    # The posterior of along is its prior times Normal(4 along^2; 0, 10): by quadrature.
    grid = np.linspace(-5.0, 5.0, 4001)
    weight = norm.pdf(grid) * norm.pdf(4.0 * grid**2, 0.0, 10.0)
    sd = np.sqrt(np.sum(weight * grid**2) / np.sum(weight))
    assert along.std() == pytest.approx(sd, rel=0.1)
    assert np.std(across - 4.0 * along**2) == pytest.approx(0.05, rel=0.15)


def test_a_population_gives_every_mode_its_weight(two_peaks):
    found = sequential_monte_carlo(two_peaks, draws=1500, random_seed=2)
    heavy = norm.pdf(2.0, 1.0, np.hypot(2.0, 0.1))
    light = norm.pdf(-2.0, 1.0, np.hypot(2.0, 0.1))
    share = float(np.mean(found.points > 0.0))
    assert share == pytest.approx(heavy / (heavy + light), abs=0.04)
    assert found.log_evidence == pytest.approx(
        np.log((heavy + light) * np.sqrt(2 * np.pi) * 0.1), abs=0.1
    )


def test_draws_carry_the_label_and_the_shapes_of_the_model(linear):
    found = laplace_approximation(linear, draws=50, random_seed=1)
    posterior = found.tree(linear)["posterior"]
    assert posterior["level"].shape == (1, 50, 2)
    assert posterior.attrs["approximation"] == "Laplace"
    again = laplace_approximation(linear, draws=50, random_seed=1)
    np.testing.assert_array_equal(found.points, again.points)


def test_a_population_too_small_for_the_unknowns_is_refused(linear):
    with pytest.raises(CalibrationError, match="at least 12 members"):
        sequential_monte_carlo(linear, draws=5, random_seed=1)
