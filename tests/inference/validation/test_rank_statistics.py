"""Honest posteriors pass simulation-based calibration, dishonest ones do not."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference import Ranks, rank_band, rank_p_value, simulation_based_calibration

READINGS, ERROR = 4, 0.5
SURE = 1.0 - 1e-7  # honest ranks leave such a band once in ten million studies


def simulate(seed):
    """Truth from a standard normal prior, and readings with a known error."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(2)
    return {"level": truth}, truth + ERROR * rng.standard_normal((READINGS, 2))


def refitted(*, wider=1.0, shift=0.0):
    """The exact posterior of `simulate`, or one with another sd or mean."""

    def refit(readings, seed):
        variance = 1.0 / (1.0 + READINGS / ERROR**2)
        mean = variance * readings.sum(axis=0) / ERROR**2
        noise = np.random.default_rng(seed).standard_normal((99, 2))
        return {"level": mean + np.sqrt(variance) * (shift + wider * noise)}

    return refit


def proof(**wrong):
    return simulation_based_calibration(simulate, refitted(**wrong), random_seed=5)


def test_an_exact_posterior_passes():
    found = proof()
    assert found.names == ("level[0]", "level[1]")
    assert len(found.table) == 200
    assert found.draws == 99
    verdict = found.check(probability=SURE)
    assert verdict.passed, str(verdict)
    table = found.summary()
    assert (abs(table["coverage_90"] - 0.9) < 5 * np.sqrt(0.09 / 200)).all()
    for name in found.names:
        curve = found.ecdf_difference(name, probability=SURE)
        assert (curve["low"] <= curve["difference"]).all()
        assert (curve["difference"] <= curve["high"]).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"wider": 0.7}, "too narrow"),
        ({"wider": 1.5}, "too wide"),
        ({"shift": 0.6}, "too high"),
        ({"shift": -0.6}, "too low"),
    ],
)
def test_a_wrong_posterior_fails_and_the_verdict_says_how(wrong, said):
    verdict = proof(**wrong).check()
    assert not verdict.passed
    assert said in verdict["ranks"].sentence
    assert verdict["ranks"].value < 0.01


@pytest.mark.parametrize(("replications", "draws"), [(200, 99), (50, 19)])
@pytest.mark.parametrize("probability", [0.9, 0.99])
def test_whole_curves_of_uniform_ranks_stay_inside_as_often_as_claimed(
    replications, draws, probability
):
    rng, curves = np.random.default_rng(3), 20_000
    ranks = rng.integers(0, draws + 1, (curves, replications))
    low, high = rank_band(replications, draws=draws, probability=probability)
    inside = np.ones(curves, dtype=bool)
    for k in range(1, draws + 1):
        below = (ranks < k).sum(axis=1)
        inside &= (low[k - 1] <= below) & (below <= high[k - 1])
    error = np.sqrt(probability * (1.0 - probability) / curves)
    # Counts are whole, so that a band may hold a little more than asked, not less.
    assert probability - 5 * error < inside.mean() < probability + 0.04


def test_the_p_value_is_uniform_and_agrees_with_the_band():
    rng = np.random.default_rng(4)
    low, high = rank_band(100, draws=49, probability=0.8)
    p_values = []
    for _ in range(400):
        ranks = rng.integers(0, 50, 100)
        p_values.append(rank_p_value(ranks, draws=49))
        below = np.cumsum(np.bincount(ranks, minlength=50))[:49]
        outside = bool(((below < low) | (below > high)).any())
        assert outside == (p_values[-1] <= 0.2) or abs(p_values[-1] - 0.2) < 0.02
    for share in (0.1, 0.5, 0.9):
        error = np.sqrt(share * (1.0 - share) / 400)
        assert np.mean(np.array(p_values) <= share) == pytest.approx(share, abs=5 * error)


def test_a_band_of_one_draw_is_that_of_one_binomial():
    low, high = rank_band(20, draws=1, probability=0.95)
    assert (low.tolist(), high.tolist()) == ([6], [14])  # 0.9586 of Binomial(20, 1/2)


def test_a_stopped_study_goes_on_where_it_was(tmp_path):
    path, fitted = tmp_path / "ranks.csv", []

    def refit(readings, seed):
        fitted.append(seed)
        if len(fitted) == 6:
            raise KeyboardInterrupt
        return refitted()(readings, seed)

    with pytest.raises(KeyboardInterrupt):
        simulation_based_calibration(
            simulate, refit, replications=9, random_seed=5, checkpoint=path
        )
    again = simulation_based_calibration(
        simulate, refit, replications=9, random_seed=5, checkpoint=path
    )
    assert len(fitted) == 10  # five of nine were done before
    whole = simulation_based_calibration(simulate, refitted(), replications=9, random_seed=5)
    pd.testing.assert_frame_equal(again.table, whole.table, check_names=False)
    pd.testing.assert_frame_equal(Ranks.read(path).table, whole.table)


def test_fits_that_fail_are_counted_not_dropped():
    seen = []

    def refit(readings, seed):
        seen.append(seed)
        if len(seen) in (5, 20):
            raise CalibrationError("no start")
        return refitted()(readings, seed)

    found = simulation_based_calibration(simulate, refit, replications=40, random_seed=5)
    verdict = found.check()
    assert not verdict.passed
    assert "2 of 40 replications could not be computed" in verdict["replications"].sentence
    assert found.summary()["replications"].tolist() == [38, 38]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Ranks(pd.DataFrame({"rate": [3, 120]}), draws=99), "from 3 to 120"),
        (lambda: Ranks(pd.DataFrame(), draws=99), "at least one"),
        (lambda: proof().of("lvel"), "'lvel' was not ranked"),
    ],
)
def test_ranks_that_cannot_be_are_refused(call, said):
    with pytest.raises(DataError, match=said):
        call()


@pytest.mark.parametrize(
    ("refit", "said"),
    [
        (lambda data, seed: {"other": np.zeros(9)}, "no draws of level"),
        (lambda data, seed: {"level": np.zeros((2, 9))}, "Put the draws first"),
        (lambda data, seed: {"level": np.zeros((9 + seed % 2, 2))}, "Thin to the same number"),
    ],
)
def test_draws_that_do_not_fit_the_truth_are_refused(refit, said):
    with pytest.raises(CalibrationError, match=said):
        simulation_based_calibration(simulate, refit, replications=9, random_seed=5)


def test_impossible_numbers_are_refused():
    with pytest.raises(CalibrationError, match="replications=0"):
        simulation_based_calibration(simulate, refitted(), replications=0, random_seed=5)
    with pytest.raises(CalibrationError, match="probability between 0 and 1"):
        rank_band(20, draws=9, probability=1.0)
