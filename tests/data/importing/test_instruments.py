"""Exports of instruments are read by their dialects, each recognised by its own words."""

import openpyxl
import pytest

from bayesbio.data import read_campaign
from bayesbio.data.importing.sheets.dialect import SHIPPED, dialect_named

DAYS = range(4)
BLU = (
    "Sample ID,Cell count,Viable cells,Total (x10^6) cells/mL,Viable (x10^6) cells/mL,"
    "Viability (%),Average viable diameter (μm),Images,Cell type,Analysis date/time\n",
    "R{run}_D{day},900,880,{high},{low},97.5,15.1,100,CHO,3/{late}/2026 9:15\n",
)
HIRES = (
    "Reactor identifer,Sample identifer,Dilution,Sample volume,Sample draw Time,Avg Diameter,"
    "Viable Cell Count,Total Object Count,Viability,Viable Cell Conc.,Total Cell Conc.\n",
    "R{run},S{day},1,300,3-{late}-2026 8:34:01 AM,15.1,4292,4529,97.5,{low}00000,{high}00000\n",
)
COUNTESS = (
    "Name,Timestamp,Total Conc.,Live Conc.,Dead Conc.,Viability,Live Size\n",
    "R{run}-D{day},03/{late}/2026 09:15 AM,{high}E5,{low}E5,1E4,97.5%,15.1\n",
)
NUCLEOCOUNTER = (
    "Image;Date time;Viability (%);Live (cells/ml);Total (cells/ml);Estimated cell diameter (um)\n",
    "R{run}-D{day};202603{late} 091500;97.5;{low}E5;{high}E5;15.1\n",
)
YSI_2900 = (
    "YSI 2900\n\nBatch Name,Sample Id,Chemistry,Probe Id,Concentration,Units,Net nA,"
    "LocalCompletionTime\n",
    "R{run},x,Glucose,1,{low},g/L,9.1,2026-03-{late} 09:00:00\n"
    "R{run},x,L-Lactate,2,{high},g/L,8.1,2026-03-{late} 09:00:00\n",
)
YSI_2700 = (
    "Date,Time,Sample ID,Black Probe,Conc.,Units,White Probe,Conc.,Units\n",
    "03/{late}/26,09:00:00,R{run}-D{day},Dextrose,{low},g/L,L-Lactate,{high},g/L\n",
)
HPLC = (
    "SampleName\tVial\tDate Acquired\tName\tRetention Time\tArea\tAmount [g/L]\n",
    "R{run}-D{day}\t1\t2026-06-01 09:00\tGlucose\t9.1\t900\t{low}\n"
    "R{run}-D{day}\t1\t2026-06-01 09:00\tAcetic acid\t14.8\t800\t{high}\n",
)
CEDEX_5 = (
    "0\t2026-03-20 13:00:00\t#ARC-FILE#\t1.1a\t\t\tCEDEX BIO HT\t1\t5.0.0\tA\t\t\n",
    "40\t2026-03-{late} 09:00:00\tGLC3B\t\t\tR{run}-D{day}\tSAM\tg/L\t \t{low}\t0.1\tR\n"
    "40\t2026-03-{late} 09:00:10\tLDH2D\t\t\tR{run}-D{day}\tSAM\tU/L\t< TEST RNG\t< 20\t0.1\tR\n",
)


def table(tmp_path, layout, name="export.csv", encoding="utf-8"):
    head, line = layout
    rows = [
        line.format(run=run, day=day, late=13 + day, low=2 + day, high=3 + day)
        for day in DAYS
        for run in (1, 2)
    ]
    path = tmp_path / name
    path.write_text(head + "".join(rows), encoding=encoding)
    return path


def values(campaign, quantity, run="R1"):
    frame = campaign[run].measurements
    return frame[frame["quantity"] == quantity].sort_values("time_h")


