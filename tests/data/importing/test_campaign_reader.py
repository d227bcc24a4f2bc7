"""Sheets as laboratories write them, read without a line of code about them."""

import datetime as dt
import sys
from typing import NamedTuple

import numpy as np
import openpyxl
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import read_campaign
from bayesbio.errors import DataError
from bayesbio.mechanistic import MammalianFedBatch

GLUCOSE = 180.156  # g/mol
LACTATE = 90.078


def written(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return path


def series(campaign, run, quantity):
    rows = campaign[run].measurements
    rows = rows[rows["quantity"] == quantity]
    return rows["time_h"].tolist(), rows["value"].tolist()


def flags(campaign, run, quantity):
    rows = campaign[run].measurements
    return rows[rows["quantity"] == quantity]["flag"].tolist()


def test_a_cell_culture_sheet_with_units_in_brackets(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "cho.csv",
            """\
Batch ID,Day,VCD (10^6 cells/mL),Viability (%),Glc (mM),Gln [mM],Lac (mM),NH4+ (mM),IgG (mg/L),Note
B-001,0,0.31,98.7,32.1,5.9,0.8,0.6,<10,inoculated
B-001,1,0.52,98.9,30.0,n.d.,4.2,1.0,<10,
B-001,3,2.4,98.1,24.4,3.2,12.8,2.4,55,feed added
B-002,0,0.29,98.2,32.4,6.0,0.7,0.5,<10,
B-002,1,0.50,98.0,30.9,5.2,3.9,0.9,<10,
B-002,3,2.2,97.5,25.0,3.4,11.9,2.2,>200,
""",
        )
    )
    assert campaign.names == ("B-001", "B-002")
    times, values = series(campaign, "B-001", "glucose")
    assert times == [0.0, 24.0, 72.0]
    assert_allclose(values, np.array([32.1, 30.0, 24.4]) * GLUCOSE / 1000, rtol=1e-12)
    assert series(campaign, "B-001", "viability")[1] == [0.987, 0.989, 0.981]
    assert series(campaign, "B-001", "titer")[1] == [0.01, 0.01, 0.055]
    assert flags(campaign, "B-001", "titer") == ["below", "below", ""]
    assert flags(campaign, "B-002", "titer")[-1] == "above"
    assert series(campaign, "B-001", "glutamine")[0] == [0.0, 72.0]
    said = str(campaign.findings)
    assert "1 cells say that glutamine was not detected" in said
    assert "'Note' is not used" in said
    assert "'Glc (mM)' -> glucose (measurement), mM -> g/L" in str(campaign.columns)


def test_a_controller_export_with_preamble_unit_row_and_decimal_commas(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "export.csv",
            """\
BioController Export;;;;;
Serial number;A-4711-22;;;;
Batch name;Ferm_07;;;;
Inoculation time;12.03.2024 10:00:00;;;;
;;;;;
Timestamp;pO2.PV;pH.PV;Stirrer;Temp;Feed A
dd.mm.yyyy hh:mm:ss;%;-;rpm;°C;mL/h
12.03.2024 09:30:00;100,0;7,02;300;36,9;0,0
12.03.2024 10:00:00;99,1;7,00;300;37,0;0,0
12.03.2024 16:00:00;72,5;6,98;420;37,1;0,0
13.03.2024 10:00:00;40,2;6,95;1.250;37,0;12,5
""",
            "cp1252",
        )
    )
    assert campaign.names == ("Ferm_07",)
    profiles = campaign["Ferm_07"].profiles
    assert_allclose(
        profiles["dissolved_oxygen"].points, [(-0.5, 1.0), (0, 0.991), (6, 0.725), (24, 0.402)]
    )
    assert profiles["agitation"].values[-1] == 1250.0
    assert profiles["feed_rate"].values[-1] == 0.0125
    assert profiles["feed_rate"].interpolation == "step"
    assert series(campaign, "Ferm_07", "temperature")[1] == [310.05, 310.15, 310.25, 310.15]


