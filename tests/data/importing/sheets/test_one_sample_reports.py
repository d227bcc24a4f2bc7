"""A folder of reports, one a sample, is one table."""

import pytest

from bayesbio.data import read_campaign
from bayesbio.data.importing.sheets.dialect import dialect_named
from bayesbio.data.importing.sheets.files import Sheet
from bayesbio.data.importing.sheets.one_sample_reports import one_table

VI_CELL = """Vi-CELL XR 2.06.3

Sample ID : R{run}-D{day}
RunDate : {late} Mar 2026  5:21:32 AM
Results:
Total cells : 4263
Viability (%) : 97.0
Total cells / ml (x 10^6) : {high}.5
Total viable cells / ml (x 10^6) : {low}.5
Average diameter (microns) : 17.3
SizeData : 3,9,17,17,25,29,22,29,34,33,49
"""
NUCLEOVIEW = """Viability and Cell Count Assay; ;
Image;R{run}-D{day};
Viability (%);97.0;
Live (cells/ml);{low}.5E6;
Total (cells/ml);{high}.5E6;
;
Instrument type;NucleoView NC-200
Date time;202603{late} 052132
"""


@pytest.mark.parametrize(("text", "ending"), [(VI_CELL, "txt"), (NUCLEOVIEW, "csv")])
def test_a_folder_of_reports_is_one_campaign(tmp_path, text, ending):
    for day in range(3):
        for run in (1, 2):
            report = text.format(run=run, day=day, late=13 + day, low=1 + day, high=2 + day)
            (tmp_path / f"sample {run} {day}.{ending}").write_text(report)
    campaign = read_campaign(tmp_path)
    assert campaign.names == ("R1", "R2")
    rows = campaign["R2"].measurements
    living = rows[rows["quantity"] == "viable_cell_density"]
    assert living["value"].tolist() == [1.5, 2.5, 3.5]
    assert living["time_h"].tolist() == [0.0, 24.0, 48.0]


def test_a_table_is_no_report():
    sheets = [Sheet("s", (("Image", "Live (cells/ml)"), ("R1", 1e6)), (1, 2))]
    assert one_table(sheets, dialect_named("cell_counters")) == sheets
    assert one_table(sheets, dialect_named(None)) == sheets
