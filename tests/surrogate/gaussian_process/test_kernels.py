import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats

from bayesbio.surrogate.gaussian_process.kernels import (
    FAMILIES,
    JITTER,
    Covariance,
    Linear,
    MarginalLikelihood,
    StationaryKernel,
)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_of_the_marginal_likelihood_is_that_of_finite_differences(family):
    rng = np.random.default_rng(4)
    rows, values = rng.uniform(-0.5, 0.5, (9, 3)), rng.normal(size=9)
    covariance = Covariance(
        (StationaryKernel("f", (0, 1, 2), family), Linear("trend", (0, 2))),
        np.array([1.0, 0.0, 0.0, 4.0]),
    )
    parameters, noise = rng.normal(0.0, 0.3, covariance.size), rng.uniform(0.01, 0.1, 9)
    likelihood = MarginalLikelihood(covariance, rows, values, moving=2)
    _, slope, by_noise, by_column = likelihood(parameters, noise)

    def moved(column):
        other = MarginalLikelihood(covariance, np.column_stack([rows[:, :2], column]), values)
        return other(parameters, noise)[0]

    assert_allclose(
        slope,
        optimize.approx_fprime(parameters, lambda p: likelihood(p, noise)[0], 1e-6),
        atol=2e-4,
    )
    assert_allclose(
        by_noise,
        optimize.approx_fprime(noise, lambda v: likelihood(parameters, v)[0], 1e-7),
        rtol=2e-3,
    )
    assert_allclose(by_column, optimize.approx_fprime(rows[:, 2], moved, 1e-6), atol=2e-4)


def test_the_marginal_likelihood_is_the_density_of_a_multivariate_normal():
    rng = np.random.default_rng(5)
    rows, values = rng.uniform(-0.5, 0.5, (7, 2)), rng.normal(size=7)
    covariance = Covariance(
        (StationaryKernel("f", (0, 1)), Linear("trend", (0, 1))), np.array([1.0, 0, 0])
    )
    parameters, noise = rng.normal(0.0, 0.3, covariance.size), rng.uniform(0.01, 0.1, 7)
    total = covariance.between(parameters, rows, rows) + np.diag(noise + JITTER)
    expected = stats.multivariate_normal(np.zeros(7), total).logpdf(values)
    evaluated = MarginalLikelihood(covariance, rows, values)(parameters, noise)
    assert_allclose(evaluated[0], expected, rtol=1e-9)
    assert_allclose(
        np.diag(covariance.between(parameters, rows, rows)),
        covariance.variances(parameters, rows),
        rtol=1e-9,
    )


def test_a_matern_kernel_is_that_of_scikit_learn():
    from sklearn.gaussian_process.kernels import Matern

    rows = np.random.default_rng(1).uniform(-0.5, 0.5, (6, 2))
    covariance = Covariance((StationaryKernel("f", (0, 1), "matern52"),), np.zeros(3))
    found = covariance.between(np.log([2.0, 0.3, 0.8]), rows, rows)
    assert_allclose(found, 4.0 * Matern([0.3, 0.8], nu=2.5)(rows), rtol=1e-10)
