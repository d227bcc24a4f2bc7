"""From a result to a report that a colleague can check."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayesbio.errors import DataError
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.report.figures.course_figures import draw_courses
from bayesbio.report.figures.summary_figures import draw_summary
from bayesbio.report.metrics import metrics_of, plain
from bayesbio.report.page import Picture, render_page, table_html
from bayesbio.report.provenance import provenance
from bayesbio.report.section import Section
from bayesbio.report.sections import standard_sections
from bayesbio.report.subject import Subject

__all__ = ["write_report"]

SCORES = (
    "The model and baselines that use nothing but the data, scored on the same held-out data. "
    "Lower CRPS is better; 90 % intervals should cover about 90 %."
)


def write_report(
    path: str | os.PathLike[str],
    result: Any,
    *,
    answer: str,
    show: Any = None,
    title: str | None = None,
    sections: Sequence[Section] = (),
    scores: pd.DataFrame | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> Path:
    """
    Write one self-contained page, its figures as files, and the numbers as metrics.json.

    Parameters
    ----------
    path : path
        Folder of the report; made when missing.
    result : Calibration, or any other fitted result
        The result behind the answer, which gives its ``evidence()``. A calibration also shows its
        courses, equations and data.
    answer : str
        What the reader came for, in a sentence or two (see `sentence`).
    show : Dataset or Figure, optional
        The figure under the answer: a prediction of courses, drawn with the data where runs agree
        in name, or any figure. By default the calibrated courses with their data, or the intervals
        of the summary.
    title : str, optional
        The question; what the result is by default.
    sections : sequence of Section
        Further figures and tables of the analysis; they follow the figure.
    scores : DataFrame, optional
        The model beside the baselines on the same folds, one method a row.
    metrics : mapping, optional
        Further numbers for metrics.json, which is flat: name to number, text or truth value.

    Returns
    -------
    Path
        The page, ``index.html`` in the folder.

    Raises
    ------
    DataError
        If `show` cannot be drawn.

    Examples
    --------
    ``write_report("reports/growth", calibration, answer=sentence(calibration, "death_rate"))``
    """
    folder = Path(path)
    evidence = result.evidence()
    subject = Subject(evidence)
    head = _head_figure(subject, show)
    shown = list(sections)
    if scores is not None:
        shown.append(Section("Beside the baselines", SCORES, table=scores, name="scores"))
    shown += standard_sections(subject)
    shown.append(_provenance_section(evidence))
    pictures = [Picture.of(head, name="answer", words="The figure behind the answer")]
    content: dict[str, Any] = {
        "title": " ".join((title or evidence.title).split()),
        "answer": answer,
        "verdict": evidence.verdict,
        "head": pictures[0],
        "sections": list(_prepared(shown, pictures)),
    }
    html = render_page("report.html", content, pictures)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        (folder / "figures" / f"{picture.name}.png").write_bytes(picture.png)
    numbers = {"title": content["title"], "answer": answer, **metrics_of(subject)}
    numbers |= {name: plain(value) for name, value in (metrics or {}).items()}
    text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
    page = folder / "index.html"
    page.write_text(html, encoding="utf-8")
    return page


def _head_figure(subject: Subject, show: Any) -> Figure:
    """Figure under the answer."""
    if isinstance(show, Figure):
        return show
    calibration = subject.evidence.calibration
    if show is None:
        if calibration is not None:
            return draw_courses(subject.courses, calibration.campaign)
        return draw_summary(subject.evidence.summary)
    if isinstance(show, xr.Dataset) and calibration is not None:
        return draw_courses(show, calibration.campaign)
    raise DataError(
        f"show is a {type(show).__name__}, which the report of a {subject.evidence.kind} "
        "cannot draw; give a Matplotlib figure, or a prediction of courses for a calibration."
    )


def _prepared(sections: Sequence[Section], pictures: list[Picture]) -> Iterator[dict[str, Any]]:
    """Sections as the template takes them; their figures are drawn and collected on the way."""
    for count, section in enumerate(sections, start=1):
        picture = None
        if section.figure is not None:
            name = section.name or section.title
            picture = Picture.of(section.figure, name=name, words=section.caption or section.title)
            pictures.append(picture)
        yield {
            "anchor": section.name or f"s{count}",
            "title": section.title,
            "text": section.text,
            "picture": picture,
            "caption": section.caption,
            "table": None if section.table is None else table_html(section.table),
            "html": section.html,
            "parts": list(_prepared(section.parts, pictures)),
        }


def _provenance_section(evidence: Evidence) -> Section:
    rows = pd.Series(provenance(evidence)).rename_axis("what").rename("value").to_frame()
    return Section("Provenance", table=rows, name="provenance")