def test_a_long_export_of_a_laboratory_system_with_mixed_units(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "lims.csv",
            """\
Sample ID,Batch No,Sampling Date,Test Name,Result,Unit,Replicate,Analyst
S1,24-101,2024-03-01 08:00,Glucose,5.61,g/L,1,AB
S1,24-101,2024-03-01 08:00,Glucose,5.70,g/L,2,AB
S1,24-101,2024-03-01 08:00,Lactate,<0.10,g/L,1,AB
S2,24-101,2024-03-02 08:30,Glucose,4980,mg/L,1,AB
S2,24-101,2024-03-02 08:30,Lactate,5.2,mmol/L,1,CD
S2,24-101,2024-03-02 08:30,Viable Cell Density,0.71,10^6 cells/mL,1,CD
S3,24-102,2024-03-05 09:00,Glucose,5.55,g/L,1,AB
S4,24-102,2024-03-07 09:00,Glucose,>10,g/L,1,AB
""",
        )
    )
    assert series(campaign, "24-101", "glucose") == ([0.0, 0.0, 24.5], [5.61, 5.70, 4.98])
    assert_allclose(series(campaign, "24-101", "lactate")[1], [0.1, 5.2e-3 * LACTATE])
    assert flags(campaign, "24-101", "lactate") == ["below", ""]
    assert series(campaign, "24-102", "glucose")[0] == [0.0, 48.0]
    assert flags(campaign, "24-102", "glucose") == ["", "above"]


def test_a_german_long_export_with_dotted_dates(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "labor.csv",
            """\
Probe Nr;Charge;Probenahme;Prüfparameter;Ergebnis;Einheit
1;24001;01.02.2024 08:00;Glukose;5,61;g/l
1;24001;01.02.2024 08:00;Laktat;< 0,10;g/l
1;24001;01.02.2024 08:00;Viabilität;98,5;%
2;24001;02.02.2024 20:00;Glukose;4,98;g/l
2;24001;02.02.2024 20:00;Laktat;0,72;g/l
2;24001;02.02.2024 20:00;Viabilität;97,9;%
""",
            "cp1252",
        )
    )
    assert series(campaign, "24001", "glucose") == ([0.0, 36.0], [5.61, 4.98])
    assert flags(campaign, "24001", "lactate") == ["below", ""]


def test_a_workbook_with_one_sheet_a_run(tmp_path):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number in (12, 13):
        page = book.create_sheet(f"Batch {number}")
        page.append(["Fed-batch protocol"])
        page.append(["Clone", "K7"])
        page.append([])
        page.append(["Sample", "Date/Time", "OD600", "DCW", "Glucose"])
        page.append([None, None, "-", "g/L", "g/L"])
        for i in range(4):
            moment = dt.datetime(2024, 5, number, 8, 0) + dt.timedelta(hours=6 * i)
            page.append([f"P{i}", moment, 0.2 * 4**i, 0.08 * 4**i if i else None, 20.0 - 5 * i])
    notes = book.create_sheet("Notes")
    notes.append(["This workbook was made by hand."])
    book.save(tmp_path / "batches.xlsx")
    campaign = read_campaign(tmp_path / "batches.xlsx")
    assert campaign.names == ("Batch 12", "Batch 13")
    assert series(campaign, "Batch 13", "glucose") == (
        [0.0, 6.0, 12.0, 18.0],
        [20.0, 15.0, 10.0, 5.0],
    )
    assert series(campaign, "Batch 12", "biomass")[0] == [6.0, 12.0, 18.0]
    assert campaign["Batch 12"].settings["clone"] == "K7"
    assert "'Notes' -> not used" in str(campaign.columns)


def test_a_workbook_with_an_overview_of_its_runs(tmp_path):
    book = openpyxl.Workbook()
    page = book.active
    page.title = "Overview"
    page.append(["Batch", "Clone", "Seeding density (1e6/mL)", "Inoculation"])
    for number in (1, 2):
        page.append([f"FB0{number}", "CHO-K1", 0.3, dt.datetime(2024, 1, number, 10, 0)])
    for number in (1, 2):
        page = book.create_sheet(f"FB0{number}")
        page.append(["Sample time", "VCD", "Titer"])
        page.append([None, "10^6 cells/mL", "mg/L"])
        for day in (1, 4, 7):
            page.append([dt.datetime(2024, 1, number + day, 9, 30), 0.5 * day, 40 * day])
    book.save(tmp_path / "campaign.xlsx")
    campaign = read_campaign(tmp_path / "campaign.xlsx")
    assert campaign.names == ("FB01", "FB02")
    assert series(campaign, "FB02", "titer") == ([23.5, 95.5, 167.5], [0.04, 0.16, 0.28])
    assert campaign["FB01"].settings["seeding_density"] == 0.3
    assert campaign["FB01"].settings["clone"] == "CHO-K1"


