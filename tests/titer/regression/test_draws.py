"""Draws of a regression: which, how many, and the typical titer."""

import numpy as np
from numpy.testing import assert_allclose

from bayesbio.titer.regression.linear_predictor import LinearPredictor


def test_thinned_draws_are_evenly_spaced_and_joined_over_chains(fitted):
    assert fitted.number == 4 * 800
    thin = fitted.thinned(5)
    assert thin.tolist() == [0, 799, 1599, 2399, 3199]
    assert fitted.selected(thin)["noise"].tolist() == fitted.flat["noise"][thin].tolist()


def test_the_typical_log_titer_is_its_median_and_readings_scatter_around_it(fitted):
    at = LinearPredictor(np.full((fitted.number, 1), 0.5), None)
    assert_allclose(fitted.typical(at), np.exp(0.5))
    drawn = np.log(fitted.drawn(at, np.random.default_rng(1)))
    noise = np.sqrt(np.mean(fitted.flat["noise"] ** 2))
    assert_allclose(drawn.std(), noise, rtol=5.0 / np.sqrt(2.0 * fitted.number))
