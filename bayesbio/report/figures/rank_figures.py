"""Ranks of known truths, as a reader sees them: inside their band or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import binom

from bayesbio.report.figures.house_style import GRID, INK, PALETTE, QUIET, figure_style
from bayesbio.report.labels import title

__all__ = ["draw_rank_counts", "draw_rank_differences"]

BINS = 10  # of rank histograms
COLUMNS = 4
OUTSIDE = PALETTE[1]


def draw_rank_differences(
    ranks: Any, *, names: Sequence[str] | None = None, probability: float = 0.99
) -> Figure:
    """
    Draw how far the cumulative share of ranks strays from uniform, with its simultaneous band.

    Parameters
    ----------
    ranks : Ranks
        From `bayesbio.calibrate.simulation_based_calibration`, or the same of `inference`.
    names : sequence of str, optional
        Which to draw; all by default.
    probability : float [1]
        With which honest ranks of all names together stay inside their bands.

    Returns
    -------
    Figure
        One panel a number. Inside the band all over is what honest posteriors give; a curve that
        leaves it is drawn in another colour.

    Examples
    --------
    ``draw_rank_differences(ranks)``
    """
    names = ranks.names if names is None else tuple(names)
    figure, panels = _panels(names)
    with figure_style():
        for panel, name in zip(panels, names, strict=True):
            curve = ranks.ecdf_difference(name, probability=probability)
            left = bool(
                ((curve["difference"] < curve["low"]) | (curve["difference"] > curve["high"])).any()
            )
            at = curve.index.to_numpy()
            panel.fill_between(at, curve["low"], curve["high"], color=GRID, linewidth=0, step="mid")
            panel.axhline(0.0, color=QUIET, linewidth=0.6)
            panel.step(at, curve["difference"], where="mid", color=OUTSIDE if left else PALETTE[0])
            panel.set(xlim=(0.0, 1.0), xticks=(0.0, 0.5, 1.0))
        highest = max(abs(limit) for panel in panels for limit in panel.dataLim.intervaly)
        for panel in panels:
            panel.set_ylim(-1.1 * highest, 1.1 * highest)
        figure.supxlabel("Share of draws below the truth", fontsize=9, color=INK)
        figure.supylabel("Share of truths, minus uniform", fontsize=9, color=INK)
    return figure


def draw_rank_counts(
    ranks: Any, *, names: Sequence[str] | None = None, probability: float = 0.99
) -> Figure:
    """
    Draw histograms of ranks with the range of a single bar.

    Parameters
    ----------
    ranks : Ranks
    names : sequence of str, optional
        Which to draw; all by default.
    probability : float [1]
        With which one bar of honest ranks lies in the grey range; of many bars some will not.

    Returns
    -------
    Figure
        One panel a number. A U shape means that posteriors are too narrow, a hump that they
        are too wide, a slope that they are biased.

    Examples
    --------
    ``draw_rank_counts(ranks)``
    """
    names = ranks.names if names is None else tuple(names)
    figure, panels = _panels(names)
    edges = np.linspace(0.0, 1.0, BINS + 1)
    with figure_style():
        for panel, name in zip(panels, names, strict=True):
            fractions = (ranks.of(name) + 0.5) / (ranks.draws + 1.0)
            counts, _ = np.histogram(fractions, edges)
            share = np.histogram((np.arange(ranks.draws + 1) + 0.5) / (ranks.draws + 1.0), edges)[0]
            each = share / share.sum()
            low, high = binom.interval(probability, len(fractions), each)
            for side, below, above in zip(edges[:-1], low, high, strict=True):
                panel.fill_between([side, side + 1.0 / BINS], below, above, color=GRID, linewidth=0)
            panel.bar(edges[:-1], counts, width=0.9 / BINS, align="edge", color=PALETTE[0])
            panel.set(xlim=(0.0, 1.0), xticks=(0.0, 0.5, 1.0))
            panel.set_ylim(0.0, 1.1 * max(high.max(), counts.max()))
        figure.supxlabel("Share of draws below the truth", fontsize=9, color=INK)
        figure.supylabel("Replications", fontsize=9, color=INK)
    return figure


def _panels(names: Sequence[str]) -> tuple[Figure, list[Any]]:
    """One panel a name, labelled."""
    count = len(names)
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    with figure_style():
        figure = Figure(figsize=(max(3.0, 1.9 * columns), 0.5 + 1.45 * rows), layout="constrained")
        panels = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
        for panel in panels[count:]:
            panel.remove()
        for index, (panel, name) in enumerate(zip(panels, names, strict=False)):
            panel.set_title(_wrapped(title(name)), fontsize=7.5)
            panel.tick_params(labelleft=index % columns == 0, labelbottom=index + columns >= count)
    return figure, panels[:count]


def _wrapped(text: str) -> str:
    """Break a long name once."""
    if len(text) <= 26:
        return text
    index = text.rfind(" ", 0, 27)
    return text if index < 0 else f"{text[:index]}\n{text[index + 1 :]}"
