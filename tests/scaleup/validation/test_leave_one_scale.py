"""Scales left out: one graph for all folds, honest scores, baselines on the same folds."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scale_truths import simulated_coverage

from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError
from bayesbio.scaleup import ScaleModel, leave_one_scale_out, read_scales
from bayesbio.scaleup.validation.leave_one_scale import kernel_log_density

DATA = pd.DataFrame(
    {
        "scale": np.repeat([1, 2, 3], 4),
        "V": np.repeat([10.0, 100.0, 4000.0], 4),
        "t": np.tile([0.0, 20.0, 40.0, 60.0], 3),
        "C": np.tile([0.1, 4.0, 8.0, 9.0], 3),
    }
)


def test_every_method_is_scored_at_every_scale(validated):
    table = validated.scores
    assert len(table) == 5 * 2
    assert table[["rmse", "mae", "crps", "log_score", "width_90"]].notna().all(axis=None)
    assert table["coverage_90"].between(0.0, 1.0).all()
    assert (table["rmse"] >= table["mae"] - 1e-12).all()


def test_curves_predict_a_power_law_better_than_the_nearest_scale(validated):
    means = validated.means()["crps"]
    assert means["scale model"] < means["nearest scale"]


def test_a_fold_is_the_fit_of_its_training_scales(validated, made):
    """Two roads: readings that weigh nothing in the whole graph, and a campaign without them."""
    masked = validated.fits[100_000.0]
    alone = masked.model.fit(
        made.campaign.without("100000 L"), random_seed=1, draws=150, tune=150, chains=2
    )
    assert masked.data.names == alone.data.names
    one = masked.predict(1e5, noise=False)["response"].isel(run=0, time=-1)
    other = alone.predict(1e5, noise=False)["response"].isel(run=0, time=-1)
    assert_allclose(one.mean(), other.mean(), rtol=0.05)
    assert_allclose(
        masked.curves[0].posterior["plateau_by_run"].mean(("chain", "draw")),
        alone.curves[0].posterior["plateau_by_run"].mean(("chain", "draw")),
        rtol=0.02,
    )


def test_each_law_is_scored_alone(validated):
    assert set(validated.by_law["law"]) == {"power", "random_walk"}


def test_the_log_score_of_a_normal_forecast_is_its_own():
    drawn = np.random.default_rng(1).standard_normal((20_000, 1))
    assert_allclose(-kernel_log_density(drawn, np.array([0.5])), 0.5 * 0.25 + 0.918939, atol=0.02)


def test_two_scales_cannot_be_left_out(made):
    with pytest.raises(DataError, match="leaving one out needs three"):
        leave_one_scale_out(made.campaign.select(["10 L", "100 L"]), random_seed=1)


def test_a_scale_that_is_not_there_is_named(made):
    with pytest.raises(DataError, match="no scale of 50 L; the scales are 10, 100, 4000"):
        leave_one_scale_out(made.campaign, volumes=[50.0], random_seed=1)


def test_both_shapes_of_a_table_are_the_same_campaign():
    renamed = DATA.rename(
        columns={"scale": "scale_id", "V": "volume_L", "t": "time_h", "C": "response_rel"}
    )
    one = read_scales(DATA, target="C")
    other = read_scales(renamed, target="response_rel")
    for campaign in (one, other):
        assert [run.settings["volume"] for run in campaign] == [10.0, 100.0, 4000.0]
    assert_allclose(one.to_frame()["value"], other.to_frame()["value"])


def test_volumes_with_units_are_converted():
    worded = DATA.assign(V=DATA["V"].map({10.0: "10 L", 100.0: "100 L", 4000.0: "4 m3"}))
    assert read_scales(worded, target="C")["3"].settings["volume"] == 4000.0


def test_volumes_in_mixed_units_are_refused():
    mixed = DATA.assign(V=DATA["V"].replace(4000.0, 4.0))
    with pytest.raises(DataError, match="litres and cubic metres are mixed"):
        read_scales(mixed, target="C")
    half = DATA.assign(V=DATA["V"].map({10.0: "10", 100.0: "100 L", 4000.0: "4 m3"}))
    with pytest.raises(DataError, match="with and without a unit"):
        read_scales(half, target="C")


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match="no column 'titer'"):
        read_scales(DATA, target="titer")
    with pytest.raises(DataError, match="has no volume"):
        read_scales(DATA.drop(columns="V"), target="C")


def test_a_table_without_rows_is_refused():
    with pytest.raises(DataError, match="no rows"):
        read_scales(DATA.iloc[:0])


def test_every_replicate_of_a_scale_is_predicted(made):
    runs = [
        Run(f"{run.name}, run {n}", run.measurements.iloc[n::2], settings=run.settings)
        for run in made.campaign
        for n in (0, 1)
    ]
    campaign = Campaign(runs, units=made.campaign.units)
    model = ScaleModel(law="power")
    validation = leave_one_scale_out(
        campaign, model, volumes=[100.0], baselines=["power law"], random_seed=1,
        draws=60, tune=80, chains=1,
    )  # fmt: skip
    predicted = validation.predictions[100.0]
    assert list(predicted["run"].to_numpy()) == ["100 L, run 0", "100 L, run 1"]
    times = [campaign[name].times() for name in predicted["run"].to_numpy()]
    assert_allclose(predicted["time"], np.unique(np.concatenate(times)))
    assert not predicted["response"].isnull().any()
    assert set(validation.readings["run"]) == set(predicted["run"].to_numpy())


@pytest.mark.slow
def test_intervals_hold_over_virtual_truths_that_bend():
    table = simulated_coverage(
        ScaleModel(), replicates=range(8), random_seed=2026, draws=150, tune=150, chains=2
    )
    means = table.groupby("truth")[["coverage", "crps"]].mean()
    assert 0.86 <= means["coverage"].mean() <= 0.97
    assert means["coverage"].min() >= 0.75
    assert means["crps"].mean() <= 0.068


@pytest.mark.slow
def test_curves_of_another_shape_are_covered_too():
    table = simulated_coverage(
        ScaleModel(),
        truths=["power law", "regime change"],
        replicates=range(6),
        form="logistic",
        random_seed=7,
        draws=150,
        tune=150,
        chains=2,
    )
    assert table["coverage"].mean() >= 0.75
