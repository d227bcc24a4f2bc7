"""Figures of a titer model: which factors matter, the titer along each, forecasts held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayesbio.report.figures.house_style import INK, PALETTE, QUIET, figure_style
from bayesbio.report.labels import axis_label, title, unit_text

__all__ = ["draw_held_out", "draw_key_factors", "draw_partial_effects", "draw_surface"]

MOST_FACTORS = 20
ACROSS = 3  # panels in a row


def draw_key_factors(table: pd.DataFrame, *, response: str) -> Figure:
    """
    Draw how far each factor moves the titer, and how surely that matters.

    Parameters
    ----------
    table : DataFrame
        From ``key_factors()``.
    response : str

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_key_factors(fitted.key_factors("10 %"), response="titer")``
    """
    shown = table.head(MOST_FACTORS)[::-1]
    ticks = np.arange(len(shown))
    with figure_style():
        figure = Figure(figsize=(8.0, 1.3 + 0.27 * len(shown)), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(2.2, 1), sharey=True)
        colours = [PALETTE[0] if key else QUIET for key in shown["key"]]
        left.hlines(ticks, shown["influence_5"], shown["influence_95"], color=colours, linewidth=2)
        left.scatter(shown["influence"], ticks, s=26, color=colours, zorder=3)
        left.axvline(table.attrs["size"], color=PALETTE[1], linewidth=1, linestyle="--")
        left.set_xlabel(
            f"change of {axis_label(response, table.attrs['unit'])} over the factor's range\n"
            f"(mean and 90 % interval; dashed: relevance threshold)"
        )
        left.set_yticks(ticks, [_factor(name) for name in shown.index])
        left.set_xlim(left=0.0)
        right.barh(ticks, shown["probability_matters"], color=colours, height=0.6)
        right.axvline(0.5, color=INK, linewidth=0.8, linestyle=":")
        right.set_xlim(0.0, 1.0)
        right.set_xlabel("probability that it matters")
        for panel in (left, right):
            panel.grid(axis="y", visible=False)
    return figure


def draw_partial_effects(curves: Sequence[pd.DataFrame], *, response: str) -> Figure:
    """
    Draw the typical titer along factors, median and 90 % band.

    Parameters
    ----------
    curves : sequence of DataFrame
        From ``partial_effect()``.
    response : str

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_partial_effects([fitted.partial_effect("ph")], response="titer")``
    """
    rows = -(-len(curves) // ACROSS)
    with figure_style():
        figure = Figure(figsize=(8.4, 2.4 * rows), layout="constrained")
        panels = figure.subplots(rows, ACROSS, squeeze=False, sharey=True).ravel()
        for panel, curve in zip(panels, curves, strict=False):
            name = str(curve.columns[0])
            at = curve[name]
            if pd.api.types.is_numeric_dtype(at):
                panel.fill_between(
                    at, curve["eti_5"], curve["eti_95"], color=PALETTE[0], alpha=0.2, linewidth=0
                )
                panel.plot(at, curve["eti_50"], color=PALETTE[0])
            else:
                ticks = np.arange(len(at))
                panel.vlines(ticks, curve["eti_5"], curve["eti_95"], color=PALETTE[0], linewidth=2)
                panel.plot(ticks, curve["eti_50"], "o", color=PALETTE[0])
                panel.set_xticks(ticks, list(at))
            panel.set_xlabel(_with_unit(name, curve.attrs.get("factor_unit", "")))
        for panel in panels[len(curves) :]:
            panel.set_visible(False)
        figure.supylabel(axis_label(response, curves[0].attrs["unit"]), fontsize=9)
    return figure


def draw_surface(surface: xr.Dataset, *, response: str) -> Figure:
    """
    Draw the typical titer over two factors, and the width of its 90 % band.

    Parameters
    ----------
    surface : Dataset
        From ``interaction_surface()``.
    response : str

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_surface(fitted.interaction_surface("ph", "temperature"), response="titer")``
    """
    one, other = (str(name) for name in surface["eti_50"].dims)
    unit = surface["eti_50"].attrs["units"]
    with figure_style():
        figure = Figure(figsize=(8.0, 3.2), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        parts = (surface["eti_50"], surface["eti_95"] - surface["eti_5"])
        names = (axis_label(response, unit), f"width of its 90 % band [{unit_text(unit)}]")
        for panel, part, name, colours in zip(
            panels, parts, names, ("viridis", "cividis"), strict=True
        ):
            drawn = panel.contourf(
                surface[one], surface[other], part.to_numpy().T, 12, cmap=colours
            )
            figure.colorbar(drawn, ax=panel, label=name)
            panel.set_xlabel(_with_unit(one, surface[one].attrs.get("units", "")))
            panel.grid(visible=False)
        panels[0].set_ylabel(_with_unit(other, surface[other].attrs.get("units", "")))
    return figure


def draw_held_out(scores: pd.DataFrame, *, unit: str, score: str = "crps") -> Figure:
    """
    Draw how well methods predict what was held out, way by way of holding out.

    Parameters
    ----------
    scores : DataFrame
        Index method; one column per way of holding out.
    unit : str
        Of the score.
    score : str
        Its name.

    Returns
    -------
    Figure

    Examples
    --------
    >>> table = pd.DataFrame({"random": [0.4], "by medium": [0.6]}, index=["lasso"])
    >>> figure = draw_held_out(table, unit="g/L")
    """
    ways = list(scores.columns)
    ticks = np.arange(len(scores))[::-1]
    markers: Any = "osD^v"
    with figure_style():
        figure = Figure(figsize=(8.0, 1.2 + 0.32 * len(scores)), layout="constrained")
        panel = figure.subplots()
        panel.hlines(ticks, scores.min(axis=1), scores.max(axis=1), color=QUIET, linewidth=1)
        for way, colour, marker in zip(ways, PALETTE, markers, strict=False):
            panel.plot(scores[way], ticks, marker, color=colour, label=way, markersize=6)
        panel.set_yticks(ticks, list(scores.index))
        panel.set_ylim(-0.6, len(scores) - 0.4)
        panel.grid(axis="y", visible=False)
        panel.set_xlabel(
            f"{score.upper()} of what was held out [{unit_text(unit)}]; less is better"
        )
        figure.legend(loc="outside upper left", ncols=len(ways), frameon=False, title="held out:")
    return figure


def _factor(name: Any) -> str:
    """Name a factor as a reader writes it; formulas of salts stay as they are."""
    text = str(name)
    return title(text) if "_" in text or text.isalpha() else text


def _with_unit(name: str, unit: str) -> str:
    shown = unit_text(unit) if unit else ""
    return f"{_factor(name)} [{shown}]" if shown else _factor(name)
