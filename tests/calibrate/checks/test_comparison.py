"""Several calibrations beside each other, by what was left out."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.calibrate import LeftOut, compare
from bayesbio.calibrate.checks.comparison import stacking_weights
from bayesbio.errors import CalibrationError

GROUPS, READINGS = 6, 3


@pytest.fixture(scope="module")
def by_run():
    """Six runs left out, as `leave_out` gives them."""
    rng = np.random.default_rng(4)
    names = np.repeat([f"R{i}" for i in range(GROUPS)], READINGS)
    readings = pd.DataFrame({"group": names, "run": names, "quantity": "biomass", "flag": ""})
    readings["time_h"] = np.tile([1.0, 2.0, 3.0], GROUPS)
    readings["value"] = rng.normal(size=len(readings))
    readings = readings.assign(elpd=rng.normal(-1.0, 0.3, len(readings)), crps=0.1, pit=0.5)
    groups = pd.DataFrame({"method": "importance weights"}, index=[f"R{i}" for i in range(GROUPS)])
    columns = ["model", "quantity", "run", "readings", "crps", "rmse"]
    columns += ["coverage_90", "width_90", "interval_score_90"]
    scores = pd.DataFrame([["M", "biomass", "R0", 3, 0.1, 0.1, 1.0, 1.0, 1.0]], columns=columns)
    return LeftOut("M", "run", groups, readings, scores, "hash", 1)


def moved(left_out, by):
    """The same predictions, worse by something for each reading."""
    worse = left_out.readings.assign(elpd=left_out.readings["elpd"] - by)
    return dataclasses.replace(left_out, readings=worse)


def test_a_comparison_puts_the_best_first_and_gives_it_the_weight(by_run):
    table = compare({"worse": moved(by_run, 0.5), "better": by_run})
    assert list(table.index) == ["better", "worse"]
    assert_allclose(table["elpd_diff"], [0.0, -0.5 * GROUPS * READINGS])
    assert_allclose(table["dse"], 0.0, atol=1e-12)
    assert_allclose(table["weight"], [1.0, 0.0], atol=1e-3)
    assert (table["exact_refits"] == 0).all()


def test_the_weights_are_shares_where_each_model_knows_other_readings():
    sure, unsure = np.log(0.9), np.log(1e-12)
    density = np.full((10, 2), unsure)
    density[:7, 0], density[7:, 1] = sure, sure
    assert_allclose(stacking_weights(density), [0.7, 0.3], atol=1e-6)


def test_other_data_are_not_compared(by_run):
    other = dataclasses.replace(by_run, data_hash="another")
    with pytest.raises(CalibrationError, match="'a' and 'b' were calibrated on different data"):
        compare({"a": by_run, "b": other})


def test_other_readings_are_not_compared(by_run):
    fewer = dataclasses.replace(by_run, readings=by_run.readings.iloc[1:])
    with pytest.raises(CalibrationError, match=r"Score both on the same: leave_out\("):
        compare({"a": by_run, "b": fewer})


def test_a_stopped_one_is_not_compared(by_run):
    stopped = dataclasses.replace(by_run, left_undone=("R7",))
    assert stopped.partial
    assert "PARTIAL: stopped before R7" in str(stopped)
    with pytest.raises(CalibrationError, match="'b' is partial: R7 is missing"):
        compare({"a": by_run, "b": stopped})


def test_one_alone_is_not_compared(by_run):
    with pytest.raises(CalibrationError, match="give two or more by name"):
        compare({"a": by_run})