def test_replicate_columns_beside_their_mean(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "counts.tsv",
            (
                "Reactor\tTime [h]\tVCD 1 [E6 c/mL]\tVCD 2 [E6 c/mL]\tVCD mean [E6 "
                "c/mL]\tViab 1 [%]\tViab 2 [%]\n"
                "BR1\t0\t0.30\t0.32\t0.31\t98\t97\n"
                "BR1\t24\t0.61\t0.66\t0.635\t97\t97.5\n"
                "BR2\t0\t0.28\t0.30\t0.29\t99\t98\n"
                "BR2\t24\t0.55\t\t0.55\t98\t98\n"
            ),
        )
    )
    rows = campaign["BR1"].measurements
    counts = rows[rows["quantity"] == "viable_cell_density"]
    assert counts[["time_h", "replicate", "value"]].values.tolist() == [
        [0.0, 1, 0.30],
        [0.0, 2, 0.32],
        [24.0, 1, 0.61],
        [24.0, 2, 0.66],
    ]
    assert len(series(campaign, "BR2", "viable_cell_density")[0]) == 3
    assert "mean of the replicate columns" in str(campaign.columns)


def test_columns_that_share_one_name_are_replicates(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "twice.csv",
            ("Run,Day,VCD (1e6/mL),VCD (1e6/mL)\nA,0,0.30,0.32\nA,1,0.6,0.58\n"),
        )
    )
    assert campaign["A"].measurements["replicate"].tolist() == [1, 2, 1, 2]


def test_units_joined_to_names_by_underscores(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "table.csv",
            """\
run_id,time_d,vcd_1e6_per_mL,viability_pct,glucose_g_L,feed_rate_mL_h,temperature_C,clone
1,0,0.3,98,6,0,37,A
1,2,1.4,97,4.4,2.5,37,A
1,4,5.0,96,2.9,2.5,33,A
2,0,0.3,98,6,0,37,B
2,2,1.2,97,4.7,2.5,37,B
2,4,4.1,96,3.3,2.5,33,B
""",
        )
    )
    assert campaign.names == ("1", "2")
    assert series(campaign, "1", "viable_cell_density") == ([0.0, 48.0, 96.0], [0.3, 1.4, 5.0])
    assert campaign["1"].profiles["feed_rate"].at(50.0) == 0.0025
    assert campaign["2"].settings["clone"] == "B"
    assert series(campaign, "1", "temperature")[1] == [310.15, 310.15, 306.15]


def test_bare_aliases_are_read_in_usual_units_and_it_is_said(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "bare.csv",
            (
                "Batch ID,Day,VCD,Viab,Glc,Gln,Lac,NH4,Titer,OD,DCW,DO\n"
                "A,0,0.3,98,6,0.6,0.1,0.02,0,0.2,0.1,100\n"
                "A,2,1.1,97,4.5,0.4,0.9,0.04,0.1,1.1,0.5,60\n"
            ),
        )
    )
    assert series(campaign, "A", "viability")[1] == [0.98, 0.97]
    assert campaign["A"].profiles["dissolved_oxygen"].values.tolist() == [1.0, 0.6]
    assert set(campaign.quantities) == {
        "viable_cell_density",
        "viability",
        "glucose",
        "glutamine",
        "lactate",
        "ammonium",
        "titer",
        "optical_density",
        "biomass",
    }
    assert "Column 'Viab' has no unit; viability was read in %." in str(campaign.findings)


