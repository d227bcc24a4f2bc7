import time
import zipfile

import openpyxl
import pytest

from bayesbio.data import read_campaign
from bayesbio.data.importing.sheets import files
from bayesbio.data.importing.sheets.files import read_sheets
from bayesbio.errors import DataError

SECONDS = 10.0  # any of these took minutes, hours or all memory
BODY = "Batch ID,Time (h),DCW (g/L)\nA,0,0.2\nA,4,0.5\nA,8,0.9\n"


def read_quickly(path, **keywords):
    started = time.perf_counter()
    campaign = read_campaign(path, **keywords)
    assert time.perf_counter() - started < SECONDS
    return campaign


def biomass(campaign):
    return campaign["A"].measurements["value"].tolist()


def book(rows):
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    return made


ROWS = [["Batch ID", "Time (h)", "DCW (g/L)"], ["A", 0, 0.2], ["A", 4, 0.5], ["A", 8, 0.9]]


@pytest.mark.parametrize(
    "prose",
    [
        "Remarks: " + "the pump was stopped at 12 h and cleaned with 70 % ethanol " * 2000,
        "x" * 1_000_000,
        "9" * 300_000,
        "a_b_" * 30_000,
        "(" * 50_000,
        "1 " * 100_000,
    ],
    ids=["prose", "letters", "digits", "underscores", "brackets", "spaced"],
)
@pytest.mark.parametrize("where", ["preamble", "cell", "header"])
def test_a_long_text_costs_no_more_than_its_size(tmp_path, prose, where):
    text = {
        "preamble": f'"{prose}"\n\n{BODY}',
        "cell": BODY.replace("DCW (g/L)", "DCW (g/L),Note").replace("0.2\n", f'0.2,"{prose}"\n'),
        "header": BODY.replace("DCW (g/L)", f'DCW (g/L),"{prose}"').replace("0.2\n", "0.2,hm\n"),
    }[where]
    (tmp_path / "long.csv").write_text(text)
    assert biomass(read_quickly(tmp_path / "long.csv")) == [0.2, 0.5, 0.9]


@pytest.mark.parametrize(
    "unit", ["9**9**9", "9^9^9^9", "g**9**9**9", "(9)**(9)**9", "m**999999999", "1e999", "u" * 5000]
)
def test_a_unit_that_would_take_forever_is_refused(tmp_path, unit):
    (tmp_path / "unit.csv").write_text(BODY.replace("g/L", unit))
    campaign = read_quickly(tmp_path / "unit.csv", strict=False)
    assert biomass(campaign) == [] or "DCW" in str(campaign.findings)


def test_a_stray_cell_far_out_costs_nothing(tmp_path):
    made = book(ROWS)
    made.active["XFD1048576"] = "oops"
    made.save(tmp_path / "stray.xlsx")
    assert biomass(read_quickly(tmp_path / "stray.xlsx")) == [0.2, 0.5, 0.9]


def test_rows_of_very_unlike_length_are_refused(tmp_path):
    (tmp_path / "wide.csv").write_text(BODY + "A,9" + ",1" * 200_000 + "\n" + "A,10,1\n" * 500)
    with pytest.raises(DataError, match="Row 5 of wide has 200002 cells, where rows have 3"):
        read_quickly(tmp_path / "wide.csv")


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    book(ROWS).save(tmp_path / "bomb.xlsx")
    monkeypatch.setattr(files, "UNPACKED", 100)
    with pytest.raises(DataError, match="once unpacked"):
        read_sheets(tmp_path / "bomb.xlsx")


def test_formulas_without_a_stored_value_are_reported(tmp_path):
    made = book(ROWS)
    made.active["C3"] = "=C2*2.5"
    made.save(tmp_path / "formula.xlsx")
    campaign = read_campaign(tmp_path / "formula.xlsx")
    assert biomass(campaign) == [0.2, 0.9]
    assert "1 cells (C3) hold a formula without a stored value" in str(campaign.findings.warnings)


def test_formulas_with_a_stored_value_are_numbers(tmp_path):
    made = book(ROWS)
    made.active["C3"] = "=C2*2.5"
    made.save(tmp_path / "formula.xlsx")
    with zipfile.ZipFile(tmp_path / "formula.xlsx") as source:
        parts = {name: source.read(name) for name in source.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert b"<v />" in parts[sheet] or b"<v></v>" in parts[sheet]
    parts[sheet] = parts[sheet].replace(b"<v />", b"<v>0.5</v>").replace(b"<v></v>", b"<v>0.5</v>")
    with zipfile.ZipFile(tmp_path / "stored.xlsx", "w") as target:
        for name, content in parts.items():
            target.writestr(name, content)
    campaign = read_campaign(tmp_path / "stored.xlsx")
    assert biomass(campaign) == [0.2, 0.5, 0.9] and not campaign.findings


@pytest.mark.parametrize("name", ["[A]", "R[/x]", "<b>R1</b>", "=1+1", "{{ x }}", "%s"])
def test_markup_in_names_is_text(tmp_path, name):
    (tmp_path / "runs.csv").write_text(BODY.replace("A,", f"{name},"))
    campaign = read_campaign(tmp_path / "runs.csv")
    assert campaign.names == (name,) and name in repr(campaign)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('A,0,5,ok\nA,1,4,"bad\nA,2,3,ok\n', 3),  # to the end of the file
        ('A,0,5,ok\nA,1,4,"bad\nA,2,3,"good"\n', 3),  # to the next quote
        ('A,0,5,"a\nb"\nA,1,4,"two\nA,2,3,ok\n', 4),  # after a cell of two lines
        ('A,0,5,ok\nA,1,4,"bad', 3),  # no line below it
    ],
    ids=["end", "next", "two lines", "last"],
)
def test_a_quote_that_is_never_closed_is_said_with_its_line(tmp_path, body, line):
    (tmp_path / "sheet.csv").write_text(f"run,time (h),glucose (g/L),note\n{body}")
    with pytest.raises(DataError, match=rf"sheet.csv: a quote that is opened in line {line} \("):
        read_sheets(tmp_path / "sheet.csv")


def test_quotes_around_lines_and_within_cells_are_read(tmp_path):
    (tmp_path / "sheet.csv").write_text('run,note\nA,"two\nlines"\nB,5" tube\n')
    (sheet,) = read_sheets(tmp_path / "sheet.csv")
    assert sheet.rows == (("run", "note"), ("A", "two\nlines"), ("B", '5" tube'))
