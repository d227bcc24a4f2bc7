import pandas as pd
import pytest

from bayesbio.data import Campaign, Event, Run, read_plan
from bayesbio.mechanistic import MammalianFedBatch

CHO = MammalianFedBatch(glutamine=False, feed=False)
BOLUSES = {"run": "NEXT", "time (d)": [3, 3], "kind": "bolus"}
BOLUSES |= {"quantity": ["volume", "glucose"], "value": [150, 10.5], "unit": ["mL", "g"]}


def sheet(**columns):
    days = list(range(0, 15, 7))
    return pd.DataFrame({"Run": "NEXT", "Day": days, **columns})


def test_days_and_feeds_are_a_plan_without_a_reading():
    plan = read_plan(sheet(**{"Feed A (mL)": [None, 150, 150], "Start volume (L)": 2}), model=CHO)
    assert plan.times == {"NEXT": (0.0, 168.0, 336.0)} and not plan.findings.errors
    assert "add volume without" in str(plan.findings)
    assert [event.value for event in plan.campaign["NEXT"].events] == [0.15, 0.15]
    assert plan.campaign["NEXT"].settings["initial_volume"] == 2.0


@pytest.mark.parametrize("measurements", ["no sheet", "no rows", "a start"])
def test_a_workbook_of_runs_and_events_is_a_plan(tmp_path, measurements):
    with pd.ExcelWriter(tmp_path / "plan.xlsx") as book:
        runs = pd.DataFrame({"run": ["NEXT"], "initial_volume (L)": 2})
        runs.to_excel(book, sheet_name="runs", index=False)
        pd.DataFrame(BOLUSES).to_excel(book, sheet_name="events", index=False)
        read = pd.DataFrame({"run": "NEXT", "time (d)": [0, 14], "glucose (g/L)": [6.0, None]})
        read = read if measurements == "a start" else read.iloc[:0]
        if measurements != "no sheet":
            read.to_excel(book, sheet_name="measurements", index=False)
    plan = read_plan(tmp_path / "plan.xlsx", model=CHO)
    assert not plan.findings and len(plan.campaign["NEXT"].events) == 2
    days = [0.0, 14.0] if measurements == "a start" else range(11)
    assert plan.hours(240.0).tolist() == [24.0 * day for day in days]


def test_everything_that_the_model_needs_is_asked_for_at_once():
    plan = read_plan(sheet(**{"feed_rate (L/h)": 0.1}), model=MammalianFedBatch())
    asked = " ".join(item.what for item in plan.findings.errors)
    assert "setting feed_glucose [g/L]" in asked and "setting feed_glutamine [g/L]" in asked


def test_a_feed_of_the_runs_fitted_is_known_in_the_plan_by_its_name():
    dose = [("volume", 0.06), ("glucose", 4.2)]
    events = [Event(72.0, "bolus", what, amount, of="Feed A") for what, amount in dose]
    fitted = Campaign([Run("R1", events=events)])
    planned = sheet(**{"Feed A (mL)": [None, 100, 150], "Start volume (L)": 2})
    plan = read_plan(planned, model=CHO, like=fitted)
    glucose = [e.value for e in plan.campaign["NEXT"].events if e.quantity == "glucose"]
    assert glucose == pytest.approx([7.0, 10.5]) and not plan.findings
    bare = read_plan(planned, model=CHO)
    assert [event.value for event in bare.campaign["NEXT"].events] == [0.1, 0.15]
    assert "2 boluses of 'Feed A'" in str(bare.findings.warnings)


def test_a_plan_may_have_one_row_a_run():
    plan = read_plan(pd.DataFrame({"Run": ["A", "B"], "Start volume (L)": [2, 3]}), model=CHO)
    assert plan.campaign.names == ("A", "B") and plan.campaign["B"].settings["initial_volume"] == 3
    assert plan.hours(48.0).tolist() == [0.0, 24.0, 48.0]


@pytest.mark.parametrize("stated", [None, ("Clone", "Replicate")])
def test_several_columns_may_name_the_runs_of_a_plan(tmp_path, stated):
    vessels = [(clone, replicate) for clone in ("K4", "M1") for replicate in (1, 2)]
    key = pd.DataFrame(vessels, columns=["Clone", "Replicate"])
    bolus = {"time (d)": 3, "kind": "bolus", "quantity": "glucose", "value": 4, "unit": "g"}
    with pd.ExcelWriter(tmp_path / "plan.xlsx") as book:
        key.assign(**{"Start volume (L)": 2}).to_excel(book, sheet_name="runs", index=False)
        key.assign(**bolus).to_excel(book, sheet_name="events", index=False)
    plan = read_plan(tmp_path / "plan.xlsx", model=CHO, run=stated)
    assert plan.campaign.names == ("K4/1", "K4/2", "M1/1", "M1/2")
    assert all(len(run.events) == 1 for run in plan.campaign)
    assert plan.campaign["M1/2"].settings["clone"] == "M1"
