import pandas as pd
import pytest

from bayesbio.data import read_campaign
from bayesbio.data.importing.columns import ReadOptions
from bayesbio.data.importing.layout import fill_down, lay_out, row_runs, row_times
from bayesbio.data.importing.sheets.blocks import take_apart
from bayesbio.data.importing.sheets.files import sheet_of_frame
from bayesbio.data.vocabulary.quantities import shipped


def layout_of(columns, **stated):
    options = ReadOptions(shipped(), **stated)
    block = take_apart(sheet_of_frame(pd.DataFrame(columns)), options.knows, options.dialect)
    return lay_out(block, options)


def test_the_run_the_time_and_its_unit_are_found():
    layout = layout_of({"Batch": ["A", None, "B"], "Day": [0, 1, 0], "Glc": [6, 5, 6]})
    assert row_runs(layout, "x") == ["A", "A", "B"] and row_times(layout) == [0.0, 24.0, 0.0]
    assert [column.header for column in layout.others()] == ["Glc"] and not layout.is_long


def test_a_long_table_names_its_quantities():
    layout = layout_of({"t": [0, 0], "Analyte": ["Glc", "Lac"], "Result": [6, 1], "Unit": "g/L"})
    assert layout.is_long and set(layout.roles) == {"quantity", "value", "unit"}


@pytest.mark.parametrize(
    ("header", "cells", "hours"),
    [
        ("Time (min)", [0, 90], [0.0, 1.5]),
        ("t", ["Day 0", "Day 2"], [0.0, 48.0]),
        ("Duration", ["00:30", "26:00"], [0.5, 26.0]),
        ("time_h", [0, "soon"], [0.0, "soon"]),
    ],
)
def test_times_come_in_hours(header, cells, hours):
    layout = layout_of({"run": "A", header: cells, "Glc": [6, 5], "Lac": [1, 2]}, time=header)
    assert row_times(layout) == hours


def test_dates_and_times_of_day_are_joined():
    layout = layout_of({"Date": ["1.3.2024"] * 2, "Time": ["8:00", "9:30"], "Glc": [6, 5]})
    first, second = row_times(layout)
    assert (second - first).total_seconds() == 5400.0 and layout.clock is not None


def test_names_go_on_to_the_next_one():
    assert fill_down([None, "A", " ", "B"]) == [None, "A", "A", "B"]


@pytest.mark.parametrize("marks", [["", "x", ""], [False, True, False], ["no", "yes", "no"]])
def test_a_column_of_marks_excludes_rows(marks):
    sheet = pd.DataFrame({"time_h": [0, 1, 2], "outlier": marks, "glucose (g/L)": [5.0, 9.0, 4.0]})
    campaign = read_campaign(sheet)
    assert campaign["run 1"].measurements["flag"].tolist() == ["", "excluded", ""]


def test_a_column_that_holds_no_marks_excludes_nothing():
    sheet = pd.DataFrame(
        {"time_h": [0, 1, 2], "outlier": [1.0, 0.7, 0.2], "glucose (g/L)": [5.0, 9.0, 4.0]}
    )
    campaign = read_campaign(sheet)
    assert campaign["run 1"].measurements["flag"].tolist() == ["", "", ""]


@pytest.mark.parametrize("run", [None, ("Clone", "Rep")], ids=["found", "stated"])
def test_parallel_vessels_of_two_clones_are_four_runs(run):
    rows = [(c, t, r, 6.0 - t / 24 + r) for t in (0, 24, 48) for c in "KM" for r in (1, 2)]
    sheet = pd.DataFrame(rows, columns=["Clone", "Time (h)", "Rep", "Glucose (g/L)"])
    campaign = read_campaign(sheet, run=run)
    assert sorted(each.name for each in campaign) == ["K/1", "K/2", "M/1", "M/2"]
    assert campaign["M/2"].settings["clone"] == "M"


def test_assays_of_one_run_in_triplicate_stay_one_run():
    rows = [("R1", t, r, 6.0 + r) for t in (0, 24, 48) for r in (1, 2, 3)]
    sheet = pd.DataFrame(rows, columns=["Run", "Time (h)", "Replicate", "Glucose (g/L)"])
    assert [run.name for run in read_campaign(sheet)] == ["R1"]
