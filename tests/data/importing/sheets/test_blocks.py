import pandas as pd
import pytest

from bayesbio.data import read_campaign
from bayesbio.data.importing.columns import ReadOptions
from bayesbio.data.importing.sheets import blocks
from bayesbio.data.importing.sheets.blocks import take_apart
from bayesbio.data.importing.sheets.files import read_sheets, sheet_of_frame
from bayesbio.data.vocabulary.quantities import shipped

OPTIONS = ReadOptions(shipped())


def block_of(tmp_path, text):
    (tmp_path / "sheet.csv").write_text(text)
    (sheet,) = read_sheets(tmp_path / "sheet.csv")
    return take_apart(sheet, OPTIONS.knows, OPTIONS.dialect)


def test_preamble_names_units_and_rows_are_separated(tmp_path):
    block = block_of(
        tmp_path,
        "Exported by,jd\nBatch: FB-9\n\nTime,Glc,Lac\nh,g/L,mM\n0,6,1\n\nTime,Glc,Lac\n9,4,2\n",
    )
    assert block.header == ("Time", "Glc", "Lac")
    assert [column.unit for column in block.columns] == ["h", "g/L", "mM"]
    assert block.preamble == {"Exported by": "jd", "Batch": "FB-9"}
    assert block.numbers == (6, 9) and block.columns[1].numbers.tolist() == [6.0, 4.0]


def test_a_sheet_without_a_header_holds_no_table(tmp_path):
    assert block_of(tmp_path, "1,2\n3,4\n") is None


@pytest.mark.parametrize("name", ["x", "error", "nd"])
def test_a_column_may_be_named_like_a_gap(tmp_path, name):
    block = block_of(tmp_path, f"{name}\n1\n2\n")
    assert block.header == (name,) and block.columns[0].numbers.tolist() == [1.0, 2.0]


def glucose(*texts):
    return pd.DataFrame({"run": "A", "time_h": range(len(texts)), "glucose (g/L)": texts})


DOUBT = (
    r"numbers such as '1,234', and nothing .* decimal sign \(1.234\) or groups thousands \(1234\)"
)


def test_a_comma_that_may_be_a_decimal_sign_is_asked_about():
    sheet = glucose("1,234", "1,150", "1,020")
    with pytest.raises(Exception, match=DOUBT):
        read_campaign(sheet)
    with pytest.raises(Exception, match=DOUBT):  # numbers stored as numbers say nothing
        read_campaign(sheet.assign(**{"pH": [7.05, 7.1, 7.0]}))


@pytest.mark.parametrize(("decimal", "first"), [(",", 1.234), (".", 1234.0)])
def test_the_decimal_sign_can_be_stated(decimal, first):
    campaign = read_campaign(glucose("1,234", "1,150"), decimal=decimal)
    assert campaign["A"].measurements["value"].iloc[0] == first and not campaign.findings


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["0,950", "1,150"], [0.95, 1.15]),
        (["1,234", "1,5"], [1.234, 1.5]),
        (["1,234", "12,500,000"], [1234.0, 12.5e6]),
        (["1,234", "0.5"], [1234.0, 0.5]),
        (["1.234", "1.150"], [1.234, 1.15]),
    ],
    ids=str,
)
def test_a_sheet_that_shows_its_decimal_sign_is_not_in_doubt(texts, values):
    campaign = read_campaign(glucose(*texts))
    assert campaign["A"].measurements["value"].tolist() == values


def test_each_cell_is_read_once(monkeypatch, tmp_path):
    calls = []
    original = blocks.read_cell
    monkeypatch.setattr(
        blocks, "read_cell", lambda cell, *a, **k: calls.append(cell) or original(cell, *a, **k)
    )
    (tmp_path / "runs.csv").write_text("run,clone\nA,K1\n")
    (tmp_path / "measurements.csv").write_text("run,time_h,titer (g/L)\nA,0,0.1\nA,9,0.5\n")
    (tmp_path / "profiles.csv").write_text("run,time_h,quantity,value,unit\nA,0,agitation,9,rpm\n")
    campaign = read_campaign(tmp_path)
    assert campaign["A"].settings["clone"] == "K1"
    assert len(calls) == 2 + 6 + 5


def test_columns_know_what_they_hold():
    frame = pd.DataFrame({"a": ["1", "n.d.", None], "d": ["2024-01-01"] * 3, "t": ["26:30"] * 3})
    block = take_apart(sheet_of_frame(frame), OPTIONS.knows, OPTIONS.dialect)
    number, date, duration = block.columns
    assert number.is_numeric and not number.is_moment and len(number.filled) == 2
    assert date.is_moment and duration.is_duration
    assert date.is_constant_in(["r"] * 3) and not number.is_constant_in(["r"] * 3)


@pytest.mark.parametrize(
    "days", [range(1, 8), range(6, 14), range(8, 15), range(9, 17), range(20, 29)], ids=str
)
@pytest.mark.parametrize("form", ["2/{}/2021 10:00", "2/{}/2021  10:00:04 AM", "2-{}-2021 10:00"])
def test_the_order_of_day_and_month_is_decided_over_the_whole_column(tmp_path, days, form):
    path = tmp_path / "sheet.csv"
    rows = [f"A,{form.format(day)},{20 - index}" for index, day in enumerate(days)]
    path.write_text("\n".join(["Run,Date & Time,Glucose (g/L)", *rows]))
    times = read_campaign(path)["A"].times()
    assert times.tolist() == [24.0 * index for index in range(len(days))]


def test_a_sentinel_is_a_gap_and_is_said(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text("Run,Time (h),Glucose (g/L)\nA,0,6.5\nA,1,-9999\nA,2,-999.0\nA,3,4.0\n")
    campaign = read_campaign(path)
    assert campaign["A"].measurements["value"].tolist() == [6.5, 4.0]
    assert "-9999 in 2 cells" in str(campaign.findings)
