"""Control results: limits that keep their rate, lots that differ, outliers that are named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesbio
from bayesbio.data import Table, TableColumn, read_table
from bayesbio.errors import DataError
from bayesbio.monitoring import control_chart

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def assay():
    table = read_table(DATA / "igf_qc_assay.csv")
    return control_chart(table, "igf1", lot="lot", draws=1000, random_seed=20261102)


def test_the_chart_of_the_shipped_assay_gives_the_answers_on_its_card(assay):
    summary = assay.summary()
    assert assay.check().passed
    assert abs(summary.loc["level", "eti_50"] - 5.33) < 0.1
    assert summary.loc["degrees_of_freedom", "eti_95"] < 8.0  # the tails are heavy
    likely = assay.results[assay.results["outlier_probability"] > 0.5]
    told = {0.86, 3.25, 3.30, 3.38, 8.14, 9.34, 9.55, 9.60, 9.74}
    assert {0.86, 9.34, 9.55, 9.60, 9.74} <= set(likely["value"].round(2)) <= told


def test_about_as_many_results_fall_outside_as_stated(assay):
    outside = int(assay.results["outside"].sum())
    assert 1 <= outside <= 7  # 237 results at 1 %
    lower, upper = assay.limits
    assert lower < assay.results["value"].median() < upper


def test_a_new_result_gets_its_limits_and_its_probability(assay):
    told = assay.score([5.3, 12.0])
    assert told["alarm"].tolist() == [False, True]
    assert told["p_value"][0] > 0.5 > 0.01 > told["p_value"][1]
    first = assay.results[assay.results["lot"] == "1"].iloc[0]
    assert assay.score([5.3], lot="1")["upper"][0] == first["upper"]
    with pytest.raises(DataError, match="There is no lot '99'"):
        assay.score([5.3], lot="99")


@pytest.mark.slow
def test_limits_keep_the_stated_rate_on_new_lots():
    rng = np.random.default_rng(1)
    lots = np.repeat(np.arange(12), 20)
    effect = rng.normal(0.0, 0.2, 12)
    frame = pd.DataFrame({"lot": lots, "result": 5.0 + effect[lots] + 0.4 * rng.standard_t(4, 240)})
    chart = control_chart(frame, "result", lot="lot", false_alarm_rate=0.02, random_seed=1)
    new = 5.0 + rng.normal(0.0, 0.2, 20000) + 0.4 * rng.standard_t(4, 20000)
    lower, upper = chart.limits
    assert 0.01 < np.mean((new < lower) | (new > upper)) < 0.035


@pytest.mark.parametrize(
    ("frame", "options", "sentence"),
    [
        ({"x": [1.0] * 6}, dict(value="y"), "There is no column 'y'; the columns are x"),
        ({"y": [1.0, 2.0]}, dict(value="y"), "2 results of 'y' came"),
        ({"y": [3.0] * 6}, dict(value="y"), "Every result of 'y' is 3"),
        ({"y": list("abcdef")}, dict(value="y"), "0 results of 'y' came"),
        ({"y": range(6)}, dict(value="y", lot="batch"), "There is no column 'batch'"),
        ({"y": range(6)}, dict(value="y", false_alarm_rate=2.0), "false_alarm_rate is 2.0"),
    ],
)
def test_what_cannot_be_charted_is_said(frame, options, sentence):
    with pytest.raises(DataError, match=sentence):
        control_chart(pd.DataFrame(frame), **options)


def results(values, flags):
    columns = [TableColumn("titer", "response", "g/L")]
    return Table(pd.DataFrame({"titer": values}), columns, pd.DataFrame({"titer": flags}))


def test_flags_are_honoured():
    rng = np.random.default_rng(3)
    values = rng.normal(2.0, 0.1, 30)
    flags = np.full(30, "", dtype="U8")
    values[4], flags[4] = 90.0, "excluded"
    values[:3], flags[:3] = 1.95, "below"
    chart = control_chart(results(values, flags), "titer", draws=300, chains=2, random_seed=1)
    assert len(chart.results) == 29 and chart.unit == "g/L"
    assert (chart.results["flag"] == "below").sum() == 3
    assert chart.limits[1] < 4.0 and not chart.results["outside"].any()


def test_a_chart_comes_back_from_its_file(assay, tmp_path):
    again = bayesbio.load(assay.save(tmp_path / "chart.nc"))
    pd.testing.assert_frame_equal(again.score([5.3, 12.0]), assay.score([5.3, 12.0]))
    assert again.hash == assay.hash and again.limits == assay.limits


def test_lots_with_long_numbers_stay_apart():
    frame = pd.DataFrame({"y": np.arange(12.0) % 5, "lot": np.repeat([1234567.0, 1234568.0], 6)})
    chart = control_chart(frame, "y", lot="lot", draws=50, chains=2, random_seed=1)
    assert set(chart.results["lot"]) == {"1234567", "1234568"}
