"""Laws over scale: closed forms, limits, and what conditioning on runs gives."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scale_truths import virtual_scales
from scipy import stats

from bayesbio.errors import ModelError
from bayesbio.scaleup import LAWS, PowerLaw, RandomWalkLaw, ScaleModel, StudiedScales
from bayesbio.scaleup.laws.law_mixture import half_normal_values
from bayesbio.scaleup.laws.law_prior import PredictionPoint, law_prior
from bayesbio.scaleup.laws.pooled_law import PooledLaw
from bayesbio.scaleup.laws.volume_laws import LogarithmicLaw, laws_of

DECADES = np.array([1.0, 2.0, 3.6, 5.0])


@pytest.fixture(scope="module")
def problem():
    (stated,) = ScaleModel().problems(virtual_scales("power law", random_seed=1).campaign)
    return stated


@pytest.mark.parametrize("name", LAWS)
def test_every_law_is_a_proper_mixture(name):
    law = LAWS[name]().mixture(DECADES, StudiedScales(2.5, 1.0, 5.0))
    assert_allclose(law.weight.sum(), 1.0)
    smallest = np.linalg.eigvalsh(law.covariance).min()
    assert smallest > -1e-12
    assert (law.deviation > 0.0).all()


def test_half_normal_values_have_the_moments_of_the_distribution():
    values = half_normal_values(2.0, 200)
    assert_allclose(values.mean(), stats.halfnorm(scale=2.0).mean(), rtol=0.01)


def test_a_random_walk_forgets_which_end_it_started_from():
    there = RandomWalkLaw().mixture(DECADES, StudiedScales(3.0, 1.0, 5.0)).covariance
    back = RandomWalkLaw().mixture(6.0 - DECADES, StudiedScales(3.0, 1.0, 5.0)).covariance
    assert_allclose(there, back)


def test_the_random_walk_is_the_integral_of_a_walking_slope():
    rng = np.random.default_rng(1)
    steps, length = 400, 2.0
    slopes = np.cumsum(rng.standard_normal((20_000, steps)) * np.sqrt(length / steps), axis=1)
    ends = slopes.sum(axis=1) * length / steps
    law = RandomWalkLaw(slope=0.0).mixture(np.array([2.0]), StudiedScales(0.0, 0.0, 2.0))
    assert_allclose(law.covariance[:, 0, 0] / law.settings["wander"] ** 2, np.var(ends), rtol=0.03)


def test_conditioning_a_power_law_is_bayesian_regression(problem):
    """Two roads: the mixture's conditional, and least squares with the same priors, all pooled."""
    pooled = PooledLaw.of(
        problem,
        PowerLaw(slope=0.3, deviation=0.05),
        training_mask=np.ones(4, bool),
        points=[PredictionPoint(6.0, np.zeros(0))],
    )
    z = np.random.default_rng(4).normal(0.0, 0.1, size=(1, 4, len(problem.names)))
    z[0, :, 0] = [0.1, -0.1, -0.5, -0.7]
    away = problem.log10_volume - problem.log10_volume.mean()
    design = np.column_stack([np.ones(4), away])
    new = np.array([1.0, 6.0 - problem.log10_volume.mean()])
    weights, means = [], []
    for deviation in half_normal_values(0.05, 6):
        evidence = 0.0
        for unknown in np.flatnonzero(~pooled.initial):
            prior = np.diag([problem.spread[unknown] ** 2, 0.3**2])
            total = design @ prior @ design.T + deviation**2 * np.eye(4)
            evidence += stats.multivariate_normal(np.zeros(4), total).logpdf(z[0, :, unknown])
        weights.append(evidence)
        prior = np.diag([1.0 / problem.spread[0] ** 2, 1.0 / 0.3**2])
        precision = design.T @ design / deviation**2 + prior
        means.append(new @ np.linalg.solve(precision, design.T @ z[0, :, 0] / deviation**2))
    weights = np.exp(np.array(weights) - max(weights))
    found = pooled.project(z, known_scale=np.zeros(1, bool), rng=np.random.default_rng(0))
    assert_allclose(found.expected[0, 0, 0], weights @ means / weights.sum(), rtol=1e-6)


def test_parameters_that_keep_to_their_lines_make_others_surer(problem):
    """Sizes of deviations are shared: one crooked parameter widens all, straight ones narrow it."""
    straight = np.zeros((4000, 4, len(problem.names)))
    crooked = straight.copy()
    crooked[:, :, 1] = [0.1, -0.1, 0.1, -0.1]
    pooled = PooledLaw.of(
        problem,
        PowerLaw(),
        training_mask=np.ones(4, bool),
        points=[PredictionPoint(6.0, np.zeros(0))],
    )
    widths = [
        pooled.project(z, known_scale=np.zeros(1, bool), rng=np.random.default_rng(0))
        .varied[:, 0, 0]
        .std()
        for z in (straight, crooked)
    ]
    assert widths[1] > 2.0 * widths[0]


def test_slopes_of_the_logarithmic_law_are_each_parameters_own(problem):
    """Opposite trends are no evidence against each other."""
    z = np.zeros((1, 4, len(problem.names)))
    z[0, :, 0] = np.log1p(0.2 * (problem.log10_volume - problem.log10_volume.mean()))
    z[0, :, 1] = np.log1p(-0.2 * (problem.log10_volume - problem.log10_volume.mean()))
    pooled = PooledLaw.of(
        problem,
        LogarithmicLaw(),
        training_mask=np.ones(4, bool),
        points=[PredictionPoint(6.0, np.zeros(0))],
    )
    found = pooled.project(z, known_scale=np.zeros(1, bool), rng=np.random.default_rng(0)).expected
    assert found[0, 0, 0] > 0.3 and found[0, 0, 1] < -0.5


def test_the_density_of_a_law_is_that_of_its_mixture(problem):
    prior = law_prior(problem, PowerLaw(), 1, training_mask=np.ones(4, bool))
    z = np.random.default_rng(2).normal(size=(3, 4))
    by_hand = sum(
        np.exp(np.log(weight)) * stats.multivariate_normal(mean, covariance).pdf(z)
        for weight, mean, covariance in zip(
            prior.mixture.weight, prior.mean, prior.covariance, strict=True
        )
    )
    assert_allclose(np.exp(prior.log_density(z)), by_hand, rtol=1e-6)


def test_an_unknown_law_is_refused_with_the_menu():
    with pytest.raises(ModelError, match="no law; the menu has"):
        laws_of("quadratic")


def test_one_law_twice_is_refused():
    with pytest.raises(ModelError, match="different laws"):
        ScaleModel(law=["power", PowerLaw(slope=0.1)])
