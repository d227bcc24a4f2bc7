import numpy as np
from numpy.testing import assert_allclose
from scipy.special import softmax

from bayesbio.network.process_model_nodes.likelihood_weighting import (
    _tempered,
    systematic_positions,
)


def test_systematic_resampling_takes_each_position_as_often_as_its_weight_says():
    weights = softmax(np.random.default_rng(1).normal(size=50))
    counts = np.bincount(systematic_positions(weights, np.random.default_rng(2)), minlength=50)
    assert (np.abs(counts - 50 * weights) < 1.0).all()  # never off by a whole sample
    assert counts.sum() == 50


def test_weights_are_tempered_to_the_effective_samples_that_are_asked_for():
    log_weights = np.random.default_rng(3).normal(scale=20.0, size=1000)
    weights, power = _tempered(log_weights, 100.0)
    assert_allclose(weights, softmax(power * log_weights), rtol=1e-12)
    assert_allclose(1.0 / (weights**2).sum(), 100.0, rtol=1e-6)
    mild, whole = _tempered(0.01 * log_weights, 100.0)
    assert whole == 1.0
    assert_allclose(mild, softmax(0.01 * log_weights), rtol=1e-12)


def test_samples_that_are_impossible_get_no_weight_however_tempered():
    weights, _ = _tempered(np.array([-np.inf, 0.0, -1.0, -50.0]), 2.5)
    assert weights[0] == 0.0
    assert_allclose(weights.sum(), 1.0)
