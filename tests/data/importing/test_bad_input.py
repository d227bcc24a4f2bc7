"""Bad input: each kind is answered with one sentence that says what came and what to do."""

import pandas as pd
import pytest

from bayesbio.data import read_campaign
from bayesbio.errors import BayesbioError, DataError, UnitError

MEASUREMENTS = "run,time_h,glucose (g/L)\nR1,0,6\nR1,24,5\nR1,48,4\nR2,0,6\nR2,24,5\nR2,48,3\n"


def sheet(**changes):
    frame = pd.DataFrame(
        {
            "run": ["R1"] * 5 + ["R2"] * 5,
            "time_h": [0.0, 24, 48, 72, 96] * 2,
            "glucose_g_L": [6.0, 5, 4, 3, 2] * 2,
            "vcd_1e6_per_mL": [0.3, 0.6, 1.2, 2.4, 4.0] * 2,
        }
    )
    return frame.assign(**changes)


def changed(column, row, value):
    frame = sheet().astype({column: object})
    frame.loc[row, column] = value
    return frame


def folder(path, **tables):
    for name, text in {"measurements": MEASUREMENTS, **tables}.items():
        (path / f"{name}.csv").write_text(text)
    return path


LONG = pd.DataFrame(
    {
        "run": "R",
        "time_h": [0, 1, 2, 3],
        "quantity": "glucose",
        "value": [4.0, 3, 2, 1],
        "unit": "g/L",
    }
)

SHEETS = {
    "missing time column": (
        sheet().drop(columns="time_h"),
        DataError,
        "has no time column; its columns are 'run'",
    ),
    "misspelt column": (
        sheet().rename(columns={"glucose_g_L": "glucos_g_L"}),
        DataError,
        "'glucos' is not in the vocabulary. Did you mean glucose?",
    ),
    "unknown unit": (
        sheet().rename(columns={"glucose_g_L": "glucose (g/foo)"}),
        UnitError,
        "gives glucose in 'g/foo', which is no unit known here; expected one like g/L",
    ),
    "a word for a unit": (
        sheet().rename(columns={"glucose_g_L": "glucose [bananas]"}),
        UnitError,
        "gives glucose in 'bananas', which is no unit",
    ),
    "unit of another kind": (
        sheet().rename(columns={"glucose_g_L": "glucose (h)"}),
        UnitError,
        "gives glucose in 'h'; expected a unit that can be converted to g/L",
    ),
    "mixed units": (
        LONG.assign(unit=["g/L", "g/L", "h", "g/L"]),
        UnitError,
        "Run 'R': glucose at 2 h (row 4 of table) is given in 'h'",
    ),
    "mixed units and none": (
        LONG.assign(unit=["g/L", "mM", None, "g/L"]),
        UnitError,
        "glucose comes in several units (g/L, mM) and 1 of its rows have none",
    ),
    "time going back": (
        changed("time_h", 3, 30.0),
        DataError,
        "Run 'R1': time goes back from 48 h to 30 h in row 5",
    ),
    "duplicated row": (
        pd.concat([sheet(), sheet().iloc[[3]]]),
        DataError,
        "Run 'R1': row 12 of table repeats row 5 (72 h)",
    ),
    "duplicated row in place": (
        sheet().iloc[[0, 1, 1, 2, 3]],
        DataError,
        "row 4 of table repeats row 3 (24 h)",
    ),
    "text in a number": (
        changed("glucose_g_L", 2, "abc"),
        DataError,
        "Run 'R1': glucose at 48 h (row 4 of table, column 'glucose_g_L') is 'abc'; "
        "expected a number.",
    ),
    "text in a time": (
        changed("time_h", 2, "soon"),
        DataError,
        "(column 'time_h') is 'soon'; expected a number",
    ),
    "viability above one": (
        sheet(**{"viability (fraction)": [0.98, 0.97, 98, 0.95, 0.94] * 2}),
        DataError,
        "Run 'R1': viability at 48.0 h is 98; a share is at most 1.",
    ),
    "misspelt flag": (
        LONG.assign(flag=["", "belw", "", ""]),
        DataError,
        "the flag in row 3 is 'belw'; expected blank",
    ),
    "misspelt analyte": (
        LONG.assign(quantity=["glucose", "glucos", "glucose", "glucose"]),
        DataError,
        "Did you mean glucose?",
    ),
    "all censored": (
        LONG.assign(value=["<1"] * 4, time_h=[0, 1, 2, 3]),
        DataError,
        "All values of the campaign are below or above a limit",
    ),
    "no rows": (sheet().iloc[:0], DataError, "has a header but no rows"),
}


