from bayesbio.report.sections.checks import section
from bayesbio.report.subject import Subject


def test_a_failed_check_is_listed_with_value_limit_and_remedy(failed_calibration):
    html = section(Subject(failed_calibration.evidence())).parts[0].html
    assert "✗ failed" in html and "1.31" in html and "Fix cell_yield_on_glucose" in html


def test_advice_is_neither_passed_nor_failed(calibration):
    html = "".join(part.html for part in section(Subject(calibration.evidence())).parts)
    assert html.count("✓ passed") == 2 and html.count("! to look at") == 1
