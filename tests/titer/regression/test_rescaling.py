"""Draws come back to the scale of the transformed titer."""

import numpy as np
from numpy.testing import assert_allclose

from tests.titer.validation.replicated_media import MODEL, posterior_of, replicates


def test_effects_are_multiplied_by_the_spread_of_the_readings_and_shifted_by_their_mean():
    problem = MODEL.formulate(replicates())
    ones, zeros = np.ones(4), np.zeros(4)
    posterior = posterior_of(problem, 4, intercept_score=zeros, noise_score=ones)
    assert_allclose(posterior.flat["intercept"], problem.response.centre)
    assert_allclose(posterior.flat["noise"], problem.response.spread)
    assert posterior.posterior["posterior"]["by_medium"].dims == ("chain", "draw", "medium")


def test_densities_are_those_of_the_readings_themselves():
    problem = MODEL.formulate(replicates())
    posterior = posterior_of(problem, 6)
    density = posterior.posterior["log_likelihood"]["titer"].to_numpy()[0]
    flat = posterior.flat
    at = posterior.linear_predictor(problem.rows(), np.random.default_rng(0)).location
    noise, away = flat["noise"][:, None], problem.table["titer"] - at
    expected = -0.5 * np.square(away / noise) - np.log(noise * np.sqrt(2.0 * np.pi))
    assert_allclose(density, expected, rtol=1e-8)
