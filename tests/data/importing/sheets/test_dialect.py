import pandas as pd
import pytest

from bayesbio.data import read_campaign
from bayesbio.data.importing.sheets.dialect import dialect_named
from bayesbio.errors import DataError

ANALYSER = """
name = "analyser 3000"
[headers]
run = ["Pot"]
[columns]
"Glc-04" = "glucose [mM]"
[cells]
over_range = ["^^^"]
missing = ["NIBP"]
[flags]
excluded = ["bubble"]
"""


@pytest.fixture
def sheet():
    return pd.DataFrame(
        {
            "Pot": ["A", "A", "A"],
            "Hours": [0, 1, 2],
            "Glc-04": [20, "^^^", "NIBP"],
            "Lac (g/L)": [0.1, 0.2, 0.3],
            "flag": ["", "bubble", ""],
        }
    )


def test_one_file_adds_a_dialect(sheet, tmp_path):
    (tmp_path / "analyser.toml").write_text(ANALYSER)
    campaign = read_campaign(sheet, dialect=tmp_path / "analyser.toml")
    assert campaign.names == ("A",)
    rows = campaign["A"].measurements
    assert rows[rows["quantity"] == "glucose"]["value"].tolist() == pytest.approx([3.60312])
    assert "(such as '^^^') say that glucose was above the range" in str(campaign.findings)
    assert rows[rows["quantity"] == "lactate"]["flag"].tolist() == ["", "excluded", ""]


def test_without_the_dialect_its_words_are_unknown(sheet):
    assert read_campaign(sheet, strict=False).names == ("run 1",)


def test_the_general_words_still_hold_in_a_dialect(tmp_path):
    (tmp_path / "analyser.toml").write_text(ANALYSER)
    words = dialect_named(tmp_path / "analyser.toml")
    assert words.is_a("run", "Batch ID") and words.headers["run"][0] == "pot"
    assert words.cells["n.d."] == "undetected" and words.cells["ovr"] == "over_range"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[colums]", r"has the part 'colums'; expected .* Did you mean 'columns'\?"),
        ("[headers]\nruns = ['x']", r"role 'runs'; expected run, .* Did you mean 'run'\?"),
        ("name = ", "is no TOML file"),
    ],
)
def test_a_dialect_that_does_not_fit_is_refused(tmp_path, text, sentence):
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(DataError, match=sentence):
        dialect_named(tmp_path / "wrong.toml")


def test_an_unknown_dialect_is_answered_with_those_there_are():
    with pytest.raises(DataError, match=r"no dialect 'genric'; shipped are .*generic.*'generic'\?"):
        dialect_named("genric")
