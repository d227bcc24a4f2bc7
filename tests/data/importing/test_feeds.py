import pandas as pd
import pytest

from bayesbio.data import read_campaign
from bayesbio.errors import DataError

DAYS = {"Run": "R1", "Day": [0, 1, 2, 3], "Glc (g/L)": [6.0, 5.0, 4.0, 3.0]}
CULTURE = DAYS | {"Start volume (L)": 1.0, "Feed A (mL)": [None, 20, None, 30]}
LONG = {"name": ["Feed A", None], "component": ["glucose", "Gln"]}
LONG |= {"concentration": [400.0, 20.0], "unit": ["mM", "g/L"]}
FORMS = {
    "one row a component": pd.DataFrame(LONG),
    "one row a feed": pd.DataFrame(
        {"Feed": ["Feed A"], "Glucose (mM)": [400.0], "Glutamine (g/L)": [20.0]}
    ),
    "one column a feed": pd.DataFrame(
        {"Feed name": ["Glucose (mM)", "Glutamine (g/L)"], "Feed A": [400.0, 20.0]}
    ),
    "a table of components and feeds": pd.DataFrame(
        {"Component": ["Glucose", "Gln"], "Unit": ["mM", "g/L"], "Feed A": [400, 20.0]}
    ),
    "in German": pd.DataFrame(
        {
            "Feed": "Feed A",
            "Komponente": ["Glukose", "Glutamin"],
            "Konzentration": ["72,0624", "20,0"],
            "Einheit": "g/L",
        }
    ),
}


def boluses(run):
    return {(e.hour, e.quantity): e.value for e in run.events if e.kind == "bolus"}


def book(path, feeds, title="feeds", culture=CULTURE):
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame(culture).to_excel(writer, sheet_name="Data", index=False)
        feeds.to_excel(writer, sheet_name=title, index=False)
    return path


@pytest.mark.parametrize("title", ["feeds", "Feed Concentration", "Feed composition"])
@pytest.mark.parametrize("form", FORMS)
def test_a_bolus_brings_in_what_the_sheet_of_feeds_says(tmp_path, form, title):
    campaign = read_campaign(book(tmp_path / "runs.xlsx", FORMS[form], title))
    added = boluses(campaign["R1"])
    assert added[24.0, "volume"] == 0.02 and added[72.0, "volume"] == 0.03
    assert added[24.0, "glucose"] == pytest.approx(0.02 * 400e-3 * 180.156)
    assert added[72.0, "glutamine"] == pytest.approx(0.03 * 20.0)
    assert {event.of for event in campaign["R1"].events} == {"Feed A"}
    assert not campaign.findings.errors and "feed with glucose 72.06 g/L" in str(campaign.columns)


def test_a_file_of_feeds_stands_beside_the_runs(tmp_path):
    pd.DataFrame(CULTURE).to_csv(tmp_path / "runs.csv", index=False)
    FORMS["one row a component"].to_csv(tmp_path / "mine.csv", index=False)
    files = [tmp_path / "runs.csv", tmp_path / "mine.csv"]
    assert boluses(read_campaign(files)["R1"])[72.0, "glutamine"] == pytest.approx(0.6)
    with pytest.raises(DataError, match=r"runs.csv does not say what feeds hold"):
        read_campaign(files[::-1])


def test_a_feed_may_differ_from_run_to_run(tmp_path):
    feeds = pd.DataFrame({"ID": ["Feed Name", "Glucose (g/L)"], "R1": ["A", 50], "R2": ["A", 90]})
    two = pd.concat([pd.DataFrame(CULTURE | {"Run": run}) for run in ("R1", "R2")])
    campaign = read_campaign(book(tmp_path / "runs.xlsx", feeds, culture=two))
    assert [boluses(run)[24.0, "glucose"] for run in campaign] == pytest.approx([1.0, 1.8])


def test_percent_of_a_solution_is_grams_in_100_ml(tmp_path):
    feeds = pd.DataFrame(LONG | {"unit": "%", "concentration": [45.0, 0.0]})
    run = read_campaign(book(tmp_path / "runs.xlsx", feeds))["R1"]
    assert boluses(run)[24.0, "glucose"] == pytest.approx(9.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"concentration": ["much", 1.0]}, "is 'much'; expected a number"),
        ({"unit": ["h", "g/L"]}, "is given in 'h'"),
        ({"component": ["unobtainium", "Gln"]}, "not in the vocabulary"),
        ({"unit": [None, "g/L"]}, "has no unit; it was read in g/L"),
    ],
)
def test_what_is_wrong_with_a_feed_is_said(tmp_path, change, said):
    path = book(tmp_path / "runs.xlsx", pd.DataFrame(LONG | change))
    assert said in str(read_campaign(path, strict=False).findings)


@pytest.mark.parametrize(
    ("header", "grams"),
    [("Glucose 400 g/L (mL)", 8.0), ("Glucose 45% [mL]", 9.0), ("Glc 2000 mM stock (mL)", 7.206)],
)
def test_a_stock_may_be_described_in_the_header_of_its_volumes(header, grams):
    table = pd.DataFrame(DAYS | {"Start volume (L)": 1.0, header: [None, 20, None, 30]})
    campaign = read_campaign(table)
    assert boluses(campaign["R1"])[24.0, "glucose"] == pytest.approx(grams, rel=1e-3)
    assert not campaign.findings
