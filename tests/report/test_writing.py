import json
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesbio.decide import optimal_stop
from bayesbio.errors import DataError
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.report import Section, draw_stopping, sentence, write_index, write_report


@pytest.fixture(scope="module")
def report(calibration, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports") / "clone_a_growth"
    figure = draw_stopping(optimal_stop(calibration.predict(), value="viable_cell_density"))
    page = write_report(
        folder,
        calibration,
        answer=sentence(calibration, "maximum_growth_rate"),
        sections=[Section("When to stop", "Late & <early>.", figure, pd.DataFrame({"day": [10]}))],
        scores=pd.DataFrame({"crps": [0.1]}, index=pd.Index(["mechanism"], name="method")),
        metrics={"best_stop_h": np.float64(240.0)},
    )
    return page


def test_the_answer_comes_first_then_the_figure_then_the_evidence(report):
    page = report.read_text(encoding="utf-8")
    landmarks = ["The maximum growth rate is", "checks passed", "<img", "When to stop"]
    landmarks += ["Beside the baselines", 'id="checks"', 'id="predictive"', 'id="parameters"']
    landmarks += ['id="equations"', 'id="sampling"', 'id="data"', 'id="provenance"']
    places = [page.index(each) for each in landmarks]
    assert places == sorted(places)


def test_the_page_needs_nothing_but_itself(report):
    page = report.read_text(encoding="utf-8")
    outside = re.findall(r'(?:src|href)="(?!data:|#)([^"]+)"', page)
    assert [address for address in outside if not address.startswith("#")] == []
    assert "@import" not in page
    assert "<script" not in page


def test_the_page_stays_below_two_megabytes(report):
    assert report.stat().st_size <= 2_000_000


def test_what_an_analysis_writes_is_escaped(report):
    assert "Late &amp; &lt;early&gt;." in report.read_text(encoding="utf-8")


def test_every_figure_is_also_a_file(report):
    figures = {path.stem for path in (report.parent / "figures").glob("*.png")}
    assert {"answer", "trace", "rank", "energy", "loo_pit", "when_to_stop"} <= figures
    assert {"predictive_glucose", "predictive_viability", "maximum_growth_rate_by_run"} <= figures


def test_the_metrics_are_flat_and_hold_the_answer(report, calibration):
    told = json.loads((report.parent / "metrics.json").read_text(encoding="utf-8"))
    assert all(value is None or isinstance(value, str | int | float) for value in told.values())
    assert told["passed"] is True
    assert told["best_stop_h"] == 240.0
    assert told["data_hash"] == calibration.campaign.hash
    median = calibration.summary().loc["maximum_growth_rate", "eti_50"]
    assert told["maximum_growth_rate_eti_50"] == pytest.approx(median, rel=1e-5)


def test_the_provenance_names_data_seed_and_versions(report, calibration):
    page = report.read_text(encoding="utf-8")
    for told in (calibration.campaign.hash, "20260101", "pymc 6", "4 chains of 200"):
        assert told in page


def test_a_failed_verdict_stands_above_a_prediction_with_its_remedy(failed_calibration, tmp_path):
    shown = failed_calibration.predict(times=[0.0, 24.0, 48.0])
    page = write_report(tmp_path / "failed", failed_calibration, answer="Perhaps.", show=shown)
    html = page.read_text(encoding="utf-8")
    assert (
        html.index("Not a result yet")
        < html.index("Fix cell_yield_on_glucose")
        < html.index("<img")
    )
    told = json.loads((page.parent / "metrics.json").read_text(encoding="utf-8"))
    assert told["passed"] is False


def test_the_index_links_every_report(report):
    page = write_index(report.parent.parent).read_text(encoding="utf-8")
    assert 'href="clone_a_growth/index.html"' in page
    assert "The maximum growth rate is" in page
    assert 'src="clone_a_growth/figures/answer.png"' in page


@pytest.mark.slow
def test_sixty_runs_still_fit_on_a_page(many_runs, tmp_path):
    page = write_report(tmp_path / "many", many_runs, answer="Sixty runs.")
    assert page.stat().st_size <= 2_000_000


class StubPosterior:
    """As much of a posterior without a process model as a report reads."""

    hash = "cd" * 32
    data_hash = "ef" * 32
    random_seed = 7
    warnings = ("Two media were measured only once.",)

    def __init__(self, calibration, *, sampled):
        kept = ["posterior", "sample_stats"] if sampled else ["posterior"]
        groups = {name: calibration.posterior[name].to_dataset() for name in kept}
        self.posterior = xr.DataTree.from_dict(groups)
        self.calibration = calibration

    def evidence(self):
        return Evidence(self, "A law")

    def check(self):
        return self.calibration.check()

    def summary(self):
        return self.calibration.summary()[["unit", "eti_5", "eti_50", "eti_95"]]


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "exact"])
def test_a_posterior_without_a_process_model_is_reported_too(calibration, tmp_path, sampled):
    figure = draw_stopping(optimal_stop(calibration.predict(), value="viable_cell_density"))
    result = StubPosterior(calibration, sampled=sampled)
    page = write_report(tmp_path / "law", result, answer="It scales.", show=figure)
    html = page.read_text(encoding="utf-8")
    assert html.index("It scales.") < html.index("Two media were measured only once.")
    assert ('id="sampling"' in html) is sampled
    assert 'id="equations"' not in html
    told = json.loads((page.parent / "metrics.json").read_text(encoding="utf-8"))
    assert (told["data_hash"], told["seed"], told["passed"]) == ("ef" * 32, 7, True)
    assert "maximum_growth_rate_eti_50" in told


def test_a_posterior_without_a_process_model_opens_with_its_intervals(calibration, tmp_path):
    result = StubPosterior(calibration, sampled=False)
    page = write_report(tmp_path / "law", result, answer="It scales.")
    assert (page.parent / "figures" / "answer.png").is_file()


def test_what_cannot_be_drawn_is_a_sentence(calibration, tmp_path):
    with pytest.raises(DataError, match="show is a str"):
        write_report(tmp_path / "law", calibration, answer="It scales.", show="figure.png")
