"""A page with the best fit over the data, labelled as a first impression."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bayesbio.report.figures.course_figures import draw_predictive
from bayesbio.report.labels import unit_text
from bayesbio.report.page import Picture, render_page, table_html
from bayesbio.report.subject import courses_of

__all__ = ["write_quick_look"]


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
