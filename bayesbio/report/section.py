"""One part of a report that an analysis adds of its own."""

from __future__ import annotations

import dataclasses

import pandas as pd
from matplotlib.figure import Figure

__all__ = ["Section"]


@dataclasses.dataclass(frozen=True, eq=False)
class Section:
    """
    A heading with any of a text, a figure and a table under it.

    Parameters
    ----------
    title : str
        The heading, in words.
    text : str
        Paragraphs, separated by blank lines.
    figure : Figure, optional
        Any Matplotlib figure; those of `bayesbio.report` share the style of the house.
    table : DataFrame, optional
        Shown with its index when that has a name; numbers to three significant digits.

    Examples
    --------
    >>> Section("When to stop", "Waiting longer costs viability.").title
    'When to stop'
    """

    title: str
    text: str = ""
    figure: Figure | None = None
    table: pd.DataFrame | None = None
