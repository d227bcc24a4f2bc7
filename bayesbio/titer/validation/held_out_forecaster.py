"""A titer model as a forecaster, scored beside baselines on held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from bayesbio.data.table import Table
from bayesbio.titer.model import TiterModel


def titer_forecast(
    model: TiterModel, *, random_seed: int = 0, **sampler: Any
) -> Callable[[Table, Table], np.ndarray]:
    """
    Make a forecaster of a titer model: fit on the training rows, draw the readings of the others.

    Parameters
    ----------
    model : TiterModel
    random_seed : int
    **sampler
        draws, tune, chains and cores as for `TiterModel.fit`.

    Returns
    -------
    callable
        ``forecast(train, test)`` draws the readings of the rows of `test`, shape (draws, rows), for
        `bayesbio.baselines.table_scores`.

    Examples
    --------
    ``table_scores(table, "titer", {"sparse": titer_forecast(TiterModel("titer"), draws=300)})``
    """
    return partial(_forecast, model, random_seed, sampler)


def _forecast(
    model: TiterModel, random_seed: int, sampler: Mapping[str, Any], train: Table, test: Table
) -> np.ndarray:
    fitted = model.fit(train, random_seed=random_seed, **sampler)
    return fitted.predicted(test.to_frame(), np.random.default_rng(random_seed), noise=True)
