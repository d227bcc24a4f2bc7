"""Figures a process scientist reads: courses with bands and data, effects, the time to stop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesbio.data import Specification
from bayesbio.data.vocabulary import quantities as vocabulary
from bayesbio.decide import StoppingDecision
from bayesbio.report.figures.house_style import INK, PALETTE, QUIET, figure_style
from bayesbio.report.labels import (
    ReaderUnit,
    axis_label,
    number,
    quantity_unit,
    reader_unit,
    time_unit,
)

__all__ = ["draw_courses", "draw_effects", "draw_predictive", "draw_stopping"]

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
MARKS: dict[str, dict[str, Any]] = {
    "": dict(marker="o", markersize=3.4, markerfacecolor=INK, markeredgecolor="white"),
    "below": dict(marker="v", markersize=5, markerfacecolor="white", markeredgecolor=PALETTE[1]),
    "above": dict(marker="^", markersize=5, markerfacecolor="white", markeredgecolor=PALETTE[1]),
    "between": dict(marker="D", markersize=4, markerfacecolor="white", markeredgecolor=PALETTE[1]),
    "excluded": dict(marker="x", markersize=4.5, markeredgecolor=QUIET),
}
MARK_NAMES = {
    "": "measured",
    "below": "below detection limit",
    "above": "above range",
    "between": "between limits",
    "excluded": "excluded",
}
MOST_LINES = 8  # more courses than this in one panel are drawn thin and unnamed


def draw_predictive(
    prediction: xr.Dataset, campaign: Any, quantity: str, *, runs: Sequence[str] | None = None
) -> Figure:
    """
    Draw one quantity, one panel a run: the predictive median, its 50 and 90 % bands, and the data.

    Parameters
    ----------
    prediction : Dataset, dims (chain, draw, run, time)
        What ``calibration.predict()`` gave, measurement noise included.
    campaign : Campaign
        What was measured; values below or above a limit and excluded values get their own marks.
    quantity : str
        What to draw.
    runs : sequence of str, optional
        Which runs, in which order; all of the prediction by default.

    Returns
    -------
    Figure
        Small multiples with shared axes, in reader's units.

    Examples
    --------
    ``draw_predictive(calibration.predict(), calibration.campaign, "glucose")``
    """
    runs = [str(run) for run in (prediction["run"].to_numpy() if runs is None else runs)]
    frame = campaign.to_frame()
    frame = frame[(frame["quantity"] == quantity) & frame["run"].isin(runs)]
    scale = reader_unit(quantity, prediction[quantity].attrs.get("units", ""))
    clock = time_unit(_last_time(prediction, frame))
    columns, width, height = _grid(len(runs))
    rows = math.ceil(len(runs) / columns)
    with figure_style():
        figure = Figure(figsize=(width, height * rows + 0.75), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, run in zip(panels, runs, strict=False):
            _band(panel, _possible(prediction, quantity).sel(run=run), clock, scale, PALETTE[0])
            _data(panel, frame[frame["run"] == run], clock, scale)
            panel.set_title(_short(run, 24 if columns <= 4 else 12))
        _share_axes(list(panels[: len(runs)]), columns)
        for panel in panels[len(runs) :]:
            panel.set_visible(False)
        figure.supxlabel(f"Time [{clock.unit}]", fontsize=9)
        figure.supylabel(axis_label(quantity, scale.unit), fontsize=9)
        _legend(figure, frame["flag"], bands=_draws_of(prediction) > 1)
    return figure


def draw_courses(
    prediction: xr.Dataset,
    campaign: Any = None,
    *,
    quantities: Sequence[str] | None = None,
    times: Iterable[float] = (),
) -> Figure:
    """
    Draw every quantity in its own panel, the runs together.

    Parameters
    ----------
    prediction : Dataset, dims (chain, draw, run, time)
        Any prediction of the house.
    campaign : Campaign, optional
        Data to lay over the runs of the same name.
    quantities : sequence of str, optional
        Which variables; those that were measured, else all, by default.
    times : iterable of float [h]
        Moments to mark with a vertical line, such as the time to harvest.

    Returns
    -------
    Figure
        In reader's units; 90 % bands up to eight runs, else medians only.

    Examples
    --------
    ``draw_courses(calibration.predict(until=336.0), calibration.campaign)``
    """
    frame = pd.DataFrame(columns=["run", "time_h", "quantity", "value", "flag"])
    if campaign is not None:
        frame = campaign.to_frame()
    chosen = list(quantities) if quantities else _worth_drawing(prediction, frame)
    runs = [str(run) for run in prediction["run"].to_numpy()]
    shown = frame[frame["run"].isin(runs) & frame["quantity"].isin(chosen)]
    clock = time_unit(_last_time(prediction, shown))
    columns = min(3 if len(chosen) != 4 else 2, len(chosen))
    rows = math.ceil(len(chosen) / columns)
    few = len(runs) <= min(MOST_LINES, len(PALETTE))
    with figure_style():
        figure = Figure(figsize=(7.6, 2.2 * rows + 0.6), layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for panel, quantity in zip(panels, chosen, strict=False):
            scale = reader_unit(quantity, prediction[quantity].attrs.get("units", ""))
            if not few:
                everything = _possible(prediction, quantity).stack(
                    all=("draw", "run"), create_index=False
                )
                _band(
                    panel,
                    everything.drop_vars(["draw", "run"], errors="ignore").rename(all="draw"),
                    clock,
                    scale,
                    PALETTE[0],
                    inner=False,
                )
            for index, run in enumerate(runs):
                colour = PALETTE[index] if few else PALETTE[0]
                course = _possible(prediction, quantity).sel(run=run)
                _band(panel, course, clock, scale, colour, inner=len(runs) == 1, outer=few)
                rows_of_run = shown[(shown["run"] == run) & (shown["quantity"] == quantity)]
                _data(panel, rows_of_run, clock, scale, colour=colour if few else QUIET)
            for time in times:
                panel.axvline(clock.shown(time), color=INK, linewidth=1, linestyle="--")
            panel.set_title(axis_label(quantity, scale.unit))
        for index, panel in enumerate(panels):
            panel.set_visible(index < len(chosen))
            if index < len(chosen) <= index + columns:
                panel.tick_params(labelbottom=True)
        figure.supxlabel(f"Time [{clock.unit}]", fontsize=9)
        if len(runs) > 1 and few:
            handles = [
                Line2D([], [], color=PALETTE[n], label=_short(run, 18))
                for n, run in enumerate(runs)
            ]
            figure.legend(handles=handles, loc="outside upper center", ncols=min(len(runs), 7))
        elif not few:
            note = f"{len(runs)} runs: their medians, the 90 % band of all together, and the data"
            figure.suptitle(note, fontsize=8.5, color=QUIET)
        else:
            _legend(figure, shown["flag"], bands=_draws_of(prediction) > 1)
    return figure


def draw_effects(values: xr.DataArray, *, name: str, unit: str = "") -> Figure:
    """
    Draw how a parameter differs between runs (or clones, media): medians, 50 and 90 % intervals.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, level)
        The draws of ``<parameter>_by_<level>``.
    name : str
        The parameter.
    unit : str
        Its unit.

    Returns
    -------
    Figure

    Examples
    --------
    >>> draws = xr.DataArray(np.ones((2, 5, 3)), dims=("chain", "draw", "run"))
    >>> figure = draw_effects(draws, name="maximum_growth_rate", unit="1/h")
    """
    level = str(values.dims[-1])
    names = [str(value) for value in values[level].to_numpy()]
    table = np.quantile(
        values.transpose("chain", "draw", level).to_numpy().reshape(-1, len(names)),
        PROBABILITIES,
        axis=0,
    )
    with figure_style():
        figure = Figure(figsize=(6.4, 0.8 + 0.2 * len(names)), layout="constrained")
        panel = figure.subplots()
        ticks = np.arange(len(names))[::-1]
        panel.hlines(ticks, table[0], table[4], color=PALETTE[0], linewidth=1)
        panel.hlines(ticks, table[1], table[3], color=PALETTE[0], linewidth=3.2)
        panel.plot(table[2], ticks, "o", markersize=4.5, color="white", markeredgecolor=PALETTE[0])
        panel.set_yticks(ticks, [_short(each, 24) for each in names])
        panel.set_ylim(-0.8, len(names) - 0.2)
        panel.grid(axis="y", visible=False)
        panel.set_xlabel(axis_label(name, unit))
    return figure


def draw_stopping(decision: StoppingDecision) -> Figure:
    """
    Draw what stopping at each time is worth, and the probability to be in specification then.

    Parameters
    ----------
    decision : StoppingDecision
        What `bayesbio.decide.optimal_stop` returned.

    Returns
    -------
    Figure
        Above the expected value with its band, below the probabilities; the best time is marked.

    Examples
    --------
    >>> from bayesbio.decide import optimal_stop
    >>> course = xr.Dataset({"titer": ("time", [0.0, 2.0, 1.0])}, {"time": [0.0, 24.0, 48.0]})
    >>> figure = draw_stopping(optimal_stop(course, value="titer"))
    """
    clock = time_unit(float(decision.times[-1]))
    scale = reader_unit(decision.value_name, decision.unit)
    count = 2 if decision.specifications else 1
    shown, chosen = clock.shown(decision.times), clock.shown(decision.best_time)
    with figure_style():
        figure = Figure(figsize=(6.8, 2.3 * count + 0.4), layout="constrained")
        panels = figure.subplots(count, 1, sharex=True, squeeze=False).ravel()
        low, high = scale.shown(decision.interval)
        panels[0].fill_between(shown, low, high, color=PALETTE[0], alpha=0.2, linewidth=0)
        panels[0].plot(shown, scale.shown(decision.expected), color=PALETTE[0])
        panels[0].set_ylabel(axis_label(decision.value_name, scale.unit))
        if decision.specifications:
            for colour, limit, chance in zip(
                PALETTE[1:], decision.specifications, decision.probabilities, strict=False
            ):
                panels[1].plot(shown, 100 * chance, color=colour, label=_limit(limit))
            if len(decision.specifications) > 1:
                joint = 100 * decision.joint_probabilities
                panels[1].plot(shown, joint, color=INK, linewidth=2.2, label="all of these")
            if decision.minimum_probability is not None:
                required = 100 * decision.minimum_probability
                words = f"asked: {number(required)} %"
                panels[1].axhline(required, color=QUIET, linewidth=1, linestyle=":", label=words)
            panels[1].set_ylim(-3, 103)
            panels[1].set_ylabel("Probability [%]")
            panels[1].legend(loc="best")
        for panel in panels:
            panel.axvline(chosen, color=INK, linewidth=1, linestyle="--")
        late = chosen > shown[0] + 0.75 * (shown[-1] - shown[0])
        kept = decision.feasible and decision.minimum_probability is not None
        why = " (most that keeps what is asked)" if kept else ""
        panels[0].annotate(
            f"best: {number(chosen)} {clock.unit}{why}",
            (chosen, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if late else 4, 3),
            textcoords="offset points",
            horizontalalignment="right" if late else "left",
            fontsize=8.5,
            annotation_clip=False,
        )
        panels[-1].set_xlabel(f"Time [{clock.unit}]")
    return figure


def _limit(limit: Specification) -> str:
    """Write a specification as a reader does, such as "viability ≥ 70 %"."""
    scale = reader_unit(limit.quantity, quantity_unit(limit.quantity))
    unit = f" {scale.unit}" if scale.unit else ""
    words = axis_label(limit.quantity, "")
    low = "" if limit.lower is None else f" ≥ {number(scale.shown(limit.lower))}{unit}"
    high = "" if limit.upper is None else f" ≤ {number(scale.shown(limit.upper))}{unit}"
    return f"{words}{low}{' and' if low and high else ''}{high}"


def _grid(count: int) -> tuple[int, float, float]:
    """Columns, width and height of a panel [inch] for so many small multiples."""
    if count <= 3:
        return count, 7.0, 2.3 if count > 1 else 2.8
    if count in (5, 6, 9):
        return 3, 7.6, 1.7
    return (4, 7.6, 1.55) if count <= 24 else (6, 8.4, 1.15)


def _share_axes(panels: Sequence[Axes], columns: int) -> None:
    """Give every panel the same limits, and labels on the outside (Matplotlib's way is slow)."""
    boxes = [panel.dataLim for panel in panels]
    for side, axis in (("x", 0), ("y", 1)):
        low = min(box.min[axis] for box in boxes)
        high = max(box.max[axis] for box in boxes)
        margin = 0.05 * (high - low) or 0.5
        for panel in panels:
            panel.set(**{f"{side}lim": (low - margin, high + margin)})
    for index, panel in enumerate(panels):
        panel.tick_params(
            labelleft=index % columns == 0, labelbottom=index + columns >= len(panels)
        )


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _last_time(prediction: xr.Dataset, frame: pd.DataFrame) -> float:
    last = float(prediction["time"].max())
    return max(last, float(frame["time_h"].max())) if len(frame) else last


def _worth_drawing(prediction: xr.Dataset, frame: pd.DataFrame) -> list[str]:
    courses = [
        str(name)
        for name, values in prediction.data_vars.items()
        if set(values.dims) == {"chain", "draw", "run", "time"}
    ]
    measured = set(frame["quantity"])
    return [name for name in courses if name in measured] or courses


def _band(
    panel: Axes,
    course: xr.DataArray,
    clock: ReaderUnit,
    scale: ReaderUnit,
    colour: str,
    *,
    inner: bool = True,
    outer: bool = True,
) -> None:
    """Median and central bands of one course; times at which the run has no value are left out."""
    draws = course.transpose("chain", "draw", "time").to_numpy()
    draws = draws.reshape(-1, draws.shape[-1])
    finite = np.isfinite(draws).any(axis=0)
    if not finite.any():
        return
    times = clock.shown(course["time"].to_numpy()[finite])
    table = scale.shown(np.nanquantile(draws[:, finite], PROBABILITIES, axis=0))
    if outer:
        alpha = 0.18 if inner else 0.1  # several bands lie on top of each other
        panel.fill_between(times, table[0], table[4], color=colour, alpha=alpha, linewidth=0)
    if inner and outer:
        panel.fill_between(times, table[1], table[3], color=colour, alpha=0.32, linewidth=0)
    panel.plot(times, table[2], color=colour, linewidth=1.4 if outer else 0.6)


def _data(
    panel: Axes,
    rows: pd.DataFrame,
    clock: ReaderUnit,
    scale: ReaderUnit,
    *,
    colour: str | None = None,
) -> None:
    """Measurements, each flag with its own mark."""
    for flag, marked in rows.groupby("flag"):
        look = dict(MARKS[str(flag)])
        if colour is not None and flag == "":
            look |= dict(markerfacecolor=colour, markersize=2.2 if colour == QUIET else 3.4)
        panel.plot(
            clock.shown(marked["time_h"].to_numpy(float)),
            scale.shown(marked["value"].to_numpy(float)),
            linestyle="none",
            markeredgewidth=0.5 if flag == "" else 1.0,
            zorder=3,
            **look,
        )


def _possible(prediction: xr.Dataset, quantity: str) -> xr.DataArray:
    """Course of a quantity within its physical limit: no band of a viability passes 100 %."""
    word = vocabulary.find(quantity)
    course = prediction[quantity]
    if word is None or word.upper is None or course.attrs.get("units", "1") != word.unit:
        return course
    return course.clip(max=word.upper, keep_attrs=True)


def _draws_of(prediction: xr.Dataset) -> int:
    return prediction.sizes.get("chain", 1) * prediction.sizes.get("draw", 1)


def _legend(figure: Figure, flags: Iterable[str], *, bands: bool) -> None:
    """Explain the bands, where there are draws to make them, and only those marks that occur."""
    line = Line2D([], [], color=PALETTE[0], label="median" if bands else "best fit")
    handles: list[Any] = [line]
    if bands:
        handles += [
            Patch(color=PALETTE[0], alpha=0.45, linewidth=0, label="50 %"),
            Patch(color=PALETTE[0], alpha=0.18, linewidth=0, label="90 %"),
        ]
    present = set(flags)
    handles += [
        Line2D([], [], linestyle="none", label=MARK_NAMES[flag], **look)
        for flag, look in MARKS.items()
        if flag in present
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
