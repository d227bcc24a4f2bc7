"""Colours and style that every figure shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from cycler import cycler

__all__ = ["GRID", "INK", "PALETTE", "QUIET", "figure_style"]

# Okabe and Ito (2008): distinguishable with any colour vision; no yellow on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
INK, QUIET, GRID = "#1a1a1a", "#6b6b6b", "#e4e4e4"


@contextmanager
def figure_style() -> Iterator[None]:
    """
    Draw in the common style of all figures while inside the ``with`` block.

    Examples
    --------
    >>> with figure_style():
    ...     matplotlib.rcParams["axes.labelsize"]
    9.0
    """
    with matplotlib.rc_context(
        {
            "axes.edgecolor": QUIET,
            "axes.grid": True,
            "axes.labelcolor": INK,
            "axes.labelsize": 9,
            "axes.linewidth": 0.6,
            "axes.prop_cycle": cycler(color=PALETTE),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": 9,
            "axes.titlelocation": "left",
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "font.size": 9,
            "text.parse_math": False,  # a name with two dollar signs is a name
            "grid.color": GRID,
            "grid.linewidth": 0.6,
            "legend.fontsize": 8.5,
            "legend.frameon": False,
            "lines.linewidth": 1.4,
            "xtick.color": QUIET,
            "xtick.labelcolor": INK,
            "xtick.labelsize": 8,
            "ytick.color": QUIET,
            "ytick.labelcolor": INK,
            "ytick.labelsize": 8,
        }
    ):
        yield
