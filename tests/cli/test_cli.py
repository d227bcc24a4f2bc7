import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import bayesbio
from bayesbio.cli import app, main
from bayesbio.cli.parsing import build_process, pairs, prior_of
from bayesbio.cli.printing import judge
from bayesbio.cli.tabulating import table_of
from bayesbio.errors import DataError, ModelError
from bayesbio.inference import Verdict, VerdictItem

ANALYSIS = '''"""Does the road from a script to a report hold?"""

import argparse
import json
from pathlib import Path

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--quick", action="store_true")
arguments.add_argument("--out", default="reports")
given = arguments.parse_args()
folder = Path(given.out) / "small"
folder.mkdir(parents=True)
(folder / "index.html").write_text("done")
told = {"title": "Small", "answer": f"Yes, quick is {given.quick}.", "passed": True}
(folder / "metrics.json").write_text(json.dumps(told))
'''


def said(arguments, monkeypatch, capsys):
    """Run the command as a user does; give its exit code and what it wrote to both streams."""
    monkeypatch.setattr(sys, "argv", ["bayesbio", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code, *capsys.readouterr()


def test_help_is_quick_and_names_every_command():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bayesbio", "--help"],
        cwd=Path(bayesbio.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    for command in ("check", "template", "fit", "predict", "report", "run"):
        assert command in done.stdout
    for heavy in ("pymc", "numpy", "pandas", "matplotlib"):
        assert f" {heavy}\n" not in done.stderr


@pytest.mark.parametrize("command", ["check", "template", "fit", "predict", "report", "run"])
def test_every_command_explains_itself(command):
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert len(shown.stdout) > 200


def test_what_is_refused_is_one_sentence_and_exit_code_two(monkeypatch, capsys, tmp_path):
    code, _, error = said(["run", "all", "--folder", tmp_path], monkeypatch, capsys)
    assert code == 2
    assert "There are no analyses" in error
    assert "Traceback" not in error


def test_a_misspelt_model_gets_the_nearest_name(monkeypatch, capsys, tmp_path):
    table = tmp_path / "runs.csv"
    table.write_text("run,time (h),glucose (g/L)\nR1,0,5\nR1,24,4\n")
    code, _, error = said(["fit", table, "--model", "MamalianFedBatch"], monkeypatch, capsys)
    assert code == 2
    assert "Did you mean MammalianFedBatch?" in error


def test_what_nobody_foresaw_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr("bayesbio.cli.app", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main()


def test_run_writes_the_reports_and_the_page_that_links_them(monkeypatch, capfd, tmp_path):
    (tmp_path / "analyses").mkdir()
    (tmp_path / "analyses" / "small.py").write_text(ANALYSIS)
    monkeypatch.chdir(tmp_path)
    code, out, _ = said(["run", "all", "--quick"], monkeypatch, capfd)
    assert code == 0
    assert "[1/1] small: Does the road from a script to a report hold?" in out
    assert f"Wrote {Path('reports/small/index.html')}" in out
    assert f"Wrote {Path('reports/index.html')}" in out
    told = json.loads(Path("reports/small/metrics.json").read_text())
    assert told["answer"] == "Yes, quick is True."
    assert "Yes, quick is True." in Path("reports/index.html").read_text()


def test_an_analysis_that_fails_is_named_and_the_others_still_run(monkeypatch, capfd, tmp_path):
    (tmp_path / "analyses").mkdir()
    (tmp_path / "analyses" / "broken.py").write_text('"""Why?"""\nraise SystemExit(3)\n')
    (tmp_path / "analyses" / "small.py").write_text(ANALYSIS)
    monkeypatch.chdir(tmp_path)
    code, out, error = said(["run", "all"], monkeypatch, capfd)
    assert code == 2
    assert "1 of 2 analyses failed: broken" in error
    assert "Wrote" in out
    assert Path("reports/small/index.html").is_file()


def test_an_unknown_analysis_lists_the_known_ones(monkeypatch, capsys, tmp_path):
    (tmp_path / "growth.py").write_text('"""How fast?"""\n')
    code, _, error = said(["run", "grwth", "--folder", tmp_path], monkeypatch, capsys)
    assert code == 2
    assert "growth" in error


def test_a_failed_verdict_is_printed_and_ends_with_exit_code_one(failed_verdict, capsys):
    import typer

    with pytest.raises(typer.Exit) as left:
        judge(SimpleNamespace(check=lambda: failed_verdict))
    assert left.value.exit_code == 1
    assert "The chains disagree. What to do: 1. Sample longer." in " ".join(
        capsys.readouterr().out.split()
    )


@pytest.fixture
def failed_verdict():
    said = ("The chains disagree.", "Sample longer.")
    return Verdict((VerdictItem("R-hat", 1.3, "<= 1.01", False, *said),))


def test_options_of_a_model_are_understood_as_typed():
    assert build_process("MammalianFedBatch", ["glutamine=false"]).glutamine is False
    with pytest.raises(ModelError, match="glutamin"):
        build_process("MammalianFedBatch", ["glutamin=false"])


def test_a_column_map_without_a_name_is_refused():
    with pytest.raises(DataError, match=r"--column 'Glc' is not NAME=VALUE"):
        pairs(["Glc"], "--column")


def test_a_prior_is_an_interval_or_a_fixed_number():
    assert prior_of("0.04", "maximum_growth_rate") == 0.04
    assert prior_of("0.02,0.06", "maximum_growth_rate").owner.op.name == "lognormal"
    with pytest.raises(ModelError, match="LOW,HIGH"):
        prior_of("fast", "maximum_growth_rate")


def test_a_prediction_becomes_one_row_for_each_run_time_and_quantity():
    draws = np.linspace(0.0, 100.0, 1001)[None, :, None, None] * np.ones((1, 1, 2, 3))
    draws[:, :, 1, 2] = np.nan  # the second run is shorter
    prediction = xr.Dataset(
        {"glucose": (("chain", "draw", "run", "time"), draws, {"units": "g/L"})},
        coords={"run": ["R2", "R1"], "time": [0.0, 1.0, 2.0]},
    )
    table = table_of(prediction)
    assert list(table["run"]) == ["R2"] * 3 + ["R1"] * 2
    assert table.loc[0, ["q05", "q50", "q95"]].to_list() == pytest.approx([5.0, 50.0, 95.0])
    assert set(table["unit"]) == {"g/L"}
