import numpy as np
import pytest

from analyses.benchmarks.virtual_titer import NAMES, VirtualTiter


@pytest.mark.parametrize("saturating", [False, True])
def test_only_the_active_factors_move_the_virtual_titer(saturating):
    truth = VirtualTiter.drawn(random_seed=4, saturating=saturating)
    rng = np.random.default_rng(1)
    factors = truth.factors(200, rng)
    for place, name in enumerate(NAMES):
        moved = factors.copy()
        moved[:, place] += 0.5
        change = np.abs(truth.log_titer(moved) - truth.log_titer(factors)).max()
        assert (change > 0.02) == (name in truth.active)


def test_each_of_the_pure_pair_does_nothing_on_average():
    truth = VirtualTiter.drawn(random_seed=4)
    factors = truth.factors(20000, np.random.default_rng(2))
    for name in truth.pure_interaction:
        score = factors[:, NAMES.index(name)]
        assert abs(np.corrcoef(score, truth.log_titer(factors))[0, 1]) < 0.05


def test_titers_below_the_limit_are_flagged_and_bear_the_limit():
    table = VirtualTiter.drawn(random_seed=4).table(200, random_seed=5)
    below = table.flag("titer") == "below"
    assert below.sum() == 16
    assert np.ptp(table["titer"][below]) == 0.0
    assert table["titer"][~below].min() >= table["titer"][below][0]
