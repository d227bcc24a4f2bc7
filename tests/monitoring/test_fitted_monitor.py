"""A fitted monitor: a stated rate of false alarms, no look ahead, and the right name and onset."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesbio
from bayesbio.data import Run
from bayesbio.errors import CalibrationError, DataError
from bayesbio.monitoring import Monitor
from tests.monitoring.normal_runs import QUANTITIES, normal_run


def test_good_runs_alarm_as_seldom_as_stated(monitor):
    rng = np.random.default_rng(1)
    table = monitor.screen([normal_run(rng, f"new {n}") for n in range(200)])
    assert 0.02 <= table["alarm"].mean() <= 0.08
    assert abs(np.mean(table["p_value"] < 0.5) - 0.5) < 0.12


def test_a_shift_of_one_quantity_is_found_named_and_dated(monitor):
    rng = np.random.default_rng(2)
    runs = [normal_run(rng, f"bad {n}", shift=4.0, quantity="lactate") for n in range(20)]
    table = monitor.screen(runs)
    assert table["alarm"].mean() >= 0.95
    assert (table["quantity"] == "lactate").mean() >= 0.9
    assert (table["alarm_time_h"] >= 72.0).mean() >= 0.9
    assert ((table["onset_estimate_h"] - 72.0).abs() <= 24.0).mean() >= 0.9  # a day at most


def test_a_score_does_not_look_ahead(monitor):
    run = normal_run(np.random.default_rng(3), "bad", shift=3.0)
    whole = monitor.score(run)
    for until in (0.0, 72.0, 120.0):
        part = monitor.score(run, until=until)
        kept = whole.course["time_h"] <= until
        assert_allclose(part.course["score"], whole.course["score"][kept], rtol=1e-9)
        assert part.limit == whole.limit


def test_expected_bands_hold_nine_readings_of_ten(monitor):
    rng = np.random.default_rng(5)
    parts = [monitor.score(normal_run(rng, f"new {n}")).readings for n in range(60)]
    table = pd.concat(parts)
    inside = table["value"].between(table["lower"], table["upper"])
    assert abs(inside.mean() - 0.9) < 0.02
    assert abs(table["innovation"].std() - 1.0) < 0.06


def test_a_monitor_comes_back_from_its_file_with_the_same_scores(monitor, tmp_path):
    run = normal_run(np.random.default_rng(7), "bad", shift=3.0)
    path = monitor.save(tmp_path / "monitor.nc")
    again = bayesbio.load(path)
    pd.testing.assert_frame_equal(again.score(run).course, monitor.score(run).course)
    assert again.hash == monitor.hash
    assert again.check().passed == monitor.check().passed
    pd.testing.assert_frame_equal(again.summary(), monitor.summary())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CalibrationError):
        bayesbio.load(path)


def test_the_verdict_counts_the_good_runs_that_would_have_alarmed(monitor):
    verdict = monitor.check()
    assert verdict.passed
    assert verdict["false alarms"].value == (monitor.held_out > monitor.limit).mean()


def test_a_run_that_cannot_be_compared_is_said(monitor, good_runs):
    early = pd.DataFrame({"time_h": [30.0], "quantity": "glucose", "value": [5.0]})
    with pytest.raises(DataError, match="first read at 30 h, and nothing .* until 12 h"):
        monitor.score(Run("early", early), until=12.0)
    with pytest.raises(DataError, match="watched are glucose, lactate"):
        monitor.score(Run("other", early.assign(quantity="ammonium")))
    with pytest.raises(DataError, match="'empty' has readings of nothing"):
        monitor.score(Run("empty"))
    with pytest.raises(DataError, match="3 runs came"):
        monitor.score(good_runs[:3])
    with pytest.raises(DataError, match="R1"):
        monitor.score("R1")


def test_what_was_not_judged_is_noticed(monitor):
    rows = pd.DataFrame({"time_h": [0.0, 24.0, 999.0], "quantity": "glucose", "value": [6.0] * 3})
    more = pd.DataFrame({"time_h": [0.0], "quantity": "ammonium", "value": [1.0]})
    score = monitor.score(Run("long", pd.concat([rows, more])))
    told = " ".join(score.warnings)
    assert "Never read in run long: lactate, ph, viable_cell_density" in told
    assert "Not watched: ammonium" in told
    assert "After 180 h there is nothing to compare" in told


def test_a_fitted_monitor_is_frozen_and_knows_what_was_asked(monitor):
    with pytest.raises(dataclasses.FrozenInstanceError):
        monitor.model = None
    assert monitor.model == Monitor(quantities=QUANTITIES)
    assert monitor.options == {"random_seed": 0} and monitor.require() is monitor
