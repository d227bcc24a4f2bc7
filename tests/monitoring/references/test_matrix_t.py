"""Covariance of days and quantities: symmetric, positive definite, and near the truth."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.data import Run
from bayesbio.monitoring import Monitor
from bayesbio.monitoring.references.matrix_t import Predictive, divided, fit_matrix_t


def test_every_run_is_in_one_of_at_most_twenty_folds():
    assert [len(divided(number)) for number in (3, 12, 50)] == [3, 12, 20]
    assert (np.sum(divided(50), axis=0) == 1).all()


def test_distance_and_determinant_are_those_of_the_readings_that_are_there():
    covariance = np.array([[1.0, 0.5, 0.2], [0.5, 2.0, 0.3], [0.2, 0.3, 1.5]])
    size, distance, determinant = Predictive(np.zeros(3), covariance, 5.0).distance(
        np.array([1.0, np.nan, -1.0])
    )
    density = stats.multivariate_normal(np.zeros(2), covariance[np.ix_([0, 2], [0, 2])])
    expected = density.logpdf([1.0, -1.0])
    assert size == 2
    assert_allclose(-0.5 * (distance + determinant + 2 * np.log(2 * np.pi)), expected)


def test_a_separable_covariance_with_gaps_is_learned():
    rng = np.random.default_rng(1)
    days = np.exp(-np.abs(np.subtract.outer(np.arange(5), np.arange(5))) / 3.0)
    between = np.array([[1.0, 0.8], [0.8, 1.0]])
    truth = 0.8 * np.kron(days, between) + 0.2 * np.eye(10)
    runs = (rng.normal(size=(200, 10)) @ np.linalg.cholesky(truth).T).reshape(200, 5, 2)
    runs[rng.uniform(size=runs.shape) < 0.2] = np.nan
    learned = fit_matrix_t(runs, np.arange(5.0))
    assert len(learned.held_out) == 20
    assert_allclose(learned.predictive.covariance, truth, atol=0.35)


@pytest.mark.parametrize("noise", [5.0, 20.0])
def test_runs_that_differ_in_duration_alone_give_a_positive_definite_covariance(noise):
    rng = np.random.default_rng(9)
    times, runs = np.arange(11) * 10.0, []
    for n in range(20):
        part = times / 100.0 * (1.0 + 0.05 * rng.normal())
        rows = [
            pd.DataFrame({"time_h": times, "quantity": f"q{q}", "value": value})
            for q in range(4)
            for value in [
                1500.0 * np.sin(2.0 * part * (1.0 + 0.3 * q)) + noise * rng.normal(size=11)
            ]
        ]
        runs.append(Run(f"R{n}", pd.concat(rows)))
    learned = Monitor().fit(runs).reference.learned
    covariance = learned.predictive.covariance
    assert_allclose(covariance, covariance.T, rtol=0.0, atol=1e-12)
    np.linalg.cholesky(covariance)
