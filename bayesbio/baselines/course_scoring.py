"""Scores of every baseline on runs that were held out."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bayesbio.baselines.course_baselines import BASELINES
from bayesbio.data.campaign import Campaign
from bayesbio.errors import DataError
from bayesbio.inference.validation.cross_validation_folds import Fold, horizons_of
from bayesbio.inference.validation.cross_validation_folds import folds as folds_of
from bayesbio.inference.validation.scores import score_table


def baseline_scores(
    campaign: Campaign,
    quantities: Iterable[str] | None = None,
    folds: Iterable[Fold] | None = None,
    *,
    models: Iterable[str] | None = None,
    horizons: int | Iterable[float] | None = None,
    random_seed: int = 0,
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
    tables = []
    divided = folds_of(campaign) if folds is None else tuple(folds)
    for name in chosen:
        for quantity in asked:
            for fold in divided:
                rows = fold.rows()
                if horizons is not None:
                    rows["horizon"] = horizons_of(rows, horizons)
                rows = rows[(rows["quantity"] == quantity) & (rows["flag"] == "")]
                if rows.empty:
                    continue
                fitted = BASELINES[name]().fit(fold.train, quantity)
                for run, own in rows.groupby("run", sort=False):
                    times = own["time_h"].to_numpy(float, copy=True)
                    samples = fitted.predict(fold.test[run], times, random_seed=random_seed)
                    tables.append(score_table(samples, own).assign(model=name))
    if not tables:
        return pd.DataFrame(columns=["model", "quantity", "run"])
    table = pd.concat(tables, ignore_index=True)
    return table[["model", *table.columns.drop("model")]]
