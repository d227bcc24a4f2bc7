"""A lasting change: a Bayes factor, and when it began."""

import dataclasses

import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.monitoring.statistics.change_detection import ChangePointEvidence
from bayesbio.monitoring.statistics.innovations import RunPredictive


def test_the_evidence_of_a_lasting_change_is_a_bayes_factor():
    # One quantity read twice without memory: a step from the first moment or from the second, or a
    # ramp from the first, with sizes of their own, against none.
    times, read = np.array([0.0, 24.0]), np.array([0.7, 1.9])
    run = RunPredictive(times, np.zeros(2, int), read, np.zeros(2), 0.25 * np.eye(2), np.inf)
    white = np.linalg.solve(np.linalg.cholesky(run.covariance), read)
    told = ChangePointEvidence.of(run, 1, duration=48.0).evidence(white[None], times)[0, 1]
    changes = [[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
    densities = [
        stats.multivariate_normal(np.zeros(2), run.covariance + np.outer(each, each)).pdf(read)
        for each in changes
    ]
    none = stats.multivariate_normal(np.zeros(2), run.covariance).pdf(read)
    assert_allclose(told, np.log10(np.mean(densities) / none), rtol=1e-9)


def test_chance_alone_rarely_looks_like_a_lasting_change():
    rng = np.random.default_rng(12)
    times = np.repeat(np.arange(0.0, 240.0, 24.0), 2)
    quantity_index = np.tile([0, 1], 10)
    covariance = np.exp(-np.abs(times[:, None] - times) / 60.0) * (
        quantity_index[:, None] == quantity_index
    )
    run = RunPredictive(times, quantity_index, np.zeros(20), np.zeros(20), covariance, np.inf)
    sustained = ChangePointEvidence.of(run, 2, duration=216.0)
    factor = 10.0 ** sustained.evidence(rng.normal(size=(20000, 20)), times)[:, -1]
    assert (factor > 10.0).mean() <= 0.1
    assert abs(factor.mean() - 1.0) < 0.2  # a Bayes factor is one on average, where nothing changed


def white_noise_run(moments, width):
    """Readings of independent quantities without memory, standard normal each."""
    times = np.repeat(np.arange(moments) * 24.0, width)
    index = np.tile(np.arange(width), moments)
    zero = np.zeros(len(times))
    return RunPredictive(times, index, zero, zero, np.eye(len(times)), np.inf)


def test_a_change_is_dated_to_the_moment_it_began_and_only_from_readings_so_far():
    run = white_noise_run(12, 2)
    changes = ChangePointEvidence.of(run, 2, duration=264.0)
    step = 6.0 * ((run.times >= 120.0) & (run.quantity_index == 1))
    assert changes.onset_of(step, 1) == 120.0
    assert changes.onset_of(step[: 2 * 7], 1) == 120.0  # two readings after the onset
    assert changes.onset_of(np.zeros(24)[: 2 * 3], 1) <= 48.0


def test_a_slow_ramp_is_dated_near_its_start():
    run = white_noise_run(24, 1)
    run = dataclasses.replace(run, covariance=1e-4 * run.covariance)
    changes = ChangePointEvidence.of(run, 1, duration=552.0)
    ramp = np.maximum(run.times - 240.0, 0.0) / 276.0  # size one after half a run
    assert changes.onset_of(100.0 * ramp, 0) == 240.0
