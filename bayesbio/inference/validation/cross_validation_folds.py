"""Cross-validation folds: runs or rows that are held out together."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable

import numpy as np
import pandas as pd

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
    known_until : float, optional [h]
        Readings of the held-out runs up to here are learned from, too.
    starts_known : tuple of str
        Quantities whose first readings are known rather than predicted: runs start from them.
    """

    held_out: tuple[str, ...]
    train: Campaign
    test: Campaign
    known_until: float | None = None
    starts_known: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Names of the held-out runs, as one text."""
        return ", ".join(self.held_out)

    def rows(self) -> pd.DataFrame:
        """Give the readings to predict, as from ``to_frame(details=True)``, none excluded."""
        rows = self.test.to_frame(details=True)
        asked = rows["flag"] != "excluded"
        asked &= ~(rows["quantity"].isin(self.starts_known) & (rows["time_h"] <= 0.0))
        if self.known_until is not None:
            asked &= rows["time_h"] > self.known_until
        return rows[asked].reset_index(drop=True)


def folds(
    campaign: Campaign, by: str = "run", *, known_until: float | None = None
) -> tuple[Fold, ...]:
    """
    Hold out each run in turn, or each group of runs that shares a setting.

    Parameters
    ----------
    campaign : Campaign
        The runs.
    by : str
        ``"run"``, or a setting such as ``"clone"`` or ``"site"``: runs with the same value are
        held out together, which is the honest test of predicting a new clone or site.
    known_until : float, optional [h]
        Held-out runs are predicted from their readings up to this hour, as a batch that is still
        running; by default from nothing but settings and first readings.

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
        Fold(
            tuple(names),
            campaign.without(names) if known_until is None else _cut(campaign, names, known_until),
            campaign.select(names),
            known_until,
        )
        for names in groups.values()
    )


def _cut(campaign: Campaign, names: Iterable[str], hour: float) -> Campaign:
    """Leave out of some runs what was read after an hour."""
    later = set(names)
    return Campaign(
        [
            run.replace(measurements=run.measurements[run.measurements["time_h"] <= hour])
            if run.name in later
            else run
            for run in campaign
        ],
        units=campaign.units,
    )


def horizons_of(rows: pd.DataFrame, horizons: int | Iterable[float]) -> list[str]:
    """
    Say for each reading how far into its run it lies.

    Parameters
    ----------
    rows : DataFrame
        Columns run and time_h.
    horizons : int or sequence of float [h]
        So many equal parts of each run (up to its last reading), or hours that divide it.

    Returns
    -------
    list of str
        Such as "33-67 %" or "24-72 h".

    Raises
    ------
    DataError
        If the hours do not rise, or there is no part.

    Examples
    --------
    >>> rows = pd.DataFrame({"run": "R1", "time_h": [0.0, 30.0, 90.0]})
    >>> horizons_of(rows, 3), horizons_of(rows, [24.0])
    (['0-33 %', '0-33 %', '67-100 %'], ['0-24 h', 'after 24 h', 'after 24 h'])
    """
    time = rows["time_h"].to_numpy(float, copy=True)
    if isinstance(horizons, int):
        edges = np.arange(1, horizons) / max(horizons, 1)
        last = rows.groupby("run")["time_h"].transform("max").to_numpy(float)
        time = time / np.where(last > 0.0, last, 1.0)
        ends = [f"{100 * edge:.0f}" for edge in (0.0, *edges, 1.0)]
        names = [f"{low}-{high} %" for low, high in zip(ends, ends[1:], strict=False)]
    else:
        edges = np.asarray(list(horizons), dtype=float)
        ends = [f"{edge:g}" for edge in (0.0, *edges)]
        names = [f"{low}-{high} h" for low, high in zip(ends, ends[1:], strict=False)]
        names.append(f"after {ends[-1]} h")
    if (isinstance(horizons, int) and horizons < 1) or np.any(np.diff(edges) <= 0.0):
        raise DataError(
            f"horizons={horizons!r}: give a number of equal parts, such as 3, or rising hours, "
            "such as [24.0, 72.0]."
        )
    return [names[place] for place in np.searchsorted(edges, time, side="left")]


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