@pytest.mark.parametrize(
    ("layout", "name", "cells"),
    [
        (BLU, "vi_cell_blu", 1.0),
        (HIRES, "cedex_hires", 0.1),
        (COUNTESS, "cell_counters", 0.1),
        (NUCLEOCOUNTER, "cell_counters", 0.1),
    ],
    ids=["BLU", "HiRes", "Countess", "NucleoCounter"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_cell_counters_give_densities_and_no_counts(tmp_path, layout, name, cells, encoding):
    campaign = read_campaign(table(tmp_path, layout, encoding=encoding))
    assert campaign.names == ("R1", "R2")
    for quantity, first in (("viable_cell_density", 2), ("total_cell_density", 3)):
        rows = values(campaign, quantity)
        assert rows["value"].tolist() == pytest.approx([cells * (first + day) for day in DAYS])
        assert rows["time_h"].tolist() == [24.0 * day for day in DAYS]
    assert values(campaign, "viability")["value"].tolist() == [0.975] * 4
    assert values(campaign, "cell_diameter")["value"].tolist() == [15.1] * 4
    assert dialect_named(name).name in str(campaign.columns)


@pytest.mark.parametrize("layout", [YSI_2900, YSI_2700, HPLC], ids=["2900", "2700", "HPLC"])
def test_analysers_give_one_quantity_a_name(tmp_path, layout):
    campaign = read_campaign(table(tmp_path, layout, "export.txt"))
    other = "acetate" if layout is HPLC else "lactate"
    assert campaign.names == ("R1", "R2")
    assert campaign.quantities == tuple(sorted(("glucose", other)))
    for quantity, first in (("glucose", 2), (other, 3)):
        rows = values(campaign, quantity, "R2")
        assert rows["value"].tolist() == [first + day for day in DAYS]
        assert rows["time_h"].tolist() == [24.0 * day for day in DAYS]


def test_an_older_archive_has_its_columns_elsewhere(tmp_path):
    campaign = read_campaign(table(tmp_path, CEDEX_5, "archive.txt"))
    assert campaign.names == ("R1", "R2")
    assert values(campaign, "glucose")["value"].tolist() == [2 + day for day in DAYS]
    assert values(campaign, "lactate_dehydrogenase")["flag"].tolist() == ["below"] * 4


def test_a_header_of_two_rows_is_one(tmp_path):
    book = openpyxl.Workbook()
    page = book.active
    page.append(["Vi-CELL XR 2.06.3", None, "  "])
    page.append(
        ["Sample ID", "Sample date/time", "Total", "Viable cells", "Avg. diam.", "Avg. circ."]
    )
    page.append([None, None, "cells", "/ml (x10^6)", "(microns)", None])
    page["A4"], page["G2"], page["G3"] = None, "Viability", "(%)"
    for day in DAYS:
        for run in (1, 2):
            moment = f"{13 + day} Mar 2026  9:15:00 AM"
            page.append([f"R{run} D{day}", moment, 999, f"{2 + day}.50", "15.1", "0.88", "97.5"])
    page["H2"], page["H3"] = "V. cell spot", "brightness (%)"
    path = tmp_path / "run data summary.xlsx"
    book.save(path)
    campaign = read_campaign(path)
    assert campaign.names == ("R1", "R2")
    assert values(campaign, "viable_cell_density")["value"].tolist() == [2.5 + day for day in DAYS]
    assert campaign.quantities == (
        "cell_diameter", "circularity", "viability", "viable_cell_density",
    )  # fmt: skip


def test_process_values_of_control_systems_have_their_totals_as_feeds(tmp_path):
    mfcs = tmp_path / "mfcs.csv"
    lines = ["PDatTime;Age [h];TEMP_1 [°C];pO2_1 [%];STIRR_1 [rpm];SUBSA_1 [ml];EXCO2 [%]"]
    lines += [f"13.03.2026 {9 + h}:00:00;{h},0;37,0;9{h},5;300;{h},5;0,4" for h in range(5)]
    mfcs.write_text("\n".join(lines), encoding="cp1252")
    run = next(iter(read_campaign(mfcs, strict=False)))
    assert run.profiles["dissolved_oxygen"].points[1] == (1.0, 0.915)
    fed = run.measurements[run.measurements["quantity"] == "cumulative_feed"]
    assert fed["value"].tolist() == pytest.approx([0.0005 + h / 1000 for h in range(5)])
    bioxpert = tmp_path / "bioxpert.txt"
    lines = ["BioXpert V2", "", "Time [h]\tpH\tdO2 [%]\tPump1 totalizer [ml]\tLevel"]
    lines += [f"{h}\t7.0\t90\t{2 * h}\t0" for h in range(5)]
    bioxpert.write_text("\n".join(lines))
    run = next(iter(read_campaign(bioxpert, strict=False)))
    assert set(run.quantities) == {"cumulative_feed"}
    ambr = tmp_path / "ambr.csv"
    lines = [
        "Culture Station,Vessel,Time point,Day,VCD (10^6 cells/mL),Air flow (mLpm),"
        "Base volume pumped (mL)"
    ]
    lines += [f"CS{s},{v},{d + 1},{d},{2 + d},6,0" for d in DAYS for s in (1, 2) for v in (1, 2)]
    ambr.write_text("\n".join(lines))
    campaign = read_campaign(ambr, strict=False)
    assert campaign.names == ("CS1/1", "CS1/2", "CS2/1", "CS2/2")
    assert campaign["CS2/1"].measurements["time_h"].max() == 72.0
    assert campaign["CS2/1"].profiles["air_flow"].points[0] == (0.0, pytest.approx(0.36))


def test_every_shipped_dialect_is_a_file_that_loads_by_its_name():
    names = [path.stem for path in SHIPPED.rglob("*.toml")]
    assert len(set(names)) == len(names)
    for name in names:
        assert dialect_named(name).name