def test_a_german_sheet_with_semicolons(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "kultur.csv",
            """\
Charge;Kulturtag;Lebendzellzahl [Mio/mL];Viabilität [%];Glukose [g/l];Laktat [mmol/l];Bemerkung
7;0;0,31;98,2;6,01;0,5;Animpfen
7;1;0,62;98,0;5,40;6,2;
7;2;1,25;97,1;4,1;<0,5;Feed
""",
            "utf-8-sig",
        )
    )
    assert series(campaign, "7", "viable_cell_density") == ([0.0, 24.0, 48.0], [0.31, 0.62, 1.25])
    assert flags(campaign, "7", "lactate") == ["", "", "below"]


def test_a_date_column_beside_a_time_of_day(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "us.csv",
            """\
Vessel,Date,Time,OD,Glucose (g/L)
F1,3/4/2024,8:00 AM,0.12,20.1
F1,3/4/2024,2:00 PM,1.4,16.8
F1,3/5/2024,8:00 AM,6.2,2.1
""",
        )
    )
    assert series(campaign, "F1", "optical_density") == ([0.0, 6.0, 24.0], [0.12, 1.4, 6.2])
    assert "the month was taken to come first" in str(campaign.findings)


@pytest.mark.parametrize("header", ["Date", "Date (mm/dd/yyyy)", "Date (dd/mm/yyyy)"])
def test_an_open_order_of_day_and_month_is_asked_unless_it_is_said(tmp_path, header):
    text = f"Run,{header},Glucose (g/L)\nA,2/1/2026,6\nA,3/2/2026,5\nA,4/3/2026,4\n"
    path = written(tmp_path / "dates.csv", text)
    if header == "Date":
        with pytest.raises(DataError, match="leave open whether the day or the month comes first"):
            read_campaign(path)
        path_header, first = {header: "time [day/month/year]"}, "day"
    else:
        path_header, first = {}, "month" if "(mm" in header else "day"
    times = series(read_campaign(path, columns=path_header), "A", "glucose")[0]
    days = {"day": (0, 32, 61), "month": (0, 29, 61)}[first]
    assert times == [24.0 * day for day in days]


@pytest.mark.parametrize(
    "rows",
    [
        'A,0,"310,000","1,500"\nA,60,"1,250,000","1,490"\nA,"1,440","12,500,000","1,480"\n',
        "A;0;310.000;1.500\nA;60;1.250.000;1.490\nA;1.440;12.500.000;1.480\n",
        "A;0;310'000;1'500\nA;60;1'250'000;1'490\nA;1'440;12'500'000;1'480\n",
        "A;0;310 000;1 500\nA;60;1 250 000;1 490\nA;1 440;12 500 000;1 480\n",
    ],
    ids=["comma", "dot", "apostrophe", "space"],
)
def test_thousands_are_grouped_in_every_way(tmp_path, rows):
    sign = ";" if ";" in rows else ","
    header = f"Run{sign}Time (min){sign}Viable cells (cells/mL){sign}Volume (mL)\n"
    extra = f"A{sign}1500{sign}13{'000000'}{sign}1470\n"
    if "." in rows:  # a decimal comma says what the dots are
        extra = "A;1500,5;13000000,5;1470,5\n"
    campaign = read_campaign(written(tmp_path / "big.csv", header + rows + extra))
    times, values = series(campaign, "A", "viable_cell_density")
    assert times[:3] == [0.0, 1.0, 24.0]
    assert_allclose(values[:3], [0.31, 1.25, 12.5])
    assert_allclose(series(campaign, "A", "volume")[1][:3], [1.5, 1.49, 1.48])


def test_an_analyser_file_with_comments_and_a_bracketed_unit_row(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "flex.txt",
            (
                "# Analyzer: Flex SN 18821\n# Exported: 2024-04-02\n# Batch: FB-9\n"
                "Elapsed time\tGln\tGlu\tGluc\tLac\tNH4+\tpH\tpCO2\tOsm\n"
                "[h]\t[mmol/L]\t[mmol/L]\t[g/L]\t[g/L]\t[mmol/L]\t\t[mmHg]\t[mOsm/kg]\n"
                "0.0\t4.1\t0.9\t5.9\t0.1\t0.8\t7.2\t35\t290\n"
                "24.5\t3.5\t1.0\t5.1\t0.6\t1.5\t7.1\t40\t295\n"
            ),
        )
    )
    assert campaign.names == ("FB-9",)
    assert series(campaign, "FB-9", "glucose") == ([0.0, 24.5], [5.9, 5.1])
    assert_allclose(series(campaign, "FB-9", "glutamate")[1], [0.9e-3 * 147.129, 1e-3 * 147.129])
    assert series(campaign, "FB-9", "osmolality")[1] == [290.0, 295.0]


