"""Which runs or rows are held out together, so that a prediction meets what it has not seen."""

from __future__ import annotations

import dataclasses
import difflib

import numpy as np

from bayesbio.data.campaign import Campaign
from bayesbio.data.table import Table
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


@dataclasses.dataclass(frozen=True)
class TableFold:
    """
    One division of a table into the rows that are learned from and those that are predicted.

    Parameters
    ----------
    name : str
        The group held out, or the number of the part.
    train, test : Table
        The other rows, and these.
    """

    name: str
    train: Table
    test: Table


def table_folds(
    table: Table, by: str | None = None, *, number: int = 10, random_seed: int = 0
) -> tuple[TableFold, ...]:
    """
    Hold out each group of rows in turn, or random parts.

    Parameters
    ----------
    table : Table
    by : str, optional
        A column: rows with the same value are held out together, which is the honest test of
        predicting a new round, medium or scale. By default random parts.
    number : int
        How many random parts; with `by`, the groups are gathered into at most so many parts, each
        group in one of them (0: every group on its own).
    random_seed : int
        Same seed, same parts.

    Returns
    -------
    tuple of TableFold

    Raises
    ------
    DataError
        If rows lack the group, or there are not two of them.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesbio.data.table import TableColumn
    >>> frame = pd.DataFrame({"scale": [2.0, 2.0, 50.0, 500.0]})
    >>> table = Table(frame, [TableColumn("scale", "group")])
    >>> [(fold.name, len(fold.train)) for fold in table_folds(table, by="scale")]
    [('2', 2), ('50', 3), ('500', 3)]
    """
    rng = np.random.default_rng(random_seed)
    if by is None:
        part = rng.permutation(len(table)) % max(min(number, len(table)), 1)
        names = [f"part {place + 1}" for place in range(len(np.unique(part)))]
    else:
        values = table[by]
        if any(value != value or value is None for value in values):
            raise DataError(
                f"Some rows have no {by!r} to hold out by; fill it in, or drop those rows with "
                "table.select(...)."
            )
        levels = list(dict.fromkeys(values.tolist()))
        part = np.array([levels.index(value) for value in values], dtype=int)
        names = [f"{level:g}" if isinstance(level, float) else str(level) for level in levels]
        if 0 < number < len(levels):
            part = rng.permutation(len(levels))[part] % number
            names = [f"part {place + 1}" for place in range(number)]
    if len(names) < 2:
        raise DataError(
            f"Holding out by {by or 'part'!r} needs at least two groups, but the {len(table)} rows "
            f"make {len(names)}. Hold out by another column, or add rows."
        )
    return tuple(
        TableFold(name, table.select(part != place), table.select(part == place))
        for place, name in enumerate(names)
    )
