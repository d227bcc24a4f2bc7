"""How well a mechanism predicts runs it was not calibrated on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from bayesbio.calibrate.fitting import fit
from bayesbio.data import Campaign
from bayesbio.inference import Fold, score_table
from bayesbio.inference import folds as folds_of
from bayesbio.mechanistic import ProcessModel


def held_out_scores(
    campaign: Campaign,
    model: ProcessModel,
    folds: Iterable[Fold] | None = None,
    *,
    quantities: Iterable[str] | None = None,
    name: str | None = None,
    random_seed: int,
    **options: Any,
) -> pd.DataFrame:
    """
    Calibrate without each fold, predict it, and score the predictions.

    A held-out run is a new run: its effects are drawn, and its settings, events, profiles and
    first readings are known, as they are to the baselines of `bayesbio.surrogate`.

    Parameters
    ----------
    campaign : Campaign
    model : ProcessModel
    folds : iterable of Fold, optional
        What is held out; by default each run in turn.
    quantities : iterable of str, optional
        What to score; by default everything that was measured and is in the model.
    name : str, optional
        What the table calls the mechanism; by default the name of the model.
    random_seed : int
        Same seed, same table.
    **options
        As for `fit`: priors, vary, noise, draws, ...

    Returns
    -------
    DataFrame
        Columns model, quantity, run, readings, crps, rmse, coverage_90, width_90 and
        interval_score_90, as from `bayesbio.surrogate.baseline_scores`. ``attrs["r_hat"]`` is the
        largest R-hat of the refits, ``attrs["divergences"]`` how many draws diverged in them.

    Raises
    ------
    DataError, UnitError, ModelError, CalibrationError
        As `fit`.

    Examples
    --------
    >>> from bayesbio.data import read_campaign
    >>> from bayesbio.mechanistic import BatchCulture
    >>> campaign = read_campaign("runs.csv")  # doctest: +SKIP
    >>> held_out_scores(campaign, BatchCulture(), random_seed=1)  # doctest: +SKIP
    """
    tables, r_hat, divergences = [], 0.0, 0
    for fold in folds_of(campaign) if folds is None else folds:
        calibration = fit(fold.train, model, random_seed=random_seed, **options)
        verdict = calibration.check()
        r_hat = max(r_hat, verdict["R-hat"].value)
        divergences += int(verdict["divergences"].value)
        course = calibration.predict(fold.test, random_seed=random_seed)
        rows = fold.test.to_frame()
        asked = set(course.data_vars) if quantities is None else set(quantities)
        rows = rows[rows["quantity"].isin(asked)].reset_index(drop=True)
        for quantity, own in rows.groupby("quantity", sort=False):
            run = course["run"].to_index().get_indexer(own["run"].astype(str))
            time = course["time"].to_index().get_indexer(own["time_h"])
            samples = course[quantity].to_numpy()[:, :, run, time].reshape(-1, len(own))
            tables.append(score_table(samples, own))
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "model", name or type(model).__name__)
    table.attrs |= {"r_hat": r_hat, "divergences": divergences}
    return table
