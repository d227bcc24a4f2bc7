"""Scores of every baseline on runs that were held out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.baselines.course_baselines import BASELINES
from bayesbio.baselines.cross_validation import HERE, Forecast, cross_validate
from bayesbio.baselines.regressors import DRAWS
from bayesbio.data.campaign import Campaign
from bayesbio.errors import DataError
from bayesbio.inference import Fold, horizons_of
from bayesbio.inference import folds as folds_of


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
    found = cross_validate(
        {name: partial(_forecast, name, asked, parts, random_seed) for name in chosen},
        folds_of(campaign) if folds is None else folds,
        executor=executor or HERE,
    )
    return found.scores


def _forecast(
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
