"""Cross-validation: any forecaster over any folds, scored by proper scoring rules."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.errors import DataError
from bayesbio.inference import (
    Progress,
    crps,
    log_score,
    map_jobs,
    pool_scores,
    score_table,
    systematic_resample,
)
from bayesbio.inference.parallel.progress import progress_reporter

HERE = "here"  # executor: this process, one forecast after the other
QUANTILES = (0.05, 0.5, 0.95)


@dataclasses.dataclass(frozen=True, eq=False)
class Forecast:
    """
    Predictive draws of held-out readings: what a forecaster gives for one fold.

    Parameters
    ----------
    rows : DataFrame
        The readings: run, quantity, value, flag ("", below, above, between, excluded), and, where
        parts of a run are scored apart, horizon; further columns are handed on.
    draws : array, shape (draws, rows) [unit of each row's quantity]
        Draws of each reading; evenly spaced quantiles serve as draws.
    log_likelihood : array, shape (draws, rows), optional [1]
        Log density of each reading under each draw; adds log scores.
    weights : array, shape (draws,), optional [1]
        Importance weights of the draws; they add up to one.
    diagnostics : mapping of str to number or str
        What is worth knowing of this forecast: R-hat, Pareto k.
    result : anything
        What the caller wants to have back, such as the fit.
    """

    rows: pd.DataFrame
    draws: Any
    log_likelihood: Any = None
    weights: np.ndarray | None = None
    diagnostics: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    result: Any = None


Forecaster = Callable[[Any], Forecast]


@dataclasses.dataclass(frozen=True, eq=False)
class CrossValidation:
    """
    How forecasters predicted what was held out; made by `cross_validate`.

    Attributes
    ----------
    scores : DataFrame
        Columns model, quantity, run, (horizon,) readings, crps, rmse, coverage_90, width_90,
        interval_score_90 (and log_score), see `bayesbio.inference.score_table`.
    readings : DataFrame
        One row a held-out reading: model, fold, the columns of its rows, then mean, eti_5, eti_50,
        eti_95, crps, pit (probability below the reading) and, where densities came, elpd (log
        predictive density).
    diagnostics : DataFrame
        Index (model, fold): diagnostics that forecasters gave.
    results : dict
        (model, fold) -> what the forecaster handed back.
    left_undone : tuple of str
        Forecasts that are missing because the work was stopped.
    """

    scores: pd.DataFrame
    readings: pd.DataFrame
    diagnostics: pd.DataFrame
    results: dict[tuple[str, str], Any]
    left_undone: tuple[str, ...] = ()

    def summary(self) -> pd.DataFrame:
        """Scores over all readings, the best model first; see `bayesbio.inference.pool_scores`."""
        return pool_scores(self.scores)


def cross_validate(
    forecasters: Mapping[str, Forecaster],
    folds: Iterable[Any],
    *,
    executor: Any = None,
    stage: str = "held-out forecasts",
    progress: Callable[[Progress], None] | bool | None = None,
) -> CrossValidation:
    """
    Cross-validate: every forecaster learns from each fold and predicts what it holds out.

    Parameters
    ----------
    forecasters : mapping of name to callable
        ``forecaster(fold)`` fits ``fold.train``, predicts ``fold.test``, and gives a `Forecast`.
    folds : iterable
        Of `bayesbio.inference.Fold`, `TableFold`, or whatever has a name of its own and is what
        the forecasters take.
    executor : concurrent.futures.Executor, dask.distributed.Client or "here", optional
        Where; by default one process for each core, see `bayesbio.inference.map_jobs`. "here" is
        this process, one forecast after the other: right for fits of less than a second.
    stage : str
        What is repeated, for the progress bar.
    progress : callable or bool, optional
        True shows a bar with the remaining time.

    Returns
    -------
    CrossValidation
        Models in the order given, folds within a model.

    Raises
    ------
    DataError
        If two folds have one name, or draws do not fit their rows.
    BayesbioError
        As the forecasters; the message names the forecaster and the fold.

    Notes
    -----
    Draws are scored where they were made, so that only tables travel between processes.

    Examples
    --------
    >>> from bayesbio.data import Table, TableColumn
    >>> from bayesbio.inference import table_folds
    >>> frame = pd.DataFrame({"titer": [1.0, 2.0, 3.0, 4.0]})
    >>> table = Table(frame, [TableColumn("titer", "response")])
    >>> def climatology(fold):
    ...     seen, asked = fold.train["titer"], fold.test["titer"]
    ...     rows = pd.DataFrame({"run": fold.name, "quantity": "titer", "value": asked, "flag": ""})
    ...     return Forecast(rows, np.repeat(seen[:, None], len(asked), axis=1))
    >>> folds = table_folds(table, number=2)
    >>> found = cross_validate({"climatology": climatology}, folds[:1])
    >>> found.scores[["model", "run", "readings"]].values.tolist()
    [['climatology', 'part 1', 2]]
    """
    divided = list(folds)
    names = [str(fold.name) for fold in divided]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"Two folds are called {twice[0]!r}; results are found by the name of the fold. Give "
            "every fold a name of its own."
        )
    jobs = {
        f"{model}, without {name}": (model, forecaster, name, fold)
        for model, forecaster in forecasters.items()
        for name, fold in zip(names, divided, strict=True)
    }
    if isinstance(executor, str) and executor == HERE:
        done, began = [], time.monotonic()
        with progress_reporter(progress, counted="forecasts") as report:
            for finished, (name, job) in enumerate(jobs.items()):
                report(Progress(stage, finished, len(jobs), elapsed=time.monotonic() - began))
                done.append(map_jobs(_scored, {name: job}))
    else:
        done = [map_jobs(_scored, jobs, executor=executor, stage=stage, progress=progress)]
    scored = [each for part in done for each in part.results.values()]
    return CrossValidation(
        scores=_joined([each.scores for each in scored], ["model", "quantity", "run"]),
        readings=_joined([each.readings for each in scored], ["model", "fold", "run", "quantity"]),
        diagnostics=pd.DataFrame(
            [dict(each.diagnostics) for each in scored],
            index=pd.MultiIndex.from_tuples([each.key for each in scored], names=["model", "fold"]),
        ),
        results={each.key: each.result for each in scored},
        left_undone=tuple(name for part in done for name in part.left_undone),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Scored:
    """One forecast, scored."""

    key: tuple[str, str]
    scores: pd.DataFrame
    readings: pd.DataFrame
    diagnostics: Mapping[str, Any]
    result: Any


def _scored(job: tuple[str, Forecaster, str, Any]) -> _Scored:
    """Make and score one forecast, in a worker."""
    model, forecaster, name, fold = job
    forecast = forecaster(fold)
    scores, readings = score_forecast(forecast)
    scores.insert(0, "model", model)
    readings.insert(0, "model", model)
    readings.insert(1, "fold", name)
    return _Scored((model, name), scores, readings, forecast.diagnostics, forecast.result)


def score_forecast(forecast: Forecast) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Score a forecast run by run, as `bayesbio.inference.score_table`, and reading by reading.

    The second table has the rows with mean, eti_5, eti_50, eti_95, crps, pit (and elpd); crps and
    pit are missing where a reading is not a number within its limits.

    Examples
    --------
    >>> rows = pd.DataFrame({"run": "R1", "quantity": ["titer"], "value": [2.0], "flag": [""]})
    >>> _, readings = score_forecast(Forecast(rows, [[1.0], [2.0], [3.0]]))
    >>> readings[["eti_50", "pit"]].values.tolist()
    [[2.0, 0.5]]
    """
    rows = forecast.rows.reset_index(drop=True)
    draws = np.asarray(forecast.draws, dtype=float)
    density = forecast.log_likelihood
    elpd = {}
    if forecast.weights is not None:
        if density is not None:
            weights = np.maximum(forecast.weights * len(draws), np.finfo(float).tiny)
            density = np.asarray(density) + np.log(weights)[:, None]
        draws = draws[systematic_resample(forecast.weights)]
    if density is not None:
        elpd = {"elpd": -log_score(density)}
    scores = score_table(draws, rows, log_likelihood=density)
    value = rows["value"].to_numpy(float, copy=True)
    quantified = (rows["flag"] == "").to_numpy()
    low, middle, high = np.quantile(draws, QUANTILES, axis=0)
    pit = np.mean(draws < value, axis=0) + 0.5 * np.mean(draws == value, axis=0)
    readings = rows.assign(
        mean=draws.mean(axis=0),
        eti_5=low,
        eti_50=middle,
        eti_95=high,
        crps=np.where(quantified, crps(draws, value), np.nan),
        pit=np.where(quantified, pit, np.nan),
        **elpd,
    )
    return scores, readings


def _joined(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Put tables below each other; the columns that are always there, if there is none."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns)
