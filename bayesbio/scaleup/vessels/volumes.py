"""The volume of each run, and whether the scales can be learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError

VOLUME_NAMES = ("volume", "initial_volume", "nominal_volume", "scale")
FEWEST_READINGS = 3  # of a scale


def volumes_of(campaign: Campaign, name: str | None = None) -> np.ndarray:
    """
    Volume of each run.

    Parameters
    ----------
    campaign : Campaign
    name : str, optional
        The setting; volume, initial_volume, nominal_volume or scale by default.

    Returns
    -------
    array, (runs,) [L]

    Raises
    ------
    DataError
        If it is missing, no number, or not above zero.

    Examples
    --------
    >>> volumes_of(Campaign([Run("A", settings={"volume": 10.0})])).tolist()
    [10.0]
    """
    tried = VOLUME_NAMES if name is None else (name,)
    chosen = next((one for one in tried if any(one in run.settings for run in campaign)), None)
    if chosen is None:
        settings = sorted({key for run in campaign for key in run.settings})
        raise DataError(
            f"No run has a scale: expected a setting {' or '.join(tried)} in litres; the settings "
            f"are {', '.join(settings) or 'none'}. Add a column volume_L, or name the setting: "
            "ScaleModel(volume='...')."
        )
    found = np.empty(len(campaign))
    for place, run in enumerate(campaign):
        found[place] = check_volume(run.settings.get(chosen), f"Run {run.name!r}: {chosen}")
    return found


def check_volume(value: Any, what: str = "The volume") -> float:
    """
    Give a volume as a number of litres above zero.

    Parameters
    ----------
    value : number
    what : str
        For the message.

    Returns
    -------
    float [L]

    Raises
    ------
    DataError
        With what came.

    Examples
    --------
    >>> check_volume(100)
    100.0
    """
    try:
        volume = float(value)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{what} is {value!r}; a number of litres was expected. Write every volume in litres: "
            "4 m3 is 4000."
        ) from error
    if not (np.isfinite(volume) and volume > 0.0):
        raise DataError(
            f"{what} is {volume:g} L; a volume above zero was expected. Correct it, or leave the "
            "run out with campaign.without(...)."
        )
    return volume


def check_scales(
    campaign: Campaign, rows: pd.DataFrame, volumes: np.ndarray, scale: np.ndarray, least: int
) -> None:
    """Refuse too few scales, mixed units, and scales with next to no readings."""
    names = np.array(campaign.names)
    if len(np.unique(scale)) < least:
        raise DataError(
            f"All {len(names)} runs are at {volumes[0]:g} L; what follows scale needs at least two "
            "scales, and three to see a bend. Add runs at another volume, or fit the runs with "
            "bayesbio.calibrate.fit."
        )
    labels = [label for label in map(_label, campaign) if label is not None]
    if len(labels) == len(names):
        order = np.argsort(labels, kind="stable")
        steps, rises = np.diff(volumes[order]), np.diff(np.array(labels)[order])
        if ((steps < 0.0) & (rises > 0.0)).any():
            listed = ", ".join(f"{volumes[place]:g}" for place in order)
            raise DataError(
                f"The volumes do not rise with the number of the scale: {listed} L. Probably "
                "litres and cubic metres are mixed; give every volume in litres (4 m3 is 4000)."
            )
    counted = rows[rows["flag"] == ""].groupby("run").size()
    for number in np.unique(scale):
        members = names[scale == number]
        count = int(sum(counted.get(name, 0) for name in members))
        if count < FEWEST_READINGS:
            raise DataError(
                f"The scale of {volumes[scale == number][0]:g} L (run {', '.join(members)}) has "
                f"{count} quantified readings; at least {FEWEST_READINGS} are needed to see a "
                f"curve. Add readings, or leave it out: campaign.without({members.tolist()!r})."
            )


def _label(run: Run) -> float | None:
    """Give the number of a scale, where the run names one beside its volume."""
    for key in ("scale_id", "scale_number", "scale"):
        value = run.settings.get(key)
        if isinstance(value, int | float) and np.isfinite(value):
            return float(value)
    return None
