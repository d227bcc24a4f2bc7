import pytest

from bayesbio.mechanistic.library import MODELS
from bayesbio.ode import equations
from bayesbio.report.formulas import equation_lines, equation_svg


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_equations_of_every_model_can_be_drawn(name):
    lines = equation_lines(equations(MODELS[name]()))
    assert lines
    for line in lines:
        assert equation_svg(line) is not None, line


def test_long_numbers_are_rounded_for_the_eye():
    assert equation_lines("a = 0.123443273573286 b") == ["a = 0.1234 b"]
