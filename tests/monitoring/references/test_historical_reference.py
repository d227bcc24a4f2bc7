"""The reference from good runs: what it expects, sums up and draws."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError
from bayesbio.monitoring.references.historical_reference import HistoricalReference


def titer_run(rng, name):
    rows = {"time_h": [0.0, 24.0], "quantity": "titer", "value": rng.normal([1.0, 2.0], 0.1)}
    return Run(name, pd.DataFrame(rows))


@pytest.fixture(scope="module")
def learned():
    rng = np.random.default_rng(1)
    runs = [titer_run(rng, f"R{n}") for n in range(30)]
    return runs, *HistoricalReference.of(Campaign(runs))


def test_each_good_run_is_judged_by_the_others(learned):
    runs, reference, held_out = learned
    assert reference.quantities == ("titer",) and reference.duration == 24.0
    assert list(held_out) == [run.name for run in runs]
    with_it, without = reference.expected(runs[0]), held_out["R0"]
    assert_allclose(with_it.times, [0.0, 24.0])
    assert not np.allclose(with_it.reading, without.reading)
    assert len(reference.expected(runs[0], until=12.0).reading) == 1


def test_summary_and_draws_agree_with_the_readings(learned):
    runs, reference, _ = learned
    table = reference.summary({"titer": "g/L"})
    posterior = reference.posterior({"titer": "g/L"}, random_seed=1)
    drawn = posterior["posterior"]["titer"].to_numpy()[0]
    for number, name in enumerate(("titer at 0 h", "titer at 24 h")):
        assert abs(table.loc[name, "eti_50"] - (number + 1.0)) < 0.1
        assert_allclose(np.quantile(drawn[:, number], 0.5), table.loc[name, "eti_50"], rtol=0.02)
        width = table.loc[name, "eti_95"] - table.loc[name, "eti_5"]
        assert 0.2 < width < 0.6  # 3.3 standard deviations of a tenth, few runs


def test_two_runs_are_too_few():
    rng = np.random.default_rng(2)
    with pytest.raises(DataError, match="2 good runs with readings came"):
        HistoricalReference.of(Campaign([titer_run(rng, "R1"), titer_run(rng, "R2")]))
