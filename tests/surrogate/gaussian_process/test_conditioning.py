import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import ModelError
from bayesbio.surrogate.gaussian_process.conditioning import draw_function, thinned
from bayesbio.surrogate.gaussian_process.kernels import JITTER


def test_left_out_predictions_equal_those_of_processes_without_the_reading(fitted):
    process = fitted.gaussian_process
    mean, deviation = process.left_out(7)
    rows, keep = process.rows, np.arange(len(process.values)) != 3
    total = process.covariance.between(process.parameters[7], rows, rows)
    total += np.diag(process.noise_of(7) + JITTER)
    cross = total[3, keep] @ np.linalg.inv(total[np.ix_(keep, keep)])
    assert_allclose(mean[3], cross @ process.values[keep], rtol=1e-6)
    assert_allclose(deviation[3] ** 2, total[3, 3] - cross @ total[keep, 3], rtol=1e-6)


def test_the_conditional_is_that_of_a_multivariate_normal(fitted):
    process, points = fitted.gaussian_process, np.array([[-0.3], [0.1]])
    mean, covariance = process.condition(5, points, joint=True)
    parameters, rows = process.parameters[5], process.rows
    prior = process.covariance.between(parameters, points, points)
    cross = process.covariance.between(parameters, points, rows)
    total = process.covariance.between(parameters, rows, rows)
    total += np.diag(process.noise_of(5) + JITTER)
    assert_allclose(mean, cross @ np.linalg.solve(total, process.values), rtol=1e-6)
    assert_allclose(covariance, prior - cross @ np.linalg.solve(total, cross.T), atol=1e-9)
    assert_allclose(process.condition(5, points)[1], np.diag(covariance), atol=1e-9)


def test_points_known_exactly_are_met(fitted):
    process, at = fitted.gaussian_process, np.array([[0.0], [0.2]])
    mean, variance = process.condition(3, at, known_rows=at, known_values=np.array([0.5, -0.2]))
    assert_allclose(mean, [0.5, -0.2], atol=1e-4)
    assert variance.max() < 1e-6


def test_curves_drawn_jointly_have_the_conditional_covariance(fitted):
    process, points = fitted.gaussian_process, np.array([[0.0], [0.01]])
    rng = np.random.default_rng(2)
    drawn = [draw_function(process, 0, points, joint=True, rng=rng) for _ in range(500)]
    _, covariance = process.condition(0, points, joint=True)
    correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    # Fisher's z: five standard errors of a correlation of 500 draws
    found = np.arctanh(np.corrcoef(np.array(drawn).T)[0, 1])
    assert abs(found - np.arctanh(correlation)) < 5.0 / np.sqrt(497.0)


def test_thinned_draws_are_spread_over_every_chain(fitted):
    chosen = thinned(fitted.gaussian_process, 20)
    assert chosen.shape == (4, 5)
    assert chosen[0, 0] == 0 and chosen[-1, -1] == fitted.gaussian_process.draws - 1


def test_noise_known_reading_by_reading_gives_none_for_a_new_one(fitted):
    process = dataclasses.replace(
        fitted.gaussian_process, eta=np.empty((2800, 0)), known_noise=np.arange(24.0)
    )
    with pytest.raises(ModelError, match="noise is known reading by reading"):
        process.new_noise(0, np.zeros((2, 1)))
