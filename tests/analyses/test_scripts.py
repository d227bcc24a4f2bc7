"""Each analysis runs from its first line to its report."""

import dataclasses
import json
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest
from scale_truths import virtual_scales

import bayesbio
from bayesbio.calibrate import fitting
from bayesbio.cli.commands.scripts import question_of

ANALYSES = Path(__file__).parents[2] / "analyses"
SCRIPTS = sorted(ANALYSES.glob("*.py"))


@pytest.fixture
def tiny(monkeypatch):
    """As many draws as a drawing needs; nothing that a result could rest on."""

    def fit_request(request, tolerances, sampler, **options):
        few = dataclasses.replace(sampler, draws=60, tune=150, chains=2)
        return original(request, tolerances, few, **options)

    original = fitting.fit_request
    for module in ("fitting", "checks.held_out"):
        monkeypatch.setattr(f"bayesbio.calibrate.{module}.fit_request", fit_request)
    monkeypatch.setattr("bayesbio.inference.parallel.jobs.usable_cores", lambda: 1)


def run(name, folder, monkeypatch):
    monkeypatch.syspath_prepend(ANALYSES)
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


@pytest.mark.slow
def test_a_scale_up_of_ones_own_table_writes_every_number(tmp_path, monkeypatch):
    made = virtual_scales("regime change", random_seed=4).campaign.to_frame()
    volume = made["run"].str.split().str[0].astype(float)
    table = pd.DataFrame(
        {"scale": made["run"], "V": volume, "t": made["time_h"], "C": made["value"]}
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    given = ["--data", str(tmp_path / "table.csv"), "--target", "C", "--train", "10,100,4000"]
    monkeypatch.setattr(
        sys, "argv",
        ["scale_up.py", *given, "--predict", "100000", "--quick", "--out", str(tmp_path)],
    )  # fmt: skip
    runpy.run_path(str(ANALYSES / "scale_up.py"), run_name="__main__")
    numbers = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    for score in ("rmse", "mae", "crps", "coverage_90", "width_90"):
        assert numbers[f"predict.{score}"] >= 0.0
        assert numbers[f"baseline.nearest_scale.predict.{score}"] >= 0.0
        for volume in ("10", "100", "4000", "100000"):
            assert numbers[f"leave_one_scale_out.{volume}.{score}"] >= 0.0
            assert numbers[f"baseline.ridge.leave_one_scale_out.{volume}.{score}"] >= 0.0
    assert isinstance(numbers["verdict.passed"], bool)
    again = bayesbio.load(tmp_path / "scale_up" / "model.nc")
    assert again.predict(1e5)["C"].shape[-1] == 18


@pytest.mark.slow
def test_a_mechanism_below_twelve_runs_makes_their_prediction_better(tmp_path, monkeypatch):
    page, numbers = run("multi_fidelity", tmp_path, monkeypatch)
    assert len(page.encode()) <= 2_000_000
    assert numbers["passed"] is True
    assert numbers["gain_crps"] > 1.0
    assert numbers["coverage_90_runs_and_mechanism"] >= 0.8
    assert numbers["study_Forrester_linear_crps"] < 0.005
    assert numbers["case_Tryptophan"] == "offset"


def test_the_monitor_names_faulty_runs_and_is_compared_with_the_usual_methods(
    tmp_path, monkeypatch
):
    page, numbers = run("titer_monitoring", tmp_path, monkeypatch)
    assert len(page.encode()) <= 2_000_000
    assert numbers["passed"] is True
    assert numbers["protein_faults_found"] == 4
    assert numbers["monitor_auroc"] > numbers["isolation_forest_auroc"]
    assert "changed since" in page


@pytest.mark.slow
def test_the_study_of_ranks_writes_its_report(tmp_path, monkeypatch):
    script = ANALYSES / "benchmarks" / "simulated_calibration.py"
    monkeypatch.setattr(sys, "argv", [script.name, "--quick", "--out", str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    folder = tmp_path / "simulated_calibration"
    assert "Designs in the script without ranks yet" in (folder / "index.html").read_text("utf-8")
    numbers = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert numbers["growth_curve_replications"] == 3
    assert len(pd.read_csv(folder / "growth_curve.csv")) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["titer_key_factors", "titer_recombinant", "titer_recovery"])
def test_a_titer_analysis_writes_its_report(name, tmp_path, monkeypatch):
    page, numbers = run(name, tmp_path, monkeypatch)
    assert len(page.encode()) <= 2_000_000
    assert any("crps" in key for key in numbers)
    assert all(not isinstance(value, dict | list) for value in numbers.values())


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_an_analysis_opens_with_its_question_and_reads_as_a_notebook(path):
    text = path.read_text(encoding="utf-8")
    assert question_of(path).endswith("?")
    beats = [line.split()[2].strip(":") for line in text.splitlines() if line.startswith("# %% ")]
    assert beats == ["Read", "Fit", "Check", "Predict", "Report"]
    assert not any(line.startswith(("def ", "class ")) for line in text.splitlines())
