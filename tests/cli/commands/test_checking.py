import pytest

from bayesbio.cli import main


@pytest.mark.parametrize("name", ["[A]", "R[/x]"])
def test_check_prints_run_names_as_they_are(name, tmp_path, monkeypatch, capsys):
    rows = "".join(f"{name},{hour},{0.2 + hour / 10}\n" for hour in (0, 4, 8))
    (tmp_path / "runs.csv").write_text(f"run,time (h),biomass (g/L)\n{rows}")
    monkeypatch.setattr("sys.argv", ["bayesbio", "check", str(tmp_path / "runs.csv")])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    assert name in capsys.readouterr().out


def test_template_writes_a_workbook(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bayesbio", "template", str(tmp_path / "mine")])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    assert "Wrote" in capsys.readouterr().out
    assert any((tmp_path / "mine").iterdir())
