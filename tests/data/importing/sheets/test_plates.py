"""Plate readers write wells in rows or columns, blanks among them, and words above the range."""

import numpy as np
import openpyxl
import pytest

from bayesbio.data import read_campaign
from bayesbio.data.importing.sheets.dialect import dialect_named
from bayesbio.data.importing.sheets.files import Sheet
from bayesbio.data.importing.sheets.plates import (
    Plate,
    Well,
    above_range,
    as_rows,
    checked,
    is_endpoint,
    measured,
    wells_in_rows,
    without_blanks,
)
from bayesbio.errors import DataError


def readings(campaign, run):
    frame = campaign[run].measurements
    return frame["time_h"].tolist(), frame["value"].tolist(), frame["flag"].tolist()


def tecan(path, *, turned):
    book = openpyxl.Workbook()
    page = book.active
    page.append(["Application: i-control"])
    page.append(["Wavelength", None, None, None, 595, "nm"])
    table = [
        ["Cycle Nr.", 1, 2, 3, 4],
        ["Time [s]", 0.0, 900.0, 1800.0, 2700.0],
        ["Temp. [°C]", 37, 37, 37.1, 37],
        ["A1", 0.1, 0.2, 0.4, "OVER"],
        ["A2", 0.1, 0.15, 0.3, 0.5],
        ["A3", 0.1, 0.16, 0.31, 0.6],
    ]
    for row in zip(*table, strict=True) if turned else table:
        page.append(list(row))
    page.append([])
    page.append(["End Time:", "2026-03-14 12:00:00"])
    book.save(path)
    return path


@pytest.mark.parametrize("turned", [True, False])
def test_wells_in_rows_and_in_columns_are_the_same_runs(tmp_path, turned):
    campaign = read_campaign(tecan(tmp_path / "plate.xlsx", turned=turned))
    assert campaign.names == ("A1", "A2", "A3")
    times, values, flags = readings(campaign, "A1")
    np.testing.assert_allclose(times, [0.0, 0.25, 0.5, 0.75])
    assert values == [0.1, 0.2, 0.4, 0.6]
    assert flags == ["", "", "", "above"]
    assert "absorbance at 595 nm" in str(campaign.findings)


MARS = """User: U,Test ID: 12
Test Name: Growth,Date: 14/03/2026,Time: 09:00:00

Well,Content,Raw Data (600),Raw Data (600),Raw Data (600){more}
,Time,0 h,0 h 30 min,1 h{times}
A01,Blank B,0.05,0.05,0.05{blank}
A02,Sample X1,0.10,0.15,0.25{first}
B01,Sample X2,0.11,0.14,0.21{second}
"""


def test_the_blank_is_subtracted_and_said(tmp_path):
    path = tmp_path / "mars.csv"
    path.write_text(MARS.format(more="", times="", blank="", first="", second=""))
    campaign = read_campaign(path)
    assert campaign.names == ("A02", "B01")
    times, values, _ = readings(campaign, "A02")
    assert times == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(values, [0.05, 0.10, 0.20])
    assert campaign["B01"].settings["content"] == "Sample X2"
    assert "the blank (A01; 0.05 on average) was subtracted" in str(campaign.findings)


def test_readings_that_are_corrected_already_go_before_raw_ones(tmp_path):
    path = tmp_path / "mars.csv"
    path.write_text(
        MARS.format(
            more=",Blank corrected based on Raw Data (600)" * 3,
            times=",0 h,0 h 30 min,1 h",
            blank=",0,0,0",
            first=",0.06,0.11,0.21",
            second=",0.07,0.09,0.16",
        )
    )
    campaign = read_campaign(path)
    assert readings(campaign, "A02")[1] == [0.06, 0.11, 0.21]
    assert "left out" in str(campaign.findings)


def test_each_channel_of_a_microbioreactor_is_a_quantity(tmp_path):
    path = tmp_path / "wells.csv"
    lines = ["Well,Content,Channel,Time [h]->,0,0.5,1"]
    for well in ("A01", "A02"):
        lines += [f"{well},X1,pH,,7,6.9,6.8", f"{well},X1,OD600,,0.1,0.2,0.4"]
    path.write_text("\n".join(lines))
    campaign = read_campaign(path)
    assert campaign.names == ("A01", "A02")
    assert campaign["A02"].profiles["ph"].points[-1] == (1.0, 6.8)
    assert readings(campaign, "A01")[1] == [0.1, 0.2, 0.4]


def test_a_plate_without_blanks_or_words_stays_as_it_is():
    wells = [Well("A1", 0, "OD", 0.2, "", 1)]
    assert without_blanks(wells) == (wells, [])
    assert above_range(wells, {"over": "over_range"}) == (wells, [])
    assert checked(Plate("time", wells, []), dialect_named(None)).said == []
    assert as_rows(Plate("time", wells, []))[0] == ("run", "time", "quantity", "value")
    assert measured([("x",)], 0, "plate at 578")[1] == " (absorbance at 578 nm)"
    assert wells_in_rows(Sheet("x", (("A1", 1), ("A2", 2)), (1, 2)), dialect_named(None)) is None


def test_fluorescence_beside_absorbance_is_a_quantity_of_its_own(tmp_path):
    table = "Time\tT {name}\tA1\tA2\tA3\n0:00:22\t37\t{a}\t1\t2\n0:30:22\t37\t{a}\t1\t2\n"
    path = tmp_path / "plate.txt"
    read = [
        f"{name}\n\n{table.format(name=name, a=a)}\n"
        for name, a in (("600", "0,1"), ("GFP:485,528", "9"))
    ]
    path.write_text("\n".join(read), encoding="utf-16")
    campaign = read_campaign(path)
    assert campaign.quantities == ("fluorescence_485_528", "optical_density")


def test_decimal_commas_of_a_plate_are_no_thousands(tmp_path):
    path = tmp_path / "mars.csv"
    lines = ["Well;Content;Raw Data (600);Raw Data (600);Raw Data (600)", ";Time [s];0;600;1200"]
    lines += ["A01;Blank B;0,050;0,050;0,050", "A02;Sample X1;0,250;1,234;2,050"]
    lines += ["A03;Sample X1;0,250;1,250;2,050"]
    path.write_text("\n".join(lines))
    assert readings(read_campaign(path), "A02")[1] == pytest.approx([0.2, 1.184, 2.0])


def test_a_plate_that_was_read_once_is_no_course(tmp_path):
    path = tmp_path / "endpoint.csv"
    path.write_text("Raw Data (450 1)\n\n,1,2,3,4\nA,0.1,0.2,0.3,0.4\nB,0.1,0.2,0.3,0.4\n")
    with pytest.raises(DataError, match="a plate that was read once, and runs are over time"):
        read_campaign(path)
    assert not is_endpoint([("Run", "Day"), ("A", 1)])
