"""Mean course and spread of a quantity, on the Box-Cox scale that suits it."""

import numpy as np
from numpy.testing import assert_allclose

from bayesbio.monitoring.references.reference_course import ReferenceCourse, backward, forward

DAYS = np.array([0.0, 24.0, 48.0])
TIMES = np.tile(DAYS, 400)


def test_between_days_mean_and_spread_are_interpolated():
    course = ReferenceCourse(DAYS, 1.0, 0.0, np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.3, 0.1]))
    assert_allclose(course.deviation(np.array([12.0]), np.array([1.9])), [2.0])
    assert_allclose(course.value(np.array([12.0]), np.array([2.0])), [1.9])


def test_growth_with_a_relative_scatter_is_learned_on_the_scale_of_the_logarithm():
    rng = np.random.default_rng(1)
    values = np.exp(0.05 * TIMES + 0.2 * rng.normal(size=len(TIMES)))
    course = ReferenceCourse.of(TIMES, values, DAYS)
    assert course.power == 0.0
    assert_allclose(course.mean, 0.05 * DAYS, atol=0.06)
    assert_allclose(course.spread, 0.2, rtol=0.2)


def test_readings_of_zero_keep_the_scale_as_it_is():
    values = np.abs(np.random.default_rng(2).normal(1.0, 0.3, len(TIMES)))
    values[0] = 0.0
    assert ReferenceCourse.of(TIMES, values, DAYS).power == 1.0


def test_a_transform_and_back_changes_nothing():
    values = np.array([0.2, 1.0, 7.0])
    for power in (0.0, 0.5, 1.0):
        assert_allclose(backward(forward(values, power), power), values)
