"""A titer model judged on groups it has not seen: weights where they do, refits where not."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.table import Table
from bayesbio.errors import ModelError
from bayesbio.inference.validation.cross_validation_folds import TableFold, table_folds
from bayesbio.inference.validation.psis import REFIT, WEIGHTS, psis_weights, systematic_resample
from bayesbio.inference.validation.scores import crps, pool_scores, score_table
from bayesbio.titer.factors.factor_coding import as_table
from bayesbio.titer.questions.held_out import titer_forecast
from bayesbio.titer.questions.held_out_likelihood import density_of_rows, lost_levels
from bayesbio.titer.regression.group_effects import level_name
from bayesbio.titer.regression.model import Problem, TiterModel
from bayesbio.titer.regression.posterior import TiterPosterior


@dataclasses.dataclass(frozen=True)
class LeftOutGroups:
    """
    How a titer model predicts each group of its rows without having seen it.

    Made by `leave_out`.

    Attributes
    ----------
    by : str
        Column whose groups were left out.
    groups : DataFrame
        One row a group. Columns rows, pareto_k (of the weights that would leave it out) and road
        ("importance weights" or "exact refit").
    readings : DataFrame
        One row a reading: group, value, flag, mean, eti_5, eti_95 (of the prediction), crps.
    scores : DataFrame
        By group, as from `bayesbio.baselines.table_scores`: baselines on the folds
        ``table_folds(table, by=by, number=0)`` can be put below.
    """

    by: str
    groups: pd.DataFrame
    readings: pd.DataFrame
    scores: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """Scores over all readings; see `bayesbio.inference.pool_scores`."""
        return pool_scores(self.scores)

    def __str__(self) -> str:
        """Say in a few lines what was left out, by which road, and how it was predicted."""
        roads = self.groups["road"].value_counts()
        told = ", ".join(f"{count} by {road}" for road, count in roads.items())
        return f"Each {self.by} left out: {told}.\n{self.summary().round(3).to_string()}"


def leave_out(
    model: TiterModel,
    table: Table | pd.DataFrame,
    fitted: TiterPosterior,
    *,
    by: str,
    largest_pareto_k: float = 0.7,
    random_seed: int = 0,
    **options: Any,
) -> LeftOutGroups:
    """
    Leave each group of rows out in turn and score how its readings are predicted.

    Where the draws can be weighted to forget a group, that is enough; where they cannot (Pareto k
    above 0.7), the model is fitted again without it. What only the group's own rows told, its
    effect where the model varies by it, is integrated out first, so that replicates of one medium
    are forgotten together with what they have in common.

    Parameters
    ----------
    model : TiterModel
    table : Table or DataFrame
    fitted : TiterPosterior
        ``model.fit(table)``.
    by : str
        Column whose groups are left out whole: run, medium, clone.
    largest_pareto_k : float
        Up to where weights replace a refit; ``-numpy.inf`` fits again without every group.
    random_seed : int
        Same seed, same result.
    **options
        For the refits: draws and chains as for `TiterModel.fit`.

    Returns
    -------
    LeftOutGroups

    Raises
    ------
    ModelError
        If the posterior is not of this model and table.
    DataError
        If rows lack the group, or there are not two of them.

    Notes
    -----
    Pareto-smoothed importance sampling: Vehtari et al. (2024), JMLR 25:72. With the effects of
    other groups sampled and that of the group integrated out, the weights are those of the marginal
    posterior of all other unknowns: Merkle et al. (2019), doi:10.1007/s11336-019-09679-0.

    A weighted posterior keeps what was settled with every row in sight: how factors are
    standardised, the scale of the priors, and which pairs screening kept. A refit settles it again
    without the group.

    Examples
    --------
    ``leave_out(model, table, model.fit(table), by="medium").summary()`` scores new media.
    """
    table = as_table(table, model.response)
    problem = model.formulate(table)
    if problem.table.hash != fitted.table.hash or problem.design.labels != fitted.design.labels:
        raise ModelError(
            "The posterior is of another table, or of a model with other terms; expected "
            "fitted = model.fit(table) of the model and table that were given."
        )
    groups, readings, scores = {}, [], []
    again = titer_forecast(model, random_seed=random_seed, **options)
    for fold in table_folds(table, by=by, number=0):
        told = density_of_rows(problem, fitted, _places(problem.table, fold, by))
        weights, shape = (np.empty(0), np.inf) if told is None else psis_weights(told)
        by_weights = shape <= largest_pareto_k and np.isfinite(shape)
        if by_weights:
            draws = _predicted(problem, fitted, fold, by, random_seed)[systematic_resample(weights)]
        else:
            draws = np.asarray(again(fold.train, fold.test))
        groups[fold.name] = {
            "rows": len(fold.test),
            "pareto_k": shape,
            "road": WEIGHTS if by_weights else REFIT,
        }
        own = _rows_of(fold, model.response)
        scores.append(score_table(draws, own))
        low, high = np.quantile(draws, (0.05, 0.95), axis=0)
        score = np.where(own["flag"] == "", crps(draws, own["value"].to_numpy(float)), np.nan)
        readings.append(
            own.drop(columns="quantity")
            .rename(columns={"run": "group"})
            .assign(mean=draws.mean(axis=0), eti_5=low, eti_95=high, crps=score)
        )
    whole = pd.concat(scores, ignore_index=True)
    whole.insert(0, "model", type(model).__name__)
    return LeftOutGroups(
        by=by,
        groups=pd.DataFrame.from_dict(groups, orient="index").rename_axis(by),
        readings=pd.concat(readings, ignore_index=True),
        scores=whole,
    )


def _places(table: Table, fold: TableFold, by: str) -> np.ndarray:
    """Find the rows of a fold among those that were fitted."""
    return np.flatnonzero(table[by] == fold.test[by][0])


def _rows_of(fold: TableFold, response: str) -> pd.DataFrame:
    """Give the readings of a fold as `score_table` takes them."""
    value = fold.test[response]
    flag = np.where(np.isfinite(value), fold.test.flag(response), "excluded")
    return pd.DataFrame(
        {"run": fold.name, "quantity": response, "value": value, "flag": flag.astype(str)}
    )


def _predicted(
    problem: Problem, fitted: TiterPosterior, fold: TableFold, by: str, random_seed: int
) -> np.ndarray:
    """Draw the readings of a fold, its own levels new; shape (draws, rows)."""
    frame = fold.test.to_frame()
    for one, gone in lost_levels(problem, _places(problem.table, fold, by)).items():
        names = [level_name(value) for value in frame[one.group]]
        frame[one.group] = [f"{name} (left out)" if name in gone else name for name in names]
    drawn = fitted.predict(frame, random_seed=random_seed)[fitted.response]
    return drawn.to_numpy().reshape(-1, len(frame))
