import numpy as np
from numpy.testing import assert_allclose
from scipy import optimize

from bayesbio.surrogate.gaussian_process.conditioning import Latent
from bayesbio.surrogate.gaussian_process.hyperparameters import (
    LENGTH_SCALE,
    NOISE,
    SLOPES,
    HyperparameterPosterior,
    find_modes,
    prior_of,
    starting_modes,
)
from bayesbio.surrogate.gaussian_process.regression import first_covariance


def target(latent=None):
    rng = np.random.default_rng(8)
    rows, values = rng.uniform(-0.5, 0.5, (8, 2)), rng.normal(size=8)
    design = np.ones((8, 1))
    return HyperparameterPosterior(
        first_covariance(2, "smooth"), rows, values, np.zeros(8), design, 2, latent
    )


def test_the_gradient_is_that_of_finite_differences_with_latent_inputs_too():
    latent = Latent(1, np.array([2, 5]), np.array([0.1, -0.2]), np.array([[0.3, 0.0], [0.1, 0.2]]))
    for posterior in (target(), target(latent)):
        point = np.random.default_rng(1).normal(0.0, 0.3, posterior.dimension)
        expected = optimize.approx_fprime(point, lambda at, p=posterior: p(at)[0], 1e-6)
        assert_allclose(posterior(point)[1], expected, atol=5e-4)


def test_the_prior_widens_length_scales_with_the_number_of_inputs():
    centre, spread = prior_of(first_covariance(2, "matern52"), inputs=2, noise_parts=1)
    assert_allclose(centre[1:3], LENGTH_SCALE[0] + 0.5 * np.log(2.0))
    assert (centre[3], spread[3]) == SLOPES and (centre[4], spread[4]) == NOISE


def test_modes_are_stationary_and_the_highest_comes_first():
    posterior = target()
    modes = find_modes(posterior, random_seed=1)
    values = [value for value, _ in modes]
    assert values == sorted(values, reverse=True)
    assert np.abs(posterior(modes[0][1])[1]).max() < 1e-2
    starts = starting_modes(posterior, modes, chains=3)
    assert len(starts) == 3 and all(len(start) == posterior.dimension for start in starts)


def test_far_out_in_the_prior_the_density_is_zero():
    posterior = target()
    value, gradient = posterior(posterior.centre + 13.0 * posterior.spread)
    assert value == -np.inf and not gradient.any()
