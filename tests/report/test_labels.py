import numpy as np
import pytest

from bayesbio.report.labels import (
    axis_label,
    number,
    reader_unit,
    time_unit,
    title,
    unit_text,
)


def test_a_reader_sees_degrees_and_per_cent_instead_of_house_units():
    assert reader_unit("jacket_temperature", "K").shown(np.array([273.15, 310.15])).tolist() == [
        0,
        37,
    ]
    assert reader_unit("monomer", "fraction").unit == "%"
    assert reader_unit("glucose", "g/L").shown(2.0) == 2.0


def test_a_long_course_is_shown_in_days():
    assert time_unit(97.0).shown(48.0) == pytest.approx(2.0)
    assert time_unit(96.0).unit == "h"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (None, "–"), (1e-7, "1 × 10⁻⁷"), (12345.6, "12346"), (-0.5, "-0.500")],
)
def test_numbers_have_three_significant_digits(value, text):
    assert number(value) == text


def test_an_axis_names_quantity_and_unit():
    assert axis_label("viable_cell_density", unit_text("1e6 cells/mL")) == (
        "Viable cell density [10⁶ cells/mL]"
    )
    assert title("strength_sd_batch:cask") == "Strength, sd between casks within batches"
