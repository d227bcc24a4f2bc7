"""Runs on a common clock: nearest days, gaps, replicates and flags."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError
from bayesbio.monitoring.alignment import Alignment, readings


def titer_run(name, times, values, flag=""):
    rows = {"time_h": times, "quantity": "titer", "value": values, "flag": flag}
    return Run(name, pd.DataFrame(rows))


def test_runs_sampled_at_the_same_hours_share_a_clock_and_gaps_stay_gaps():
    times = np.arange(0.0, 60.0, 12.0)
    runs = [titer_run(f"R{n}", times, n * times) for n in (1, 2)]
    runs.append(titer_run("R3", times[:-1], times[:-1]))
    clock = Alignment.of(Campaign(runs))
    assert clock.days.tolist() == times.tolist()
    assert np.isnan(clock.unfold(runs[2])).ravel().tolist() == [False] * 4 + [True]
    assert clock.unfold(runs[0], until=24.2).ravel()[:3].tolist() == [0.0, 12.0, 24.0]


def test_what_lies_far_beyond_the_clock_has_no_day():
    clock = Alignment(("titer",), np.array([0.0, 12.0]), last=18.0, first=-6.0)
    assert clock.place([-7.0, 5.0, 7.0, 19.0]).tolist() == [-1, 0, 1, -1]


def test_replicates_are_averaged_and_excluded_readings_do_not_count():
    run = titer_run("R1", [0.0, 0.0, 12.0], [1.0, 3.0, 9.0], ["", "", "excluded"])
    assert readings(run).values.tolist() == [2.0]


def test_runs_without_readings_have_no_clock():
    with pytest.raises(DataError, match="The runs hold no readings"):
        Alignment.of(Campaign([Run("R1"), Run("R2")]))
