"""One part of a report: a heading with text, a figure, a table, and parts below it."""

from __future__ import annotations

import dataclasses

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

__all__ = ["Section"]


@dataclasses.dataclass(frozen=True, eq=False)
class Section:
    """
    A heading with any of a text, a figure and a table under it.

    Parameters
    ----------
    title : str
        The heading, in words; a part without a title has no heading.
    text : str
        Paragraphs, separated by blank lines.
    figure : Figure, optional
        Any Matplotlib figure; those of `bayesbio.report` share one style.
    table : DataFrame, optional
        Shown with its index when that has a name; numbers to three significant digits.
    caption : str
        A line under the figure.
    parts : sequence of Section
        Subsections.
    html : Markup, optional
        Ready HTML, such as equations as SVG.
    name : str
        Anchor in the page and file name of the figure; made from the title by default.

    Examples
    --------
    >>> Section("When to stop", "Waiting longer costs viability.").title
    'When to stop'
    """

    title: str
    text: str = ""
    figure: Figure | None = None
    table: pd.DataFrame | None = None
    caption: str = ""
    parts: tuple[Section, ...] = ()
    html: Markup | None = None
    name: str = ""