def test_elapsed_time_as_hours_minutes_and_seconds(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "elapsed.csv",
            (
                "Duration;DO;Glc\nhh:mm:ss;%;g/L\n00:00:00;98,2;20,5\n05:30:00;60,1;"
                "18,2\n26:15:00;30,0;3,4\n"
            ),
        )
    )
    assert series(campaign, "elapsed", "glucose") == ([0.0, 5.5, 26.25], [20.5, 18.2, 3.4])


def test_merged_run_cells_labelled_days_and_a_footer(tmp_path):
    book = openpyxl.Workbook()
    page = book.active
    page.append(["Cell culture summary"])
    page.append(["Bioreactor", "Culture day", "Xv [x10^6 cells/mL]", "Titre (g/L)"])
    for run in ("BR-A", "BR-B"):
        for place, day in enumerate((0, 3, 7)):
            page.append([run if place == 0 else None, f"Day {day}", 0.3 * 5**place, 0.2 * place])
    page.append([])
    page.append(["Average", None, 2.0, 0.3])
    book.save(tmp_path / "summary.xlsx")
    campaign = read_campaign(tmp_path / "summary.xlsx")
    assert campaign.names == ("BR-A", "BR-B")
    assert series(campaign, "BR-B", "titer") == ([0.0, 72.0, 168.0], [0.0, 0.2, 0.4])


def test_cells_that_excel_shows_as_percent(tmp_path):
    book = openpyxl.Workbook()
    page = book.active
    page.append(["Batch", "Day", "Viability (%)", "VCD (1e6/mL)"])
    page.append(["B1", 0, 0.985, 0.3])
    page.append(["B1", 1, 0.97, 0.6])
    for row in (2, 3):
        page.cell(row, 3).number_format = "0.0%"
    book.save(tmp_path / "percent.xlsx")
    campaign = read_campaign(tmp_path / "percent.xlsx")
    assert_allclose(series(campaign, "B1", "viability")[1], [0.985, 0.97])


def test_a_model_lends_its_names_and_units():
    class Model:
        class State(NamedTuple):
            hare: float
            lynx: float

        units = {"hare": "1", "lynx": "1"}
        inputs = settings = ()

    frame = pd.DataFrame(
        {"t": [0, 1], "hare_thousands": [30.0, 47.2], "lynx_thousands": [4.0, 6.1]}
    )
    campaign = read_campaign(frame, model=Model())
    assert campaign.quantities == ("hare", "lynx")
    assert campaign.to_frame()["value"].tolist() == [30.0, 4.0, 47.2, 6.1]


def test_a_time_of_day_beside_a_date_is_no_elapsed_time(tmp_path):
    path = written(
        tmp_path / "lims2.csv",
        "LIMS Export v2\nCreated by,jdoe\n\n"
        "Lot Number,Date,Time,Component,Formatted Entry,Units,Reported On\n"
        "L1,03/01/2024,08:00,Glucose,5.5,g/L,03/14/2024\n"
        "L1,03/01/2024,08:00,Lactate,< 0.2,g/L,03/14/2024\n"
        "L1,03/02/2024,20:00,Glucose,4.1,g/L,03/14/2024\n",
    )
    campaign = read_campaign(path)
    assert series(campaign, "L1", "glucose") == ([0.0, 36.0], [5.5, 4.1])


def test_feeds_of_each_day_are_told_from_a_counter(tmp_path):
    text = "Batch,Day,Feed (mL),VCD (1e6/mL)\nA,0,{},0.3\nA,1,{},0.6\nA,2,{},1.1\n"
    daily = read_campaign(written(tmp_path / "daily.csv", text.format(0, 20, 0)))
    assert [(e.time, e.quantity, e.value) for e in daily["A"].events] == [(24.0, "volume", 0.02)]
    counter = read_campaign(written(tmp_path / "counter.csv", text.format(0, 20, 20)))
    assert series(counter, "A", "cumulative_feed")[1] == [0.0, 0.02, 0.02]


