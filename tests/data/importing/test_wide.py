import pandas as pd
import pytest

from bayesbio.data import read_campaign


def read(**columns):
    return read_campaign(pd.DataFrame({"run": "A", "time_h": [0, 1, 2], **columns}))


def test_spread_flag_and_upper_limit_stand_beside_their_quantity():
    campaign = read(
        **{
            "titer (g/L)": [1.0, 2.0, 3.0],
            "titer SD (g/L)": [0.1, None, 0.3],
            "titer flag": ["", "between", "excluded"],
            "titer upper (g/L)": [None, 2.5, None],
        }
    )
    frame = campaign.to_frame(details=True)
    assert frame["flag"].tolist() == ["", "between", "excluded"]
    assert frame["sd"].fillna(0.0).tolist() == [0.1, 0.0, 0.3]
    assert frame["value_upper"].fillna(0.0).tolist() == [0.0, 2.5, 0.0]


def test_the_same_values_in_another_unit_are_not_replicates():
    campaign = read(**{"titer (g/L)": [1.0, 2.0, 3.0], "titer (mg/L)": [1000.0, 2000.0, 3000.0]})
    assert campaign["A"].measurements["replicate"].max() == 1
    assert "the same values as 'titer (g/L)'" in str(campaign.columns)


def test_text_that_stays_the_same_is_a_covariate():
    campaign = read(**{"titer (g/L)": [1.0, 2.0, 3.0], "clone": "K1", "mood": ["a", "b", "c"]})
    assert dict(campaign["A"].settings) == {"clone": "K1"}
    assert "text that changes within a run" in str(campaign.findings)


def test_every_flag_word_of_a_row_that_excludes_holds_for_the_row():
    campaign = read(**{"titer (g/L)": [1.0, 2.0, 3.0], "flag": ["", "outlier", ""]})
    assert campaign["A"].measurements["flag"].tolist() == ["", "excluded", ""]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Glucose before feed (g/L)", "Glucose after feed (g/L)"),
        ("Glc (g/L)", "Glc post-feed (g/L)"),
        ("Volume Before Sampling (mL)", "Volume After Sampling (mL)"),
    ],
)
def test_the_value_before_a_feed_is_the_reading(before, after):
    sheet = pd.DataFrame({"Run": "R1", "Day": [0, 1], before: [5.0, 3.0], after: [6.0, 7.0]})
    campaign = read_campaign(sheet)
    values = campaign["R1"].measurements["value"].to_numpy()
    assert values[1] / values[0] == pytest.approx(3 / 5) and len(values) == 2
    assert "after the feed or sample" in str(campaign.columns)


def test_a_blank_day_under_a_rate_per_day_is_one_without_a_feed():
    sheet = pd.DataFrame(
        {"Run": "R1", "Day": [0, 1, 2, 3], "Feed rate (mL/day)": [None, 24, None, 24]}
    )
    campaign = read_campaign(sheet.assign(**{"Glc (g/L)": 5.0}))
    assert campaign["R1"].profiles["feed_rate"].values == pytest.approx([0.0, 1e-3, 0.0, 1e-3])
    assert "a blank day is one without a feed" in str(campaign.columns)
