"""Sheets as instruments write them: sections, archives without a header, wells in columns."""

import numpy as np
import pytest

from bayesbio.data import read_campaign
from bayesbio.errors import DataError


def values_of(campaign, run, quantity):
    frame = campaign.to_frame()
    return frame[(frame["run"] == run) & (frame["quantity"] == quantity)]


def dasware(tmp_path, units=(1, 2)):
    lines = ['"[Info]"', '"Product";"Version"', '"Control";"4.0"', "", '"[TrackData]"', ""]
    for unit in units:
        names = ["Inoculation Time []", "V1.PV [mL]", "pH1.PV [pH]", "pH1.SP [pH]", "T1.PV [°C]"]
        names = [f'"Unit {unit}.{name}"' for name in names]
        lines += [f'"[TrackData{unit}]"', ";".join(['"Timestamp"', '"Duration"', *names])]
        for step in range(6):
            hour = f"2026-03-01 {8 + 2 * step:02d}:00:00"
            lines.append(f'{hour}; {step / 12};"";{900 + unit}; 7.{unit}; 7.0; 36.{step}')
        lines.append("")
    lines += ['"[Events]"', '"Time";"What"', '2026-03-01 09:00:00;"start"']
    path = tmp_path / "Demo.Control.csv"
    path.write_text("\n".join(lines), encoding="cp1252")
    return path


def test_every_section_of_a_control_system_is_a_vessel(tmp_path):
    campaign = read_campaign(dasware(tmp_path))
    assert [run.name for run in campaign] == ["Unit 1", "Unit 2"]
    np.testing.assert_allclose(values_of(campaign, "Unit 2", "volume")["value"], 0.902)
    assert "Unit 1" not in str(campaign.quantities)


def test_a_clock_without_a_unit_is_read_as_the_dates_beside_it_show(tmp_path):
    campaign = read_campaign(dasware(tmp_path, units=(1,)))
    assert next(iter(campaign)).times()[-1] == pytest.approx(10.0)
    use = next(use for use in campaign.columns if use.column == "Duration")
    assert "unit as 'Timestamp' shows" in use.note


def test_an_archive_without_a_header_is_read_by_its_dialect(tmp_path):
    lines = ["0\t2026-03-09 13:00:00\t#ARC-FILE#\t1.1a\t\t\tCEDEX BIO HT\t1\t\t\t\t\t"]
    for day in range(4):
        for run in (1, 2):
            for code, unit, flag, value in (
                ("GLC3B", "g/L", "v", f"{6 - day}.5"),
                ("NH3B", "mmol/L", " ", "2.0"),
                ("IGGHB", "mg/L", "< TEST RNG", "< 80") if day == 0 else ("IGGHB", "mg/L", "", 900),
            ):
                moment = f"2026-03-0{day + 1} 09:0{run}:00"
                lines.append(
                    f"40\t{moment}\tR{run}-D{day}\t\tSAM\t\t{code}\t\t{unit}\t{flag}\t{value}\t1.0\tR"
                )
    path = tmp_path / "archive.txt"
    path.write_text("\n".join(lines))
    campaign = read_campaign(path)
    assert [run.name for run in campaign] == ["R1", "R2"]
    np.testing.assert_allclose(
        values_of(campaign, "R1", "ammonium")["value"], 2.0e-3 * 17.03, rtol=0.07
    )
    titer = values_of(campaign, "R2", "titer")
    assert titer["flag"].tolist() == ["below", "", "", ""]
    assert titer["value"].tolist() == pytest.approx([0.08, 0.9, 0.9, 0.9])


def test_the_units_of_an_analyser_are_those_of_its_dialect(tmp_path):
    header = "Date & Time,Sample ID,Gln,Gluc,NH4+,Na+,Total Density,Total Cell Count,"
    header += "Cell Inspection Type,Vessel ID,Batch ID,Chemistry Flow Time"
    rows = [
        f"2/{18 + day}/2026 9:{vessel}0:04 AM,BR{vessel},4,5.7,0.4,127,0.5,838,CHO,BR{vessel},E,7"
        for day in range(4)
        for vessel in (1, 2)
    ]
    path = tmp_path / "SampleResults.csv"
    path.write_text("\n".join([header, *rows]))
    campaign = read_campaign(path)
    assert [run.name for run in campaign] == ["BR1", "BR2"]
    np.testing.assert_allclose(values_of(campaign, "BR1", "glutamine")["value"], 0.5846, rtol=1e-3)
    np.testing.assert_allclose(values_of(campaign, "BR1", "sodium")["value"], 2.92, rtol=1e-3)
    np.testing.assert_allclose(values_of(campaign, "BR1", "total_cell_density")["value"], 0.5)


PLATE = """Reader Type:\tPlate reader
Date\t09/15/2026

600

Time\tT 600\tA1\tA2\tB1
0:00:22\t30.0\t0.01\t-0.002\t0.02
0:30:22\t30.0\t0.05\t0.04\t0.06
1:00:22\t30.0\t0.21\t0.17\tOVRFLW
0:00:00\t\t\t\t
Results
\tA1\tA2\tB1
A\t0.7\t0.5\t0.8
"""


def test_wells_of_a_plate_are_runs(tmp_path):
    path = tmp_path / "plate.txt"
    path.write_text(PLATE)
    campaign = read_campaign(path)
    assert [run.name for run in campaign] == ["A1", "A2", "B1"]
    assert campaign.quantities == ("optical_density",)
    readings = values_of(campaign, "A2", "optical_density")
    assert readings["value"].tolist() == [-0.002, 0.04, 0.17]
    np.testing.assert_allclose(readings["time_h"].diff().dropna(), 0.5)
    assert "absorbance at 600 nm" in str(campaign.findings)


def test_flasks_in_columns_are_runs_of_what_the_title_says(tmp_path):
    path = tmp_path / "flasks.csv"
    path.write_text(
        "Glucose (g/L),,,\nTime (h),Flask 1,Flask 2,Flask 3\n0,10,10,10\n5,7,6,8\n9,3,2,5\n"
    )
    campaign = read_campaign(path)
    assert [run.name for run in campaign] == ["Flask 1", "Flask 2", "Flask 3"]
    assert values_of(campaign, "Flask 2", "glucose")["value"].tolist() == [10, 6, 2]


def test_a_chromatogram_is_refused_in_its_own_words(tmp_path):
    path = tmp_path / "run.csv"
    text = "Chrom.1\t\t\t\nUV 1_280\t\tCond\t\nml\tmAU\tml\tmS/cm\n"
    text += "\n".join(f"{v}\t2.0\t{2 * v}\t15.0" for v in (0.0, 0.1, 0.2))
    path.write_text(text, encoding="utf-16")
    with pytest.raises(DataError, match="is a chromatogram, each curve over a volume of its own"):
        read_campaign(path)


def test_the_blank_corrected_table_of_a_plate_goes_before_the_raw_one(tmp_path):
    table = "Time\tA1\tA2\tA3\n0:00:00\t{0}\t{0}\t{0}\n1:00:00\t{1}\t{1}\t{1}\n"
    path = tmp_path / "plate.txt"
    raw, corrected = table.format(0.15, 0.35), table.format(0.05, 0.25)
    path.write_text(f"OD600:600\n\n{raw}\nBlank OD600:600\n\n{corrected}\nResults\n")
    campaign = read_campaign(path)
    assert values_of(campaign, "A2", "optical_density")["value"].tolist() == [0.05, 0.25]
    assert "raw ones left out" in str(campaign.findings)
