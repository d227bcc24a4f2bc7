import json
import sys
from pathlib import Path

import pytest

from bayesbio.cli import main

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
