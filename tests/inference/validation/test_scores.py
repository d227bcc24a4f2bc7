import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.errors import DataError
from bayesbio.inference.validation.scores import (
    coverage,
    crps,
    interval_score,
    log_score,
    pool_scores,
    score_table,
    width,
)


def test_crps_is_the_double_sum_of_its_definition():
    rng = np.random.default_rng(1)
    samples, observed = rng.normal(size=(37, 4, 3)), rng.normal(size=(4, 3))
    pairs = np.mean(np.abs(samples[:, None] - samples[None]), axis=(0, 1))
    by_definition = np.mean(np.abs(samples - observed), axis=0) - 0.5 * pairs
    assert_allclose(crps(samples, observed), by_definition, rtol=1e-12)


def test_crps_of_many_normal_draws_tends_to_the_closed_form():
    quantiles = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    observed = np.array([-2.0, 0.0, 0.7])
    z = observed
    closed = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)
    samples = np.broadcast_to(quantiles[:, None], (20_000, 3))
    assert_allclose(crps(samples, observed), closed, atol=1e-4)


def test_crps_of_one_draw_is_the_absolute_error():
    assert_allclose(crps([[1.0, 2.0]], [3.0, 1.5]), [2.0, 0.5])


def test_crps_does_not_depend_on_the_order_of_draws():
    samples = np.random.default_rng(2).normal(size=(50, 2))
    assert_allclose(crps(samples, [0.0, 1.0]), crps(samples[::-1], [0.0, 1.0]), rtol=1e-13)


def test_log_score_averages_densities_and_not_their_logarithms():
    densities = np.array([[0.2, 1e-300], [0.6, 0.5]])
    assert_allclose(log_score(np.log(densities)), -np.log([0.4, 0.25]), rtol=1e-12)


def test_log_score_survives_densities_that_underflow():
    assert_allclose(log_score(np.array([[-2000.0], [-2000.0]])), [2000.0])


def test_coverage_counts_readings_inside_the_central_interval():
    samples = np.broadcast_to(np.linspace(0.0, 1.0, 1001)[:, None], (1001, 4))
    assert coverage(samples, [0.04, 0.06, 0.94, 0.96]) == 0.5
    assert coverage(samples, [0.04, 0.06, 0.94, 0.96], probability=0.96) == 1.0


def test_interval_score_is_the_width_plus_the_penalty_of_misses():
    samples = np.broadcast_to(np.linspace(0.0, 1.0, 1001)[:, None], (1001, 3))
    assert_allclose(width(samples), 0.9)
    assert_allclose(interval_score(samples, [0.5, 0.0, 1.0]), [0.9, 1.9, 1.9])


@pytest.mark.parametrize("score", [crps, lambda s, y: interval_score(s, y).mean()])
def test_scores_are_proper_the_true_distribution_scores_best(score):
    rng = np.random.default_rng(4)
    observed = rng.normal(size=2000)
    draws = rng.normal(size=(400, 1))

    def mean_score(centre, spread):
        samples = np.broadcast_to(centre + spread * draws, (400, 2000))
        return np.mean(score(samples, observed))

    truth = mean_score(0.0, 1.0)
    assert truth < min(mean_score(0.5, 1.0), mean_score(0.0, 0.5), mean_score(0.0, 2.0))


def test_the_table_has_one_line_per_quantity_and_run_of_quantified_readings():
    rows = pd.DataFrame(
        {
            "run": ["R1", "R1", "R2", "R2", "R3"],
            "quantity": ["titer"] * 5,
            "value": [1.0, 2.0, 3.0, 0.1, 0.1],
            "flag": ["", "", "", "below", "excluded"],
        }
    )
    samples = np.array([[1.0, 3.0, 3.0, 0.0, 0.0], [1.0, 5.0, 3.0, 0.0, 0.0]])
    densities = np.log(np.array([[0.5, 0.5, 0.5, 0.25, 9.0], [0.5, 0.5, 0.5, 0.25, 9.0]]))
    table = score_table(samples, rows, log_likelihood=densities)
    assert table["run"].tolist() == ["R1", "R2"]
    assert table["readings"].tolist() == [2, 1]
    assert_allclose(table["rmse"], [np.sqrt(2.0), 0.0])
    assert_allclose(table["crps"], [(0.0 + 1.5) / 2, 0.0])
    assert_allclose(table["coverage_90"], [0.5, 1.0])
    assert_allclose(table["width_90"], [0.9, 0.0])
    assert_allclose(table["log_score"], [np.log(2.0), 1.5 * np.log(2.0)])


def test_the_columns_are_named_after_the_probability():
    rows = pd.DataFrame({"run": ["R1"], "quantity": ["titer"], "value": [1.0], "flag": [""]})
    assert "coverage_50" in score_table([[1.0]], rows, probability=0.5)


def test_shapes_that_do_not_fit_are_refused_in_words():
    with pytest.raises(DataError, match="the draws first"):
        crps(np.zeros((3, 4)), np.zeros(3))


@pytest.mark.parametrize("probability", [0.0, 1.0, 90])
def test_a_probability_outside_zero_and_one_is_refused(probability):
    with pytest.raises(DataError, match="between 0 and 1"):
        width(np.zeros((3, 4)), probability)


def test_pooling_weighs_runs_by_their_readings_and_orders_models_by_crps():
    table = pd.DataFrame(
        {
            "model": ["worse", "worse", "better"],
            "quantity": "titer",
            "run": ["R1", "R2", "R1"],
            "readings": [1, 3, 4],
            "rmse": [4.0, 0.0, 1.0],
            "crps": [4.0, 0.0, 0.5],
            "coverage_90": [0.0, 1.0, 1.0],
        }
    )
    pooled = pool_scores(table)
    assert list(pooled.index) == [("titer", "better"), ("titer", "worse")]
    assert_allclose(pooled.loc[("titer", "worse")], [4, 2.0, 1.0, 0.75])


def test_scores_without_a_model_are_refused_in_words():
    with pytest.raises(DataError, match="a column model was expected"):
        pool_scores(pd.DataFrame({"quantity": ["titer"]}))
