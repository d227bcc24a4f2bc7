from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Campaign, Event, Finding, Findings, Profile, Run, check, read_campaign
from bayesbio.errors import DataError, UnitError
from bayesbio.mechanistic import MammalianFedBatch


def run(values, *, name="R1", **more):
    times = more.pop("times", None)
    rows = [
        {"time_h": 24.0 * i if times is None else times[i], "quantity": quantity, "value": value}
        for quantity, course in values.items()
        for i, value in enumerate(course)
    ]
    return Run(name, pd.DataFrame(rows), **more)


def sentences(*runs, **more):
    return str(check(Campaign(runs, **more)))


def test_a_sound_run_gives_no_findings():
    sound = run({"glucose": [6, 4, 2], "lactate": [0, 1, 2], "viability": [0.98, 0.97, 0.95]})
    assert len(check(Campaign([sound]))) == 0


def test_a_tenfold_jump_is_noticed_and_growth_is_not():
    assert "lactate at 48 h is 14 g/L, far above" in sentences(run({"lactate": [1, 1.2, 14, 1.5]}))
    assert "far below" in sentences(run({"titer": [1.0, 1.2, 0.13, 1.5, 1.7]}))
    assert "No findings" in sentences(run({"optical_density": [0.01, 0.5, 20, 60, 61]}))


def test_a_volume_that_does_not_follow_its_feeds_is_noticed():
    feed = {"feed_rate": Profile([(0.0, 0.01), (48.0, 0.01)], "step")}
    closed = run({"volume": [1.0, 1.24, 1.48]}, profiles=feed, settings={"feed_glucose": 100.0})
    assert "No findings" in sentences(closed)
    open_balance = run(
        {"volume": [1.0, 1.01, 1.02]}, profiles=feed, settings={"feed_glucose": 100.0}
    )
    assert "volume balance does not close: at 48 h 1.02 L" in sentences(open_balance)


def test_boluses_and_samples_count_in_the_volume():
    events = [
        Event(24.0, "bolus", "volume", 0.5),
        Event(24.0, "bolus", "glucose", 5.0),
        Event(24.0, "sample", "volume", 0.1),
    ]
    assert "No findings" in sentences(run({"volume": [1.0, 1.0, 1.4]}, events=events))


def test_more_carbon_than_there_was_is_noticed():
    assert "carbon balance does not close" in sentences(
        run({"glucose": [10, 5, 0], "ethanol": [0, 20, 51]})
    )
    assert "No findings" in sentences(run({"glucose": [100, 50, 0], "ethanol": [0, 20, 51]}))


def test_fractions_under_a_percent_header_are_noticed():
    assert "viability is never above 0.98 %" in sentences(run({"viability": [0.0098, 0.0097]}))


def test_the_same_sample_twice_is_an_error():
    twice = pd.DataFrame({"time_h": [0.0, 0.0], "quantity": "glucose", "value": [1.0, 1.1]})
    assert "error: Run 'R1': glucose at 0.0 h stands there 2 times" in sentences(Run("R1", twice))


def test_excluded_values_are_not_held_against_the_run():
    rows = pd.DataFrame(
        {
            "time_h": [0.0, 1.0],
            "quantity": "glucose",
            "value": [1.0, -5.0],
            "flag": ["", "excluded"],
        }
    )
    assert len(check(Campaign([Run("R1", rows)]))) == 0


def test_a_unit_that_does_not_fit_its_quantity_is_an_error():
    found = check(Campaign([run({"glucose": [6, 4, 2]})], units={"glucose": "h"}))
    with pytest.raises(UnitError, match="glucose is given in 'h'"):
        found.require()


def test_a_misspelt_quantity_is_an_error():
    assert "Did you mean glucose?" in sentences(run({"glucos": [6, 4, 2]}))


def test_profiles_that_do_not_cover_the_run_are_noticed():
    short = run({"titer": [0, 1, 2]}, profiles={"ph": Profile([(0.0, 7.0), (10.0, 7.0)])})
    assert "error: Run 'R1': profile ph ends at 10 h" in sentences(short)
    late = run({"titer": [0, 1, 2]}, profiles={"ph": Profile([(20.0, 7.0), (48.0, 7.0)])})
    assert "profile ph starts at 20 h" in sentences(late)


class Model:
    class State(NamedTuple):
        biomass: float

    units = {"biomass": "g/L", "feed_rate": "L/h", "feed_substrate": "g/L"}
    inputs = ("feed_rate",)
    settings = ("feed_substrate",)


def test_what_a_model_needs_is_asked_for():
    text = str(check(Campaign([run({"biomass": [1, 2, 3]})]), model=Model()))
    assert "The model needs the profile feed_rate [L/h]" in text
    assert (
        "A feed without a concentration: the model needs the setting feed_substrate [g/L]" in text
    )
    ready = run(
        {"biomass": [1, 2, 3]},
        settings={"feed_substrate": 300.0},
        profiles={"feed_rate": Profile([(0.0, 0.0), (48.0, 0.0)])},
    )
    assert len(check(Campaign([ready]), model=Model())) == 0


