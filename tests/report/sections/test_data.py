from bayesbio.report.sections.data import counts, findings, section
from bayesbio.report.subject import Subject


def test_measurements_are_counted_by_quantity_and_run(calibration):
    table = counts(calibration.campaign)
    assert table.loc["Glucose", "R01"] == 15
    assert table.loc["Glucose", "R02"] == 14  # one value is excluded


def test_findings_of_reading_and_warnings_of_the_fit_stand_in_one_table(calibration):
    table = findings(calibration.campaign, calibration.warnings)
    assert list(table["run"]) == ["R01", ""]


def test_flags_are_counted_in_the_text(calibration):
    assert "1 excluded" in section(Subject(calibration.evidence())).text
