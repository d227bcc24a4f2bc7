"""Section: what a calibrated model predicts, over the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bayesbio.report.figures.course_figures import draw_predictive
from bayesbio.report.figures.diagnostic_figures import draw_loo_pit
from bayesbio.report.section import Section
from bayesbio.report.subject import Subject

POSITION = 20
LOO_PIT = (
    "Probability integral transform of each measurement under its leave-one-out predictive "
    "distribution (LOO-PIT), against the uniform distribution. A curve near zero is good; a "
    "p-value below 0.01 is suspicious."
)


def section(subject: Subject) -> Section | None:
    """Draw the posterior predictive of every quantity in every run, and the LOO-PIT."""
    if subject.evidence.calibration is None or not subject.measured:
        return None
    campaign = subject.evidence.calibration.campaign
    figures = {name: draw_predictive(subject.courses, campaign, name) for name in subject.measured}
    parts = [Section("", figure=figures[name], name=f"predictive_{name}") for name in figures]
    judged = uncensored(subject.evidence.tree, subject.measured)
    if judged is not None:
        names = [str(name) for name in judged["observed_data"].data_vars]
        figure = draw_loo_pit(judged, names)
        parts.append(
            Section("Calibration of the predictions", "", figure, caption=LOO_PIT, name="loo_pit")
        )
    return Section(
        "Prediction and data",
        "What the calibrated model predicts for a new measurement in each run: median, 50 % and "
        "90 % bands. Nine in ten measurements should lie in the pale band.",
        parts=tuple(parts),
        name="predictive",
    )


def uncensored(tree: xr.DataTree, quantities: Sequence[str]) -> xr.DataTree | None:
    """Keep plainly measured rows: the LOO-PIT of a value that is only bounded is not defined."""
    names = ("posterior_predictive", "log_likelihood", "observed_data")
    if not set(names) <= set(tree.children):
        return None
    groups = {name: tree[name].to_dataset() for name in names}
    judged = []
    for quantity in quantities:
        flag = f"{quantity}_flag"
        if quantity not in groups["observed_data"]:
            continue
        plain = np.ones(groups["observed_data"].sizes[f"{quantity}_row"], bool)
        if flag in groups["observed_data"].coords:
            plain = groups["observed_data"][flag].to_numpy() == ""
        if plain.sum() > 2:
            judged.append(quantity)
            rows = {f"{quantity}_row": np.flatnonzero(plain)}
            groups = {name: data.isel(rows) for name, data in groups.items()}
    if not judged:
        return None
    parts = {name: data[judged] for name, data in groups.items()}
    return xr.DataTree.from_dict({"posterior": tree["posterior"].to_dataset(), **parts})
