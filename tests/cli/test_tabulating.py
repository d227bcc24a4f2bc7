import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesbio.cli.tabulating import table_of, write_csv


def test_a_prediction_becomes_one_row_for_each_run_time_and_quantity():
    draws = np.linspace(0.0, 100.0, 1001)[None, :, None, None] * np.ones((1, 1, 2, 3))
    draws[:, :, 1, 2] = np.nan  # the second run is shorter
    prediction = xr.Dataset(
        {"glucose": (("chain", "draw", "run", "time"), draws, {"units": "g/L"})},
        coords={"run": ["R2", "R1"], "time": [0.0, 1.0, 2.0]},
    )
    table = table_of(prediction)
    assert list(table["run"]) == ["R2"] * 3 + ["R1"] * 2
    assert table.loc[0, ["eti_5", "eti_50", "eti_95"]].to_list() == pytest.approx([5.0, 50.0, 95.0])
    assert set(table["unit"]) == {"g/L"}


def test_a_prediction_of_rows_keeps_their_dimension_and_what_lies_outside():
    draws = np.arange(6.0).reshape(1, 3, 2)
    prediction = xr.Dataset(
        {
            "titer": (("chain", "draw", "row"), draws, {"units": "g/L"}),
            "outside": ("row", [False, True]),
        },
        coords={"row": ["a", "b"]},
    )
    table = table_of(prediction)
    assert table[["row", "mean", "outside"]].to_numpy().tolist() == [
        ["a", 2.0, False],
        ["b", 3.0, True],
    ]


@pytest.mark.parametrize("name", ["=cmd|x", "+1", "-1", "@sum", "\tx"])
def test_a_name_is_never_a_formula_in_a_spreadsheet(name, tmp_path):
    prediction = xr.Dataset(
        {"titer": (("chain", "draw", "run"), np.ones((1, 2, 1)), {"units": "g/L"})},
        coords={"run": [name]},
    )
    assert write_csv(prediction, tmp_path / "p.csv") == 1
    assert pd.read_csv(tmp_path / "p.csv")["run"][0] == f"'{name}"
