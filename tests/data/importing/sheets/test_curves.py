"""Chromatograms: each curve over an abscissa of its own."""

import pytest
from typer.testing import CliRunner

from bayesbio.cli import app
from bayesbio.data import read_campaign, read_table
from bayesbio.data.importing.sheets.curves import (
    courses_of,
    curves_of,
    over_volume,
    table_of_curves,
)
from bayesbio.data.importing.sheets.files import Sheet, read_sheets

HEAD = "Chrom.1\t\t\t\t\t\tChrom.2\t\nUV 1_280\t\tCond\t\tFraction\t\tUV 1_280\t\n"
UNITS = "{at}\tmAU\t{at}\tmS/cm\t{at}\tFraction\t{at}\tmAU\n"
BODY = (
    "0\t2\t0\t15\t0.1\t1.A.1\t4\t5\n0.1\t3\t0.2\t16\t0.2\tWaste\t4.1\t6\n0.2\t4\t\t\t\t\t4.2\t7\n"
)


def chromatogram(tmp_path, at):
    path = tmp_path / "SEC.csv"
    path.write_text(HEAD + UNITS.format(at=at) + BODY, encoding="utf-16")
    return path


def test_a_chromatogram_over_volume_is_a_table_of_its_curves(tmp_path):
    table = read_table(chromatogram(tmp_path, "ml"))
    assert table["volume"].tolist() == pytest.approx([0, 1e-4, 2e-4, 4e-3, 4.1e-3, 4.2e-3])
    assert table["uv_absorbance"].tolist() == pytest.approx(
        [0.002, 0.003, 0.004, 0.005, 0.006, 0.007]
    )
    assert table["conductivity"].tolist()[:3:2] == [15.0, 16.0]
    assert table["fraction"].tolist()[1:3] == ["1.A.1", "Waste"]
    assert table["chromatogram"].tolist()[2:4] == ["Chrom.1", "Chrom.2"]


def test_what_can_be_done_with_a_chromatogram_is_said(tmp_path):
    path = chromatogram(tmp_path, "ml")
    said = CliRunner().invoke(app, ["check", str(path)])
    assert said.exit_code == 0
    words = " ".join(said.output.split())
    assert "Chrom.2: UV 1_280 [mAU], 3 points from 4 to 4.2 ml" in words
    assert "export it over minutes" in words


def test_a_chromatogram_over_time_is_a_run(tmp_path):
    campaign = read_campaign(chromatogram(tmp_path, "min"))
    assert campaign.names == ("Chrom.1", "Chrom.2")
    rows = campaign["Chrom.2"].measurements
    assert rows["time_h"].tolist() == pytest.approx([4 / 60, 4.1 / 60, 4.2 / 60])
    assert campaign["Chrom.1"].quantities == ("conductivity", "uv_absorbance")


def test_a_sheet_of_another_kind_has_no_curves(tmp_path):
    sheet = Sheet("s", (("Run", "Day"), ("A", 1)), (1, 2))
    assert curves_of(sheet) == [] and table_of_curves(sheet) is None
    page = read_sheets(chromatogram(tmp_path, "s"))[0]
    curves = curves_of(page)
    assert len(courses_of(page, curves).rows) == 9
    assert over_volume(page, curves).startswith("SEC is a chromatogram")
