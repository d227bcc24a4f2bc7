import numpy as np
from numpy.testing import assert_allclose
from scipy import integrate, stats

from bayesbio.network.learning.conjugate import NormalInverseGamma, PriorMixture, default_priors

RNG = np.random.default_rng(7)


def test_evidence_is_the_integral_of_the_likelihood_over_the_prior():
    prior = NormalInverseGamma(np.array([0.3]), np.array([[2.0]]), 1.5, 0.8)
    values = np.array([0.1, 0.9, -0.4])

    mean = np.linspace(-12.0, 12.0, 801)[:, None]
    size = np.linspace(-6.0, 12.0, 401)
    variance = np.exp(size)
    density = np.exp(
        stats.norm.logpdf(values[:, None, None], mean, np.sqrt(variance)).sum(axis=0)
        + stats.norm.logpdf(mean, 0.3, np.sqrt(variance / 2.0))
        + stats.invgamma.logpdf(variance, 1.5, scale=0.8)
        + size
    )
    total = integrate.simpson(integrate.simpson(density, mean[:, 0], axis=0), size)
    evidence = PriorMixture.of([prior]).log_evidence(np.ones((3, 1)), values)
    assert_allclose(np.exp(evidence), total, rtol=1e-6)


def test_evidence_is_that_of_a_multivariate_t():
    prior = NormalInverseGamma(np.array([0.2, -0.1]), np.diag([0.5, 2.0]), 2.0, 0.7)
    design = np.column_stack([np.ones(6), RNG.normal(size=6)])
    values = RNG.normal(size=6)
    shape = 0.7 / 2.0 * (np.eye(6) + design @ np.linalg.inv(prior.precision) @ design.T)
    exact = stats.multivariate_t(design @ prior.mean, shape, df=4.0).logpdf(values)
    assert_allclose(PriorMixture.of([prior]).log_evidence(design, values), exact, rtol=1e-12)


def test_draws_have_the_moments_of_the_closed_form_under_every_prior():
    design = np.column_stack([np.ones(30), RNG.normal(size=30)])
    values = 0.9 * design[:, 1] + 0.4 * RNG.normal(size=30)
    mixture = PriorMixture.of(default_priors(1))
    evidence, mean, precision, shape, rate = mixture.updated(design[None], values[None])
    weights = np.exp(evidence[:, 0] - evidence.max())
    weights /= weights.sum()
    variance = rate[:, 0] / (shape - 1.0)
    middle = weights @ mean[:, 0, 1]
    inverse = np.linalg.inv(precision[:, 0])[:, 1, 1]
    spread = np.sqrt(weights @ (variance * inverse + (mean[:, 0, 1] - middle) ** 2))
    effects, variances = mixture.draw(
        design[None], values[None], np.random.default_rng(1), count=20_000
    )
    assert_allclose(effects[:, 1].mean(), middle, atol=6 * spread / np.sqrt(20_000))
    assert_allclose(effects[:, 1].std(), spread, rtol=0.04)
    assert_allclose(variances.mean(), weights @ variance, rtol=0.02)


def test_a_strong_effect_is_not_charged_to_the_scatter():
    # Least squares as the limit: residual sum of squares, and one degree of freedom a coefficient.
    rng = np.random.default_rng(2)
    design = np.column_stack([np.ones(30), rng.normal(size=30)])
    design[:, 1] -= design[:, 1].mean()
    for scatter in (1.0, 1e-1, 1e-2, 1e-3):
        values = design[:, 1] + scatter * rng.normal(size=30)
        values -= values.mean()
        residual = np.linalg.lstsq(design, values, rcond=None)[1].item()
        mixture = PriorMixture.of(default_priors(1))
        _, variance = mixture.draw(design[None], values[None], np.random.default_rng(1), count=4000)
        assert_allclose(np.median(variance), residual / 27.3, rtol=0.1)  # median of chi2(28)
