"""Bad input through the command line: one sentence, exit code 2, no traceback, nothing lost."""

import pytest

from bayesbio.cli import main

GROWTH = "run,time (h),biomass (g/L)\nA,0,0.2\nA,6,0.5\nA,12,2.1\nA,18,6\nA,24,8\n"
EVENTS = "run,time_h,kind,quantity,value,unit\n"
PROFILES = "run,time_h,quantity,value,unit,interpolation\n"
FIT = ["fit", "DATA", "--model", "GrowthCurve", "--quick", "-o", "OUT/look.html"]
FED = "run,time (h),glucose (g/L)\nA,0,5\nA,48,4\n"


def said(command, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bayesbio", *map(str, command)])
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    return left.value.code, " ".join((printed.out + printed.err).split())


@pytest.fixture
def runs(tmp_path):
    (tmp_path / "runs.csv").write_text(GROWTH)
    return tmp_path / "runs.csv"


SHEETS = {
    "missing column": (GROWTH.replace("time (h)", "what"), "has no time column"),
    "misspelt column": (GROWTH.replace("biomass", "biomas"), "Did you mean biomass?"),
    "unknown unit": (GROWTH.replace("g/L", "g/foo"), "'g/foo', which is no unit known here"),
    "time not increasing": (GROWTH.replace("A,12", "A,5"), "Run 'A': time goes back from 6 h to 5"),
    "duplicated row": (GROWTH + "A,24,8\n", "repeats row 6 (24 h)"),
    "text in a number": (GROWTH.replace("2.1", "abc"), "is 'abc'; expected a number"),
    "negative": (GROWTH.replace("2.1", "-2"), "biomass at 12.0 h is -2 g/L; concentrations are"),
    "empty file": ("", "runs.csv is empty; expected a header row"),
    "header only": ("run,time (h),biomass (g/L)\n", "has a header but no rows"),
    "all censored": (
        "run,time (h),biomass (g/L)\nA,0,<1\nA,6,<1\nA,9,<1\n",
        "All values of the campaign are below or above a limit",
    ),
}


@pytest.mark.parametrize("case", SHEETS, ids=str)
def test_a_bad_sheet_is_refused_before_any_fit(case, runs, monkeypatch, capsys):
    text, sentence = SHEETS[case]
    runs.write_text(text)
    code, printed = said(["fit", runs, "--model", "GrowthCurve", "--quick"], monkeypatch, capsys)
    assert (code, "Traceback" in printed) == (2, False)
    assert sentence in printed
    assert runs.read_text() == text


FOLDERS = {
    "run in one table only": ({"runs": "run,clone\nB,K\n"}, "Run 'A': in measurements but not in"),
    "event before the start": (
        {"events": EVENTS + "A,-5,bolus,glucose,1,g\n"},
        "Run 'A': the bolus of glucose at -5 h is before the start of the run at 0 h",
    ),
    "profile that ends too early": (
        {"profiles": PROFILES + "A,0,agitation,100,rpm,\nA,20,agitation,200,rpm,\n"},
        "profile agitation ends at 20 h, before the last measurement at 48 h",
    ),
    "mixed units": (
        {"measurements": "run,time_h,quantity,value,unit\nA,0,glucose,5,g/L\nA,9,glucose,4,h\n"},
        "glucose at 9 h (row 3 of measurements) is given in 'h'",
    ),
}


@pytest.mark.parametrize("case", FOLDERS, ids=str)
def test_a_bad_table_is_shown_by_check(case, tmp_path, monkeypatch, capsys):
    tables, sentence = FOLDERS[case]
    for name, text in {"measurements": FED, **tables}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    code, printed = said(["check", tmp_path], monkeypatch, capsys)
    assert (code, "Traceback" in printed) == (1, False)
    assert sentence in printed


def test_a_feed_without_a_concentration_is_a_warning(tmp_path, monkeypatch, capsys):
    (tmp_path / "measurements.csv").write_text(FED)
    (tmp_path / "profiles.csv").write_text(
        PROFILES + "A,0,feed_rate,10,mL/h,step\nA,48,feed_rate,10,mL/h,step\n"
    )
    code, printed = said(["check", tmp_path], monkeypatch, capsys)
    assert code == 0
    assert "feed_rate feeds the vessel, but no concentration in the feed is given" in printed


def test_a_run_and_a_clone_with_names_like_units_are_no_unit_row(tmp_path, monkeypatch, capsys):
    (tmp_path / "runs.csv").write_text("run,clone\nA,K\n")
    code, printed = said(["check", tmp_path], monkeypatch, capsys)
    assert code == 0
    assert "Campaign of 1 runs (A)" in printed


COMMANDS = {
    "model misspelt": (["fit", "DATA", "--model", "GrowthCurv"], "Did you mean 'GrowthCurve'?"),
    "option unknown": ([*FIT, "--option", "law=x"], "GrowthCurve has no option 'law'; it has form"),
    "vary nonsense": (
        [*FIT, "--vary", "nonsense"],
        "--vary 'nonsense' is not NAME=VALUE; write it like --vary maximum_growth_rate=run",
    ),
    "vary unknown parameter": ([*FIT, "--vary", "speed=run"], "vary for 'speed': GrowthCurve has"),
    "vary unknown column": (
        [*FIT, "--vary", "maximum_growth_rate=clone"],
        "run 'A' has no 'clone'. Levels are 'run' or a column of the table of runs",
    ),
    "prior for an unknown parameter": (
        [*FIT, "--prior", "maximum_growth_rat=0.1,0.5"],
        "Did you mean 'maximum_growth_rate'?",
    ),
    "prior upside down": ([*FIT, "--prior", "lag_time=5,1"], "the smaller one first"),
    "prior that is no number": ([*FIT, "--prior", "lag_time=nan"], "is neither LOW,HIGH nor one"),
    "noise unknown": ([*FIT, "--noise", "biomass=gauss"], "Noise 'gauss' is unknown; choose from"),
    "time column unknown": (["check", "DATA", "--time", "Tim"], "has no column 'Tim'; its columns"),
    "file missing": (["check", "OUT/none.csv"], "There is no file or folder"),
    "folder without tables": (["check", "OUT"], "holds no table; expected measurements.csv"),
    "posterior missing": (["predict", "OUT/none.nc"], "There is no file"),
    "posterior that is a table": (["report", "DATA"], "is damaged, cut short, or no netCDF-4 file"),
    "output is a folder": ([*FIT[:-1], "OUT"], "is a folder; name the file to write in it"),
    "output below a file": ([*FIT[:-1], "DATA/x.html"], "could not be read or written"),
    "template below a file": (["template", "DATA"], "could not be read or written"),
}


@pytest.mark.parametrize("case", COMMANDS, ids=str)
def test_a_command_that_cannot_be_done_says_why(case, runs, tmp_path, monkeypatch, capsys):
    command, sentence = COMMANDS[case]
    (tmp_path / "out").mkdir()
    places = {"DATA": str(runs), "OUT": str(tmp_path / "out")}
    for word, place in places.items():
        command = [part.replace(word, place) for part in command]
    code, printed = said(command, monkeypatch, capsys)
    assert (code, "Traceback" in printed) == (2, False)
    assert sentence in printed
    assert runs.read_text() == GROWTH
