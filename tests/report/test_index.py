import json
from dataclasses import asdict

import pytest

from bayesbio.errors import DataError
from bayesbio.inference import Verdict, VerdictItem
from bayesbio.report import write_index


def test_an_index_of_nothing_says_how_to_make_a_report(tmp_path):
    assert "bayesbio run all" in write_index(tmp_path).read_text(encoding="utf-8")


def test_reports_are_linked_with_title_and_answer(tmp_path):
    (tmp_path / "growth").mkdir()
    (tmp_path / "growth" / "index.html").write_text("page")
    told = {"title": "How fast?", "answer": "Fast <enough>.", "passed": True}
    verdict = Verdict((VerdictItem("coverage", 0.5, ">= 0.8", False, "Low.", question="model"),))
    for badge in verdict.badges:
        told |= {f"model_badge_{name}": value for name, value in asdict(badge).items()}
    (tmp_path / "growth" / "metrics.json").write_text(json.dumps(told))
    page = write_index(tmp_path).read_text(encoding="utf-8")
    assert 'href="growth/index.html"' in page and "Fast &lt;enough&gt;." in page
    assert "✗ Model does not describe these data: 0 of 1 checks passed, 1 failed" in page


def test_broken_metrics_are_a_sentence(tmp_path):
    (tmp_path / "growth").mkdir()
    (tmp_path / "growth" / "index.html").write_text("page")
    (tmp_path / "growth" / "metrics.json").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        write_index(tmp_path)


def test_a_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match="There is no folder"):
        write_index(tmp_path / "nowhere")
