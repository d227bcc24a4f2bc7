from bayesbio.report.sections.checks import section
from bayesbio.report.subject import Subject


def test_a_failed_check_is_listed_with_value_limit_and_remedy(failed_calibration):
    html = section(Subject(failed_calibration)).html
    assert "✗ failed" in html and "1.31" in html and "Fix cell_yield_on_glucose" in html


def test_advice_is_neither_passed_nor_failed(calibration):
    html = section(Subject(calibration)).html
    assert html.count("✓ passed") == 2 and html.count("! advice") == 1
