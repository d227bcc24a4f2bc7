import pandas as pd
import pytest

from bayesbio.data import read_campaign
from bayesbio.errors import UnitError

ROWS = pd.DataFrame(
    {
        "run": "A",
        "time_h": [0, 1, 0, 1],
        "quantity": ["glucose", "glucose", "clone", "clone"],
        "value": ["20", "<2", "K1", "K1"],
        "unit": ["mM", "g/L", "", ""],
    }
)


def test_each_row_has_its_own_unit_and_text_results_are_covariates():
    campaign = read_campaign(ROWS)
    rows = campaign["A"].measurements
    assert rows["value"].tolist() == pytest.approx([3.60312, 2.0])
    assert rows["flag"].tolist() == ["", "below"] and dict(campaign["A"].settings) == {
        "clone": "K1"
    }


def test_flags_spreads_and_upper_limits_have_columns():
    details = ROWS.iloc[:2].assign(
        value=[1.0, 2.0], unit="g/L", flag=["", "between"], sd=[0.1, None], value_upper=[None, 3.0]
    )
    frame = read_campaign(details).to_frame(details=True)
    assert frame["sd"][0] == 0.1 and frame["value_upper"][1] == 3.0


def test_a_row_without_a_unit_among_several_is_refused():
    with pytest.raises(UnitError, match="1 of its rows have none"):
        read_campaign(ROWS.iloc[[0, 1, 1]].assign(unit=["mM", "g/L", None], time_h=[0, 1, 2]))
