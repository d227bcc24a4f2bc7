"""A titer model as a forecaster, to be scored beside baselines on rows it did not see."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesbio.baselines.table_scoring import TableForecaster
from bayesbio.data.table import Table
from bayesbio.titer.regression.model import TiterModel


def titer_forecast(model: TiterModel, *, random_seed: int = 0, **options: Any) -> TableForecaster:
    """
    Make a forecaster of a titer model: fit on the training rows, draw the readings of the others.

    Parameters
    ----------
    model : TiterModel
    random_seed : int
    **options
        For `TiterModel.fit`, such as draws and chains.

    Returns
    -------
    callable
        ``forecast(train, test)`` draws the readings of the rows of `test`, shape (draws, rows), for
        `bayesbio.baselines.table_scores`.

    Examples
    --------
    ``table_scores(table, "titer", {"sparse": titer_forecast(TiterModel("titer"), draws=300)})``
    """

    def forecast(train: Table, test: Table) -> np.ndarray:
        fitted = model.fit(train, random_seed=random_seed, **options)
        drawn = fitted.predict(test, random_seed=random_seed)[model.response].to_numpy()
        return drawn.reshape(-1, len(test))

    return forecast
