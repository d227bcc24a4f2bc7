"""Units and clocks that were mixed up are said; honest sheets are left alone."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import check, read_campaign

DAYS = np.arange(0.0, 15.0)
COUNTS = 0.4 * np.exp(0.6 * np.minimum(DAYS, 6.0))  # doubles in 28 h up to day 6


def sheet(**columns):
    table = {"Run": "R1", "Day": DAYS, "VCD (1e6 cells/mL)": COUNTS, "Glucose (g/L)": 6.0}
    return pd.DataFrame({**table, **columns})


def said(frame, **options):
    return " ".join(map(str, check(read_campaign(frame, **options))))


def test_an_honest_sheet_is_left_alone():
    assert said(sheet()) == ""


def test_days_under_hours_are_asked():
    text = said(sheet().rename(columns={"Day": "Time (h)"}))
    assert "viable cells double in 1.2 h" in text and "head their column 'Day'" in text


def test_millions_under_cells_are_asked():
    text = said(sheet().rename(columns={"VCD (1e6 cells/mL)": "VCD (cells/mL)"}))
    assert "cultures reach 0.05 to 300" in text
    assert "head the column 'viable_cell_density (1e6 cells/mL)'" in text


@pytest.mark.parametrize(
    ("header", "values", "correction"),
    [
        ("Gln (g/L)", 5.5 - DAYS / 3, "glutamine (mM)"),
        ("Gln", 5.5 - DAYS / 3, "glutamine (mM)"),
        ("Ammonia", DAYS / 2, "ammonium (mM)"),
        ("Titer (g/L)", 100 * DAYS, "titer (mg/L)"),
        ("Sodium (g/L)", 127.0 + DAYS, "sodium (mM)"),
    ],
)
def test_another_unit_that_would_fit_is_named(header, values, correction):
    assert f"head the column '{correction}'" in said(sheet(**{header: values}))


def test_microbes_may_double_and_hold_what_they_like():
    frame = sheet(**{"Ammonium (g/L)": 4.0, "OD600": COUNTS}).drop(columns="VCD (1e6 cells/mL)")
    assert said(frame.rename(columns={"Day": "Time (h)"})) == ""


def test_more_fed_than_the_vessel_holds_is_asked():
    fed = {"Feed rate (mL/h)": 30.0, "Feed glucose (g/L)": 70.0, "Start volume (L)": 2.0}
    assert "feeds add 10.1 L to a vessel that held 2 L" in said(sheet(**fed))
    fed["Feed rate (mL/d)"] = fed.pop("Feed rate (mL/h)")
    assert said(sheet(**fed)) == ""


@pytest.mark.parametrize("head", ["Vstart", "V0 (L)", "Anfangsvolumen (L)", "Start volume (L)"])
def test_the_start_volume_is_known_by_its_names(head):
    fed = {"Feed rate (mL/h)": 1.0, "Feed glucose (g/L)": 70.0}
    assert "no volume says what it is added to" in said(sheet(**fed))
    campaign = read_campaign(sheet(**fed, **{head: 2.0}))
    assert campaign["R1"].settings["initial_volume"] == 2.0
    assert "no volume says" not in " ".join(map(str, check(campaign)))
