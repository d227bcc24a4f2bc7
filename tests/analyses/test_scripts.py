"""Each analysis runs from its first line to its report."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from bayesbio.calibrate import fitting
from bayesbio.cli.running import question_of

ANALYSES = Path(__file__).parents[2] / "analyses"
SCRIPTS = sorted(ANALYSES.glob("*.py"))


@pytest.fixture
def tiny(monkeypatch):
    """As many draws as a drawing needs; nothing that a result could rest on."""

    def fit(*given, **options):
        return fitting.fit(*given, **{**options, "draws": 60, "tune": 150, "chains": 2})

    monkeypatch.setattr("bayesbio.calibrate.fit", fit)
    monkeypatch.setattr("bayesbio.calibrate.held_out.fit", fit)


def run(name, folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--quick", "--out", str(folder)])
    runpy.run_path(str(ANALYSES / f"{name}.py"), run_name="__main__")
    page = (folder / name / "index.html").read_text(encoding="utf-8")
    numbers = json.loads((folder / name / "metrics.json").read_text(encoding="utf-8"))
    return page, numbers


@pytest.mark.parametrize(
    "name",
    [
        "batch_reactor",
        pytest.param("cho_fed_batch", marks=pytest.mark.slow),
        pytest.param("yarrowia_citrate", marks=pytest.mark.slow),
    ],
)
def test_an_analysis_writes_its_report_with_verdict_and_scores(name, tiny, tmp_path, monkeypatch):
    page, numbers = run(name, tmp_path, monkeypatch)
    assert len(page.encode()) <= 2_000_000
    assert "Not a result yet" in page  # so few draws must not pass
    assert numbers["passed"] is False
    assert any(key.endswith("_crps_mechanism") for key in numbers)
    assert any(key.endswith("_crps_mean_trajectory") for key in numbers)
    assert all(not isinstance(value, dict | list) for value in numbers.values())


@pytest.mark.slow
def test_the_networks_find_the_truth_and_answer_for_the_real_runs(tiny, tmp_path, monkeypatch):
    page, numbers = run("process_network", tmp_path, monkeypatch)
    assert len(page.encode()) <= 2_000_000
    assert numbers["passed"] is True  # of the virtual process: its draws do not depend on `tiny`
    assert numbers["covered_true_effects"] >= 0.8
    assert numbers["yarrowia_calibration_passed"] is False  # so few draws must not pass
    assert "whose checks failed" in page
    assert 0.0 < numbers["yarrowia_probability_out_of_specification"] < 1.0


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_an_analysis_opens_with_its_question_and_reads_as_a_notebook(path):
    text = path.read_text(encoding="utf-8")
    assert question_of(path).endswith("?")
    beats = [line.split()[2].strip(":") for line in text.splitlines() if line.startswith("# %% ")]
    assert beats == ["Read", "Fit", "Check", "Predict", "Report"]
    assert not any(line.startswith(("def ", "class ")) for line in text.splitlines())