@pytest.mark.parametrize("case", SHEETS, ids=str)
def test_a_bad_sheet_is_answered_with_one_clear_sentence(case):
    frame, error, sentence = SHEETS[case]
    with pytest.raises(error) as caught:
        read_campaign(frame)
    assert sentence in str(caught.value)


def test_a_negative_concentration_is_answered_as_the_style_says():
    with pytest.raises(DataError) as caught:
        read_campaign(changed("glucose_g_L", 2, -0.3))
    assert str(caught.value) == (
        "Run 'R1': glucose at 48.0 h is -0.3 g/L; concentrations are zero or more. If "
        "this is below the "
        "assay's detection limit, mark it 'below' in the flag column and give the limit as value."
    )


@pytest.mark.parametrize("case", ["text in a number", "duplicated row", "time going back"])
def test_nothing_is_lost_when_reading_goes_on(case):
    campaign = read_campaign(SHEETS[case][0], strict=False)
    assert campaign.findings.errors
    assert campaign.names == ("R1", "R2")
    assert len(campaign.to_frame()) >= 19
    assert SHEETS[case][2] in str(campaign.findings)


FILES = {
    "empty": (b"", "empty.csv is empty; expected a header row"),
    "blank": (b"\n\n \n", "empty.csv is empty"),
    "header only": (b"run,time_h,glucose_g_L\n", "has a header but no rows"),
    "binary": (b"\x7fELF\x00\x00\x01", "is not a text file"),
}


@pytest.mark.parametrize("case", FILES, ids=str)
def test_a_file_without_a_table_says_so(tmp_path, case):
    content, sentence = FILES[case]
    (tmp_path / "empty.csv").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read_campaign(tmp_path / "empty.csv")


def test_a_workbook_that_cannot_be_opened_says_what_to_do(tmp_path):
    (tmp_path / "broken.xlsx").write_bytes(b"garbage")
    with pytest.raises(DataError, match=r"cannot be opened as an Excel workbook .* save it again"):
        read_campaign(tmp_path / "broken.xlsx")


def test_a_missing_file_is_answered_with_the_nearest(tmp_path):
    (tmp_path / "runs_2024.csv").write_text(MEASUREMENTS)
    with pytest.raises(DataError, match=r"Did you mean runs_2024.csv\?"):
        read_campaign(tmp_path / "runs_2042.csv")


def test_an_empty_folder_says_what_was_expected(tmp_path):
    with pytest.raises(DataError, match="holds no table; expected measurements.csv"):
        read_campaign(tmp_path)


