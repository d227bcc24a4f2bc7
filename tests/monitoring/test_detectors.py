"""Usual ways of monitoring, as baselines: they find what is gross and refuse too little."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Run
from bayesbio.errors import DataError
from bayesbio.monitoring import FAULT_BASELINES

TIMES = np.arange(0.0, 120.0, 24.0)


def run(rng, name, shift=0.0):
    rows = [
        pd.DataFrame({"time_h": TIMES, "quantity": quantity, "value": rng.normal(mean, 0.1, 5)})
        for quantity, mean in (("glucose", 5.0 + shift), ("lactate", 1.0), ("ph", 7.0))
    ]
    return Run(name, pd.concat(rows))


@pytest.mark.parametrize("name", FAULT_BASELINES)
def test_a_gross_fault_alarms_and_scores_higher_than_most_good_runs(name):
    rng = np.random.default_rng(1)
    fitted = FAULT_BASELINES[name].fit([run(rng, f"R{n}") for n in range(60)])
    good = [fitted.score(run(rng, f"new {n}")).score for n in range(20)]
    bad = fitted.score(run(rng, "bad", shift=1.5))
    assert bad.score > np.quantile(good, 0.9)
    assert bad.alarm


def test_daily_limits_alarm_on_the_first_day_and_whole_runs_at_their_end():
    rng = np.random.default_rng(2)
    runs = [run(rng, f"R{n}") for n in range(60)]
    bad = run(rng, "bad", shift=1.5)
    assert FAULT_BASELINES["daily limits"].fit(runs).score(bad).alarm_time == 0.0
    assert FAULT_BASELINES["PCA unfolded"].fit(runs).score(bad).alarm_time == 96.0


def test_two_runs_are_too_few():
    rng = np.random.default_rng(3)
    with pytest.raises(DataError, match="2 good runs came"):
        FAULT_BASELINES["PCA local"].fit([run(rng, "R1"), run(rng, "R2")])
