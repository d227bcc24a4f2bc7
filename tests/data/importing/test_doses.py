import pandas as pd
import pytest

from bayesbio.data import read_campaign

DAYS = [0.0, 1.0, 2.0, 3.0]
FEEDS = pd.DataFrame(
    {
        "name": ["Feed A", "B2"],
        "component": ["glucose", "glutamine"],
        "concentration": [70.0, 30.0],
        "unit": "g/L",
    }
)


def run_of(tmp_path, columns, *, feeds=FEEDS, **reading):
    table = {"Run": "R1", "Day": DAYS, "VCD (1e6/mL)": [0.3, 0.6, 1.2, 2.4]}
    pd.DataFrame(table | {"Start volume (mL)": 1000.0} | columns).to_csv(
        tmp_path / "runs.csv", index=False
    )
    files = [tmp_path / "runs.csv"]
    if feeds is not None:
        feeds.to_csv(tmp_path / "feeds.csv", index=False)
        files.append(tmp_path / "feeds.csv")
    campaign = read_campaign(files, **reading)
    return campaign["R1"], campaign


def added(run, quantity="volume"):
    return [(e.hour, e.value, e.of) for e in run.events if e.quantity == quantity]


@pytest.mark.parametrize(
    "header", ["Feed A (mL)", "A [mL]", "Feed A added (mL)", "Feed A bolus, mL"]
)
def test_a_feed_is_known_by_its_name_however_it_is_headed(tmp_path, header):
    run, _ = run_of(tmp_path, {header: [None, 20, None, 10]})
    assert [row[:2] for row in added(run)] == [(24.0, 0.02), (72.0, 0.01)]
    assert [row[1] for row in added(run, "glucose")] == pytest.approx([1.4, 0.7])


def test_a_name_of_a_letter_and_a_number_is_no_replicate(tmp_path):
    feeds = pd.concat([FEEDS.assign(name="F01"), FEEDS.assign(name="F02", concentration=7.0)])
    columns = {"F01 (mL)": [0, 20, 0, 10], "F02 (mL)": [0, 10, 5, 0]}
    run, _ = run_of(tmp_path, columns, feeds=feeds.reset_index(drop=True))
    assert {row[2] for row in added(run)} == {"F01", "F02"}


@pytest.mark.parametrize(
    ("unit", "per_hour"), [("mL/h", 1e-3), ("mL/d", 1e-3 / 24), ("L/day", 1.0 / 24)]
)
def test_a_rate_of_a_feed_is_the_feed_rate_with_its_contents(tmp_path, unit, per_hour):
    run, _ = run_of(tmp_path, {f"Feed A ({unit})": [0, 12, 12, 0]})
    assert run.profiles["feed_rate"].values[1] == pytest.approx(12 * per_hour)
    assert run.settings["feed_glucose"] == 70.0 and not run.events


def test_a_blank_day_of_a_rate_per_day_is_one_without_a_feed(tmp_path):
    run, _ = run_of(tmp_path, {"Feed A (mL/d)": [None, 24, None, 24]})
    assert run.profiles["feed_rate"].values == pytest.approx([0.0, 1e-3, 0.0, 1e-3])


def test_a_second_flow_becomes_boluses_of_the_same_volume_and_is_said(tmp_path):
    columns = {"Feed A (mL/d)": [48, 48, 48, 0], "B2 (mL/d)": [0, 12, 12, 0]}
    run, campaign = run_of(tmp_path, columns)
    assert sum(row[1] for row in added(run)) == pytest.approx(0.024)
    assert sum(row[1] for row in added(run, "glutamine")) == pytest.approx(0.024 * 30)
    assert "'B2' flows beside 'Feed A'" in str(campaign.findings)
    assert "feed_glutamine" not in run.settings


def test_a_counter_of_a_known_feed_is_what_it_rose_by(tmp_path):
    run, _ = run_of(tmp_path, {"Feed A total (mL)": [0, 20, 20, 50]})
    assert [row[:2] for row in added(run)] == [(12.0, 0.02), (60.0, pytest.approx(0.03))]
    assert sum(row[1] for row in added(run, "glucose")) == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("header", "volumes"),
    [
        ("Base (mL)", [0, 2, 5, 9]),
        ("NaOH added (mL)", [0, 9, None, 0]),
        ("Acid (mL)", [0, 4, 5, 9]),
    ],
)
def test_base_and_acid_are_volume_and_no_feed_to_ask_about(tmp_path, header, volumes):
    run, campaign = run_of(tmp_path, {header: volumes}, feeds=None)
    assert sum(row[1] for row in added(run)) == pytest.approx(0.009)
    assert not campaign.findings