def test_a_campaign_without_anything_the_model_knows_is_refused():
    with pytest.raises(DataError, match=r"None of the measured quantities \(titer\) is a state"):
        check(Campaign([run({"titer": [1, 2, 3]})]), model=Model()).require()


def test_findings_come_errors_first_and_once():
    warning = Finding("warning", "R1", None, "a", "b")
    error = Finding("error", "R1", 1.0, "c", "d")
    found = Findings([warning, error, warning])
    assert list(found) == [error, warning]
    assert list(found.errors) == [error] and list(found.warnings) == [warning]
    assert Findings.from_list(found.to_list()) == found
    with pytest.raises(DataError, match="Run 'R1': c d"):
        found.require()


def test_findings_of_reading_are_kept_by_check():
    campaign = Campaign(
        [run({"glucose": [6, 4, np.nan]})], findings=[Finding("warning", "", None, "a", "b")]
    )
    assert "a b" in str(check(campaign))


def test_a_quantity_that_is_zero_everywhere_is_pointed_out():
    rows = pd.DataFrame(
        {"time_h": [0.0, 24.0] * 2, "quantity": ["titer"] * 2 + ["glucose"] * 2}
    ).assign(value=[0.0, 0.0, 6.0, 4.0])
    (finding,) = check(Campaign([Run("R1", rows)])).warnings
    assert finding.what == "All 2 values of titer are zero; nothing can be learned from them."


def course(quantity, values, **columns):
    times = [12.0 * n for n in range(len(values))]
    rows = pd.DataFrame({"time_h": times, "quantity": quantity, "value": values})
    return Run("R1", rows.assign(**columns))


def severities(run):
    return [finding.severity for finding in check(Campaign([run])) if "at 0.0 h" in finding.what]


@pytest.mark.parametrize(
    ("quantity", "values", "severity"),
    [
        ("ethanol", [-0.02, 0.6, 1.2], "warning"),  # a blank was subtracted
        ("ethanol", [-0.3, 0.6, 1.2], "error"),
        ("titer", [-0.004, 0.1, 3.0], "warning"),
        ("viability", [1.005, 0.99, 0.97], "warning"),
        ("viability", [1.05, 0.99, 0.97], "warning"),
        ("viability", [1.2, 0.99, 0.97], "error"),
        ("viability", [98.0, 0.99, 0.97], "error"),
        ("volume", [-1.0, 1.0, 1.0], "error"),
    ],
)
def test_readings_within_the_noise_of_an_assay_are_kept_and_slips_stop(quantity, values, severity):
    assert severities(course(quantity, values)) == [severity]


def test_a_stated_spread_says_what_is_noise():
    values = [-0.3, 0.6, 1.2]
    assert severities(course("ethanol", values, sd=0.2)) == ["warning"]
    assert severities(course("ethanol", values, sd=0.01)) == ["error"]


def test_what_is_small_is_measured_against_the_whole_campaign():
    flat = course("ethanol", [-0.01, 0.01, 0.02])
    assert severities(flat) == ["error"]
    other = course("ethanol", [0.0, 1.0, 2.0]).replace(name="R2")
    assert not check(Campaign([flat, other])).errors


def test_noise_no_longer_stops_a_campaign():
    sheet = pd.DataFrame({"Batch": "A", "Time (h)": [0, 12, 24]})
    sheet["Viability (%)"], sheet["EtOH (g/L)"] = [100.5, 99.0, 97.0], [-0.01, 0.4, 1.0]
    campaign = read_campaign(sheet)
    assert campaign["A"].measurements["value"].tolist()[:2] == [-0.01, 1.005]
    assert len(campaign.findings.warnings) == 2


def test_findings_name_their_quantity_and_leave_with_it():
    runs = Campaign([course("ethanol", [-3.0, 1.0, 2.0])])
    read = runs.replace(findings=check(runs))
    assert read.findings.errors[0].quantity == "ethanol"
    assert "ethanol" in str(read.select("R1").findings)


def test_a_flow_that_a_model_has_not_is_said():
    fed = Run("R1", profiles={"feed_rate": Profile([(0.0, 0.01), (9.0, 0.0)], "step")})
    said = [str(item) for item in check(Campaign([fed]), MammalianFedBatch(feed=False))]
    assert any("feed_rate flows, and this model has no such flow" in item for item in said)
    fine = check(Campaign([fed]), MammalianFedBatch())
    assert not any("no such flow" in str(item) for item in fine)


def test_feeds_after_a_start_that_alone_was_read_are_a_plan():
    rows = pd.DataFrame({"time_h": [0.0], "quantity": "glucose", "value": [6.0]})
    settings = {"initial_volume": 2.0}
    planned = Run("NEXT", rows, settings, [Event(72.0, "bolus", "glucose", 4.0)])
    assert not check(Campaign([planned]))
