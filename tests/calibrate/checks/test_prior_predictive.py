"""Priors alone, beside the readings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesbio.calibrate import prior_check
from bayesbio.data import Campaign, Event, Run
from bayesbio.inference import between
from bayesbio.mechanistic import BatchReactor


def quenched(factor=1.0):
    times = np.arange(6.0)
    values = factor * np.exp(-0.5 * np.minimum(times, 3.0))
    rows = pd.DataFrame({"time_h": times, "quantity": "concentration_a", "value": values})
    start = {"initial_concentration_a": 1.0}
    return Campaign([Run("R1", rows, start, events=[Event("quench_time", "stop")])])


PRIORS = {"quench_time": between(2.0, 4.0)}
MODEL = BatchReactor(isothermal=True)


def test_the_moment_of_an_event_is_drawn_like_any_unknown():
    found = prior_check(quenched(), MODEL, priors=PRIORS, draws=50, random_seed=1)
    assert found.summary().loc["concentration_a", "inside"] == 1.0
    assert 2.5 < float(found.draws["quench_time"].median()) < 3.5


def test_priors_that_exclude_the_readings_are_told_so():
    found = prior_check(quenched(factor=5.0), MODEL, priors=PRIORS, draws=50, random_seed=1)
    assert "most of the others are above it" in str(found)
