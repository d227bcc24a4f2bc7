"""Figures of several fidelities and of scale-down models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from bayesbio.report.figures.house_style import INK, PALETTE, QUIET, figure_style

__all__ = ["draw_equivalence", "draw_fidelities", "draw_fidelity_scores"]

CASE_COLOURS = (PALETTE[2], PALETTE[4], PALETTE[5], PALETTE[1])


def draw_fidelity_scores(scores: pd.DataFrame, *, peers: Mapping[str, float]) -> Figure:
    """
    Draw error and coverage of methods over several pairs of functions.

    Parameters
    ----------
    scores : DataFrame
        Columns pair, method, seed, crps, coverage_90.
    peers : mapping of str to float
        Error of the best peer on each pair.

    Returns
    -------
    Figure
        Left: error on a log scale, a dot per seed, a bar for the mean, a line for the peer. Right:
        share of the truth inside 90 % intervals.

    Examples
    --------
    ``draw_fidelity_scores(table, peers={"Branin": 0.208})``
    """
    pairs, methods = list(dict.fromkeys(scores["pair"])), list(dict.fromkeys(scores["method"]))
    step = 0.8 / len(methods)
    named: set[str] = set()
    with figure_style():
        figure = Figure(figsize=(7.6, 0.62 * len(pairs) + 1.3), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True, width_ratios=[1.6, 1.0])
        for number, method in enumerate(methods):
            for index, pair in enumerate(pairs):
                part = scores[(scores["pair"] == pair) & (scores["method"] == method)]
                if part.empty:
                    continue
                where = index + (number - (len(methods) - 1) / 2) * step
                for panel, column in zip(panels, ("crps", "coverage_90"), strict=True):
                    panel.plot(
                        part[column],
                        np.full(len(part), where),
                        "o",
                        markersize=3,
                        color=PALETTE[number],
                        alpha=0.5,
                        linewidth=0,
                    )
                    panel.plot(
                        part[column].mean(),
                        where,
                        "D",
                        markersize=5.5,
                        color=PALETTE[number],
                        markeredgecolor="white",
                        label=None if method in named or column != "crps" else method,
                    )
                named.add(method)
        for index, pair in enumerate(pairs):
            if pair in peers:
                panels[0].plot(
                    [peers[pair]] * 2,
                    [index - 0.42, index + 0.42],
                    color=INK,
                    linewidth=1.4,
                    label="best peer" if index == 0 else None,
                )
        panels[0].set_xscale("log")
        panels[0].set_yticks(range(len(pairs)), pairs)
        panels[0].invert_yaxis()
        panels[0].set_xlabel("Error (CRPS / sd of the high-fidelity function)")
        panels[1].axvline(0.9, color=QUIET, linewidth=1, linestyle="--")
        panels[1].set_xlim(0.0, 1.04)
        panels[1].xaxis.set_major_formatter(PercentFormatter(1.0))
        panels[1].set_xlabel("Truth inside 90 % intervals")
        figure.legend(
            *panels[0].get_legend_handles_labels(),
            loc="outside upper center",
            ncols=len(methods) + 1,
            frameon=False,
        )
    return figure


def draw_fidelities(
    grid: Sequence[float],
    panels: Sequence[Mapping[str, Any]],
    *,
    xlabel: str,
    ylabel: str,
) -> Figure:
    """
    Draw predictions of one outcome along one input, in panels that share their axes.

    Parameters
    ----------
    grid : sequence of float
        Where it was predicted.
    panels : sequence of mapping
        Each with `title`, `prediction` (Dataset of a surrogate, with `outcome`), and optionally
        `low` (the low-fidelity function on the grid), `truth` and `readings` (inputs, outcomes).
    xlabel, ylabel : str
        With units.

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_fidelities(grid, [dict(title="12 runs", prediction=results)], xlabel="x", ylabel="y")``
    """
    with figure_style():
        figure = Figure(figsize=(3.5 * len(panels), 3.1), layout="constrained")
        axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
        handles: dict[str, Any] = {}
        for axis, panel in zip(axes, panels, strict=True):
            prediction: xr.Dataset = panel["prediction"]
            outcome = prediction["outcome"]
            low, high = outcome.quantile([0.05, 0.95], dim=("chain", "draw")).to_numpy()
            handles["90 % interval"] = axis.fill_between(
                grid, low, high, color=PALETTE[0], alpha=0.22, linewidth=0
            )
            (handles["prediction"],) = axis.plot(
                grid, outcome.mean(("chain", "draw")), color=PALETTE[0]
            )
            if "low" in panel:
                (handles["mechanism alone"],) = axis.plot(
                    grid, panel["low"], color=PALETTE[1], linestyle=":"
                )
            if "truth" in panel:
                (handles["truth"],) = axis.plot(
                    grid, panel["truth"], color=INK, linewidth=1, linestyle="--"
                )
            if "readings" in panel:
                (handles["runs"],) = axis.plot(
                    *panel["readings"], "o", markersize=4, color=INK, markeredgecolor="white"
                )
            axis.set_title(panel["title"])
            axis.set_xlabel(xlabel)
        axes[0].set_ylabel(ylabel)
        figure.legend(
            handles.values(),
            handles.keys(),
            loc="outside upper center",
            ncols=len(handles),
            frameon=False,
        )
    return figure


def draw_equivalence(results: Mapping[str, Any], *, margins: Sequence[float]) -> Figure:
    """
    Draw the probabilities of the four scale-down cases against the margin, response by response.

    Parameters
    ----------
    results : mapping of str to Equivalence
        By the response's name for the reader; all relative, or all in one unit.
    margins : sequence of float
        As in `equivalence`.

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_equivalence({"titer": equivalence(...)}, margins=np.linspace(0.02, 0.5, 25))``
    """
    with figure_style():
        figure = Figure(figsize=(2.75 * len(results) + 0.5, 3.0), layout="constrained")
        axes = figure.subplots(1, len(results), sharex=True, sharey=True, squeeze=False)[0]
        for axis, (name, result) in zip(axes, results.items(), strict=True):
            table = result.sensitivity(margins)
            axis.stackplot(
                table.index,
                table.to_numpy().T,
                labels=list(table.columns),
                colors=CASE_COLOURS,
                alpha=0.85,
                linewidth=0,
            )
            axis.axvline(result.margin, color=INK, linewidth=1.2, linestyle="--")
            axis.set_title(name)
            axis.set_xlim(min(margins), max(margins))
            axis.set_ylim(0.0, 1.0)
            relative = result.relative
            axis.set_xlabel("Margin" if relative else f"Margin [{result.unit}]")
            if relative:
                axis.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes[0].set_ylabel("Probability")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure
