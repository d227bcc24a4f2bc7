import json

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Specification, Table, TableColumn, read_table
from bayesbio.errors import DataError


@pytest.fixture
def sheet():
    return pd.DataFrame(
        {
            "run": ["1a", "1a", "2a"],
            "rep": [1, 2, 1],
            "medium": ["M1", "M1", "M2"],
            "kh2po4": [1.0, 1.0, 2.0],
            "Temperature (°C)": [30, 30, 37],
            "Titer (mg/L)": ["<50", 900, 1200],
            "dcw_g_L": [1.5, None, 2.0],
        }
    )


def test_columns_find_their_roles_units_and_levels(sheet):
    table = read_table(sheet)
    assert table.groups == ("run", "rep")
    assert table.factors == ("medium", "kh2po4", "temperature")
    assert table.responses == ("titer", "biomass")
    assert table.levels("medium") == ("M1", "M2")
    assert (table.unit("titer"), table.unit("temperature"), table.unit("kh2po4")) == (
        "g/L",
        "K",
        "",
    )
    assert table["temperature"].tolist() == [303.15, 303.15, 310.15]
    assert table["titer"].tolist() == [0.05, 0.9, 1.2]
    assert table.flag("titer").tolist() == ["below", "", ""]
    assert np.isnan(table["biomass"][1])


def test_roles_can_be_told(sheet):
    table = read_table(sheet, factors=["Titer (mg/L)"], responses=["kh2po4"], groups="medium")
    assert "titer" in table.factors and "medium" in table.groups
    assert "potassium_dihydrogen_phosphate" in table.responses or "kh2po4" in table.responses


def test_a_told_column_that_is_not_there_is_refused(sheet):
    with pytest.raises(DataError, match="has no column 'yield'"):
        read_table(sheet, responses=["yield"])


def test_nothing_is_lost_on_the_way_to_json_and_back(sheet):
    table = read_table(sheet)
    back = Table.from_dict(json.loads(json.dumps(table.to_dict())))
    assert back.hash == table.hash
    pd.testing.assert_frame_equal(back.frame, table.frame)
    pd.testing.assert_frame_equal(back.flags, table.flags)


def test_the_hash_ignores_the_order_of_rows_and_notices_values(sheet):
    table = read_table(sheet)
    assert read_table(sheet.sample(frac=1.0, random_state=3)).hash == table.hash
    assert read_table(sheet.assign(kh2po4=[1.0, 1.0, 2.5])).hash != table.hash


def test_rows_and_columns_can_be_selected(sheet):
    table = read_table(sheet)
    few = table.select(table["titer"] > 0.5, columns=["titer", "medium"])
    assert len(few) == 2 and list(few) == ["titer", "medium"]
    assert few.flag("titer").tolist() == ["", ""]


def test_text_in_a_number_is_refused(sheet):
    rows = pd.concat([sheet] * 3, ignore_index=True).astype({"kh2po4": object})
    rows.loc[0, "kh2po4"] = "lots"
    with pytest.raises(DataError, match="kh2po4 in row 2 is 'lots'; expected a number"):
        read_table(rows)


def test_a_negative_response_is_a_finding(sheet):
    assert "biomass in row 2 is -0.6 g/L" in str(
        read_table(sheet.assign(dcw_g_L=[-0.6, 1, 1])).findings
    )


def test_columns_and_frame_must_fit_together():
    with pytest.raises(DataError, match="describe every column once"):
        Table(pd.DataFrame({"a": [1.0]}), [TableColumn("b", "factor")])
    with pytest.raises(DataError, match="role 'wish'"):
        TableColumn("a", "wish")


def test_a_specification_is_met_at_its_limits():
    assert Specification("titer", lower=1.0, upper=2.0).met(
        [0.9, 1.0, 2.0, 2.1, np.nan]
    ).tolist() == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert Specification("viability", lower=0.7, at=336.0).met(np.ones((2, 3))).shape == (2, 3)
    assert str(Specification("titer", lower=1, upper=2, at=24)) == "1 <= titer <= 2 at 24 h"


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({}, "has no limit"),
        ({"lower": 2, "upper": 1}, "lower limit 2 above its upper limit 1"),
        ({"lower": float("nan")}, "expected a finite number"),
    ],
)
def test_a_specification_needs_limits_that_can_be_met(limits, sentence):
    with pytest.raises(DataError, match=sentence):
        Specification("titer", **limits)


FLAGGED = Table(
    pd.DataFrame({"titer": [1.2, 0.1, 9.0, 3.0, 2.0, np.nan]}),
    [TableColumn("titer", "response", "g/L")],
    pd.DataFrame({"titer": ["", "below", "excluded", "above", "between", ""]}),
    uppers=pd.DataFrame({"titer": [np.nan] * 4 + [2.5, np.nan]}),
)


def test_readings_honour_flags_as_intervals():
    readings = FLAGGED.readings("titer")
    assert readings.index.tolist() == [0, 1, 3, 4]
    assert readings["lower"].tolist() == [1.2, -np.inf, 3.0, 2.0]
    assert readings["upper"].tolist() == [1.2, 0.1, np.inf, 2.5]
    assert FLAGGED.quantified("titer").to_dict() == {0: 1.2}


def test_readings_of_levels_are_refused():
    table = Table.of(pd.DataFrame({"medium": ["A", "B"]}))
    with pytest.raises(DataError, match="readings are numbers"):
        table.readings("medium")


def test_a_frame_becomes_a_table_as_it_stands():
    kind = pd.CategoricalDtype(["low", "high"], ordered=True)
    frame = pd.DataFrame({"ph": [6.9, 7.1], "level": ["high", "low"], "titer": [1, 2]})
    table = Table.of(frame.astype({"level": kind}), responses=["titer"])
    assert table.levels("level") == ("low", "high")
    assert (table.factors, table.responses) == (("ph", "level"), ("titer",))
    assert Table.of(table) is table
    with pytest.raises(DataError, match="A list came; expected a Table"):
        Table.of([1, 2])


def test_tables_are_equal_where_their_content_is_and_never_change():
    same = Table.from_dict(FLAGGED.to_dict())
    assert same == FLAGGED and hash(same) == hash(FLAGGED)
    assert FLAGGED.select([0, 1]) != FLAGGED
    frame = FLAGGED.frame
    frame.loc[0, "titer"] = 99.0
    flags = FLAGGED.flags
    flags.loc[0, "titer"] = "excluded"
    assert same == FLAGGED
