"""A change between campaigns: its size, its probability, its sentence."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from bayesbio.errors import CalibrationError
from bayesbio.monitoring import parameter_drift


def test_a_shift_of_two_normals_has_the_probability_of_their_difference():
    rng = np.random.default_rng(1)
    before = {"yield": rng.normal(0.0, 1.0, 20000)}
    after = {"yield": rng.normal(1.0, 1.0, 20000)}
    row = parameter_drift(before, after).loc["yield"]
    assert abs(row["probability_higher"] - stats.norm.cdf(1.0 / np.sqrt(2.0))) < 0.01
    assert abs(row["change"] - 1.0) < 0.05
    assert row["sentence"].startswith("yield: no sure change")


def test_positive_parameters_change_by_ratios_and_the_surest_change_comes_first():
    rng = np.random.default_rng(2)
    before = {name: np.exp(rng.normal(0.0, 0.02, 4000)) for name in ("same", "fallen")}
    after = {"same": np.exp(rng.normal(0.0, 0.02, 1000)), "fallen": 0.8 * before["same"]}
    table = parameter_drift(before, after, matters=0.1)
    assert list(table.index) == ["fallen", "same"]
    assert abs(table.loc["fallen", "change"] + 0.2) < 0.01
    assert table.loc["fallen", "probability_matters"] > 0.99
    assert table.loc["same", "probability_matters"] < 0.01
    assert "fallen fell by 20 %" in table.loc["fallen", "sentence"]


def test_draws_come_as_datasets_too_and_what_is_not_shared_is_said():
    one = xr.Dataset({"rate": (("chain", "draw"), np.full((2, 50), 1.0) + np.arange(50) * 1e-3)})
    tree = xr.DataTree.from_dict({"posterior": one})
    assert parameter_drift(one, tree).loc["rate", "probability_matters"] == 0.0
    with pytest.raises(CalibrationError, match="no parameter in common"):
        parameter_drift(one, {"other": np.ones(3)})
    with pytest.raises(CalibrationError, match="'speed' is not a single number"):
        parameter_drift(one, one, parameters=["speed"])
    with pytest.raises(CalibrationError, match="holds no draws"):
        parameter_drift(3.0, one)
