"""From a result to a report that a colleague can check."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayesbio.errors import CalibrationError
from bayesbio.report.diagnostics import draw_energy, draw_loo_pit, draw_ranks, draw_traces
from bayesbio.report.evidence import (
    data_card,
    equation_blocks,
    parameter_groups,
    prior_table,
    trade_offs,
)
from bayesbio.report.figures.correction_figures import correction_evidence
from bayesbio.report.figures.course_figures import draw_courses, draw_effects, draw_predictive
from bayesbio.report.figures.labels import number, unit_text
from bayesbio.report.figures.labels import title as words
from bayesbio.report.page import Picture, render_page, table_html
from bayesbio.report.provenance import data_hash, provenance
from bayesbio.report.section import Section

__all__ = ["sentence", "write_quick_look", "write_report"]

GRID = 61  # times at which a course is drawn
MOST_ROWS = 100  # of a table of parameters
EVIDENCE = (
    *("predictive", "loo_pit", "groups", "effects", "trade_offs", "priors"),  # of a calibration
    *("equations", "model_name", "data", "corrections"),
    *("summary", "left_out", "noticed"),  # of any other posterior
    "sampling",
)


def sentence(calibration: Any, parameter: str) -> str:
    """
    Say what a calibration knows about one parameter.

    Parameters
    ----------
    calibration : Calibration
    parameter : str
        A row of ``calibration.summary()``.

    Returns
    -------
    str
        Median, unit and 90 % interval, the spread between runs where it was asked for, and a
        warning in front when the checks did not pass.

    Raises
    ------
    CalibrationError
        If the calibration has no such parameter.

    Examples
    --------
    ``sentence(calibration, "maximum_growth_rate")`` gives "The maximum growth rate is 0.032 1/h,
    with 90 % probability between 0.030 and 0.035 1/h."
    """
    summary = calibration.summary()
    if parameter not in summary.index:
        raise CalibrationError(
            f"{parameter!r} is not a parameter of this calibration. It has "
            f"{', '.join(map(str, summary.index))}."
        )
    row = summary.loc[parameter]
    unit = unit_text(str(row["unit"]))
    unit = f" {unit}" if unit else ""
    name = words(parameter)
    name = name if name.startswith("pH") else name[:1].lower() + name[1:]
    said = (
        f"The {name} is {number(row['eti_50'])}{unit}, with 90 % probability between "
        f"{number(row['eti_5'])} and {number(row['eti_95'])}{unit}."
    )
    for other in summary.index:
        if str(other).startswith(f"{parameter}_sd_"):
            level = str(other).removeprefix(f"{parameter}_sd_").replace("_", " ")
            spread = 100 * float(np.expm1(summary.loc[other, "eti_50"]))
            if summary.loc[parameter, "eti_5"] > 0:  # positive: its effects act on the log scale
                said += f" It differs by about {number(spread, 2)} % from {level} to {level}."
    if not calibration.check().passed:
        said = f"Not a result yet, some checks failed. {said}"
    return said


def write_report(
    path: str | os.PathLike[str],
    result: Any,
    *,
    answer: str,
    show: Any = None,
    title: str | None = None,
    sections: Sequence[Section] = (),
    scores: pd.DataFrame | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> Path:
    """
    Write one self-contained page, its figures as files, and the numbers as metrics.json.

    Parameters
    ----------
    path : path
        Folder of the report; made when missing.
    result : Calibration, or another posterior of the house
        What stands behind the answer. It has ``check()``, ``summary()``, ``posterior``, ``hash``,
        ``random_seed`` and ``data_hash``, and may have ``noticed``, sentences about its data. A
        calibration also shows its courses, equations and data.
    answer : str
        What the reader came for, in a sentence or two (see `sentence`).
    show : Dataset or Figure, optional
        The figure under the answer: a prediction, drawn with the data where runs agree in name,
        or any figure. The calibrated courses with their data by default; a result that is not a
        calibration needs a figure.
    title : str, optional
        The question; made from the folder's name by default.
    sections : sequence of Section
        Further figures and tables of the analysis; they follow the figure.
    scores : DataFrame, optional
        The mechanism beside the baselines on the same folds, one method a row.
    metrics : mapping, optional
        Further numbers for metrics.json, which is flat: name to number, text or truth value.

    Returns
    -------
    Path
        The page, ``index.html`` in the folder.

    Raises
    ------
    TypeError
        If `show` cannot be drawn.

    Examples
    --------
    ``write_report("reports/growth", calibration, answer=sentence(calibration, "death_rate"))``
    """
    folder = Path(path)
    verdict = result.check()
    summary = result.summary()
    pictures: list[Picture] = []

    def picture(figure: Figure, name: str, words: str) -> Picture:
        pictures.append(Picture.of(figure, name=name, words=words))
        return pictures[-1]

    if _is_calibration(result):
        prediction = _courses(result)
        head = _head_figure(show, prediction, result.campaign)
        evidence = partial(_calibration_evidence, result, summary, prediction)
    elif isinstance(show, Figure):
        head = show
        evidence = partial(_posterior_evidence, result, summary)
    else:
        raise TypeError(
            f"show is a {type(show).__name__}; the report of a {type(result).__name__} opens with "
            "a Matplotlib figure: write_report(..., show=figure)."
        )
    content: dict[str, Any] = {
        "title": " ".join((title or folder.name.replace("_", " ").capitalize()).split()),
        "answer": answer,
        "verdict": verdict,
        "checked": sum(item.passed or not item.advisory for item in verdict.items),
        "head": picture(head, "answer", "The figure behind the answer"),
        "sections": [
            {
                "title": section.title,
                "text": section.text,
                "picture": None
                if section.figure is None
                else picture(section.figure, section.title, section.title),
                "table": None if section.table is None else table_html(section.table),
            }
            for section in sections
        ],
        "scores": None if scores is None else table_html(scores),
        "provenance": provenance(result),
    }
    content |= dict.fromkeys(EVIDENCE) | evidence(picture)

    html = render_page("report.html", content, pictures)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for each in pictures:
        (folder / "figures" / f"{each.name}.png").write_bytes(each.png)
    told = {"title": content["title"], "answer": answer, **_metrics(result, summary, verdict)}
    told |= {name: _plain(value) for name, value in (metrics or {}).items()}
    text = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
    page = folder / "index.html"
    page.write_text(html, encoding="utf-8")
    return page


def write_quick_look(path: str | os.PathLike[str], look: Any) -> Path:
    """
    Write one page with the best fit over the data: a first impression, labelled as that.

    Parameters
    ----------
    path : path
        The HTML file to write.
    look : QuickLook
        What `bayesbio.calibrate.quick_look` found.

    Returns
    -------
    Path

    Examples
    --------
    ``write_quick_look("quick_look.html", look)``
    """
    page = Path(path)
    prediction = _courses(look)
    pictures = [
        Picture.of(
            draw_predictive(prediction, look.campaign, name),
            name=name,
            words=f"Best fit and measurements of {name.replace('_', ' ')} in every run",
        )
        for name in look.campaign.quantities
        if name in prediction
    ]
    estimates = look.summary().rename_axis("parameter").reset_index()
    estimates["unit"] = [unit_text(str(unit)) for unit in estimates["unit"]]
    content = {
        "title": f"{type(look.model).__name__} on {len(look.campaign)} runs",
        "label": look.label,
        "converged": look.converged,
        "others": len(look.other_modes),
        "pictures": pictures,
        "estimates": table_html(estimates),
    }
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render_page("quick_look.html", content, pictures), encoding="utf-8")
    return page


def _is_calibration(result: Any) -> bool:
    """Tell a calibrated process model, whose courses and equations can be shown, from the rest."""
    model = getattr(result, "model", None)
    return hasattr(model, "derivatives") or hasattr(model, "solution")


def _calibration_evidence(
    result: Any,
    summary: pd.DataFrame,
    prediction: xr.Dataset,
    picture: Callable[[Figure, str, str], Picture],
) -> dict[str, Any]:
    """Show what stands behind a calibration: predictions, parameters, equations, chains, data."""
    campaign, tree = result.campaign, result.posterior
    measured = [name for name in campaign.quantities if name in prediction]
    draws = tree["posterior"].to_dataset()
    scalars = [str(name) for name in summary.index if name in draws and draws[name].ndim == 2]
    content: dict[str, Any] = {
        "predictive": [
            picture(
                draw_predictive(prediction, campaign, name),
                f"predictive_{name}",
                f"Predicted and measured {name.replace('_', ' ')} in every run",
            )
            for name in measured
        ],
        "effects": [
            picture(figure, name, f"{words(name)}: median, 50 % and 90 % intervals.")
            for name, figure, said in _effects(result)
        ],
        "groups": parameter_groups(result, summary),
        "priors": table_html(prior_table(result)),
        "trade_offs": _table_or_none(trade_offs(result, scalars)),
        "sampling": _sampling(tree, scalars, picture) if "sample_stats" in tree.children else (),
        "equations": equation_blocks(result.model),
        "model_name": type(result.model).__name__,
        "data": _card(campaign, result.options["findings"]),
    }
    corrected = correction_evidence(result)
    if corrected is not None:
        figures, shares, confounded = corrected
        content["corrections"] = {
            "pictures": [picture(figure, name, words(name)) for name, figure in figures],
            "shares": table_html(shares),
            "confounded": table_html(confounded),
        }
    judged = _uncensored(tree, measured)
    if judged is not None:
        figure = draw_loo_pit(judged, [str(name) for name in judged["observed_data"].data_vars])
        content["loo_pit"] = picture(figure, "loo_pit", "LOO-PIT by quantity")
    return content


def _posterior_evidence(
    result: Any, summary: pd.DataFrame, picture: Callable[[Figure, str, str], Picture]
) -> dict[str, Any]:
    """Show what stands behind any other posterior: its parameters, its chains, what was noticed."""
    tree = getattr(result, "posterior", xr.DataTree())
    draws = tree["posterior"].to_dataset() if "posterior" in tree.children else xr.Dataset()
    scalars = [str(name) for name, values in draws.data_vars.items() if values.ndim == 2]
    sampled = "sample_stats" in tree.children and bool(scalars)
    table = summary.head(MOST_ROWS).copy()
    table.index = pd.Index([words(str(name)) for name in table.index], name="parameter")
    return {
        "summary": table_html(table),
        "left_out": len(summary) - len(table),
        "sampling": _sampling(tree, scalars, picture) if sampled else (),
        "noticed": [str(sentence) for sentence in getattr(result, "noticed", ())],
    }


def _sampling(
    tree: xr.DataTree, scalars: Sequence[str], picture: Callable[[Figure, str, str], Picture]
) -> tuple[Picture, ...]:
    return (
        picture(draw_traces(tree, scalars), "trace", "Marginals and paths of the chains"),
        picture(draw_ranks(tree, scalars), "rank", "Rank plots of the chains"),
        picture(draw_energy(tree), "energy", "Energy of the sampler"),
    )


def _courses(result: Any) -> xr.Dataset:
    """Predict every calibrated run on a fine grid, and blank what lies after its last sample."""
    frame = result.campaign.to_frame()
    last = frame.groupby("run")["time_h"].max()
    times = np.linspace(min(0.0, float(frame["time_h"].min())), float(last.max()), GRID)
    prediction = result.predict(times=times, random_seed=0)
    ends = xr.DataArray(
        [float(last.get(str(run), times[-1])) for run in prediction["run"].to_numpy()],
        coords={"run": prediction["run"]},
        dims="run",
    )
    step = times[1] - times[0]
    return prediction.where(prediction["time"] <= ends + step)


def _head_figure(show: Any, prediction: xr.Dataset, campaign: Any) -> Figure:
    if isinstance(show, Figure):
        return show
    if show is None or isinstance(show, xr.Dataset):
        return draw_courses(prediction if show is None else show, campaign)
    raise TypeError(
        f"show is a {type(show).__name__}; give a prediction (Dataset) or a Matplotlib figure."
    )


def _effects(result: Any) -> list[tuple[str, Figure, str]]:
    """Draw what differs from run to run (or clone, or medium), and say how much is borrowed."""
    posterior = result.posterior["posterior"].to_dataset()
    borrowed = result.shrinkage()["shrinkage"] if hasattr(result, "shrinkage") else {}
    drawn = []
    for name, values in posterior.data_vars.items():
        parameter, _, level = str(name).partition("_by_")
        if values.ndim != 3 or not level or parameter.startswith("noise_"):
            continue
        figure = draw_effects(values, name=parameter, unit=unit_text(result.unit(str(name))))
        share = borrowed.get(f"{parameter}_sd_{level}", math.nan)
        said = "" if math.isnan(share) else f" Shrinkage {share:.0%}: {_borrowing(share)}."
        drawn.append((str(name), figure, said))
    return drawn


def _borrowing(share: float) -> str:
    """Say what a shrinkage means."""
    if share < 0.2:
        return "each group's own data decide about it"
    if share < 0.6:
        return "groups borrow from each other where their own data say little"
    return "the data hardly tell the groups apart, and most of each value is the common one"


def _uncensored(tree: xr.DataTree, quantities: Sequence[str]) -> xr.DataTree | None:
    """Keep plainly measured rows: where a value is only bounded it has no place in a prediction."""
    names = ("posterior_predictive", "log_likelihood", "observed_data")
    groups = {name: tree[name].to_dataset() for name in names}
    kept = []
    for quantity in quantities:
        flag = f"{quantity}_flag"
        if quantity not in groups["observed_data"]:
            continue
        plain = np.ones(groups["observed_data"].sizes[f"{quantity}_row"], bool)
        if flag in groups["observed_data"].coords:
            plain = groups["observed_data"][flag].to_numpy() == ""
        if plain.sum() > 2:
            kept.append(quantity)
            rows = {f"{quantity}_row": np.flatnonzero(plain)}
            groups = {name: data.isel(rows) for name, data in groups.items()}
    if not kept:
        return None
    judged = {name: data[kept] for name, data in groups.items()}
    return xr.DataTree.from_dict({"posterior": tree["posterior"].to_dataset(), **judged})


def _card(campaign: Any, noticed: Sequence[str]) -> dict[str, Any]:
    card = data_card(campaign, noticed)
    tables = ("counts", "findings", "settings")
    return card | {name: _table_or_none(card[name]) for name in tables}


def _table_or_none(table: pd.DataFrame | None) -> Any:
    return None if table is None or table.empty else table_html(table)


def _metrics(result: Any, summary: pd.DataFrame, verdict: Any) -> dict[str, Any]:
    """Everything a later run may be compared with, as a flat mapping."""
    told: dict[str, Any] = {"passed": bool(verdict.passed)}
    for item in verdict.items:
        slug = re.sub(r"[^a-z0-9]+", "_", item.name.lower()).strip("_")
        told[f"verdict_{slug}"] = _plain(item.value)
    if _is_calibration(result):
        told["runs"] = len(result.campaign)
        told["observations"] = int((result.campaign.to_frame()["flag"] != "excluded").sum())
    told |= {
        "seed": result.random_seed,
        "data_hash": data_hash(result),
        "posterior_hash": result.hash,
    }
    for column in [name for name in ("eti_50", "eti_5", "eti_95") if name in summary]:
        told |= {f"{name}_{column}": _plain(value) for name, value in summary[column].items()}
    return told


def _plain(value: Any) -> Any:
    """Turn NumPy scalars into what JSON knows; what is not finite becomes null."""
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    number = float(value)
    return float(f"{number:.6g}") if np.isfinite(number) else None
