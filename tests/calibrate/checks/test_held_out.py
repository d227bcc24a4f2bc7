"""Runs that the calibration has not seen."""

from bayesbio.calibrate import held_out_scores
from bayesbio.inference import folds, pool_scores
from bayesbio.mechanistic import BatchReactor


def test_held_out_runs_are_scored_like_the_baselines(campaign):
    table = held_out_scores(
        campaign,
        BatchReactor(isothermal=True),
        folds(campaign)[:1],
        vary={"rate_constant_1": "run"},
        noise="normal",
        draws=150,
        tune=200,
        chains=2,
        random_seed=1,
    )
    assert set(table["run"]) == {"R1"}
    assert set(table["model"]) == {"BatchReactor"}
    assert table.attrs["r_hat"] < 1.1
    pooled = pool_scores(table)
    assert pooled.loc[("concentration_a", "BatchReactor"), "rmse"] < 0.1
