"""Limits: the stated share of good runs, whatever held-out runs say of the predictive."""

import numpy as np
from numpy.testing import assert_allclose

from bayesbio.monitoring.statistics.alarm_limit import MaximumScoreDistribution

UNIFORM = (np.arange(4000) + 0.5) / 4000  # probabilities of runs that follow the predictive
DRAWN = -np.log10(UNIFORM)


def test_held_out_runs_that_follow_the_predictive_leave_probabilities_as_they_are():
    held_out = -np.log10((np.arange(400) + 0.5) / 400)
    chance = MaximumScoreDistribution.of(DRAWN, held_out)
    assert_allclose(chance.probability(-np.log10(0.05)), 0.05, rtol=0.05)
    assert_allclose(chance.quantile(0.05), -np.log10(0.05), rtol=0.02)


def test_quantile_and_probability_are_inverse_also_beyond_the_drawn_runs():
    chance = MaximumScoreDistribution.of(DRAWN, DRAWN[50::100])
    for probability in (0.2, 0.05, 1e-3, 1e-6):
        assert_allclose(chance.probability(chance.quantile(probability)), probability, rtol=0.02)


def test_higher_held_out_scores_raise_the_limit_and_lower_ones_only_where_left_out():
    usual = MaximumScoreDistribution.of(DRAWN, DRAWN[50::100])
    high = MaximumScoreDistribution.of(DRAWN, 2.0 * DRAWN[50::100])
    low = 0.5 * DRAWN[50::100]
    assert high.quantile(0.05) > usual.quantile(0.05)
    assert MaximumScoreDistribution.of(DRAWN, low).quantile(0.05) < usual.quantile(0.05)
    kept = MaximumScoreDistribution.of(DRAWN, low, left_out=False)
    assert_allclose(kept.quantile(0.05), usual.quantile(0.05), rtol=0.03)
