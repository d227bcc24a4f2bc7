import pandas as pd
import pytest

from bayesbio.data import quantity, read_campaign
from bayesbio.data.importing.sheets.cells import Reading, read_cell
from bayesbio.data.importing.sheets.dialect import dialect_named
from bayesbio.data.importing.values import Converter, flag_word, marks

WORDS = dialect_named(None)


def test_readings_are_converted_with_their_limits_and_spread():
    reading = Reading("number", 10.0, "between", upper=20.0, sd=1.0)
    house = Converter()(reading, "mM", quantity("glucose"))
    assert house[1:5] == pytest.approx((1.80156, "between", 3.60312, 0.180156))
    assert Converter()(Reading("number", 37.0, sd=1.0), "degC", quantity("temperature")).sd == 1.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("n.d.", "1 cells say that glucose was not detected without giving the limit"),
        (">ULOQ", "(such as '>ULOQ') say that glucose was above the range of the assay"),
        ("over", "(such as 'over') say that glucose was above the range"),
        ("out of range", "outside the range of the assay"),
    ],
)
def test_cells_without_a_value_are_reported_and_never_lost_in_silence(text, sentence):
    sheet = pd.DataFrame({"run": "A", "time_h": [0, 1, 2], "glucose (g/L)": ["2.0", text, "3.0"]})
    campaign = read_campaign(sheet)
    assert campaign["A"].measurements["value"].tolist() == [2.0, 3.0]
    assert sentence in str(campaign.findings.warnings)


def test_a_limit_above_the_range_is_a_censored_reading():
    sheet = pd.DataFrame({"run": "A", "time_h": [0, 1], "glucose (g/L)": ["2.0", ">ULOQ (20)"]})
    rows = read_campaign(sheet)["A"].measurements
    assert rows[["value", "flag"]].values.tolist()[1] == [20.0, "above"]


def test_doubtful_numbers_are_an_error_with_both_readings():
    (finding,) = marks("Glc", "glucose", [read_cell("<1,234", doubt=True)], ["<1,234"])
    assert finding.severity == "error" and "(1.234)" in finding.what and "(1234)" in finding.what


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("<", "below"),
        ("ovr", "above"),
        ("outlier", "excluded"),
        ("ok", ""),
        ("n/a", ""),
        ("belw", None),
    ],
)
def test_flags_are_read_in_the_words_of_laboratories(text, flag):
    assert flag_word(text, WORDS) == flag
