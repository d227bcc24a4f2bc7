"""Priors alone, beside the readings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesbio.calibrate import prior_check
from bayesbio.data import Campaign, Event, Run
from bayesbio.inference import between, literature
from bayesbio.mechanistic import BatchReactor
from bayesbio.report import draw_prior_check


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


def test_priors_that_hold_the_readings_say_so(campaign, model):
    found = prior_check(campaign, model, vary={"rate_constant_1": "run"}, draws=200, random_seed=4)
    table = found.summary()
    assert set(table.index) == {"concentration_a", "concentration_b"}
    assert (table["inside"] > 0.8).all()
    assert found.prediction["concentration_a"].dims == ("chain", "draw", "run", "time")
    assert "lie in the 90 % band of the priors" in str(found)


def test_priors_that_exclude_the_readings_are_found_out_and_keep_their_source(campaign, model):
    slow = literature(0.001, standard_error=0.0001, doi="10.1021/ie50518a003")
    found = prior_check(
        campaign,
        model,
        priors={"rate_constant_1": slow, "rate_constant_2": between(0.01, 0.1)},
        draws=100,
        random_seed=4,
    )
    assert found.summary().loc["concentration_b", "inside"] < 0.3
    assert "Only" in str(found) and "above it" in str(found)
    assert found.options["sources"]["rate_constant_1"] == "doi:10.1021/ie50518a003"


def test_the_picture_of_the_priors_shows_every_run_and_ends_near_the_readings(campaign, model):
    found = prior_check(campaign, model, draws=60, random_seed=4)
    figure = draw_prior_check(found, "concentration_a")
    shown = [panel for panel in figure.axes if panel.get_visible()]
    assert len(shown) == len(campaign)
    largest = campaign.to_frame().query("quantity == 'concentration_a'")["value"].max()
    assert all(panel.get_ylim()[1] <= 5.0 * largest for panel in shown)
