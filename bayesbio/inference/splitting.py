"""Which runs are held out together, so that a prediction is tested on what it has not seen."""

from __future__ import annotations

import dataclasses
import difflib

import numpy as np

from bayesbio.data.campaign import Campaign
from bayesbio.errors import DataError


@dataclasses.dataclass(frozen=True)
class Fold:
    """
    One division of a campaign into what is learned from and what is predicted.

    Parameters
    ----------
    held_out : tuple of str
        Names of the runs that are predicted.
    train, test : Campaign
        The other runs, and these.
    """

    held_out: tuple[str, ...]
    train: Campaign
    test: Campaign


def folds(campaign: Campaign, by: str = "run") -> tuple[Fold, ...]:
    """
    Hold out each run in turn, or each group of runs that shares a setting.

    Parameters
    ----------
    campaign : Campaign
        The runs.
    by : str
        ``"run"``, or a setting such as ``"clone"`` or ``"site"``: runs with the same value are
        held out together, which is the honest test of predicting a new clone or site.

    Returns
    -------
    tuple of Fold
        In the order in which the runs or groups appear.

    Raises
    ------
    DataError
        If a run lacks the setting, or there are not two groups.

    Examples
    --------
    >>> from bayesbio.data.run import Run
    >>> campaign = Campaign([Run(name, settings={"clone": name[0]}) for name in ("A1", "A2", "B1")])
    >>> [fold.held_out for fold in folds(campaign)]
    [('A1',), ('A2',), ('B1',)]
    >>> [fold.train.names for fold in folds(campaign, by="clone")]
    [('B1',), ('A1', 'A2')]
    """
    groups: dict[object, list[str]] = {}
    for run in campaign:
        groups.setdefault(run.name if by == "run" else _setting(campaign, run.name, by), []).append(
            run.name
        )
    if len(groups) < 2:
        raise DataError(
            f"Holding out by {by!r} needs at least two groups, but the {len(campaign)} runs "
            f"({', '.join(campaign.names) or 'none'}) make {len(groups)}. Hold out by 'run' or by "
            "another setting, or add runs."
        )
    return tuple(
        Fold(tuple(names), campaign.without(names), campaign.select(names))
        for names in groups.values()
    )


def _setting(campaign: Campaign, name: str, by: str) -> object:
    """Value of a setting that every run has to have."""
    settings = campaign[name].settings
    value = settings.get(by)
    if value is not None and not (isinstance(value, float) and np.isnan(value)):
        return value
    every = sorted({key for run in campaign for key in run.settings})
    near = difflib.get_close_matches(by, every, n=1)
    hint = f"Did you mean {near[0]!r}?" if near and near[0] != by else "Fill it in for every run."
    raise DataError(
        f"Run {name!r} has no setting {by!r} to hold out by; the settings are "
        f"{', '.join(every) or 'none'}. {hint}"
    )
