import numpy as np
from numpy.testing import assert_allclose
from scipy import integrate, stats

from bayesbio.network.learning.conjugate import NormalInverseGamma, log_marginal_likelihood

RNG = np.random.default_rng(7)


def test_evidence_is_the_integral_of_the_likelihood_over_the_prior():
    prior = NormalInverseGamma(np.array([0.3]), np.array([[2.0]]), 1.5, 0.8)
    values = np.array([0.1, 0.9, -0.4])

    mean = np.linspace(-12.0, 12.0, 2001)[:, None]
    size = np.linspace(-6.0, 12.0, 1801)
    variance = np.exp(size)
    density = np.exp(
        stats.norm.logpdf(values[:, None, None], mean, np.sqrt(variance)).sum(axis=0)
        + stats.norm.logpdf(mean, 0.3, np.sqrt(variance / 2.0))
        + stats.invgamma.logpdf(variance, 1.5, scale=0.8)
        + size
    )
    total = integrate.simpson(integrate.simpson(density, mean[:, 0], axis=0), size)
    assert_allclose(
        np.exp(log_marginal_likelihood(prior, np.ones((3, 1)), values)), total, rtol=1e-6
    )


def test_evidence_is_that_of_a_multivariate_t():
    prior = NormalInverseGamma(np.array([0.2, -0.1]), np.diag([0.5, 2.0]), 2.0, 0.7)
    design = np.column_stack([np.ones(6), RNG.normal(size=6)])
    values = RNG.normal(size=6)
    shape = 0.7 / 2.0 * (np.eye(6) + design @ np.linalg.inv(prior.precision) @ design.T)
    exact = stats.multivariate_t(design @ prior.mean, shape, df=4.0).logpdf(values)
    assert_allclose(log_marginal_likelihood(prior, design, values), exact, rtol=1e-12)
