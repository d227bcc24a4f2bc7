import json
import pickle

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import (
    Campaign,
    Event,
    Finding,
    Profile,
    Run,
    Table,
    TableColumn,
    check,
    read_campaign,
)
from bayesbio.data.campaign import DETAIL_COLUMNS, FRAME_COLUMNS
from bayesbio.errors import DataError


def measured(*rows):
    return pd.DataFrame(rows, columns=["time_h", "quantity", "value", "flag"])


@pytest.fixture
def campaign():
    first = Run(
        "R2",
        measured(
            (0.0, "glucose", 6.0, ""), (24.0, "glucose", 1 / 3, ""), (24.0, "titer", 0.01, "below")
        ),
        settings={"initial_glucose": 6.0, "clone": "A", "passage": np.int64(3)},
        events=[Event(12.0, "bolus", "glucose", 4.0)],
        profiles={"feed_rate": Profile([(0.0, 0.0), (12.0, 0.1)], "step")},
    )
    second = Run("R1", measured((0.0, "glucose", 5.0, "excluded"), (48.0, "hare", 7.0, "")))
    return Campaign([first, second], units={"hare": "1"})


def test_runs_keep_the_order_they_were_given_in(campaign):
    assert campaign.names == ("R2", "R1")
    assert [run.name for run in campaign] == ["R2", "R1"]
    assert campaign["R1"].name == "R1" and "R2" in campaign and len(campaign) == 2


def test_an_unknown_run_is_answered_with_those_there_are(campaign):
    with pytest.raises(DataError, match="no run 'R7'; the runs are R2, R1"):
        campaign["R7"]


def test_two_runs_of_one_name_are_refused():
    with pytest.raises(DataError, match="Two runs are named 'R1'"):
        Campaign([Run("R1"), Run("R1")])


def test_the_tidy_frame_has_exactly_its_columns_and_order(campaign):
    frame = campaign.to_frame()
    assert tuple(frame.columns) == FRAME_COLUMNS
    assert tuple(campaign.to_frame(details=True).columns) == DETAIL_COLUMNS
    assert frame[["run", "time_h", "quantity"]].values.tolist() == [
        ["R2", 0.0, "glucose"],
        ["R2", 24.0, "glucose"],
        ["R2", 24.0, "titer"],
        ["R1", 0.0, "glucose"],
        ["R1", 48.0, "hare"],
    ]
    assert frame["flag"].tolist() == ["", "", "below", "excluded", ""]
    assert frame["unit"].tolist() == ["g/L", "g/L", "g/L", "g/L", "1"]


def test_an_empty_campaign_gives_an_empty_frame():
    frame = Campaign([]).to_frame()
    assert tuple(frame.columns) == FRAME_COLUMNS and len(frame) == 0


def test_settings_are_one_row_a_run(campaign):
    frame = campaign.settings_frame()
    assert frame.index.tolist() == ["R2", "R1"] and frame.index.name == "run"
    assert frame.loc["R2", "clone"] == "A" and np.isnan(frame.loc["R1", "initial_glucose"])


def test_nothing_is_lost_on_the_way_to_json_and_back(campaign):
    content = json.loads(json.dumps(campaign.to_dict()))
    back = Campaign.from_dict(content)
    assert back.hash == campaign.hash
    assert back.names == campaign.names and back.units == campaign.units
    pd.testing.assert_frame_equal(back.to_frame(details=True), campaign.to_frame(details=True))
    assert back["R2"].events == campaign["R2"].events
    assert back["R2"].profiles == campaign["R2"].profiles
    assert dict(back["R2"].settings) == dict(campaign["R2"].settings)
    assert back["R2"].measurements["value"].tolist()[1] == 1 / 3


def test_a_campaign_can_be_sent_to_another_process(campaign):
    assert pickle.loads(pickle.dumps(campaign)).hash == campaign.hash


def test_the_hash_ignores_the_order_of_runs_and_float_noise(campaign):
    other = Campaign(list(campaign)[::-1], units=campaign.units)
    assert other.hash == campaign.hash
    noisy = campaign["R2"].measurements.copy()
    noisy["value"] *= 1.0 + 1e-15
    noisy_run = campaign["R2"].replace(measurements=noisy)
    assert Campaign([noisy_run, campaign["R1"]], units=campaign.units).hash == campaign.hash


@pytest.mark.parametrize("change", ["value", "flag", "setting", "event", "profile", "unit"])
def test_the_hash_notices_every_change_of_content(campaign, change):
    run, units = campaign["R2"], dict(campaign.units)
    rows = run.measurements.copy()
    if change == "value":
        rows.loc[1, "value"] += 1e-9
    if change == "flag":
        rows.loc[1, "flag"] = "excluded"
    changed = run.replace(measurements=rows)
    if change == "setting":
        changed = run.replace(settings={**run.settings, "clone": "B"})
    if change == "event":
        changed = run.replace(events=[Event(12.0, "bolus", "glucose", 5.0)])
    if change == "profile":
        changed = run.replace(profiles={"feed_rate": Profile([(0.0, 0.0), (12.0, 0.1)])})
    if change == "unit":
        units["hare"] = "mol"
    assert Campaign([changed, campaign["R1"]], units=units).hash != campaign.hash


