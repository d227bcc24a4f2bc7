"""What a model cannot do that the data do: courses that turn where their predictions do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.inference import VerdictItem
from bayesbio.inference.diagnostics.predictive_checks import Predicted, predicted_quantities
from bayesbio.mechanistic import ProcessModel

LATE = 0.4  # share of the run's duration after which a turn is looked for
CLEAR = 4.0  # standard deviations of a reading that make a change clear
SHARE = 1 / 3  # of the change of the data that predictions have to follow


def missing_rates(tree: xr.DataTree, model: ProcessModel) -> VerdictItem | None:
    """
    Name a late fall or rise of the data that the model's predictions do not follow.

    Parameters
    ----------
    tree : DataTree
        With groups posterior_predictive and observed_data.
    model : ProcessModel
        Its mapping ``remedies``, {(quantity, "falls" or "rises"): option}, says which option would
        supply what is missing, where the library has one.

    Returns
    -------
    VerdictItem, or None where nothing is missing that way
    """
    remedies: Mapping[tuple[str, str], str] = getattr(model, "remedies", {})
    sentences, options, most = [], [], 0.0
    for case in predicted_quantities(tree):
        for direction, sign in (("falls", -1.0), ("rises", 1.0)):
            found = unfollowed(case, sign)
            if 2 * sum(found.values()) <= len(found) or sum(found.values()) < 2:
                continue
            count, total = sum(found.values()), len(found)
            option = remedies.get((case.quantity, direction))
            hint = f": try {option}" if option else ""
            words = direction.removesuffix("s")
            name = case.quantity.replace("_", " ")
            sentences.append(
                f"{name[0].upper()}{name[1:]} {direction} late in {count} of {total} runs; this "
                f"model, fitted, does not make it {words}{hint}."
            )
            options += [option] if option else []
            most = max(most, count / total)
    if not sentences:
        return None
    return VerdictItem(
        "missing rates",
        most,
        "<= 0.5 of the runs",
        False,
        " ".join(sentences),
        f"Fit with the option {' and '.join(dict.fromkeys(options))}."
        if options
        else "Another model of the library, or a correction of the rate that is missing.",
        question="model",
    )


def unfollowed(case: Predicted, sign: float) -> dict[str, bool]:
    """For each run: whether its readings clearly change late and the predicted medians do not."""
    if case.run is None or case.time is None:
        return {}
    median, spread = np.median(case.draws, axis=0), case.draws.std(axis=0)
    found = {}
    for run in np.unique(case.run[case.exact].astype(str)):
        mine = case.exact & (case.run.astype(str) == run)
        order = np.argsort(case.time[mine], kind="stable")
        values, expected, scatter, time = (
            each[mine][order] for each in (case.observed, median, spread, case.time)
        )
        late = time >= LATE * time[-1]
        if late.sum() < 5:
            continue
        # straight lines through the late part: one odd reading decides nothing
        change, followed = (np.polyfit(time[late], each[late], 1)[0] for each in (values, expected))
        span = time[-1] - time[late][0]
        error = _slope_error(time[late], float(np.median(_noise(values, time, scatter))))
        clear = sign * change > CLEAR * error and abs(change * span) > 0.1 * abs(values).max()
        found[str(run)] = bool(clear and sign * followed < SHARE * sign * change)
    return found


def _slope_error(time: np.ndarray, noise: float) -> float:
    """Give the standard error of the slope of a straight line."""
    return float(noise / np.sqrt(np.sum((time - time.mean()) ** 2)))


def _noise(values: np.ndarray, time: np.ndarray, scatter: np.ndarray) -> Any:
    """Scatter of readings about their neighbours, as a swollen noise term would hide a turn."""
    if len(values) < 4:
        return scatter
    weight = (time[1:-1] - time[:-2]) / np.maximum(time[2:] - time[:-2], 1e-12)
    between = values[:-2] * (1 - weight) + values[2:] * weight
    rough = 1.4826 * np.median(np.abs(values[1:-1] - between)) / np.sqrt(1.5)
    return np.minimum(scatter, rough)
