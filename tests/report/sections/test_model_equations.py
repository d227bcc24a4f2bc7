from bayesbio.report.sections.model_equations import section
from bayesbio.report.subject import Subject


def test_every_equation_of_the_model_is_typeset(calibration):
    made = section(Subject(calibration.evidence()))
    assert made.text.startswith("BatchReactor")
    assert made.html.count('class="equation"') >= 3 and "<svg" in made.html