def test_the_order_of_rows_in_the_file_does_not_matter():
    sheet = pd.DataFrame(
        {
            "Batch": np.repeat(["B1", "B2", "B10"], 6),
            "Time (h)": np.tile(np.arange(6) * 12.0, 3),
            "Glc (mM)": np.linspace(30, 3, 18),
            "Feed rate (mL/h)": np.tile([0, 0, 1, 1, 2, 2], 3),
        }
    )
    straight = read_campaign(sheet)
    shuffled = read_campaign(sheet.sample(frac=1.0, random_state=7))
    assert shuffled.hash == straight.hash
    assert shuffled.names == straight.names == ("B1", "B2", "B10")
    pd.testing.assert_frame_equal(shuffled.to_frame(), straight.to_frame())


def test_the_unit_of_the_file_does_not_matter_to_the_hash():
    hours = pd.DataFrame({"run": "A", "time (h)": [0.0, 36.0], "titer (mg/L)": [100.0, 333.0]})
    days = pd.DataFrame({"run": "A", "time (d)": [0.0, 1.5], "titer (g/L)": [0.1, 0.333]})
    assert read_campaign(hours).hash == read_campaign(days).hash


def test_select_keeps_runs_quantities_and_time(campaign):
    assert campaign.select(["R1", "R2"]).names == ("R1", "R2")
    assert campaign.select("R1").names == ("R1",)
    assert campaign.select(quantities="titer").quantities == ("titer",)
    early = campaign.select(until=10.0)
    assert early.to_frame()["time_h"].max() == 0.0
    assert early["R2"].events == () and "feed_rate" in early["R2"].profiles
    assert campaign.names == ("R2", "R1")


def test_without_leaves_runs_out(campaign):
    assert campaign.without("R2").names == ("R1",)
    assert campaign.without(["R1", "R2"]).names == ()


def test_what_was_not_measured_cannot_be_selected(campaign):
    with pytest.raises(DataError, match="Nothing named 'lactate' was measured"):
        campaign.select(quantities=["lactate"])


def test_a_campaign_cannot_be_changed(campaign):
    with pytest.raises(AttributeError):
        campaign.runs = ()
    with pytest.raises(TypeError):
        campaign.units["glucose"] = "mM"
    with pytest.raises(TypeError):
        campaign["R2"].settings["clone"] = "B"


def test_campaigns_are_equal_where_runs_and_units_are(campaign):
    same = Campaign.from_dict(campaign.to_dict())
    assert same == campaign and hash(same) == hash(campaign)
    assert campaign.without("R1") != campaign
    assert campaign.select(["R1", "R2"]) != campaign  # another order of the run dimension


FINDINGS = [
    Finding("error", "R1", 48.0, "glucose is 'oops'.", "", quantity="glucose"),
    Finding("error", "R2", None, "no volume.", ""),
    Finding("warning", "", None, "no unit.", "", quantity="hare"),
    Finding("warning", "", None, "a sheet was left out.", ""),
]


def sentences(campaign):
    return sorted(str(finding) for finding in campaign.findings)


def test_findings_belong_to_runs_and_leave_with_them(campaign):
    read = campaign.replace(findings=FINDINGS)
    whole = ["a sheet was left out.", "no unit."]
    assert len(read.findings) == 4
    assert sentences(read.without("R1")) == ["Run 'R2': no volume.", *whole]
    assert sentences(read.select("R1")) == ["Run 'R1': glucose is 'oops'.", *whole]
    assert sentences(read.replace(runs=[read["R2"]])) == sentences(read.without("R1"))
    check(read.select("R2").without("R2")).require()


def test_findings_leave_with_their_quantity_and_their_time(campaign):
    read = campaign.replace(findings=FINDINGS)
    titer = read.select(quantities="titer")
    assert sentences(titer) == ["Run 'R2': no volume.", "a sheet was left out."]
    assert "oops" not in str(read.select(until=24.0).findings)


def test_a_dropped_run_no_longer_stops_the_others():
    rows = {"run": ["A"] * 3 + ["B"] * 3, "time_h": [0, 4, 8] * 2}
    frame = pd.DataFrame(rows).assign(**{"DCW (g/L)": [0.2, 0.5, "oops", 0.2, 0.5, 0.9]})
    read = read_campaign(frame, strict=False)
    with pytest.raises(DataError, match="'oops'"):
        check(read).require()
    check(read.without("A")).require()


@pytest.mark.parametrize("kind", ["campaign", "run", "runs", "mapping", "frame", "path", "table"])
def test_a_campaign_is_made_of_whatever_holds_runs(tmp_path, kind):
    frame = pd.DataFrame({"run": "R1", "time_h": [0.0, 5.0], "titer (g/L)": [0.1, 0.4]})
    frame.to_csv(tmp_path / "runs.csv", index=False)
    rows = pd.DataFrame({"time_h": [0.0, 5.0], "quantity": "titer", "value": [0.1, 0.4]})
    run = Run("R1", rows)
    columns = [
        TableColumn("run", "group", levels=("R1",)),
        TableColumn("time_h", "factor", "h"),
        TableColumn("titer", "response", "g/L"),
    ]
    table = Table(frame.set_axis(["run", "time_h", "titer"], axis=1), columns)
    given = {
        "campaign": Campaign([run]),
        "run": run,
        "runs": (each for each in [run]),
        "mapping": {"R1": run},
        "frame": frame,
        "path": tmp_path / "runs.csv",
        "table": table,
    }[kind]
    assert Campaign.of(given) == Campaign([run])


@pytest.mark.parametrize("given", [3, None, [], ["R1"]], ids=str)
def test_what_holds_no_runs_is_refused(given):
    with pytest.raises(DataError, match=r"holds no runs; expected a Campaign .* the path of a"):
        Campaign.of(given)