def test_group_headings_above_the_names(tmp_path):
    book = openpyxl.Workbook()
    page = book.active
    page.append([None, None, "Cell counts", None, "Metabolites"])
    page.append(["Batch", "Age", "VCD", "Viability", "Glucose"])
    page.append([None, "d", "1E6/mL", "%", "g/L"])
    for batch in ("X1", "X2"):
        for day in range(4):
            page.append([batch, day, 0.3 * 2**day, 98 - day, 6 - day])
    book.save(tmp_path / "grouped.xlsx")
    campaign = read_campaign(tmp_path / "grouped.xlsx")
    assert series(campaign, "X2", "glucose") == ([0.0, 24.0, 48.0, 72.0], [6.0, 5.0, 4.0, 3.0])


def test_means_with_their_spread(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "spread.csv",
            (
                "Run,Time_h,Biomass mean (g/L),Biomass SD (g/L),Lipid (g/L)\n"
                "1,0,0.5,0.02,0.01 ± 0.005\n1,10,3.2,0.1,0.4 ± 0.05\n"
            ),
        )
    )
    frame = campaign.to_frame(details=True)
    assert frame["sd"].tolist() == [0.02, 0.005, 0.1, 0.05]


def test_a_long_table_with_a_column_of_qualifiers(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "long.csv",
            (
                "Experiment|Hours|Analyte|Qualifier|Value|UoM\nE1|0|Glc||20|g/L\nE1|0|EtOH|<|0.5|g/L\n"
                "E1|12|Glc||8|g/L\nE1|12|EtOH||5.2|g/L\n"
            ),
        )
    )
    assert flags(campaign, "E1", "ethanol") == ["below", ""]


def test_units_in_the_cells_themselves(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "cells.csv",
            ("Batch,Time,Viability,Glucose\nB1,0 h,98%,5.5 g/L\nB1,1 d,97%,20 mM\n"),
        )
    )
    assert_allclose(series(campaign, "B1", "glucose")[1], [5.5, 0.02 * GLUCOSE])
    assert series(campaign, "B1", "viability") == ([0.0, 24.0], [0.98, 0.97])


def test_feeds_and_samples_noted_beside_the_measurements(tmp_path):
    campaign = read_campaign(
        written(
            tmp_path / "fed.csv",
            (
                "Fermentation,Time (h),OD600,Glucose (g/L),Glucose added (g),Sample volume (mL)\n"
                "F1,0,0.1,20,,10\nF1,6,2.2,14,,10\nF1,12,18,1.1,30,10\n"
            ),
        )
    )
    events = [(e.time, e.kind, e.quantity, e.value) for e in campaign["F1"].events]
    assert (12.0, "bolus", "glucose", 30.0) in events
    assert (6.0, "sample", "volume", 0.01) in events


def test_a_folder_with_one_file_a_run(tmp_path):
    for name in ("run_A", "run_B"):
        written(tmp_path / f"{name}.csv", "Time (h),VCD (1e6/mL)\n0,0.3\n24,0.6\n")
    assert read_campaign(tmp_path).names == ("run_A", "run_B")


def test_a_file_of_another_encoding(tmp_path):
    text = "Batch\tTime (h)\tGlucose (g/L)\nB1\t0\t5.5\nB1\t24\t4.4\n"
    campaign = read_campaign(written(tmp_path / "wide.txt", text, "utf-16"))
    assert series(campaign, "B1", "glucose") == ([0.0, 24.0], [5.5, 4.4])


def test_the_finest_column_of_names_is_the_run():
    frame = pd.DataFrame(
        {
            "batch": "FB2",
            "vessel": ["V1"] * 3 + ["V2"] * 3,
            "replicate": ["R1"] * 3 + ["R2"] * 3,
            "time_h": [0, 24, 48] * 2,
            "vcd_1e6_per_mL": [0.3, 0.6, 1.1, 0.3, 0.5, 1.0],
        }
    )
    campaign = read_campaign(frame)
    assert campaign.names == ("V1", "V2")
    assert dict(campaign["V2"].settings) == {"batch": "FB2", "replicate": "R2"}


