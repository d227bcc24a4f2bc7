"""Figures of process networks: the graph, what is critical, risk along a setting, forecasts."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from bayesbio.report.figures.house_style import INK, PALETTE, QUIET, figure_style
from bayesbio.report.labels import axis_label, title

__all__ = ["draw_criticality", "draw_forecasts", "draw_network", "draw_risk"]

RAISES, LOWERS = PALETTE[0], PALETTE[1]
MARKS = {"CPP": ("s", "set (CPP)"), "state": ("o", "in between"), "CQA": ("D", "judged (CQA)")}
FILLS = {"CPP": "#dbe9f4", "state": "#f2f2f2", "CQA": "#ffe2c6"}
THICKEST = 5.0  # points, for a standardised effect of one
ACROSS, DOWN = 1.06, 0.92  # inches between neighbours


def draw_network(posterior: Any, *, unsure: float = 0.9) -> Figure:
    """
    Draw a fitted network: tiers as columns, in the order of the process; edges as wide as effects.

    Parameters
    ----------
    posterior : NetworkPosterior
    unsure : float
        Edges whose sign is less probable than this are dashed.

    Returns
    -------
    Figure
        The width of an edge is its mean effect in standard deviations of the two nodes.

    Examples
    --------
    ``draw_network(network.fit(table))``
    """
    network = posterior.network
    positions, headings, bands = _layout(network)
    columns = 1 + max(last for _, last in bands)
    rows = 1 + max(y for _, y in positions.values())
    sure = np.maximum((posterior.effect > 0.0).mean(axis=0), (posterior.effect < 0.0).mean(axis=0))
    with figure_style():
        figure = Figure(figsize=(max(8.4, ACROSS * columns), DOWN * rows + 1.3))
        panel = figure.add_axes((0.005, 0.09, 0.99, 0.82))
        panel.set_axis_off()
        panel.set_xlim(-0.6, columns - 0.4)
        panel.set_ylim(rows - 0.25, -1.0)
        for first, last in bands[::2]:
            panel.axvspan(first - 0.5, last + 0.5, color="#f7f7f7", zorder=0, linewidth=0)
        for (parent, child), effect, certain in zip(
            posterior.edges, posterior.effect.mean(axis=0), sure, strict=True
        ):
            _edge(
                panel, positions[parent], positions[child], float(effect), bool(certain >= unsure)
            )
        for node in network.nodes:
            x, y = positions[node.name]
            marker, _ = MARKS[node.role]
            panel.plot(
                x, y, marker, markersize=17 if marker != "D" else 15, zorder=3,
                markerfacecolor=FILLS[node.role], markeredgecolor=INK, markeredgewidth=0.9,
            )  # fmt: skip
            above = node.role == "CPP"
            panel.text(
                x, y - 0.2 if above else y + 0.25, _wrapped(node), ha="center",
                va="bottom" if above else "top", fontsize=7.5, zorder=4,
                linespacing=0.95, bbox=dict(facecolor="white", alpha=0.75, linewidth=0, pad=0.4),
            )  # fmt: skip
        for x, heading in headings:
            panel.text(x, -0.68, heading, ha="center", va="bottom", fontsize=9, color=QUIET)
        _network_legend(figure, {node.role for node in network.nodes}, bool((sure < unsure).any()))
    return figure


def draw_criticality(
    shares: Any, *, most: int = 12, inputs: str = "Share of the variance"
) -> Figure:
    """
    Draw how much inputs matter, largest first, with 90 % intervals and how likely each is first.

    Parameters
    ----------
    shares : Criticality, or mapping of heading to Criticality
        One panel each.
    most : int
        At most so many bars a panel.
    inputs : str
        What the axis shows.

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_criticality({"Purity": posterior.criticality("purity")})``
    """
    panels = shares if isinstance(shares, Mapping) else {shares.target: shares}
    tables = {name: result.summary().head(most) for name, result in panels.items()}
    columns = min(len(tables), 2)
    rows = -(-len(tables) // columns)
    lengths = [len(table) for table in tables.values()]
    longest = [max(lengths[columns * row : columns * (row + 1)]) for row in range(rows)]
    heights_of = [0.3 * count + 1.0 for count in longest]
    with figure_style():
        figure = Figure(figsize=(max(6.0, 4.6 * columns), sum(heights_of)), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, height_ratios=heights_of).ravel()
        for spare in axes[len(tables) :]:
            spare.set_visible(False)
        for number, (panel, (name, table)) in enumerate(zip(axes, tables.items(), strict=False)):
            heights = np.arange(len(table))
            means = 100.0 * table["mean"].to_numpy()
            reach = (
                100.0
                * np.abs(table[["eti_5", "eti_95"]].to_numpy().T)
                * np.sign(table[["eti_5", "eti_95"]].to_numpy().T)
            )
            panel.barh(heights, means, height=0.62, color=PALETTE[0], alpha=0.75, zorder=2)
            panel.hlines(heights, *reach, color=INK, linewidth=1.3, zorder=3)
            right = max(1.0, float(reach.max()))
            for height, first in zip(heights, table["probability_first"], strict=True):
                if first >= 0.005:
                    panel.text(
                        1.04 * right, height, f"first: {100.0 * first:.0f} %", va="center",
                        fontsize=7.5, color=QUIET,
                    )  # fmt: skip
            panel.set_yticks(heights, [_readable(str(label)) for label in table.index])
            panel.set_ylim(longest[number // columns] - 0.4, -0.6)
            panel.set_xlim(min(0.0, 1.05 * float(reach.min())), 1.38 * right)
            panel.grid(axis="y", visible=False)
            panel.set_title(_readable(name))
            panel.set_xlabel(f"{inputs} [%], mean and 90 % interval")
    return figure


def draw_risk(
    risks: Any,
    *,
    setting: str,
    unit: str = "",
    observed: tuple[float, float] | None = None,
    now: float | None = None,
) -> Figure:
    """
    Draw the probability to leave specifications along one setting, with its epistemic band.

    Parameters
    ----------
    risks : Risk, or mapping of heading to Risk
        From ``probability_out_of_specification(..., do={setting: values})``; one panel each.
    setting : str
        The node that takes the values.
    unit : str
        Its unit.
    observed : (low, high), optional
        What was seen; beyond it is shaded.
    now : float, optional
        The risk as the process runs, as a line.

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_risk(posterior.probability_out_of_specification(do={"load": loads}), setting="load")``
    """
    panels = risks if isinstance(risks, Mapping) else {"": risks}
    with figure_style():
        figure = Figure(figsize=(max(6.4, 4.6 * len(panels)), 3.5), layout="constrained")
        axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for panel, (heading, risk) in zip(axes, panels.items(), strict=True):
            names = [str(name) for name in risk.posterior.data_vars]
            names = [name for name in names if name != "any"] if len(names) == 2 else names
            band, total = risk.interval(), risk.total
            values = total[setting].to_numpy()
            for name, colour in zip(names, (*PALETTE[:6], INK), strict=False):
                shade = INK if name == "any" else colour
                label = "any of them" if name == "any" else _readable(name)
                low, high = band[name].transpose("quantile", setting).to_numpy()
                panel.fill_between(values, 100 * low, 100 * high, color=shade, alpha=0.15, lw=0)
                panel.plot(values, 100 * total[name].to_numpy(), color=shade, label=label)
            if now is not None:
                panel.axhline(100 * now, color=QUIET, linewidth=1.0, linestyle=":")
                panel.annotate("as it runs now", (values.min(), 100 * now), xytext=(4, 2),
                               textcoords="offset points", fontsize=8, color=QUIET)  # fmt: skip
            if observed is not None:
                _beyond(panel, values, observed)
            panel.set_xlim(values.min(), values.max())
            panel.set_ylim(0.0, 100.0)
            panel.set_xlabel(axis_label(setting.partition("@")[0], unit) + _when(setting))
            panel.set_title(heading)
            panel.legend(loc="best")
        axes[0].set_ylabel("Probability out of specification [%]")
    return figure


def draw_forecasts(
    forecasts: pd.DataFrame, *, unit: str = "", limit: float | None = None
) -> Figure:
    """
    Draw what was expected of each run from its readings up to several times, and what came.

    Parameters
    ----------
    forecasts : DataFrame
        As `bayesbio.network.leave_one_out` gives it, of one target; a column ``method`` gives each
        method its own colour.
    unit : str
        Of the target.
    limit : float, optional
        A limit of its specification.

    Returns
    -------
    Figure
        One panel for each time, one row for each run.

    Examples
    --------
    ``draw_forecasts(leave_one_out(network, table, "titer@336", until=(24.0, 96.0)))``
    """
    table = forecasts if "method" in forecasts else forecasts.assign(method="")
    methods, runs = list(dict.fromkeys(table["method"])), list(dict.fromkeys(table["run"]))
    times = list(dict.fromkeys(table["until"]))
    with figure_style():
        figure = Figure(
            figsize=(max(6.5, 2.9 * len(times)), 0.42 * len(runs) + 1.5), layout="constrained"
        )
        axes = figure.subplots(1, len(times), squeeze=False, sharex=True, sharey=True)[0]
        for panel, time in zip(axes, times, strict=True):
            rows = table[table["until"] == time] if time is not None else table
            for number, method in enumerate(methods):
                part = rows[rows["method"] == method]
                shift = 0.24 * (number - 0.5 * (len(methods) - 1))
                heights = np.array([runs.index(run) for run in part["run"]]) + shift
                panel.hlines(heights, part["eti_5"], part["eti_95"], color=PALETTE[number], lw=2.2)
                panel.plot(part["eti_50"], heights, "o", color=PALETTE[number], markersize=4.5)
            seen = rows.drop_duplicates("run")
            panel.plot(seen["observed"], [runs.index(run) for run in seen["run"]], "x", color=INK,
                       markersize=6.5, markeredgewidth=1.8, zorder=4)  # fmt: skip
            if limit is not None:
                panel.axvline(limit, color=QUIET, linewidth=1.0, linestyle="--")
            panel.set_yticks(range(len(runs)), runs)
            panel.set_ylim(len(runs) - 0.5, -0.5)
            panel.grid(axis="y", visible=False)
            panel.set_title("From all readings" if time is None else f"Seen up to {time:g} h")
        target = str(table["target"].iloc[0])
        figure.supxlabel(axis_label(target.partition("@")[0], unit) + _when(target), fontsize=9)
        handles = [
            Line2D([], [], color=PALETTE[number], marker="o", markersize=4.5, lw=2.2,
                   label=f"{method or 'expected'}: median, 90 %")
            for number, method in enumerate(methods)
        ]  # fmt: skip
        handles.append(Line2D([], [], color=INK, marker="x", lw=0, label="measured"))
        if limit is not None:
            handles.append(Line2D([], [], color=QUIET, linestyle="--", lw=1.0, label="limit"))
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _layout(
    network: Any,
) -> tuple[dict[str, tuple[float, float]], list[tuple[float, str]], list[tuple[float, float]]]:
    """Place nodes: what is set on top, what comes out below, tier after tier; headings, bands."""
    groups: dict[str, list[str]] = {}
    for tier in network.tiers:
        node = network[tier[0]]
        when = "" if node.time is None else f"{node.time:g} h"
        groups.setdefault((node.unit_operation or when).replace("_", " "), []).extend(tier)
    positions: dict[str, tuple[float, float]] = {}
    headings, bands, column = [], [], 0.0
    for heading, names in groups.items():
        fixed = [name for name in names if network[name].role == "CPP"]
        stages = _stages(network, [name for name in names if name not in fixed])
        width = max(len(stages), -(-len(fixed) // 2), min(len(fixed), 2), 1)
        for number, name in enumerate(fixed):
            along = (number + 0.5) * width / len(fixed) - 0.5
            positions[name] = (column + along, 0.85 * (number % 2) if len(fixed) > width else 0.0)
        start = column + 0.5 * (width - len(stages))
        low = 1.75 if len(fixed) > width else (1.2 if any(map(_is_set, network.nodes)) else 0.0)
        for stage, together in enumerate(stages):
            for row, name in enumerate(together):
                apart = 1.15 * row if len(together) > 1 else 1.0 * (round(start + stage) % 2)
                positions[name] = (start + stage, low + apart)
        headings.append((column + 0.5 * (width - 1), heading))
        bands.append((column, column + width - 1))
        column += width
    return positions, headings, bands


def _is_set(node: Any) -> bool:
    return bool(node.role == "CPP")


def _stages(network: Any, names: Sequence[str]) -> list[list[str]]:
    """Put nodes that feed each other one after the other."""
    depth: dict[str, int] = {}
    for name in sorted(names, key=network.order.index):
        inside = [depth[parent] for parent in network.parents(name) if parent in depth]
        depth[name] = 1 + max(inside, default=-1)
    count = 1 + max(depth.values(), default=-1)
    return [[name for name in names if depth[name] == stage] for stage in range(count)]


def _edge(
    panel: Axes, start: tuple[float, float], end: tuple[float, float], effect: float, sure: bool
) -> None:
    """Draw one effect; those that skip columns bend around what stands between."""
    skipped = abs(end[0] - start[0]) > 1.0
    bend = 0.0 if not skipped else (0.16 if end[1] > start[1] else -0.16)
    colour = RAISES if effect > 0.0 else LOWERS
    panel.add_patch(
        FancyArrowPatch(
            start,
            end,
            connectionstyle=f"arc3,rad={bend}",
            shrinkA=9,
            shrinkB=9.5,
            arrowstyle="-|>",
            mutation_scale=8.0,
            color=colour,
            alpha=0.8 if sure else 0.45,
            linewidth=0.5 + THICKEST * min(abs(effect), 1.2),
            capstyle="butt",
            linestyle="-" if sure else (0, (4, 2)),
            zorder=2 if sure else 1,
        )  # fmt: skip
    )


def _network_legend(figure: Figure, roles: set[str], doubtful: bool) -> None:
    handles = [
        Line2D([], [], marker=mark, lw=0, markersize=8, markerfacecolor=FILLS[role],
               markeredgecolor=INK, label=words)
        for role, (mark, words) in MARKS.items()
        if role in roles
    ]  # fmt: skip
    for size in (0.2, 0.6):
        handles.append(Line2D([], [], color=RAISES, lw=0.5 + THICKEST * size, alpha=0.8,
                              label=f"raises by {size:g} sd per sd"))  # fmt: skip
    handles.append(Line2D([], [], color=LOWERS, lw=0.5 + THICKEST * 0.4, alpha=0.8, label="lowers"))
    if doubtful:
        handles.append(Line2D([], [], color=QUIET, lw=1.4, linestyle=(0, (4, 2)),
                              label="sign unsure"))  # fmt: skip
    rows = -(-len(handles) // int(figure.get_figwidth() / 1.35))
    columns = -(-len(handles) // rows)
    figure.legend(handles=handles, loc="lower center", ncols=columns, handletextpad=0.5,
                  columnspacing=1.4)  # fmt: skip


def _beyond(panel: Axes, values: np.ndarray, observed: Sequence[float]) -> None:
    """Shade where nothing was seen."""
    ends = ((values.min(), observed[0]), (observed[1], values.max()))
    for low, high in ends:
        if high > low:
            panel.axvspan(low, high, color="#e8e8e8", zorder=0, linewidth=0)
            panel.text(0.5 * (low + high), 97, "not seen", ha="center", va="top", fontsize=7.5,
                       color=QUIET, rotation=90)  # fmt: skip


def _readable(name: str) -> str:
    """Name a node for a reader: "titer@48" as "Titer, 48 h"."""
    stem, _, time = name.partition("@")
    return title(stem) + (f", {time} h" if time else "")


def _when(name: str) -> str:
    return f" at {name.partition('@')[2]} h" if "@" in name else ""


def _wrapped(node: Any) -> str:
    return "\n".join(textwrap.wrap(title(node.quantity), 12, break_long_words=False))