EVENTS = "run,time_h,kind,quantity,value,unit\n"
PROFILES = "run,time_h,quantity,value,unit,interpolation\n"
TABLES = {
    "run in measurements only": (
        {"runs": "run,clone\nR1,A\n"},
        "Run 'R2': in measurements but not in runs",
    ),
    "run in events only": (
        {"events": EVENTS + "R3,0,bolus,glucose,1,g\n"},
        "Run 'R3': in events but in no other table",
    ),
    "run in profiles only": (
        {"profiles": PROFILES + "R3,0,agitation,1,rpm,\n"},
        "Run 'R3': in profiles but in no other table",
    ),
    "event before the start": (
        {"events": EVENTS + "R1,-5,bolus,glucose,1,g\n"},
        "Run 'R1': the bolus of glucose at -5 h is before the start of the run at 0 h.",
    ),
    "bolus in a concentration": (
        {"events": EVENTS + "R1,5,bolus,glucose,1,g/L\n"},
        "is given in 'g/L'; a bolus is an amount in a unit like g",
    ),
    "unknown kind": ({"events": EVENTS + "R1,5,bolsu,glucose,1,g\n"}, "Did you mean bolus?"),
    "event without a value": (
        {"events": EVENTS + "R1,5,bolus,glucose,,g\nR1,6,bolus,glucose,1,g\n"},
        "expected a number",
    ),
    "event of an unknown quantity": (
        {"events": EVENTS + "R1,5,bolus,glucos,1,g\n"},
        "Did you mean glucose?",
    ),
    "profile that ends too early": (
        {"profiles": PROFILES + "R1,0,agitation,100,rpm,\nR1,20,agitation,200,rpm,\n"},
        "profile agitation ends at 20 h, before the last measurement at 48 h",
    ),
    "profile going back": (
        {
            "profiles": PROFILES + "R1,0,agitation,1,rpm,\nR1,40,agitation,2,rpm,\n"
            "R1,20,agitation,2,rpm,\nR1,60,agitation,2,rpm,\n"
        },
        "time goes back from 40 h to 20 h in row 4 of profiles",
    ),
    "unknown interpolation": (
        {"profiles": PROFILES + "R1,0,agitation,1,rpm,stp\nR1,50,agitation,2,rpm,step\n"},
        "is 'stp'; expected linear or step",
    ),
    "misspelt setting": (
        {"runs": "run,initial_glucos (g/L)\nR1,6\nR2,6\n"},
        "Did you mean initial_glucose?",
    ),
    "text in a setting": (
        {"runs": "run,initial_glucose (g/L)\nR1,6\nR2,high\n"},
        "the setting 'initial_glucose (g/L)' in runs is 'high'; expected a number",
    ),
    "no run column": ({"runs": "name,clone\nR1,A\nR2,B\n"}, "runs has no column 'run'"),
    "a run twice": ({"runs": "run,clone\nR1,A\nR2,B\nR2,C\n"}, "several rows for run 'R2'"),
}


@pytest.mark.parametrize("case", TABLES, ids=str)
def test_a_bad_table_is_answered_with_one_clear_sentence(tmp_path, case):
    tables, sentence = TABLES[case]
    with pytest.raises(BayesbioError) as caught:
        read_campaign(folder(tmp_path, **tables))
    assert sentence in str(caught.value)


WARNINGS = {
    "run without measurements": (
        {"runs": "run,clone\nR1,A\nR2,B\nR3,C\n"},
        "Run 'R3': in runs but without measurements",
    ),
    "bolus of volume only": (
        {"events": EVENTS + "R1,5,bolus,volume,20,mL\n"},
        "add volume without a concentration",
    ),
    "feed without a concentration": (
        {"profiles": PROFILES + "R1,0,feed_rate,10,mL/h,step\nR1,48,feed_rate,10,mL/h,step\n"},
        "feed_rate feeds the vessel, but no concentration in the feed is given",
    ),
    "step profile that ends early": (
        {"profiles": PROFILES + "R1,0,agitation,100,rpm,step\nR1,20,agitation,200,rpm,step\n"},
        "until then 200 is held",
    ),
    "event after the end": (
        {"events": EVENTS + "R1,99,bolus,glucose,1,g\n"},
        "is after the last measurement",
    ),
}


@pytest.mark.parametrize("case", WARNINGS, ids=str)
def test_what_is_only_unlikely_is_a_warning(tmp_path, case):
    tables, sentence = WARNINGS[case]
    campaign = read_campaign(folder(tmp_path, **tables))
    assert not campaign.findings.errors
    assert sentence in str(campaign.findings.warnings)


@pytest.mark.parametrize(
    ("keywords", "error", "sentence"),
    [
        ({"quantities": {"hare": "foo/bar"}}, UnitError, "'foo/bar' is not a unit"),
        (
            {"columns": {"Glc YSI": "glucose [mM]"}},
            DataError,
            "columns= names 'Glc YSI', which is no column",
        ),
        ({"columns": {"glucose_g_L": "glucos"}}, DataError, "Did you mean glucose?"),
        ({"roles": {"glucose_g_L": "profil"}}, DataError, "The role 'profil' is unknown"),
        (
            {"roles": {"Agitation": "profile"}},
            DataError,
            "roles= names 'Agitation', which is no column",
        ),
        ({"time": "Day"}, DataError, "has no column 'Day'"),
    ],
)
def test_a_keyword_that_does_not_fit_is_refused(keywords, error, sentence):
    with pytest.raises(error) as caught:
        read_campaign(sheet(), **keywords)
    assert sentence in str(caught.value)
