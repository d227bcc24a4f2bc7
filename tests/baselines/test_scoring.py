import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.baselines import MeanTrajectory, baseline_scores, table_scores, tabular_forecast
from bayesbio.data import Table, TableColumn
from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Run
from bayesbio.errors import DataError
from bayesbio.inference import pool_scores, table_folds
from bayesbio.inference.validation.cross_validation_folds import Fold, folds


def test_scores_are_one_line_per_model_quantity_and_held_out_run(five):
    models = ["mean trajectory", "ridge"]
    table = baseline_scores(five, models=models)
    assert table[["model", "quantity", "run"]].values.tolist() == [
        [model, "biomass", run] for model in models for run in five.names
    ]
    assert set(table) >= {"crps", "rmse", "coverage_90", "width_90"}
    assert table["readings"].eq(9).all()


def test_settings_that_matter_help_when_there_are_runs_to_learn_from(virtual_campaign):
    campaign = virtual_campaign(24, seed=3)
    names = campaign.names
    divided = [Fold(names[16:], campaign.select(names[:16]), campaign.select(names[16:]))]
    scores = baseline_scores(campaign, folds=divided).groupby("model")["crps"].mean()
    assert scores.drop("mean trajectory").max() < 0.8 * scores["mean trajectory"]


def test_ridge_falls_back_on_the_mean_course_when_features_tell_nothing():
    rng, times = np.random.default_rng(5), np.linspace(0.0, 100.0, 11)
    runs = [
        Run(
            f"R{place}",
            pd.DataFrame(
                {
                    "time_h": times,
                    "quantity": "titer",
                    "value": 1.0 + times / 20 + 0.1 * rng.normal(size=11),
                }
            ),
            settings={f"noise_{n}": rng.normal() for n in range(6)},
        )
        for place in range(6)
    ]
    scores = baseline_scores(Campaign(runs), models=["ridge", "mean trajectory"])
    mean = scores.groupby("model")["rmse"].mean()
    assert mean["ridge"] < 1.5 * mean["mean trajectory"]


def test_scores_follow_the_folds_they_are_given(five):
    by_clone = folds(five, by="clone")
    table = baseline_scores(five, ["biomass"], by_clone, models=["mean trajectory"])
    assert table["run"].tolist() == ["R0", "R2", "R4", "R1", "R3"]
    alone = MeanTrajectory().fit(five.select(["R1", "R3"]), "biomass")
    run = five["R0"]
    errors = alone.predict(run, run.times()).mean(axis=0) - run.measurements["value"].to_numpy()
    assert_allclose(table["rmse"][0], np.sqrt(np.mean(errors**2)))


def test_an_unknown_baseline_is_refused_with_the_known_ones(five):
    with pytest.raises(DataError, match="'lasso'; choose among 'mean trajectory'"):
        baseline_scores(five, models=["lasso"])


def cultures(number=30, *, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "ph": rng.uniform(6.6, 7.4, number),
            "clone": rng.choice(["A", "B", "C"], number),
            "site": np.repeat(["x", "y", "z"], number // 3),
        }
    )
    frame["titer"] = np.exp(
        frame["ph"] - 7.0 + 0.3 * (frame["clone"] == "A") + 0.05 * rng.normal(size=number)
    )
    columns = [
        TableColumn("ph", "factor"),
        TableColumn("clone", "factor", levels=("A", "B", "C")),
        TableColumn("site", "group", levels=("x", "y", "z")),
        TableColumn("titer", "response", "g/L"),
    ]
    return Table(frame, columns)


def test_forecasts_are_scored_on_the_same_rows_of_groups_held_out():
    table = cultures()
    flags = pd.DataFrame({"titer": ["below", "excluded", *[""] * 28]})
    scores = table_scores(
        table.replace(flags=flags),
        "titer",
        {
            "lasso": tabular_forecast("lasso", response="titer", scale="log"),
            "none": lambda train, test: np.full((1, len(test)), train["titer"].mean()),
        },
        folds=table_folds(table.replace(flags=flags), by="site"),
    )
    assert scores["readings"].tolist() == [8, 10, 10] * 2
    assert pool_scores(scores).index.tolist() == [("titer", "lasso"), ("titer", "none")]


def test_random_parts_hold_out_every_row_once():
    table = cultures()
    parts = table_folds(table, number=4, random_seed=5)
    held = pd.concat([part.test.to_frame() for part in parts])
    assert sorted(held["titer"]) == sorted(table["titer"])
    assert all(len(part.train) + len(part.test) == 30 for part in parts)


def test_a_titer_of_zero_has_no_logarithm():
    table = cultures()
    frame = table.to_frame()
    frame.loc[3, "titer"] = 0.0
    forecast = tabular_forecast("lasso", response="titer", scale="log")
    with pytest.raises(DataError, match="1 readings of 'titer' are zero"):
        forecast(table.replace(frame=frame), table)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "laso"}, "choose among 'lasso'"),
        ({"name": "lasso", "scale": "ln"}, "expected 'natural' or 'log'"),
    ],
)
def test_an_unknown_forecast_of_a_table_is_refused(options, said):
    with pytest.raises(DataError, match=said):
        tabular_forecast(**options, response="titer")
