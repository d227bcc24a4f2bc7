"""What stands behind a calibration, ready for a page: parameters, equations, data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from markupsafe import Markup
from scipy.stats import gaussian_kde

from bayesbio.data import quantity
from bayesbio.errors import DataError
from bayesbio.ode import equations
from bayesbio.report.figures.course_figures import PALETTE
from bayesbio.report.figures.labels import number, title, unit_text
from bayesbio.report.formulas import equation_lines, equation_svg

GROUPS = (
    ("Process", "What the mechanism is made of."),
    ("Differences between runs", "Spread on the log scale: 0.1 is about 10 %."),
    ("Starting values", "State of the culture at the first moment."),
    ("Measurement", "What the assays add."),
)
SPARK_WIDTH, SPARK_HEIGHT = 140, 34


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
        found = _draws_of(posterior, str(name))
        if found is None:
            continue  # effects of single runs have their own figure
        draws, before = found, _draws_of(prior, str(name))
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


def equation_blocks(model: Any) -> list[dict[str, Any]]:
    """
    Draw the equations of the model.

    Returns
    -------
    list of dict
        ``latex`` of each equation, and ``svg`` or None where it cannot be drawn.
    """
    return [
        {"latex": line, "svg": None if (svg := equation_svg(line)) is None else Markup(svg)}
        for line in equation_lines(equations(model))
    ]


def data_card(campaign: Any, noticed: Sequence[str] = ()) -> dict[str, Any]:
    """
    Describe what was measured: how often, in which units, and what looked odd.

    Parameters
    ----------
    campaign : Campaign
        With the findings of reading and checking.
    noticed : sequence of str
        Further warnings, such as those of the fit.

    Returns
    -------
    dict
        counts (table of quantity by run), total, flags (text), findings (table or None), settings.
    """
    frame = campaign.to_frame()
    counted = frame[frame["flag"] != "excluded"]
    counts = (
        counted.groupby(["quantity", "run"])
        .size()
        .unstack(fill_value=0)
        .reindex(columns=list(campaign.names), fill_value=0)
    )
    counts.insert(0, "unit", [unit_text(campaign.units.get(name, "")) for name in counts.index])
    counts.index = pd.Index([title(name) for name in counts.index], name="quantity")
    flags = frame["flag"].value_counts()
    spoken = [f"{count} {flag}" for flag, count in flags.items() if flag]
    found = [(f.severity, f.run, f.time, f.what, f.what_to_do) for f in campaign.findings.merged()]
    told = {str(finding) for finding in campaign.findings.merged()}
    found += [("warning", "", None, text, "") for text in noticed if text not in told]
    findings = pd.DataFrame(found, columns=["severity", "run", "time [h]", "what", "what to do"])
    settings = campaign.settings_frame()
    return {
        "counts": counts,
        "total": len(counted),
        "flags": ", ".join(spoken),
        "findings": findings if len(findings) else None,
        "settings": settings.rename_axis("run") if settings.size else None,
    }


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
    name, _, place = label.partition("[")
    if name not in draws or draws[name].ndim != 3:
        return None
    dim = str(draws[name].dims[-1])
    if not (dim.endswith("_term") or dim.startswith("pair_")):
        return None
    return draws[name].sel({dim: place.removesuffix("]")}).to_numpy().ravel()


def _group(name: str) -> str:
    if name.startswith(("noise_", "curve_")):
        return "Measurement"
    if "_sd_" in name or name.startswith("correlation_"):
        return "Differences between runs"
    return "Starting values" if name.startswith("initial_") else "Process"


def _range(low: float, high: float) -> str:
    return f"{number(low)} to {number(high)}" if np.isfinite(low) and np.isfinite(high) else "–"


def _symbol(name: str) -> Markup:
    """Textbook symbol of a parameter, if the vocabulary knows one."""
    try:
        symbol = quantity(name).symbol
    except DataError:
        symbol = None
    if not symbol or symbol.startswith(r"\mathrm"):  # no more than the name again
        return Markup("")
    return Markup(equation_svg(symbol, size=12.0) or "")
