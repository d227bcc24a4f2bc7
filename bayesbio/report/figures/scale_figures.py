"""Figures of a scale-up: curves per scale, trends over volume, errors, and what makes the width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator

from bayesbio.report.figures.house_style import INK, PALETTE, QUIET, figure_style
from bayesbio.report.labels import axis_label, title, unit_text

__all__ = [
    "draw_scale_errors",
    "draw_scale_parity",
    "draw_scale_residuals",
    "draw_scale_trends",
    "draw_scale_weights",
    "draw_scales",
    "draw_variance_parts",
]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
PART_NAMES = {
    "curve": "curves of the runs",
    "law": "slope and bend of the law",
    "weights": "which law",
    "run_effect": "a new run at a new scale",
    "noise": "reading",
}


def volume_text(volume: float) -> str:
    """
    Write a volume as a reader would.

    Parameters
    ----------
    volume : float [L]

    Returns
    -------
    str

    Examples
    --------
    >>> volume_text(4000.0), volume_text(10.0)
    ('4 m³', '10 L')
    """
    return f"{volume / 1000.0:g} m³" if volume >= 1000.0 else f"{volume:g} L"


def draw_scales(
    predictions: Mapping[float, xr.Dataset],
    readings: pd.DataFrame,
    quantity: str,
    *,
    unit: str,
    headings: Mapping[float, str] | None = None,
) -> Figure:
    """
    Draw predicted curves with bands, one panel a scale, beside what was read.

    Parameters
    ----------
    predictions : mapping of volume [L] to Dataset
        As from `ScaleFit.predict`.
    readings : DataFrame
        volume, time_h, quantity, value.
    quantity : str
    unit : str
    headings : mapping of volume to str, optional

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_scales(validation.predictions, validation.readings, "titer", unit="g/L")``
    """
    volumes = sorted(predictions)
    columns = min(len(volumes), 4)
    lines = -(-len(volumes) // columns)
    with figure_style():
        figure = Figure(figsize=(max(2.3 * columns, 4.2), 2.5 * lines + 0.7), layout="constrained")
        panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for panel, volume in zip(panels, volumes, strict=False):
            drawn = predictions[volume][quantity].isel(run=0)
            times = drawn["time"].to_numpy()
            low, inner, middle, outer, high = np.quantile(
                drawn.to_numpy().reshape(-1, len(times)), QUANTILES, axis=0
            )
            panel.fill_between(times, low, high, color=PALETTE[0], alpha=0.2, linewidth=0)
            panel.fill_between(times, inner, outer, color=PALETTE[0], alpha=0.35, linewidth=0)
            panel.plot(times, middle, color=PALETTE[0], linewidth=1.6)
            part = readings[
                np.isclose(readings["volume"], volume) & (readings["quantity"] == quantity)
            ]
            panel.plot(
                part["time_h"], part["value"], "o", markersize=3.6, markerfacecolor=INK,
                markeredgecolor="white", linestyle="none",
            )  # fmt: skip
            panel.set_title((headings or {}).get(volume, volume_text(volume)))
        for panel in panels[len(volumes) :]:
            panel.set_visible(False)
        panels[0].set_ylim(bottom=0.0)
        figure.supxlabel("Time [h]", fontsize=9)
        figure.supylabel(axis_label(quantity, unit_text(unit)), fontsize=9)
        figure.legend(
            handles=[
                _line(PALETTE[0], "median"),
                _patch(PALETTE[0], 0.5, "50 %"),
                _patch(PALETTE[0], 0.2, "90 % interval"),
                _dot("read"),
            ],
            loc="outside upper right", ncols=4, frameon=False, fontsize=8,
        )  # fmt: skip
    return figure


def draw_scale_parity(readings: pd.DataFrame, *, quantity: str, unit: str) -> Figure:
    """
    Draw readings of left-out scales over their predictions, with 90 % intervals.

    Parameters
    ----------
    readings : DataFrame
        As ``ScaleValidation.readings``.
    quantity : str
    unit : str

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_scale_parity(validation.readings, quantity="titer", unit="g/L")``
    """
    with figure_style():
        figure = Figure(figsize=(4.6, 4.2), layout="constrained")
        panel = figure.subplots()
        top = 1.05 * float(readings[["value", "eti_95"]].to_numpy().max())
        panel.plot([0.0, top], [0.0, top], color=QUIET, linewidth=0.8)
        for index, (volume, part) in enumerate(readings.groupby("volume")):
            colour = PALETTE[index % len(PALETTE)]
            panel.vlines(part["value"], part["eti_5"], part["eti_95"], color=colour, alpha=0.35)
            panel.plot(
                part["value"], part["mean"], "o", color=colour, markersize=3.6,
                label=volume_text(float(str(volume))),
            )  # fmt: skip
        panel.set(xlim=(0.0, top), ylim=(0.0, top), aspect="equal")
        panel.set_xlabel(f"Read: {axis_label(quantity, unit_text(unit))}")
        panel.set_ylabel("Predicted from the other scales")
        panel.legend(title="Left out", frameon=False, fontsize=8, title_fontsize=8)
    return figure


def draw_scale_residuals(readings: pd.DataFrame, *, quantity: str, unit: str) -> Figure:
    """
    Draw what readings of left-out scales differ from their predictions, over time.

    Parameters
    ----------
    readings : DataFrame
        As ``ScaleValidation.readings``.
    quantity : str
    unit : str

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_scale_residuals(validation.readings, quantity="titer", unit="g/L")``
    """
    groups = list(readings.groupby("volume"))
    with figure_style():
        figure = Figure(figsize=(max(2.3 * len(groups), 4.2), 2.6), layout="constrained")
        panels = figure.subplots(1, len(groups), sharey=True, squeeze=False).ravel()
        for panel, (volume, part) in zip(panels, groups, strict=True):
            panel.fill_between(
                part["time_h"], part["eti_5"] - part["mean"], part["eti_95"] - part["mean"],
                color=PALETTE[0], alpha=0.2, linewidth=0,
            )  # fmt: skip
            panel.axhline(0.0, color=QUIET, linewidth=0.8)
            panel.plot(
                part["time_h"], part["value"] - part["mean"], "o", markersize=3.6,
                markerfacecolor=INK, markeredgecolor="white",
            )  # fmt: skip
            panel.set_title(f"{volume_text(float(str(volume)))} left out")
        figure.supxlabel("Time [h]", fontsize=9)
        figure.supylabel(f"Read minus predicted [{unit_text(unit) or '1'}]", fontsize=9)
    return figure


def draw_scale_trends(trends: pd.DataFrame, summary: pd.DataFrame, volumes: Any) -> Figure:
    """
    Draw where each parameter of the curve goes with the volume, with the runs it rests on.

    Parameters
    ----------
    trends : DataFrame
        As from `ScaleFit.trends`.
    summary : DataFrame
        As from `ScaleFit.summary`.
    volumes : array [L]
        Of the runs, in the order of the campaign.

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_scale_trends(fit.trends(), fit.summary(), volumes)``
    """
    names = list(dict.fromkeys(trends["parameter"]))
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    with figure_style():
        figure = Figure(figsize=(2.7 * columns, 2.2 * lines), layout="constrained")
        panels = figure.subplots(lines, columns, sharex=True, squeeze=False).ravel()
        for panel, name in zip(panels, names, strict=False):
            part = trends[trends["parameter"] == name]
            panel.fill_between(
                part["volume"],
                part["eti_5"],
                part["eti_95"],
                color=PALETTE[0],
                alpha=0.2,
                linewidth=0,
            )
            panel.plot(part["volume"], part["eti_50"], color=PALETTE[0], linewidth=1.6)
            runs = summary[[str(each).startswith(f"{name}_by_run[") for each in summary.index]]
            middle = runs["eti_50"].to_numpy(float)
            panel.errorbar(
                np.asarray(volumes, float), middle,
                yerr=[middle - runs["eti_5"].to_numpy(float),
                      runs["eti_95"].to_numpy(float) - middle],
                fmt="o", color=INK, markersize=3.6, linewidth=1.0,
            )  # fmt: skip
            panel.set_xscale("log")
            panel.xaxis.set_major_locator(LogLocator(numticks=5))
            unit = unit_text(str(part["unit"].iloc[0]))
            panel.set_title(title(name) + (f" [{unit}]" if unit else ""))
        for panel in panels[len(names) :]:
            panel.set_visible(False)
        figure.supxlabel("Working volume [L]", fontsize=9)
    return figure


def draw_scale_errors(scores: pd.DataFrame, *, unit: str) -> Figure:
    """
    Draw the error of each method at each left-out scale.

    Parameters
    ----------
    scores : DataFrame
        As ``ScaleValidation.scores``.
    unit : str

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_scale_errors(validation.scores, unit="g/L")``
    """
    methods = list(scores.groupby("model")["crps"].mean().sort_values().index)
    with figure_style():
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        panel = figure.subplots()
        for index, method in enumerate(methods):
            part = scores[scores["model"] == method].sort_values("volume")
            panel.plot(
                part["volume"], part["crps"], "o-", color=PALETTE[index % len(PALETTE)],
                markersize=4, linewidth=2.2 if index == 0 else 1.1, label=method,
            )  # fmt: skip
        panel.set(xscale="log", yscale="log", xlabel="Volume left out [L]")
        panel.set_ylabel(f"CRPS [{unit_text(unit) or '1'}], smaller is better")
        figure.legend(loc="outside right center", frameon=False, fontsize=8)
    return figure


def draw_scale_weights(weights: pd.DataFrame, draws: np.ndarray) -> Figure:
    """
    Draw the weights of the laws: by evidence, and simplex weights under a flat Dirichlet prior.

    Parameters
    ----------
    weights : DataFrame
        As from `ScaleFit.law_weights`.
    draws : array, (draws, weights)
        As from `ScaleFit.weight_draws`.

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_scale_weights(fit.law_weights(), fit.weight_draws())``
    """
    several = weights["curve"].nunique() > 1
    names = [
        str(row["law"]).replace("_", " ") + (f", {row['curve']}" if several else "")
        for _, row in weights.iterrows()
    ]
    ticks = np.arange(len(names))
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
    with figure_style():
        figure = Figure(figsize=(6.0, 0.55 * len(names) + 1.2), layout="constrained")
        panel = figure.subplots()
        panel.hlines(ticks + 0.15, low, high, color=PALETTE[0], linewidth=2.0)
        panel.plot(middle, ticks + 0.15, "o", color=PALETTE[0], label="Dirichlet, median and 90 %")
        panel.plot(weights["probability"], ticks - 0.15, "D", color=PALETTE[1], label="by evidence")
        panel.plot(weights["weight"], ticks, "|", color=INK, markersize=16, label="used")
        panel.set_yticks(ticks, names)
        panel.set(xlim=(0.0, 1.0), ylim=(-0.6, len(names) - 0.4), xlabel="Weight of the law [1]")
        figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=8)
    return figure


def draw_variance_parts(prediction: xr.Dataset, quantity: str, *, unit: str) -> Figure:
    """
    Draw what the uncertainty of a prediction is made of, over time.

    Parameters
    ----------
    prediction : Dataset
        As from `ScaleFit.predict`.
    quantity : str
    unit : str

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_variance_parts(fit.predict(1e5), "titer", unit="g/L")``
    """
    parts = prediction[f"{quantity}_variance"].isel(run=0)
    total = np.maximum(parts.sum("part").to_numpy(), 1e-300)
    with figure_style():
        figure = Figure(figsize=(6.4, 2.9), layout="constrained")
        left, right = figure.subplots(1, 2)
        times = parts["time"].to_numpy()
        left.plot(times, np.sqrt(total), color=INK)
        left.set(xlabel="Time [h]", ylim=(0.0, None))
        left.set_ylabel(f"Standard deviation [{unit_text(unit) or '1'}]")
        names = [str(name) for name in parts["part"].to_numpy()]
        shares = parts.to_numpy() / total
        right.stackplot(
            times, shares, labels=[PART_NAMES.get(name, name) for name in names],
            colors=[PALETTE[index] for index in (0, 4, 2, 5, 3)], alpha=0.85,
        )  # fmt: skip
        right.set(xlabel="Time [h]", ylabel="Share of the variance [1]", ylim=(0.0, 1.0))
        figure.legend(loc="outside right center", frameon=False, fontsize=8)
    return figure


def _line(colour: str, label: str) -> Any:
    return Line2D([], [], color=colour, linewidth=1.6, label=label)


def _dot(label: str) -> Any:
    return Line2D(
        [], [], marker="o", linestyle="none", markersize=4, markerfacecolor=INK,
        markeredgecolor="white", label=label,
    )  # fmt: skip


def _patch(colour: str, strength: float, label: str) -> Any:
    return Patch(color=colour, alpha=strength, linewidth=0, label=label)
