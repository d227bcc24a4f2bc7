"""Four runs and a fitted model, beside four runs alone; nothing is written."""

import pytest

from analyses.benchmarks.mechanistic_monitoring_study import study as scores_of_study


@pytest.fixture(scope="module")
def study():
    """Scores over all faults."""
    return scores_of_study().xs("all", level="fault")


@pytest.mark.slow
def test_good_runs_alarm_no_more_often_than_stated(study):
    assert study.loc["model and 4 runs", "false_alarms"] <= 0.08


@pytest.mark.slow
def test_a_model_finds_faults_that_few_runs_do_not_show(study):
    model, alone = study.loc["model and 4 runs"], study.loc["4 runs alone"]
    assert model["auroc"] >= 0.86 and model["auroc"] >= alone["auroc"] + 0.1
    assert model["detection"] >= 0.60 and model["detection"] >= alone["detection"] + 0.3
    assert model["delay_h"] <= alone["delay_h"]
