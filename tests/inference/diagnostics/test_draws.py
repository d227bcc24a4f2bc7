"""Flat views and the summary table agree with ArviZ."""

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesbio.inference import Verdict, VerdictItem, flat_draws, stack_draws, summary_table


@pytest.fixture(scope="module")
def draws():
    rng = np.random.default_rng(1)
    sample = ("chain", "draw")
    return xr.Dataset(
        {
            "rate": (sample, rng.normal(size=(4, 250)), {"units": "1/h"}),
            "by_run": (("run", *sample, "part"), rng.normal(size=(2, 4, 250, 2))),
            "fixed": (sample, np.full((4, 250), 3.0)),
            "note": (sample, np.full((4, 250), "x")),
        },
        coords={"run": ["R[1]", "R2"]},
    )


def test_scalars_are_labelled_by_their_coordinates_and_keep_their_variable(draws):
    flat = flat_draws(draws)
    runs = ("by_run[R[1], 0]", "by_run[R[1], 1]", "by_run[R2, 0]", "by_run[R2, 1]")
    assert flat.labels == ("rate", *runs, "fixed")
    assert flat.names == ("rate", *["by_run"] * 4, "fixed")
    np.testing.assert_array_equal(flat.values[..., 3], draws["by_run"].to_numpy()[1, :, :, 0])
    assert flat.varying.labels == ("rate", *runs)
    assert flat_draws(draws, ["fixed"]).varying.values.shape == (4, 250, 0)


def test_chains_stand_in_a_row(draws):
    stacked = stack_draws(draws)
    assert stacked["by_run"].shape == (1000, 2, 2)
    np.testing.assert_array_equal(stacked["rate"][250:500], draws["rate"][1])


def test_the_summary_is_that_of_arviz(draws):
    table = summary_table(draws)
    exact = {"stats.ci_prob": 0.9, "stats.ci_kind": "eti", "stats.round_to": "none"}
    with az.rc_context(exact):
        other = az.summary(draws[["rate", "by_run"]], kind="all")
    mine = table.drop(index="fixed")
    theirs = {"sd": "sd", "mean": "mean", "r_hat": "r_hat"}
    theirs |= {"ess_bulk": "ess_bulk"}
    theirs |= {"eti_5": "eti90_lb", "eti_95": "eti90_ub"}
    for column, name in theirs.items():
        tolerance = 2e-3 if column == "sd" else 1e-12
        np.testing.assert_allclose(mine[column], other[name].astype(float), rtol=tolerance)
    tail = az.ess(draws["rate"].to_numpy(), method="tail", prob=(0.05, 0.95))
    np.testing.assert_allclose(table.loc["rate", "ess_tail"], float(tail))
    assert table.loc["rate", "eti_50"] == np.median(draws["rate"])
    assert pd.isna(table.loc["fixed", "r_hat"]) and table.loc["fixed", "sd"] == 0.0


def test_units_come_from_the_variable_or_from_a_function_and_the_verdict_is_kept(draws):
    assert summary_table(draws).loc["rate", "unit"] == "1/h"
    failed = Verdict((VerdictItem("R-hat", 2.0, "<= 1.01", False, "They disagree."),))
    table = summary_table(
        xr.DataTree.from_dict({"posterior": draws}),
        lambda name, label: f"unit of {name} as {label}",
        verdict=failed,
        names=["by_run"],
    )
    assert table["unit"].iloc[2] == "unit of by_run as by_run[R2, 0]"
    assert table.attrs["verdict"].startswith("FAILED") and table.index.name == "parameter"


def test_nothing_sampled_gives_an_empty_table():
    table = summary_table(xr.Dataset(coords={"chain": [0], "draw": [0, 1]}))
    assert len(table) == 0 and "ess_tail" in table
