"""Whole files as laboratories of different trades export them, read without a word of help."""

import openpyxl
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import read_campaign

CELL_CULTURE = """\
Batch;Kulturtag;VCD;Viabilität;Glc;Gln;NH4;Titer;Osmo;pH
;d;10^6 Zellen/ml;%;g/l;mmol/l;mmol/l;mg/l;mOsm/kg;-
CHO-01;0;0,31;98,2;6,02;4,02;0,51;<5;290;7,10
CHO-01;1;0,55;98,0;5,71;3,60;0,98;6,1;292;7,05
CHO-02;0;0,29;97,9;6,05;4,05;0,50;<LOQ (5);291;7,11
CHO-02;1;0,50;98,3;5,80;3,70;0,90;n.d.;292;7,06
"""

REACTOR = """\
Experiment,t / min,c_A / mol/L,c_B / mol/L,c_C / mol/L,T / °C,Tj / °C
X1,0,0.800,0,0,59.8,60
X1,30,0.62,0.17,0.002,62.1,60
X1,60,0.48,0.31,0.008,61.8,60
X2,0,0.800,0,0,40.0,40
X2,30,0.74,0.06,0.000,40.8,50
"""

STUDENT = "time_h,X_gL,S_gL,P_mgL,F_mLh\n0,0.5,20,0,2\n5,1.2,18,200,5\n10,3.1,13,900,12\n"


def course(campaign, run, quantity):
    frame = campaign.to_frame().query("run == @run and quantity == @quantity")
    return frame["time_h"].tolist(), frame["value"].tolist(), frame["flag"].tolist()


def test_a_german_cell_culture_sheet(tmp_path):
    (tmp_path / "cho.csv").write_text(CELL_CULTURE, "latin-1")
    campaign = read_campaign(tmp_path / "cho.csv")
    assert campaign.names == ("CHO-01", "CHO-02")
    assert course(campaign, "CHO-01", "viable_cell_density")[:2] == ([0.0, 24.0], [0.31, 0.55])
    assert course(campaign, "CHO-01", "viability")[1] == [0.982, 0.98]
    assert_allclose(course(campaign, "CHO-01", "titer")[1], [0.005, 0.0061])
    assert course(campaign, "CHO-01", "titer")[2] == ["below", ""]
    assert course(campaign, "CHO-02", "titer") == ([0.0], [0.005], ["below"])
    assert campaign["CHO-02"].profiles["ph"].values.tolist() == [7.11, 7.06]


def test_a_reactor_sheet_whose_temperature_and_time_share_a_letter(tmp_path):
    (tmp_path / "reactor.csv").write_text(REACTOR)
    campaign = read_campaign(tmp_path / "reactor.csv")
    assert course(campaign, "X1", "concentration_b")[:2] == ([0.0, 0.5, 1.0], [0.0, 0.17, 0.31])
    assert_allclose(course(campaign, "X1", "temperature")[1], [332.95, 335.25, 334.95])
    assert_allclose(campaign["X2"].profiles["jacket_temperature"].values, [313.15, 323.15])


def test_the_symbols_of_a_textbook_with_units_run_together(tmp_path):
    (tmp_path / "run.csv").write_text(STUDENT)
    campaign = read_campaign(tmp_path / "run.csv")
    assert course(campaign, "run", "biomass")[1] == [0.5, 1.2, 3.1]
    assert course(campaign, "run", "substrate")[1] == [20.0, 18.0, 13.0]
    assert_allclose(course(campaign, "run", "product")[1], [0.0, 0.2, 0.9])
    assert_allclose(campaign["run"].profiles["feed_rate"].values, [0.002, 0.005, 0.012])


@pytest.fixture
def workbook_with_feeds(tmp_path):
    book = openpyxl.Workbook()
    offline = book.active
    offline.title = "Offline"
    offline.append(["Run", "Day", "VCD", "Viability", "Glucose", "Working Volume"])
    offline.append([None, None, "1E6 c/mL", "%", "g/L", "mL"])
    for run in ("R1", "R2"):
        for day in range(6):
            offline.append([run, day, 0.3 * 1.8**day, 98 - day, 6 - 0.8 * day, 1500 + 10 * day])
    feeds = book.create_sheet("Feeds")
    feeds.append(["Run", "Day", "Feed A (mL)", "Feed B (mL)", "Glucose (g)", "Remark"])
    for run in ("R1", "R2"):
        for day in (3, 4, 5):
            feeds.append([run, day, 45, 45, 2.5, ""])
    setpoints = book.create_sheet("Setpoints")
    setpoints.append(["Run", "Temp (°C)", "Clone", "Feed A glucose (g/L)"])
    setpoints.append(["R1", 36.5, "K1", 80])
    setpoints.append(["R2", 36.5, "K2", 80])
    book.save(tmp_path / "campaign.xlsx")
    return tmp_path / "campaign.xlsx"


def test_feeds_on_a_sheet_of_their_own_are_boluses(workbook_with_feeds):
    campaign = read_campaign(workbook_with_feeds)
    first = [e for e in campaign["R1"].events if e.time == 72.0]
    assert {e.kind for e in first} == {"bolus"}
    assert sorted((e.quantity, e.value) for e in first) == [
        ("glucose", 2.5),
        ("volume", 0.045),
        ("volume", 0.045),
    ]
    assert campaign["R1"].settings["feed_glucose"] == 80.0
    assert campaign["R2"].settings["clone"] == "K2"
    assert "glucose" not in campaign["R1"].settings


def test_the_same_volume_every_day_is_no_counter(tmp_path):
    text = "Batch,Day,Feed (mL),VCD (1e6/mL)\nA,3,20,0.3\nA,4,20,0.6\nA,5,20,1.1\n"
    (tmp_path / "fed.csv").write_text(text)
    campaign = read_campaign(tmp_path / "fed.csv")
    assert [event.quantity for event in campaign["A"].events] == ["volume"] * 3
    assert "add volume without a concentration" in str(campaign.findings.warnings)


def test_a_share_of_mass_is_read_by_volume_and_says_so(tmp_path):
    (tmp_path / "mass.csv").write_text("Batch,Time (h),DCW [g/kg]\nA,0,1\nA,10,3\nA,20,8\n")
    campaign = read_campaign(tmp_path / "mass.csv")
    assert course(campaign, "A", "biomass")[1] == [1.0, 3.0, 8.0]
    assert "gives biomass per kg; it was read as g/L" in str(campaign.findings.warnings)