def test_a_feed_nobody_described_is_asked_for_by_name(tmp_path):
    run, campaign = run_of(tmp_path, {"Feed C (mL)": [None, 20, None, 10]}, feeds=None)
    assert len(added(run)) == 2
    assert "2 boluses of 'Feed C'" in str(campaign.findings)
    assert "sheet 'feeds'" in str(campaign.findings)


def test_a_bolus_of_a_table_of_events_may_name_its_feed(tmp_path):
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        pd.DataFrame({"run": ["R1"], "initial_volume (L)": 1.0}).to_excel(
            book, sheet_name="runs", index=False
        )
        events = {"run": "R1", "time (d)": [3], "kind": "bolus", "quantity": "Feed A"}
        pd.DataFrame(events | {"value": 60, "unit": "mL"}).to_excel(
            book, sheet_name="events", index=False
        )
        FEEDS.to_excel(book, sheet_name="feeds", index=False)
    run = read_campaign(tmp_path / "book.xlsx")["R1"]
    assert added(run) == [(72.0, 0.06, "Feed A")]
    assert added(run, "glucose") == [(72.0, pytest.approx(4.2), "Feed A")]


def test_volumes_under_a_heading_of_feeds_have_its_unit(tmp_path):
    rows = [
        ["Culture", None, None, "Feed volume (mL)", None],
        ["Run", "Day", "Glc (g/L)", "F01", "F02"],
        *(["R1", day, 5.0, 10 if day else 0, 0 if day == 3 else 2] for day in range(4)),
    ]
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        pd.DataFrame(rows).to_excel(book, sheet_name="Data", index=False, header=False)
        FEEDS.assign(name=["F01", "F02"]).to_excel(book, sheet_name="feeds", index=False)
    run = read_campaign(tmp_path / "book.xlsx")["R1"]
    assert sum(row[1] for row in added(run)) == pytest.approx(0.036)
    assert sum(row[1] for row in added(run, "glucose")) == pytest.approx(2.1)


def test_a_feed_without_a_unit_is_volumes_and_said(tmp_path):
    run, campaign = run_of(tmp_path, {"Feed A": [None, 20, None, 10]})
    assert [row[1] for row in added(run)] == [0.02, 0.01]
    assert str(campaign.findings).count("has no unit") == 1


def test_a_share_is_no_volume_and_said(tmp_path):
    run, campaign = run_of(tmp_path, {"Feed A (%)": [None, 3, None, 3]})
    assert not run.events and "gives a feed as a share" in str(campaign.findings)


def test_a_column_of_what_the_one_feed_holds_counts_for_its_boluses(tmp_path):
    columns = {"Feed A (mL)": [None, 20, None, 10], "Feed A glucose (g/L)": 70, "Base (mL)": 0}
    run, campaign = run_of(tmp_path, columns, feeds=None)
    assert [row[1] for row in added(run, "glucose")] == pytest.approx([1.4, 0.7])
    assert not campaign.findings


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Feed_B_mL", "Feed_B"),
        ("Feed C volume (mL)", "Feed C"),
        ("Glucose spike (mL)", "Glucose spike"),
        ("Na2CO3 (mL)", "base"),
        ("Water added (mL)", "Water"),
        ("Antifoam (mL)", "Antifoam"),
    ],
)
def test_what_is_added_has_the_name_of_its_column(tmp_path, header, name):
    run, campaign = run_of(tmp_path, {header: [None, 20, None, 10]}, feeds=None)
    assert added(run) == [(24.0, 0.02, name), (72.0, 0.01, name)]
    assert bool(campaign.findings) == (name in ("Feed_B", "Feed C", "Glucose spike"))


def test_amounts_given_beside_the_volumes_are_not_counted_twice(tmp_path):
    columns = {"Feed A (mL)": [None, 20, None, 10], "Feed A glucose (g/L)": 70}
    run, _ = run_of(tmp_path, columns | {"Glucose bolus (g)": [None, 1.4, None, 0.7]}, feeds=None)
    assert [row[1] for row in added(run, "glucose")] == [1.4, 0.7]
