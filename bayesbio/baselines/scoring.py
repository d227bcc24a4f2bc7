"""Scores of baselines on runs and rows that were held out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.baselines.course_baselines import BASELINES
from bayesbio.baselines.cross_validation import HERE, Forecast, cross_validate
from bayesbio.baselines.features import TabularFeatures
from bayesbio.baselines.regressors import DRAWS
from bayesbio.baselines.table_baselines import TABULAR_BASELINES
from bayesbio.data.campaign import Campaign
from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.inference import Fold, TableFold, horizons_of, table_folds
from bayesbio.inference import folds as folds_of

SCALES = ("natural", "log")

TableForecaster = Callable[[Table, Table], Any]


def baseline_scores(
    campaign: Campaign,
    quantities: Iterable[str] | None = None,
    folds: Iterable[Fold] | None = None,
    *,
    models: Iterable[str] | None = None,
    horizons: int | Iterable[float] | None = None,
    random_seed: int = 0,
    executor: Any = None,
) -> pd.DataFrame:
    """
    Score every baseline on held-out runs, to stand beside a mechanism on the same folds.

    Parameters
    ----------
    campaign : Campaign
        The runs.
    quantities : iterable of str, optional
        What to predict; by default everything that was measured.
    folds : iterable of Fold, optional
        What is held out; by default each run in turn.
    models : iterable of str, optional
        Names from `BASELINES`; by default all.
    horizons : int or sequence of float [h], optional
        Score parts of the runs apart, see `bayesbio.inference.horizons_of`.
    random_seed : int
        Same seed, same table.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where; by default here, one after the other.

    Returns
    -------
    DataFrame
        Columns model, quantity, run, (horizon,) readings, crps, rmse, coverage_90, width_90 and
        interval_score_90, see `score_table`; scores in the house unit of the quantity.

    Raises
    ------
    DataError
        If a model is unknown, or a quantity is not quantified in two training runs of a fold.

    Examples
    --------
    >>> from bayesbio.data import Run
    >>> times = pd.Series([0.0, 12.0, 24.0, 36.0, 48.0])
    >>> runs = [
    ...     Run(f"R{n}", pd.DataFrame({"time_h": times, "quantity": "titer", "value": n * times}))
    ...     for n in (1, 2, 3)
    ... ]
    >>> baseline_scores(Campaign(runs), models=["mean trajectory"])[["run", "readings"]]
      run  readings
    0  R1         5
    1  R2         5
    2  R3         5
    """
    chosen = tuple(BASELINES) if models is None else tuple(models)
    for name in chosen:
        if name not in BASELINES:
            raise DataError(
                f"There is no baseline {name!r}; choose among {', '.join(map(repr, BASELINES))}."
            )
    asked = campaign.quantities if quantities is None else tuple(quantities)
    parts = horizons if horizons is None or isinstance(horizons, int) else tuple(horizons)
    validation = cross_validate(
        {name: partial(_forecast_runs, name, asked, parts, random_seed) for name in chosen},
        folds_of(campaign) if folds is None else folds,
        executor=executor or HERE,
    )
    return validation.scores


def _forecast_runs(
    name: str,
    quantities: tuple[str, ...],
    horizons: int | tuple[float, ...] | None,
    random_seed: int,
    fold: Fold,
) -> Forecast:
    """Fit a baseline to the training runs of a fold, quantity by quantity; predict the others."""
    rows = fold.rows()
    if horizons is not None:
        rows["horizon"] = horizons_of(rows, horizons)
    rows = rows[rows["quantity"].isin(quantities) & (rows["flag"] == "")].reset_index(drop=True)
    draws = np.empty((DRAWS, len(rows)))
    for quantity, of_quantity in rows.groupby("quantity", sort=False):
        fitted = BASELINES[name]().fit(fold.train, str(quantity))
        for run, of_run in of_quantity.groupby("run", sort=False):
            draws[:, of_run.index] = fitted.predict(
                fold.test[str(run)], of_run["time_h"], random_seed=random_seed
            )
    return Forecast(rows, draws)


def tabular_forecast(
    name: str,
    *,
    response: str,
    factors: Iterable[str] | None = None,
    group: str | None = None,
    scale: str = "natural",
    random_seed: int = 0,
) -> TableForecaster:
    """
    Make a forecaster of a table's response from a baseline.

    Parameters
    ----------
    name : str
        From `TABULAR_BASELINES`.
    response : str
        What to predict.
    factors : iterable of str, optional
        From what; by default all factors of the table.
    group : str, optional
        Column whose rows are left out together for the residuals; the interval of a new group.
    scale : {"natural", "log"}
        Whether the response or its logarithm is learned; draws come back in the response's unit.
    random_seed : int

    Returns
    -------
    callable
        ``forecast(train, test)`` draws the readings of the rows of `test`, shape (1000, rows).

    Raises
    ------
    DataError
        If the baseline or scale is unknown, or (when called) a reading has no logarithm.

    Notes
    -----
    A reading below its limit is replaced by half the limit, one between limits by their middle, as
    these methods have no other way; rows without a reading or excluded ones are left out.

    Examples
    --------
    ``table_scores(table, "titer", {"lasso": tabular_forecast("lasso", response="titer")})``
    """
    if name not in TABULAR_BASELINES:
        raise DataError(
            f"There is no baseline {name!r}; choose among "
            f"{', '.join(map(repr, TABULAR_BASELINES))}."
        )
    if scale not in SCALES:
        raise DataError(f"The scale is {scale!r}; expected 'natural' or 'log'.")
    chosen = None if factors is None else tuple(factors)

    def forecast(train: Table, test: Table) -> np.ndarray:
        values, flag = train[response], train.flag(response)
        values = np.where(flag == "below", 0.5 * values, values)
        values = np.where(flag == "between", 0.5 * (values + train.upper(response)), values)
        usable = np.isfinite(values) & (flag != "excluded")
        if scale == "log" and (values[usable] <= 0.0).any():
            raise DataError(
                f"{int((values[usable] <= 0.0).sum())} readings of {response!r} are zero or less "
                "and have no logarithm. Flag them 'below' with the detection limit as value, or "
                "use scale='natural'."
            )
        train, values = train.select(usable), values[usable]
        features = TabularFeatures.of_table(train, chosen)
        fitted = TABULAR_BASELINES[name]().fit(
            features.of(train),
            np.log(values) if scale == "log" else values,
            groups=None if group is None else train[group],
        )
        draws = fitted.predict(features.of(test), random_seed=random_seed)
        return np.exp(draws) if scale == "log" else draws

    return forecast


def table_scores(
    table: Table,
    response: str,
    forecasters: Mapping[str, TableForecaster],
    *,
    folds: Iterable[TableFold] | None = None,
    executor: Any = None,
) -> pd.DataFrame:
    """
    Score forecasters of a table's response on the same held-out rows.

    Parameters
    ----------
    table : Table
    response : str
        What is predicted.
    forecasters : mapping of name to callable
        ``forecast(train, test)`` gives draws, shape (draws, rows of test) [unit of the response].
    folds : iterable of TableFold, optional
        What is held out; by default ten random parts, see `table_folds`.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where; by default here, one after the other.

    Returns
    -------
    DataFrame
        Columns model, quantity, run (name of the fold), readings, crps, rmse, coverage_90,
        width_90, interval_score_90; see `score_table`, and `pool_scores` for the total. Only
        readings within their limits are scored.

    Examples
    --------
    >>> from bayesbio.data import TableColumn
    >>> frame = pd.DataFrame({"feed": [1.0, 2.0, 3.0, 4.0], "titer": [1.0, 2.1, 2.9, 4.0]})
    >>> table = Table(frame, [TableColumn("feed", "factor"), TableColumn("titer", "response")])
    >>> same = lambda train, test: test["feed"][None, :]
    >>> scores = table_scores(table, "titer", {"same": same}, folds=table_folds(table, number=2))
    >>> scores["readings"].tolist()
    [2, 2]
    """
    validation = cross_validate(
        {name: partial(_forecast_rows, each, response) for name, each in forecasters.items()},
        table_folds(table) if folds is None else folds,
        executor=executor or HERE,
    )
    return validation.scores


def _forecast_rows(forecaster: TableForecaster, response: str, fold: TableFold) -> Forecast:
    """Let a forecaster of tables predict the rows that a fold holds out."""
    value, flag = fold.test[response], fold.test.flag(response)
    rows = pd.DataFrame(
        {
            "run": fold.name,
            "quantity": response,
            "value": value,
            "flag": np.where(np.isnan(value), "excluded", flag),
        }
    )
    return Forecast(rows, forecaster(fold.train, fold.test))
