import pandas as pd
import pytest

from bayesbio.data import Campaign, Run, check, read_campaign


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
