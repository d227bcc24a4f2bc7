"""Cross-validation: every forecaster over every fold, scored by proper scoring rules."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.baselines import Forecast, cross_validate
from bayesbio.baselines.cross_validation import score_forecast
from bayesbio.data import Campaign, Run, Table, TableColumn
from bayesbio.errors import DataError
from bayesbio.inference import folds, table_folds

FRAME = pd.DataFrame({"titer": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
TABLE = Table(FRAME, [TableColumn("titer", "response")])


def readings_of(fold):
    return pd.DataFrame(
        {"run": fold.name, "quantity": "titer", "value": fold.test["titer"], "flag": ""}
    )


def climatology(fold):
    seen = fold.train["titer"]
    rows = readings_of(fold)
    return Forecast(
        rows,
        np.repeat(seen[:, None], len(rows), axis=1),
        diagnostics={"seen": len(seen)},
        result=float(seen.mean()),
    )


def shifted(fold):
    first = climatology(fold)
    return Forecast(first.rows, np.asarray(first.draws) + 10.0)


def test_each_forecaster_meets_each_fold_and_the_better_one_stands_first():
    parts = table_folds(TABLE, number=3)
    found = cross_validate({"far": shifted, "near": climatology}, parts, executor="here")
    assert list(found.scores["model"]) == ["far"] * 3 + ["near"] * 3
    assert list(found.scores["run"]) == ["part 1", "part 2", "part 3"] * 2
    assert [model for _, model in found.summary().index] == ["near", "far"]
    assert len(found.readings) == 12
    assert found.left_undone == ()


def test_a_reading_is_scored_by_what_was_learned_without_it():
    parts = table_folds(TABLE, number=2)
    found = cross_validate({"near": climatology}, parts, executor="here")
    for part in parts:
        assert found.results["near", part.name] == pytest.approx(part.train["titer"].mean())
        own = found.readings[found.readings["fold"] == part.name]
        assert_allclose(own["mean"], part.train["titer"].mean())
    assert (found.diagnostics["seen"] == 3).all()


def test_the_executor_does_not_change_the_scores():
    parts = table_folds(TABLE, number=3)
    here = cross_validate({"near": climatology}, parts, executor="here")
    with ThreadPoolExecutor(2) as pool:
        there = cross_validate({"near": climatology}, parts, executor=pool)
    pd.testing.assert_frame_equal(here.scores, there.scores)
    pd.testing.assert_frame_equal(here.readings, there.readings)


def test_folds_of_a_campaign_are_named_after_their_runs():
    runs = [Run(name, settings={"clone": name[0]}) for name in ("A1", "A2", "B1")]
    assert [fold.name for fold in folds(Campaign(runs), by="clone")] == ["A1, A2", "B1"]


def test_two_folds_of_one_name_are_refused():
    (part, _) = table_folds(TABLE, number=2)
    with pytest.raises(DataError, match="Two folds are called 'part 1'"):
        cross_validate({"near": climatology}, [part, part])


def test_what_goes_wrong_says_in_which_forecast():
    def broken(fold):
        raise DataError("No reading came.")

    with pytest.raises(DataError, match="broken, without part 2: No reading came"):
        cross_validate({"broken": broken}, table_folds(TABLE, number=2)[1:])


def test_weighted_draws_are_scored_as_the_distribution_they_stand_for():
    draws = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)[:, None]
    weights = np.exp(draws[:, 0] - 0.5)  # of Normal(0, 1) they make Normal(1, 1)
    weights /= weights.sum()
    rows = pd.DataFrame({"run": "R1", "quantity": ["titer"], "value": [1.0], "flag": [""]})
    _, readings = score_forecast(Forecast(rows, draws, weights=weights))
    assert readings["mean"].item() == pytest.approx(1.0, abs=0.01)
    assert readings["pit"].item() == pytest.approx(0.5, abs=0.01)
    assert readings["eti_95"].item() == pytest.approx(1.0 + stats.norm.ppf(0.95), abs=0.02)


def test_the_log_score_is_that_of_the_weighted_mixture_and_counts_limits():
    rows = pd.DataFrame(
        {"run": "R1", "quantity": "titer", "value": [2.0, 0.5], "flag": ["", "below"]}
    )
    density = np.log([[0.1, 0.5], [0.3, 0.9]])
    scores, readings = score_forecast(
        Forecast(rows, np.ones((2, 2)), density, weights=np.array([0.25, 0.75]))
    )
    assert_allclose(readings["elpd"], np.log([0.25, 0.8]))
    assert scores["log_score"].item() == pytest.approx(-np.log([0.25, 0.8]).mean())
    assert scores["readings"].item() == 1
    assert np.isnan(readings["crps"].iloc[1])


def test_progress_counts_the_forecasts_made_here():
    seen = []
    parts = table_folds(TABLE, number=3)
    cross_validate({"near": climatology}, parts, executor="here", progress=seen.append)
    assert [(state.finished, state.total) for state in seen] == [(0, 3), (1, 3), (2, 3)]
