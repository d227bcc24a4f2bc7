"""Section: parameters with priors and posteriors, group effects, and trade-offs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde

from bayesbio.data import quantity
from bayesbio.errors import DataError
from bayesbio.report.figures.course_figures import draw_effects
from bayesbio.report.figures.house_style import PALETTE
from bayesbio.report.formulas import equation_svg
from bayesbio.report.labels import number, title, unit_text
from bayesbio.report.section import Section
from bayesbio.report.subject import Subject

GROUPS = (
    ("Process", "Constants of the mechanism."),
    ("Differences between runs", "Spread on the log scale: 0.1 is about 10 %."),
    ("Starting values", "State at the start of a run."),
    ("Measurement", "Noise of the assays."),
)
SPARK_WIDTH, SPARK_HEIGHT = 140, 34
POSITION = 30
MOST_ROWS = 100  # of a table of parameters
NARROWED = (
    "Medians with central 90 % intervals. Narrowed: width of the prior's interval divided by that "
    "of the posterior; close to 1, the answer is the prior's. ESS: effective sample size in the "
    "bulk and in the tails."
)
TRADE_OFFS = (
    "Pairs of parameters that these data determine together rather than each by itself; a further "
    "assay or a fixed value would separate them."
)
PARAMETER_HEAD = (
    '<th>parameter</th><th class="n">median</th><th>90 % interval</th><th>prior, posterior</th>'
    '<th class="n">narrowed</th><th class="n">R-hat</th><th class="n">ESS</th>'
)


def section(subject: Subject) -> Section:
    """Tabulate the parameters; of a calibration with priors, effects of groups and trade-offs."""
    calibration, summary = subject.evidence.calibration, subject.evidence.summary
    if calibration is None:
        table = summary.head(MOST_ROWS).copy()
        table.index = pd.Index([title(str(name)) for name in table.index], name="parameter")
        hidden = len(summary) - len(table)
        rest = f"{hidden} further rows are not shown; the saved file holds them." if hidden else ""
        return Section("Parameters", rest, table=table, name="parameters")
    parts = [_group_table(group) for group in parameter_groups(calibration, summary)]
    parts += [
        Section("", figure=figure, caption=caption, name=name)
        for name, figure, caption in effect_figures(calibration)
    ]
    traded = trade_offs(calibration, subject.scalars)
    if len(traded):
        parts.append(Section("Trade-offs", TRADE_OFFS, table=traded))
    parts.append(Section("Priors and their sources", table=prior_table(calibration)))
    return Section("Parameters", NARROWED, parts=tuple(parts), name="parameters")


def _group_table(group: dict[str, Any]) -> Section:
    rows = []
    for row in group["rows"]:
        unit = f" [{escape(row['unit'])}]" if row["unit"] else ""
        below = f'<br><span class="unit">{row["symbol"]}{unit}</span>'
        rows.append(
            f'<tr><td class="name">{escape(row["title"])}{below if row["symbol"] or unit else ""}'
            f'</td><td class="n">{row["median"]}</td><td class="w">{row["posterior"]}<br>'
            f'<span class="unit">prior {row["prior"]}</span></td><td>{row["plot"]}</td>'
            f'<td class="n{" bad" if row["little"] else ""}">{row["narrowed"]} ×</td>'
            f'<td class="n">{row["r_hat"]}</td><td class="n">{row["ess"]}</td></tr>'
        )
    table = f"<table><thead><tr>{PARAMETER_HEAD}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    html = Markup(f'<div class="scroll">{table}</div>')
    return Section(group["title"], group["note"], html=html)


def effect_figures(result: Any) -> list[tuple[str, Figure, str]]:
    """Draw group effects (runs, clones, media), each with its shrinkage in words."""
    posterior = result.posterior["posterior"].to_dataset()
    shrinkage = result.shrinkage()["shrinkage"]
    drawn = []
    for name, values in posterior.data_vars.items():
        parameter, _, level = str(name).partition("_by_")
        if values.ndim != 3 or not level or parameter.startswith("noise_"):
            continue
        figure = draw_effects(values, name=parameter, unit=unit_text(result.unit(str(name))))
        caption = f"{title(str(name))}: median, 50 % and 90 % intervals."
        share = shrinkage.get(f"{parameter}_sd_{level}", math.nan)
        if not math.isnan(share):
            caption += f" Shrinkage {share:.0%}: {_shrinkage_in_words(share)}."
        drawn.append((str(name), figure, caption))
    return drawn


def _shrinkage_in_words(share: float) -> str:
    if share < 0.2:
        return "each group is determined by its own data"
    if share < 0.6:
        return "groups borrow from each other where their own data are weak"
    return "the data hardly separate the groups, and most of each value is the common one"


def parameter_groups(calibration: Any, summary: pd.DataFrame) -> list[dict[str, Any]]:
    """
    Sort the parameters as a reader looks for them, each with its prior, posterior and plot.

    Parameters
    ----------
    calibration : Calibration
    summary : DataFrame
        Its summary.

    Returns
    -------
    list of dict
        Groups with title, note and rows; empty groups are left out.
    """
    posterior = calibration.posterior["posterior"].to_dataset()
    prior = calibration.posterior["prior"].to_dataset()
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name, _ in GROUPS}
    for name, row in summary.iterrows():
        draws = _draws_of(posterior, str(name))
        if draws is None:
            continue  # effects of single runs have their own figure
        before = _draws_of(prior, str(name))
        before = np.array([]) if before is None else before
        wide, narrow = row["prior_95"] - row["prior_5"], row["eti_95"] - row["eti_5"]
        groups[_group(str(name))].append(
            {
                "name": str(name),
                "title": title(str(name)),
                "symbol": _symbol(str(name)),
                "unit": unit_text(str(row["unit"])),
                "prior": _range(row["prior_5"], row["prior_95"]),
                "median": number(row["eti_50"]),
                "posterior": _range(row["eti_5"], row["eti_95"]),
                "narrowed": number(wide / narrow, 2) if narrow > 0 else "–",
                "little": bool(narrow > 0 and wide / narrow < 1.25),
                "r_hat": f"{row['r_hat']:.3f}",
                "ess": f"{row['ess_bulk']:.0f} / {row['ess_tail']:.0f}",
                "plot": spark(before, draws),
            }
        )
    return [
        {"title": name, "note": note, "rows": groups[name]} for name, note in GROUPS if groups[name]
    ]


def spark(prior: np.ndarray, posterior: np.ndarray) -> Markup:
    """Draw prior (grey) and posterior (blue) densities on one small axis, as inline SVG."""
    samples = [draws[np.isfinite(draws)] for draws in (prior, posterior)]
    ends = [np.quantile(draws, (0.02, 0.98)) for draws in samples if draws.size > 1]
    if not ends or any(np.ptp(draws) == 0 for draws in samples if draws.size):
        return Markup("")
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    scale = np.log if low > 0 and high / low > 5 else np.asarray
    grid = np.linspace(scale(low), scale(high), 61)
    across = np.linspace(0, SPARK_WIDTH, grid.size)
    paths = []
    for draws, fill in zip(samples, ("#c9c9c9", PALETTE[0]), strict=True):
        if draws.size < 2:
            continue
        draws = draws[draws > 0] if scale is np.log else draws
        height = gaussian_kde(scale(draws[:: max(1, draws.size // 1000)]))(grid)
        height = SPARK_HEIGHT * (1 - 0.94 * height / height.max())
        points = " ".join(f"{x:.0f},{y:.1f}" for x, y in zip(across, height, strict=True))
        paths.append(
            f'<path d="M0,{SPARK_HEIGHT} L{points} L{SPARK_WIDTH},{SPARK_HEIGHT} Z" fill="{fill}" '
            'fill-opacity=".75"/>'
        )
    return Markup(
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" width="{SPARK_WIDTH}" '
        f'height="{SPARK_HEIGHT}" aria-hidden="true">{"".join(paths)}</svg>'
    )


def prior_table(calibration: Any) -> pd.DataFrame:
    """
    Say which prior each unknown was given, and where it comes from.

    Returns
    -------
    DataFrame
        Indexed by parameter; columns prior, source.
    """
    priors, sources = calibration.options["priors"], calibration.options["sources"]
    table = pd.DataFrame(
        {
            "prior": [str(priors[name]) for name in priors],
            "source": [str(sources.get(name, "")) for name in priors],
        },
        index=pd.Index([title(name) for name in priors], name="parameter"),
    )
    return table


def trade_offs(calibration: Any, names: Sequence[str], *, above: float = 0.8) -> pd.DataFrame:
    """
    Find pairs of parameters that the data determine together rather than each by itself.

    Parameters
    ----------
    calibration : Calibration
    names : sequence of str
        Scalar parameters.
    above : float
        Report pairs with a larger absolute correlation.

    Returns
    -------
    DataFrame
        Columns parameter, trades off with, correlation; strongest first.
    """
    posterior = calibration.posterior["posterior"].to_dataset()
    names = list(names)
    draws = np.stack([posterior[name].to_numpy().ravel() for name in names])
    correlation = np.atleast_2d(np.corrcoef(draws))
    pairs = [
        (title(names[i]), title(names[j]), float(correlation[i, j]))
        for i in range(len(names))
        for j in range(i)
        if abs(correlation[i, j]) > above
    ]
    table = pd.DataFrame(pairs, columns=["parameter", "trades off with", "correlation"])
    return table.sort_values("correlation", key=np.abs, ascending=False, ignore_index=True)


def _draws_of(draws: xr.Dataset, label: str) -> np.ndarray | None:
    """Draws of a row of the summary: of a single number, a slope or a correlation."""
    if label in draws and draws[label].ndim == 2:
        return draws[label].to_numpy().ravel()
    name, _, index = label.partition("[")
    if name not in draws or draws[name].ndim != 3:
        return None
    dim = str(draws[name].dims[-1])
    if not (dim.endswith("_term") or dim.startswith("pair_")):
        return None
    return draws[name].sel({dim: index.removesuffix("]")}).to_numpy().ravel()


def _group(name: str) -> str:
    if name.startswith(("noise_", "curve_")):
        return "Measurement"
    if "_sd_" in name or name.startswith("correlation_"):
        return "Differences between runs"
    return "Starting values" if name.startswith("initial_") else "Process"


def _range(low: float, high: float) -> str:
    return f"{number(low)} to {number(high)}" if np.isfinite(low) and np.isfinite(high) else "–"


def _symbol(name: str) -> Markup:
    """Textbook symbol of a parameter, if the vocabulary has one."""
    try:
        symbol = quantity(name).symbol
    except DataError:
        symbol = None
    if not symbol or symbol.startswith(r"\mathrm"):  # no more than the name again
        return Markup("")
    return Markup(equation_svg(symbol, size=12.0) or "")
