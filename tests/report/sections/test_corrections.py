from bayesbio.report.sections.corrections import section
from bayesbio.report.subject import Subject


def test_a_model_without_corrections_has_no_such_section(calibration):
    assert section(Subject(calibration.evidence())) is None
