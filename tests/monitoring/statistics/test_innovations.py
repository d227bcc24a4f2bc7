"""Innovations and their EWMA: standard normal where the predictive holds."""

import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.monitoring.statistics.innovations import (
    Innovation,
    RunPredictive,
    covariances,
    ewma,
    innovations_of,
    joined_sizes,
    tail_evidence,
    whitened,
)


def test_an_innovation_is_what_the_reading_before_does_not_predict():
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
    index, ones = np.zeros(2, int), np.ones(2)
    run = RunPredictive(np.array([0.0, 24.0]), index, ones, np.zeros(2), covariance, 1e9)
    first, second = innovations_of(run)
    assert_allclose([first.size[0], second.size[0]], [1.0, 0.2 / 0.6], rtol=1e-6)
    assert_allclose([second.expected[0], second.spread[0]], [0.8, 0.6], rtol=1e-6)


def test_a_reading_of_a_student_t_is_mapped_to_the_normal_of_the_same_probability():
    one = RunPredictive(np.zeros(1), np.zeros(1, int), np.array([3.0]), np.zeros(1), np.eye(1), 4.0)
    assert_allclose(innovations_of(one)[0].size, stats.norm.isf(stats.t(4).sf(3.0)), rtol=1e-9)


def test_whitened_sizes_of_one_moment_are_uncorrelated():
    correlation = np.array([[1.0, 0.6], [0.6, 1.0]])
    one = Innovation(0.0, np.arange(2), np.zeros(2), correlation, *np.ones((3, 2)))
    white = np.array([[1.0, -2.0]])
    assert_allclose(whitened(white @ np.linalg.cholesky(correlation).T, [one]), white)
    assert joined_sizes([one, one]).shape == (4,)


def test_the_ewma_covariance_of_a_repeated_reading_is_a_geometric_sum():
    one = Innovation(0.0, np.array([0]), np.array([2.0]), np.eye(1), *np.ones((3, 1)))
    variances = [float(matrix[0, 0]) for _, matrix in covariances([one, one], 1, 0.5)]
    assert_allclose(variances, [0.25, 0.25 * 0.25 + 0.25])
    assert_allclose(ewma([one, one], 1, 0.5)[1].contribution, [1.5**2 / 0.3125])


def test_the_evidence_of_one_quantity_is_its_two_sided_tail_also_far_out():
    for total in (1.96, 30.0, 50.0):
        tail = np.log(2.0) + stats.norm.logsf(total)
        assert_allclose(tail_evidence(np.array([total]), np.eye(1)), -tail / np.log(10.0), 1e-3)


def test_one_odd_quantity_of_many_counts_as_the_largest_of_so_many():
    odd = Innovation(0.0, np.arange(8), np.r_[5.0, np.zeros(7)], np.eye(8), *np.ones((3, 8)))
    (found,) = ewma([odd], 8, 0.3)
    tail = 2.0 * stats.norm.sf(5.0)
    assert_allclose(found.score, -np.log10(1.0 - (1.0 - tail) ** 8), rtol=1e-9)
    assert found.score > -np.log10(stats.chi2.sf(25.0, 8)) + 1.0
