import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bayesbio
from bayesbio.cli import app, main


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
    assert "Did you mean 'MammalianFedBatch'?" in error


def test_what_nobody_foresaw_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr("bayesbio.cli.app", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main()
