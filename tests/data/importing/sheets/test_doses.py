"""Pharmacometric long tables become runs with readings, doses, profiles and covariates."""

from pathlib import Path

import pytest

from bayesbio.data import read_campaign
from bayesbio.data.importing.sheets.dialect import dialect_named
from bayesbio.data.importing.sheets.doses import Named, dose_tables
from bayesbio.data.importing.sheets.files import Sheet

FED = """ID,TIME (h),AMT (g),RATE (g/h),EVID,CMT,DV,MDV,CENS,LIMIT,DVID,CLONE,TEMP (C)
R1,0,.,.,0,.,6.0,0,0,.,glucose,K4,37
R1,0,.,.,0,.,0.01,0,1,.,titer,K4,37
R1,24,10,0,1,glucose,.,1,0,.,.,K4,37
R1,24,.,.,0,.,4.0,0,0,.,glucose,K4,37
R1,24,.,.,0,.,0.02,0,1,0.01,titer,K4,37
R1,48,10,5,1,glucose,.,1,0,.,.,K4,33
R1,48,.,.,0,.,3.0,1,0,.,glucose,K4,33
R1,48,.,.,0,.,20,0,-1,.,VCD,K4,33
R2,0,.,.,0,.,6.1,0,0,.,glucose,K5,37
R2,24,.,.,0,.,4.1,0,0,.,glucose,K5,37
"""
ONE_DRUG = """ID,TIME,AMT,DV,WT,SEX
1,0,320,.,79.6,M
1,0.25,.,2.84,79.6,M
1,1.12,.,10.5,79.6,M
2,0,310,.,72.4,F
2,0.27,.,1.72,72.4,F
"""
REPEATED = """id,time,amt,evid,cmt,dv,mdv,dvid,ii,addl
1,0,100,1,1,0,1,0,24,2
1,1,0,0,2,3.5,0,1,0,0
1,1,0,0,3,90,0,2,0,0
1,60,0,0,2,4.5,0,1,0,0
1,60,100,4,1,0,1,0,0,0
1,61,0,0,2,4.5,0,1,0,0
"""


@pytest.fixture
def read(tmp_path):
    def reader(text, **stated):
        path = Path(tmp_path, "table.csv")
        path.write_text(text)
        return read_campaign(path, **stated)

    return reader


def test_readings_doses_infusions_and_limits_are_what_the_table_says(read):
    campaign = read(FED)
    run = campaign["R1"]
    rows = run.measurements[["time_h", "quantity", "value", "flag", "value_upper"]].values.tolist()
    assert ["titer", 0.01, "below"] in [row[1:4] for row in rows]
    assert [24.0, "titer", 0.01, "between", 0.02] in rows
    assert ["viable_cell_density", 20.0, "above"] in [row[1:4] for row in rows]
    assert (run.measurements["quantity"] == "glucose").sum() == 2  # MDV leaves one out
    assert [(e.time, e.kind, e.quantity, e.value) for e in run.events] == [
        (24.0, "bolus", "glucose", 10.0)
    ]
    assert run.profiles["glucose_dose_rate"].points == ((0.0, 0.0), (48.0, 5.0), (50.0, 0.0))
    assert campaign["R2"].profiles["glucose_dose_rate"].points == ((0.0, 0.0), (24.0, 0.0))
    assert run.settings["clone"] == "K4"
    assert run.profiles["temperature"].points == ((0.0, 310.15), (48.0, 306.15))


def test_a_reading_without_a_name_keeps_its_own_and_can_be_named(read):
    campaign = read(ONE_DRUG)
    assert campaign.quantities == ("dv",)
    assert campaign["1"].settings == {"wt": 79.6, "sex": "M"}
    assert [(e.quantity, e.value) for e in campaign["2"].events] == [("dose", 310.0)]
    assert "does not say what DV is" in str(campaign.findings)
    named = read(ONE_DRUG, columns={"DV": "titer [mg/L]", "AMT": "titer [mg]"})
    assert named["1"].measurements["value"].tolist() == [0.00284, 0.0105]
    assert named["1"].events[0].value == 0.32


def test_further_doses_are_added_and_a_reset_begins_a_run(read):
    campaign = read(REPEATED, columns={"dvid 1": "glucose [g/L]", "cmt 1": "glucose [g]"})
    assert campaign.names == ("1", "1/2")
    assert [e.time for e in campaign["1"].events] == [0.0, 24.0, 48.0]
    assert campaign["1"].events[0].quantity == "glucose"
    assert campaign.quantities == ("dvid_2", "glucose")
    assert "subjects are reset" in str(campaign.findings)


def test_a_sheet_of_another_kind_is_none():
    sheet = Sheet("s", (("Run", "Day", "VCD"), ("A", 1, 2)), (1, 2))
    dialect = dialect_named("pharmacometric")
    assert dose_tables(sheet, dialect, Named) is None


def test_dates_and_spaces_and_doses_by_compartment(tmp_path):
    dated = tmp_path / "dated.csv"
    rows = [
        f"1,2026-03-{14 + d},{9 + h}:00,{'.' if d else 100},{5 - d},{1 - d}"
        for d, h in ((0, 0), (1, 4))
    ]
    dated.write_text("\n".join(["#ID,DATE,TIME,AMT,DV,MDV", *rows]))
    run = read_campaign(dated)["1"]
    assert run.events[0].time == 0.0
    assert run.measurements["time_h"].tolist() == [28.0]
    spaced = tmp_path / "spaced.dat"
    spaced.write_text("ID TIME AMT DV EVID\n1 0 100 0 1\n1 1 0 9.1 0\n1 2 0 8.1 0\n")
    assert read_campaign(spaced)["1"].measurements["value"].tolist() == [9.1, 8.1]
    culture = tmp_path / "culture.csv"
    lines = ["ID,TIME,AMT,RATE,EVID,CMT,DV,DVID", "B,0,.,.,0,2,6,glucose", "B,0,.,.,0,1,1,VCD"]
    lines += ["B,24,5,.,1,2,.,.", "B,30,2,1,1,feed,.,.", "B,48,.,.,0,2,4,glucose"]
    culture.write_text("\n".join(lines))
    run = read_campaign(culture)["B"]
    assert [(e.quantity, e.value) for e in run.events] == [("glucose", 5.0)]
    assert run.profiles["feed_rate"].points == ((0.0, 0.0), (30.0, 1.0), (32.0, 0.0), (48.0, 0.0))
