import numpy as np
import pandas as pd
import pytest

from bayesbio.cli import main
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.network import Node, ProcessNetwork


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    rng = np.random.default_rng(1)
    feed = rng.normal(5.0, 1.0, 40)
    table = pd.DataFrame({"feed": feed, "yield_end": 2.0 * feed + rng.normal(0.0, 0.3, 40)})
    nodes = [Node("feed", unit="g/L"), Node("yield_end", unit="g/L")]
    network = ProcessNetwork(nodes, [("feed", "yield_end")])
    path = tmp_path_factory.mktemp("saved") / "network.nc"
    network.fit(table, random_seed=1).save(path)
    return path


def run(command, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bayesbio", *map(str, command)])
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    return left.value.code, " ".join((printed.out + printed.err).split())


def test_a_result_that_is_no_calibration_predicts_the_rows_of_a_table(
    saved, tmp_path, monkeypatch, capsys
):
    (tmp_path / "rows.csv").write_text("feed\n4.0\n5.0\n")
    target = tmp_path / "p.csv"
    command = ["predict", saved, tmp_path / "rows.csv", "-o", target]
    assert run(command, monkeypatch, capsys)[0] == 0
    table = pd.read_csv(target)
    assert table["eti_50"].to_numpy() == pytest.approx([8.0, 10.0], abs=0.5)
    assert set(table["unit"]) == {"g/L"} and not table["outside"].any()


def test_rows_that_are_missing_are_asked_for(saved, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, printed = run(["predict", saved], monkeypatch, capsys)
    assert code == 2
    assert "predicts the rows of a table. Name one: bayesbio predict" in printed


def test_a_result_that_is_no_calibration_has_a_report(saved, tmp_path, monkeypatch, capsys):
    assert run(["report", saved, "-o", tmp_path / "page"], monkeypatch, capsys)[0] == 0
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "with 90 % probability between" in page and "NetworkPosterior" in page


def test_a_parameter_that_does_not_exist_is_a_sentence(saved, tmp_path, monkeypatch, capsys):
    command = ["report", saved, "-o", tmp_path, "--parameter", "fed"]
    code, printed = run(command, monkeypatch, capsys)
    assert code == 2 and "is not a parameter of this NetworkPosterior" in printed


class Silent:
    """A result without predictions, such as a monitor."""

    def evidence(self):
        return Evidence(self, "Silent", instead="It judges runs: monitor.score(run).")


def test_a_result_that_does_not_predict_says_so(saved, monkeypatch, capsys):
    monkeypatch.setattr("bayesbio.load", lambda path: Silent())
    code, printed = run(["predict", saved], monkeypatch, capsys)
    assert code == 2 and "holds a Silent, which does not predict. It judges runs" in printed
