import datetime as dt

import pandas as pd
import pytest

from bayesbio.data import quantity, read_campaign
from bayesbio.data.importing.entries import (
    Converter,
    Entries,
    Entry,
    assemble,
    flag_word,
    marks,
    natural,
)
from bayesbio.data.importing.sheets.cells import Reading, read_cell
from bayesbio.data.importing.sheets.dialect import dialect_named

START = dt.datetime(2024, 3, 1, 8)


def later(hours):
    return START + dt.timedelta(hours=hours)


def test_dated_values_count_from_the_inoculation_else_from_the_first():
    entries = Entries(values=[Entry("A", later(h), "titer", "measurement", 1.0) for h in (2, 5)])
    (run,), _ = assemble(entries, [])
    assert run.times().tolist() == [0.0, 3.0]
    entries = Entries(
        values=[Entry("A", later(2), "titer", "measurement", 1.0)], origins={"A": START}
    )
    assert assemble(entries, [])[0][0].times().tolist() == [2.0]


def test_values_of_one_moment_are_numbered_as_replicates():
    values = [Entry("A", 1.0, "titer", "measurement", v) for v in (2.0, 1.0)]
    (run,), _ = assemble(entries := Entries(values=values), [])
    assert run.measurements[["value", "replicate"]].values.tolist() == [[1.0, 1], [2.0, 2]]
    assert "read as replicates" in str(entries.findings[0])


def test_roles_become_settings_profiles_and_events():
    roles = ("setting", "profile", "bolus", "sample")
    (run,), _ = assemble(Entries(values=[Entry("A", 1.0, "feed_rate", r, 2.0) for r in roles]), [])
    assert dict(run.settings) == {"feed_rate": 2.0} and run.profiles["feed_rate"].at(9.0) == 2.0
    assert [(e.kind, e.quantity) for e in run.events] == [
        ("bolus", "feed_rate"),
        ("sample", "volume"),
    ]


def test_runs_come_as_stated_then_in_natural_order():
    entries = Entries(runs=dict.fromkeys(["R10", "R2", "B"]))
    assert [run.name for run in assemble(entries, ["R10"])[0]] == ["R10", "B", "R2"]
    assert natural("R²") == ((1, 0.0, "r²"),)


WORDS = dialect_named(None)


def test_readings_are_converted_with_their_limits_and_spread():
    reading = Reading("number", 10.0, "between", upper=20.0, sd=1.0)
    house = Converter()(reading, "mM", quantity("glucose"))
    assert house[1:5] == pytest.approx((1.80156, "between", 3.60312, 0.180156))
    assert Converter()(Reading("number", 37.0, sd=1.0), "degC", quantity("temperature")).sd == 1.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("n.d.", "1 cells say that glucose was not detected without giving the limit"),
        (">ULOQ", "(such as '>ULOQ') say that glucose was above the range of the assay"),
        ("over", "(such as 'over') say that glucose was above the range"),
        ("out of range", "outside the range of the assay"),
    ],
)
def test_cells_without_a_value_are_reported_and_never_lost_in_silence(text, sentence):
    sheet = pd.DataFrame({"run": "A", "time_h": [0, 1, 2], "glucose (g/L)": ["2.0", text, "3.0"]})
    campaign = read_campaign(sheet)
    assert campaign["A"].measurements["value"].tolist() == [2.0, 3.0]
    assert sentence in str(campaign.findings.warnings)


def test_a_limit_above_the_range_is_a_censored_reading():
    sheet = pd.DataFrame({"run": "A", "time_h": [0, 1], "glucose (g/L)": ["2.0", ">ULOQ (20)"]})
    rows = read_campaign(sheet)["A"].measurements
    assert rows[["value", "flag"]].values.tolist()[1] == [20.0, "above"]


def test_doubtful_numbers_are_an_error_with_both_readings():
    (finding,) = marks("Glc", "glucose", [read_cell("<1,234", doubt=True)], ["<1,234"])
    assert finding.severity == "error" and "(1.234)" in finding.what and "(1234)" in finding.what


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("<", "below"),
        ("ovr", "above"),
        ("outlier", "excluded"),
        ("ok", ""),
        ("n/a", ""),
        ("belw", None),
    ],
)
def test_flags_are_read_in_the_words_of_laboratories(text, flag):
    assert flag_word(text, WORDS) == flag
