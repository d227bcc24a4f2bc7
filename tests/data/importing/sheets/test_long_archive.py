"""One row a reading: a code names the quantity and says which column holds its value."""

import pytest

from bayesbio.data import read_campaign
from bayesbio.data.importing.sheets.dialect import dialect_named
from bayesbio.data.importing.sheets.files import Sheet
from bayesbio.data.importing.sheets.long_archive import (
    channel_names,
    long_archive,
    names_of_codes,
    plain_name,
)

LEGEND = "FILTERSETS;3\n\nFILTERSET;FILTERNAME;EX [nm];GAIN\n 1;pO2-hc;520;30\n 2;GFP;488;75\n"
LEGEND += " 3;Biomass;620;20\n;;;\n\n"


def raw(tmp_path):
    lines = ["READING;WELLNUM;CONTENT;FILTERSET;TIME [h];AMPLITUDE;PHASE", "R;;;1;0.0;1.0;2.0"]
    for cycle in (1, 2, 3):
        for well in ("A01", "B01"):
            for code, value in ((1, 3.2), (2, 50 + cycle), (3, 10 * cycle)):
                lines.append(f"C{cycle};{well};X1;{code};{cycle / 4};{value};41.2")
    path = tmp_path / "raw.csv"
    path.write_text(LEGEND + "\n".join(lines), encoding="cp1252")
    return path


def test_the_value_stands_in_the_column_of_its_quantity(tmp_path):
    campaign = read_campaign(raw(tmp_path))
    assert campaign.names == ("A01", "B01")
    assert campaign.quantities == ("fluorescence_gfp", "scattered_light")
    rows = campaign["B01"].measurements
    light = rows[rows["quantity"] == "scattered_light"]
    assert light["value"].tolist() == [10.0, 20.0, 30.0]
    assert light["time_h"].tolist() == [0.25, 0.5, 0.75]
    assert "holds DO without its calibration" in str(campaign.findings)


def test_codes_of_wells_and_channels_are_named_in_a_long_preamble(tmp_path):
    lines = ["=====process====="]
    for number, name in ((1, "Biomass"), (2, "pH(HP8)"), (3, "DO(PSt3)")):
        lines += ["===== measurement channels =====", f"[0{number}_name] {name}"]
        lines.append(f"[0{number}_filter_type] {name[:2]}")
    for number in range(1, 49):
        lines += [f"[{number:03d}_well] {'ABCDEF'[(number - 1) // 8]}0{(number - 1) % 8 + 1}"]
        lines += [f"[{number:03d}_setting] {n}" for n in range(12)]
    lines += ["", "=====data=====", "Type;Cycle;Well;Filterset;Time;Amp_1;Amp_2;Cal", "C;1;;;9;;;"]
    for cycle in (0, 1, 2):
        for well in ("001", "009"):
            for code, cal in (("01", 0.0), ("02", 7.0 - cycle), ("03", 90.0)):
                lines.append(f"M;{cycle};{well};{code};{1800 * cycle};{5 + cycle};0;{cal}")
    path = tmp_path / "pro.csv"
    path.write_text("\n".join(lines))
    campaign = read_campaign(path)
    assert campaign.names == ("A01", "B01")
    run = campaign["B01"]
    assert run.measurements["value"].tolist() == [5.0, 6.0, 7.0]
    assert run.profiles["ph"].points == ((0.0, 7.0), (0.5, 6.0), (1.0, 5.0))
    assert run.profiles["dissolved_oxygen"].points[0] == (0.0, pytest.approx(0.9))


def test_calibrated_channels_stand_beside_raw_ones(tmp_path):
    lines = ["WELL No.;CONTENT;CHANNEL;", ";;READING ->;1;2;3", ";;TIME [h] ->;0;0.5;1"]
    for channel, value in (("1", 45), ("3", 12), ("Cal.pO2 [-]:FS=1", 80)):
        lines += [f"{well};X1;{channel};{value};{value};{value}" for well in ("A01", "A02")]
    path = tmp_path / "calibrated.csv"
    path.write_text(LEGEND + "\n".join(lines))
    campaign = read_campaign(path)
    assert campaign["A02"].profiles["dissolved_oxygen"].points[0] == (0.0, 0.8)
    assert campaign.quantities == ("scattered_light",)


def test_a_sheet_without_codes_stays_as_it_is():
    sheet = Sheet("s", (("Run", "Day"), ("A", 1)), (1, 2))
    assert long_archive(sheet, dialect_named("biolector")) is None
    assert long_archive(sheet, dialect_named(None)) is None
    assert names_of_codes(sheet, {}) == {}
    assert channel_names(sheet, dialect_named("biolector"))("pH [-]") == "pH"
    assert plain_name("x", {}) == "x"
