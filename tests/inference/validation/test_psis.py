"""Pareto-smoothed importance weights and systematic resampling."""

import numpy as np
from numpy.testing import assert_allclose

from bayesbio.inference.validation.psis import (
    psis_weights,
    relative_efficiency,
    systematic_resample,
)


def test_weights_turn_a_posterior_into_that_without_a_reading():
    # Prior N(0, 1), readings 1.0 and 0.2 of unit variance: without the second, N(1/2, 1/2).
    draws = np.random.default_rng(1).normal(0.4, np.sqrt(1 / 3), 40_000)
    weights, pareto_k = psis_weights(-0.5 * (0.2 - draws) ** 2)
    assert pareto_k < 0.7
    error = np.sqrt(np.sum(weights**2) * 0.5)
    assert abs(weights @ draws - 0.5) < 5 * error
    assert_allclose(weights @ (draws - 0.5) ** 2, 0.5, atol=5 * error)


def test_correlated_chains_smooth_a_longer_tail_than_independent_draws():
    rng = np.random.default_rng(2)
    course = np.zeros((2, 2000))
    for step in range(1, 2000):
        course[:, step] = 0.98 * course[:, step - 1] + 0.2 * rng.standard_normal(2)
    assert relative_efficiency(-0.5 * course**2) < 0.2
    assert relative_efficiency(-0.5 * rng.standard_normal((2, 2000)) ** 2) > 0.6
    flat, chains = psis_weights(-0.5 * course.ravel() ** 2), psis_weights(-0.5 * course**2)
    assert chains[0].shape == (4000,)
    assert not np.array_equal(flat[0], chains[0])


def test_a_reading_without_density_is_not_weighted_away():
    assert psis_weights([0.0, -np.inf])[1] == np.inf


def test_systematic_resampling_repeats_draws_in_proportion_to_their_weights():
    weights = np.array([1.0, 0.0, 3.0])
    assert sorted(systematic_resample(weights, 4, rng=np.random.default_rng(1))) == [0, 2, 2, 2]
    assert systematic_resample(weights, 4).tolist() == [0, 2, 2, 2]
