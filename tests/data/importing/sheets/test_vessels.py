"""Vessels side by side in one table are runs of their own; replicates side by side are not."""

import pytest

from bayesbio.data import read_campaign


def read(tmp_path, *lines, **options):
    path = tmp_path / "sheet.csv"
    rows = [
        f"{hour}," + ",".join(f"{v - hour / 10:.2f}" for v in (6, 5, 4, 3)) for hour in range(5)
    ]
    path.write_text("\n".join([*lines, *rows]))
    return read_campaign(path, **options)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (
            "Time (h),BR01 Glucose (g/L),BR02 Glucose (g/L),BR01_Lac (g/L),BR02_Lac (g/L)",
            "BR01 BR02",
        ),
        (
            "Time (h),Glucose Tank 1 [g/L],Glucose Tank 2 [g/L],Lac Tank 1,Lac Tank 2",
            "Tank 1 Tank 2",
        ),
        (",Reactor A,,Reactor B,\nTime (h),Glc (g/L),Lac (g/L),Glc (g/L),Lac (g/L)", "Reactor A B"),
        (",Glucose (g/L),,Lactate (g/L),\nTime (h),K4-1,K4-2,K4-1,K4-2", "K4-1 K4-2"),
    ],
)
def test_vessels_side_by_side_are_runs(tmp_path, header, names):
    campaign = read(tmp_path, header)
    assert len(campaign) == 2
    assert " ".join(campaign.names).replace("A Reactor B", "A B") == names
    assert set(campaign.quantities) == {"glucose", "lactate"}
    assert "2 vessels stand side by side" in str(campaign.findings)


def test_each_vessel_may_have_a_clock_of_its_own(tmp_path):
    path = tmp_path / "sheet.csv"
    rows = [f"{hour},{6 - hour},{hour + 0.5},{5 - hour}" for hour in range(5)]
    header = "Tank 1,,Tank 2,\nTime (h),Glucose (g/L),Time (h),Glucose (g/L)"
    path.write_text("\n".join([header, *rows]))
    campaign = read_campaign(path)
    assert campaign["Tank 2"].times("glucose")[0] == 0.5


def test_replicates_side_by_side_stay_one_run(tmp_path):
    campaign = read(tmp_path, "Time (h),Glucose 1 (g/L),Glucose 2 (g/L),Lac 1 (g/L),Lac 2 (g/L)")
    assert len(campaign) == 1


def test_numbered_spreads_belong_to_numbered_columns(tmp_path):
    campaign = read(tmp_path, "t,G1,G2,std1,std2", columns={"G": "gfp [1]"})
    assert campaign.names == ("G1", "G2") and campaign.quantities == ("gfp",)


def test_tables_below_titles_carry_the_name_of_the_title(tmp_path):
    path = tmp_path / "sheet.csv"
    rows = [f"{hour},{6 - hour}" for hour in range(5)]
    tables = [[title, "Time (h),Glucose (g/L)", *rows] for title in ("Fermenter 7", "Vessel: B9")]
    path.write_text("\n".join(line for table in tables for line in table))
    assert read_campaign(path).names == ("B9", "Fermenter 7")


def test_titled_tables_may_differ_in_their_columns(tmp_path):
    path = tmp_path / "sheet.csv"
    lines = []
    for name, more in (("R-03", ""), ("R-04", ",Lactate (g/L)"), ("R-07", "")):
        lines += [f"Reaktor: {name}", "Stamm: K1", f"Time (h),Glucose (g/L){more}"]
        lines += [f"{hour},{6 - hour}" + (",1.5" if more else "") for hour in range(5)]
    path.write_text("\n".join(lines))
    campaign = read_campaign(path)
    assert campaign.names == ("R-03", "R-04", "R-07")
    assert campaign["R-04"].quantities == ("glucose", "lactate")
