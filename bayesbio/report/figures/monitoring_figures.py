"""Control charts of runs: scores over time, contributions, detection and false-alarm rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayesbio.report.figures.house_style import INK, PALETTE, QUIET, figure_style
from bayesbio.report.labels import axis_label, quantity_unit, reader_unit, time_unit

__all__ = ["draw_control_results", "draw_roc", "draw_run_score", "draw_scores"]

MOST_PANELS = 3


def draw_scores(
    scores: Sequence[Any], *, highlight: Mapping[str, str] | None = None, title: str = ""
) -> Figure:
    """
    Draw the scores of several runs over time, with the limit.

    Parameters
    ----------
    scores : sequence of RunScore
        All against the same limit.
    highlight : mapping of run to words, optional
        Runs to draw in colour, with what to write beside them; the others are grey.
    title : str

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_scores([monitor.score(run) for run in campaign], highlight={"R31": "slow feed"})``
    """
    named = highlight or {}
    clock = time_unit(max(float(each.course["time_h"].max()) for each in scores))
    with figure_style():
        figure = Figure(figsize=(7.6, 3.6), layout="constrained")
        panel = figure.subplots()
        for each in scores:
            if each.run not in named:
                panel.plot(
                    clock.shown(each.course["time_h"]), each.course["score"],
                    color="#b5b5b5", linewidth=0.8, zorder=1,
                )  # fmt: skip
        coloured = [each for each in scores if each.run in named]
        for index, each in enumerate(coloured):
            colour = PALETTE[index % len(PALETTE)]
            times, values = clock.shown(each.course["time_h"]), each.course["score"]
            panel.plot(
                times, values, color=colour, marker="o", markersize=3, zorder=3,
                linestyle="-" if index < len(PALETTE) else "--",
                label=f"{each.run}: {named[each.run]}",
            )  # fmt: skip
            if each.alarm:
                first = each.course[each.course["alarm"]].iloc[0]
                panel.plot(
                    clock.shown(first["time_h"]), first["score"], marker="o", markersize=9,
                    markerfacecolor="none", markeredgecolor=colour, linestyle="none", zorder=4,
                )  # fmt: skip
        limit = scores[0].limit
        panel.axhline(limit, color=INK, linewidth=1.1, linestyle="--")
        rate = 100 * scores[0].false_alarm_rate
        panel.set_yscale("symlog", linthresh=4.0)
        panel.set_ylim(0.0, None)
        ticks = [
            tick for tick in (0, 1, 2, 3, 4, 6, 10, 20, 50, 100) if tick <= panel.get_ylim()[1]
        ]
        panel.set_yticks(ticks, [str(tick) for tick in ticks])
        panel.annotate(
            f"limit, exceeded by {rate:g} % of good runs",
            (0.0, limit),
            xycoords=("axes fraction", "data"),
            xytext=(3, 3),
            textcoords="offset points",
            fontsize=8,
        )
        panel.set_xlabel(f"Time [{clock.unit}]")
        panel.set_ylabel("Alarm statistic [log₁₀]")
        panel.set_title(title)
        if coloured:
            figure.legend(loc="outside lower center", ncols=2)
    return figure


def draw_run_score(score: Any, *, quantities: Sequence[str] | None = None) -> Figure:
    """
    Draw one run: its score, what contributes to it, and its readings beside what was expected.

    Parameters
    ----------
    score : RunScore
    quantities : sequence of str, optional
        Whose readings to draw; by default those that contribute most when the score is highest.

    Returns
    -------
    Figure
        The circle is the first alarm; bands hold nine of ten readings of a good run, given all
        that was read before.

    Examples
    --------
    ``draw_run_score(monitor.score(run))``
    """
    worst = score.contributions.iloc[int(np.argmax(score.course["score"]))]
    ordered = worst.sort_values(ascending=False)
    shown = list(ordered.index[:MOST_PANELS]) if quantities is None else list(quantities)
    clock = time_unit(float(score.course["time_h"].max()))
    times = clock.shown(score.course["time_h"].to_numpy())
    with figure_style():
        figure = Figure(figsize=(7.6, 2.0 + 1.5 * (1 + len(shown))), layout="constrained")
        panels = figure.subplots(2 + len(shown), 1, sharex=True)
        panels[0].plot(times, score.course["score"], color=INK, marker="o", markersize=3)
        panels[0].axhline(score.limit, color=PALETTE[1], linestyle="--", linewidth=1.1)
        panels[0].set_ylabel("Score")
        panels[0].set_title(score.sentence.replace(". ", ".\n"), fontsize=8.5)
        base = np.zeros(len(times))
        width = 0.7 * float(np.median(np.diff(times))) if len(times) > 1 else 0.5
        parts = np.maximum(score.contributions[list(ordered.index)], 0.0)
        for index, name in enumerate(ordered.index[: len(PALETTE)]):
            panels[1].bar(
                times, parts[name], bottom=base, width=width, color=PALETTE[index],
                label=name.replace("_", " "),
            )  # fmt: skip
            base = base + parts[name].to_numpy()
        panels[1].set_ylabel("Contribution")
        panels[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7.5)
        for panel, name in zip(panels[2:], shown, strict=True):
            scale = reader_unit(name, quantity_unit(name))
            rows = score.readings[score.readings["quantity"] == name]
            at = clock.shown(rows["time_h"].to_numpy())
            low, high = scale.shown(rows["lower"]), scale.shown(rows["upper"])
            panel.fill_between(at, low, high, color=PALETTE[0], alpha=0.2, linewidth=0)
            panel.plot(at, scale.shown(rows["expected"]), color=PALETTE[0], linewidth=1)
            outside = (rows["value"] < rows["lower"]) | (rows["value"] > rows["upper"])
            for part, colour in ((~outside, INK), (outside, PALETTE[1])):
                panel.plot(
                    at[part], scale.shown(rows["value"])[part], linestyle="none", marker="o",
                    markersize=3.6, color=colour,
                )  # fmt: skip
            panel.set_ylabel(axis_label(name, scale.unit).replace(" [", "\n["))
        for panel in panels:
            if score.alarm:
                panel.axvline(clock.shown(score.alarm_time), color=PALETTE[1], linewidth=0.9)
        figure.align_ylabels(list(panels))
        panels[-1].set_xlabel(f"Time [{clock.unit}]")
    return figure


def draw_roc(good: Mapping[str, Any], faulty: Mapping[str, Any]) -> Figure:
    """
    Draw how many faulty runs each method finds for every share of false alarms.

    Parameters
    ----------
    good, faulty : mapping of method to scores
        Batch scores of good and of faulty runs.

    Returns
    -------
    Figure

    Examples
    --------
    >>> figure = draw_roc({"Monitor": [1.0, 2.0]}, {"Monitor": [1.5, 3.0]})
    >>> len(figure.axes)
    1
    """
    with figure_style():
        figure = Figure(figsize=(4.6, 4.0), layout="constrained")
        panel = figure.subplots()
        panel.axvspan(0.0, 5.0, color=QUIET, alpha=0.12, linewidth=0)
        for index, name in enumerate(good):
            base, odd = np.sort(np.asarray(good[name], float)), np.asarray(faulty[name], float)
            levels = np.concatenate([[np.inf], base[::-1], [-np.inf]])
            detected = [100 * (odd > level).mean() for level in levels]
            false = [100 * (base > level).mean() for level in levels]
            panel.step(
                false, detected, where="post", color=PALETTE[index % len(PALETTE)], label=name,
                linewidth=2.2 if index == 0 else 1.2,
            )  # fmt: skip
        panel.set(xlim=(0.0, 100.0), ylim=(0.0, 101.0))
        panel.set_xlabel("Good runs that alarm [%]")
        panel.set_ylabel("Faulty runs that alarm [%]")
        panel.legend(loc="lower right")
    return figure


def draw_control_results(chart: Any) -> Figure:
    """
    Draw a series of control results with the limits of their lots.

    Parameters
    ----------
    chart : ControlChart

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_control_results(control_chart(table, "igf1", lot="lot"))``
    """
    rows: pd.DataFrame = chart.results
    number = np.arange(1, len(rows) + 1)
    odd = rows["outlier_probability"].to_numpy() > 0.5
    with figure_style():
        figure = Figure(figsize=(7.6, 2.9), layout="constrained")
        panel = figure.subplots()
        panel.fill_between(
            number, rows["lower"], rows["upper"], step="mid", color=PALETTE[0], alpha=0.18,
            linewidth=0, label=f"limits of the lot, {100 * chart.false_alarm_rate:g} % outside",
        )  # fmt: skip
        panel.plot(
            number[~odd],
            rows["value"][~odd],
            linestyle="none",
            marker="o",
            markersize=2.6,
            color=INK,
        )
        panel.plot(
            number[odd], rows["value"][odd], linestyle="none", marker="o", markersize=4.5,
            color=PALETTE[1], label="likely an outlier",
        )  # fmt: skip
        starts = np.flatnonzero(rows["lot"].to_numpy()[1:] != rows["lot"].to_numpy()[:-1]) + 1.5
        for start in starts:
            panel.axvline(start, color=QUIET, linewidth=0.5)
        panel.set_xlabel("Result, by lot")
        unit = f" [{chart.unit}]" if chart.unit else ""
        panel.set_ylabel(f"{chart.quantity}{unit}")
        figure.legend(loc="outside upper center", ncols=2)
    return figure
