"""Calibrations in which the moment of an event is estimated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesbio.calibrate import fit
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest
from bayesbio.data import Campaign, Event, Run
from bayesbio.errors import ModelError
from bayesbio.inference import between
from bayesbio.mechanistic import BatchReactor
from bayesbio.ode import simulate

QUENCH = 3.4
MODEL = BatchReactor(isothermal=True)
TRUTH = {"rate_constant_1": 0.5, "rate_constant_2": 0.05}
PRIORS = {"quench_time": between(2.0, 6.0), "rate_constant_2": 0.05}


@pytest.fixture(scope="module")
def quenched():
    """Two batches that were quenched at a moment nobody wrote down."""
    rng = np.random.default_rng(11)
    times = np.array([0.5, 1.0, 2.0, 3.0, 6.0, 8.0])
    runs = []
    for place in range(2):
        settings = {"initial_concentration_a": 0.8 + 0.2 * place}
        course = simulate(
            MODEL,
            parameters=TRUTH,
            settings=settings,
            events=[Event(QUENCH, "stop")],
            times=times,
        )
        readings = [
            pd.DataFrame(
                {
                    "time_h": times,
                    "quantity": name,
                    "value": course[name].squeeze().to_numpy()
                    + 0.005 * rng.normal(size=len(times)),
                }
            )
            for name in ("concentration_a", "concentration_b")
        ]
        runs.append(
            Run(f"R{place}", pd.concat(readings), settings, events=[Event("quench_time", "stop")])
        )
    return Campaign(runs)


def test_the_name_of_a_moment_is_an_unknown_like_any_other(quenched):
    made = formulate(FitRequest(quenched, MODEL, priors=PRIORS))
    assert [unknown.name for unknown in made.unknowns] == ["rate_constant_1", "quench_time"]


def test_a_moment_that_nothing_gives_is_refused_in_a_sentence(quenched):
    with pytest.raises(ModelError, match="an event depends on 'quench_time'"):
        formulate(FitRequest(quenched, MODEL))


def test_a_moment_may_stand_in_the_table_of_runs(quenched):
    stated = Campaign(
        [run.replace(settings={**run.settings, "quench_time": 3.0}) for run in quenched]
    )
    made = formulate(FitRequest(stated, MODEL))
    assert "quench_time" not in [unknown.name for unknown in made.unknowns]


@pytest.mark.slow
def test_a_fit_finds_the_moment_and_predicts_with_it(quenched):
    calibration = fit(quenched, MODEL, priors=PRIORS, draws=400, tune=400, random_seed=5)
    assert calibration.check().passed
    row = calibration.summary().loc["quench_time"]
    assert row["unit"] == "h"
    assert row["eti_5"] < QUENCH < row["eti_95"]
    assert row["eti_95"] - row["eti_5"] < 0.6
    ahead = calibration.predict(times=[10.0], noise=False)
    assert float(ahead["stop_time"].mean()) == pytest.approx(QUENCH, abs=0.3)
