"""Pages of a first look: the best fit over the data, and the models that were tried on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bayesbio.report.figures.course_figures import draw_predictive
from bayesbio.report.labels import number, unit_text
from bayesbio.report.page import Picture, render_page, table_html
from bayesbio.report.subject import courses_of

__all__ = ["write_model_choice", "write_quick_look"]


def write_quick_look(path: str | os.PathLike[str], look: Any) -> Path:
    """
    Write one page with the best fit over the data: a first impression, labelled as that.

    Parameters
    ----------
    path : path
        The HTML file to write.
    look : QuickLook
        From `bayesbio.calibrate.quick_look`.

    Returns
    -------
    Path

    Examples
    --------
    ``write_quick_look("quick_look.html", look)``
    """
    page = Path(path)
    courses = courses_of(look)
    pictures = [
        Picture.of(
            draw_predictive(courses, look.campaign, name),
            name=name,
            words=f"Best fit and measurements of {name.replace('_', ' ')} in every run",
        )
        for name in look.campaign.quantities
        if name in courses
    ]
    estimates = look.summary().rename_axis("parameter").reset_index()
    estimates["unit"] = [unit_text(str(unit)) for unit in estimates["unit"]]
    content = {
        "title": f"{type(look.model).__name__} on {len(look.campaign)} runs",
        "label": look.label,
        "converged": look.converged,
        "others": len(look.other_modes),
        "pictures": pictures,
        "estimates": table_html(estimates),
    }
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render_page("quick_look.html", content, pictures), encoding="utf-8")
    return page


def write_model_choice(path: str | os.PathLike[str], choice: Any) -> Path:
    """
    Write one page with the best model over the data, what speaks for it, and what was tried.

    Parameters
    ----------
    path : path
        The HTML file to write.
    choice : ModelChoice
        From `bayesbio.calibrate.which_model_fits`.

    Returns
    -------
    Path

    Examples
    --------
    ``write_model_choice("which_model.html", choice)``
    """
    page = Path(path)
    pictures = [
        Picture.of(
            draw_predictive(choice.curves, choice.campaign, name),
            name=name,
            words=f"Best model and measurements of {name.replace('_', ' ')} in every run",
        )
        for name in choice.campaign.quantities
        if name in choice.curves
    ]
    tried = choice.table.reset_index()
    tried["model"] = [name.replace("--option ", "") for name in tried["model"]]
    for column in tried.columns[1:]:
        shares = column not in ("unknowns", "bic", "score")
        tried[column] = [_cell(value, percent=shares) for value in tried[column]]
    tried.columns = [str(column).replace("_", " ") for column in tried.columns]
    content = {
        "title": f"{type(choice.model).__name__} on {len(choice.campaign)} runs",
        "reasons": choice.reasons,
        "pictures": pictures,
        "tried": table_html(tried.rename(columns={"bic": "BIC"})),
    }
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render_page("model_choice.html", content, pictures), encoding="utf-8")
    return page


def _cell(value: float, *, percent: bool) -> str:
    """Write a number of the table; blank where there is none."""
    if value != value:
        return ""
    return f"{value:.0%}" if percent else number(value)