def test_genuinely_foreign_names_take_one_keyword_each(tmp_path):
    frame = pd.DataFrame(
        {
            "Lauf X": ["a", "a"],
            "clock": [0, 60],
            "Glc YSI": [30.0, 20.0],
            "hare": [3, 4],
            "Agitation": [100, 200],
            "Wiggle": [1.0, 2.0],
        }
    )
    campaign = read_campaign(
        frame,
        run="Lauf X",
        columns={"Glc YSI": "glucose [mM]", "clock": "time [min]"},
        quantities={"hare": "1"},
        roles={"Agitation": "measurement", "Wiggle": "ignore"},
    )
    assert campaign.names == ("a",)
    assert_allclose(series(campaign, "a", "glucose")[1], np.array([30.0, 20.0]) * GLUCOSE / 1000)
    assert series(campaign, "a", "glucose")[0] == [0.0, 1.0]
    assert series(campaign, "a", "hare")[1] == [3.0, 4.0]
    assert series(campaign, "a", "agitation")[1] == [100.0, 200.0]


def test_an_unknown_name_with_a_unit_is_a_new_quantity():
    frame = pd.DataFrame({"run": "a", "time_h": [0, 1], "spider silk (mg/L)": [3.0, 4.0]})
    campaign = read_campaign(frame)
    assert campaign.units["spider_silk"] == "mg/L"
    assert "new quantity" in str(campaign.columns)


def test_an_unknown_number_without_a_unit_is_left_out_aloud():
    frame = pd.DataFrame({"run": "a", "time_h": [0, 1], "titer": [1, 2.0], "zorblax": [3.0, 4.0]})
    campaign = read_campaign(frame)
    assert "Column 'zorblax' is not used" in str(campaign.findings.warnings)
    assert "quantities={'zorblax': 'g/L'}" in str(campaign.findings)


def test_a_keyword_that_names_no_column_is_refused():
    frame = pd.DataFrame({"run": "a", "time_h": [0, 1], "titer": [1, 2.0]})
    with pytest.raises(DataError, match=r"columns= names 'tiiter', .* Did you mean 'titer'\?"):
        read_campaign(frame, columns={"tiiter": "titer [g/L]"})
    with pytest.raises(DataError, match="has no column 'Batch'"):
        read_campaign(frame, run="Batch")


def test_a_bolus_column_is_a_bolus_also_where_a_model_declares_the_quantity():
    sheet = pd.DataFrame({"Batch": "A", "Day": [0, 1], "Glucose bolus (g)": [0.0, 4.0]})
    sheet["VCD (1e6/mL)"] = [0.3, 0.5]
    campaign = read_campaign(sheet, model=MammalianFedBatch())
    assert [(e.time, e.kind, e.value) for e in campaign["A"].events] == [(24.0, "bolus", 4.0)]


def test_the_way_of_a_plain_table_is_short_and_reads_each_cell_once(tmp_path):
    samples = [(run, time) for run in (1, 2) for time in (0.0, 24.0, 48.0, 72.0)]
    rows = [f"R{run},{time},{6.5 - time / 20},{1 + time / 7:.3f}" for run, time in samples]
    path = tmp_path / "plain.csv"
    path.write_text("\n".join(["run,time (h),glucose (g/L),titer (g/L)", *rows]))
    read_campaign(path)  # vocabulary and dialect are loaded once a process
    files, cells, dates = set(), [], []

    def note(frame, event, _):
        code = frame.f_code
        if event == "call" and "/bayesbio/" in code.co_filename:
            files.add(code.co_filename.split("/bayesbio/")[-1])
            cells.extend([frame.f_locals["cell"]] if code.co_name == "read_cell" else [])
            dates.extend([frame.f_locals["cell"]] if code.co_name == "to_moment" else [])

    sys.setprofile(note)
    try:
        read_campaign(path)
    finally:
        sys.setprofile(None)
    written = [cell for row in rows for cell in row.split(",")]
    assert sorted(cells) == sorted(written)
    assert not set(dates) & set(written) - {"R1", "R2"}, "a number is not tried as a date"
    assert all(dates.count(run) == cells.count(run) for run in ("R1", "R2"))
    assert len(files) <= 20, sorted(files)
