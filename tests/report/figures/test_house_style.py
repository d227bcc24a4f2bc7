from matplotlib.figure import Figure

from bayesbio.report import figure_style


def test_a_name_with_dollar_signs_is_drawn_as_it_is():
    with figure_style():
        figure = Figure()
        text = figure.text(0, 0, "run $_{x}$")
    assert text.get_parse_math() is False
