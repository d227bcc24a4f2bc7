"""Figure of a summary: medians with intervals, for any result."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayesbio.report.figures.house_style import INK, PALETTE, figure_style
from bayesbio.report.labels import axis_label, title, unit_text

__all__ = ["draw_summary"]

MOST_ROWS = 24


def draw_summary(summary: pd.DataFrame) -> Figure:
    """
    Draw medians and 90 % intervals of a summary, one panel a unit.

    Parameters
    ----------
    summary : DataFrame
        With ``eti_5, eti_50, eti_95`` and ``unit``; the first 24 rows are drawn.

    Returns
    -------
    Figure

    Examples
    --------
    >>> table = pd.DataFrame({"unit": ["1/h"], "eti_5": [0.02], "eti_50": [0.03], "eti_95": [0.04]},
    ...     index=["growth_rate"])
    >>> figure = draw_summary(table)
    """
    needed = ["eti_5", "eti_50", "eti_95"]
    if not set(needed) <= set(summary.columns):
        return _blank("The table of this result has no intervals; see below.")
    rows = summary[np.isfinite(summary[needed].astype(float)).all(axis=1)].head(MOST_ROWS)
    if rows.empty:
        return _blank("The table of this result has no intervals; see below.")
    units = rows["unit"].astype(str) if "unit" in rows else pd.Series("", index=rows.index)
    panels = list(dict.fromkeys(units))
    heights = [int((units == unit).sum()) for unit in panels]
    with figure_style():
        figure = Figure(
            figsize=(6.8, 0.3 * sum(heights) + 0.75 * len(panels) + 0.2), layout="constrained"
        )
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights).ravel()
        for panel, unit in zip(axes, panels, strict=True):
            part = rows[units == unit]
            at = np.arange(len(part))[::-1]
            panel.hlines(at, part["eti_5"], part["eti_95"], color=PALETTE[0], linewidth=2)
            panel.plot(part["eti_50"], at, "o", color=INK, markersize=4)
            panel.set_yticks(at, [title(str(name)) for name in part.index])
            panel.set_ylim(-0.6, len(part) - 0.4)
            panel.set_xlabel(axis_label("median_and_90_%_interval", unit_text(unit)))
    return figure


def _blank(words: str) -> Figure:
    with figure_style():
        figure = Figure(figsize=(6.8, 0.8), layout="constrained")
        figure.text(0.02, 0.5, words, va="center")
    return figure
