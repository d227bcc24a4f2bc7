"""The score of a run: recent innovations and a lasting change."""

import numpy as np
from numpy.testing import assert_allclose

from bayesbio.monitoring.statistics.change_detection import ChangePointEvidence
from bayesbio.monitoring.statistics.innovations import Innovation, ewma, innovations_of
from bayesbio.monitoring.statistics.run_statistic import simulated_innovations
from tests.monitoring.normal_runs import normal_run


def test_recent_surprises_count_as_the_less_likely_of_the_whole_and_the_most_surprising(monitor):
    run = normal_run(np.random.default_rng(4), "bad", shift=3.0)
    found = monitor.tails.normal(innovations_of(monitor.reference.expected(run)))
    steps = ewma(found, 4, monitor.model.ewma_weight)
    # Contributions add up to the squared distance: chi-squared of four, all four being read.
    half = np.array([step.contribution.sum() for step in steps]) / 2.0
    whole = -np.log10(np.exp(-half) * (1.0 + half))
    given = np.array([step.score for step in steps])
    assert (given >= whole - 1e-8).all()
    assert np.isclose(given, whole).any() and (given > whole + 0.05).any()


def test_the_score_weighs_recent_surprises_and_a_lasting_change(monitor):
    run = normal_run(np.random.default_rng(4), "bad", shift=3.0)
    expected = monitor.reference.expected(run)
    found = monitor.tails.normal(innovations_of(expected))
    recent = np.array([step.score for step in ewma(found, 4, monitor.model.ewma_weight)])
    white = np.concatenate(
        [np.linalg.solve(np.linalg.cholesky(each.correlation), each.size) for each in found]
    )
    sustained = ChangePointEvidence.of(expected, 4, duration=monitor.reference.duration)
    lasting = sustained.evidence(white[None], expected.times)[0]
    assert_allclose(monitor.score(run).course["score"], 0.25 * recent + 0.75 * lasting)


def test_simulated_innovations_are_correlated_as_those_of_the_moment():
    correlation = np.array([[1.0, 0.6], [0.6, 1.0]])
    one = Innovation(0.0, np.arange(2), np.zeros(2), correlation, *np.ones((3, 2)))
    drawn = simulated_innovations([one, one], 40000, np.random.default_rng(1))
    assert_allclose(np.corrcoef(drawn.T), np.kron(np.eye(2), correlation), atol=0.03)
