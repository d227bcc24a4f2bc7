"""Leave-group-out prediction by PSIS; refits where Pareto k is above 0.7."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.baselines.cross_validation import HERE, Forecast, cross_validate
from bayesbio.data.table import Table
from bayesbio.errors import ModelError
from bayesbio.inference.validation.cross_validation_folds import TableFold, table_folds
from bayesbio.inference.validation.psis import REFIT, WEIGHTS, psis_weights, systematic_resample
from bayesbio.inference.validation.scores import pool_scores
from bayesbio.titer.factors.coded_rows import level_name
from bayesbio.titer.factors.factor_coding import as_table
from bayesbio.titer.model import TiterModel
from bayesbio.titer.regression.draws import TiterDraws
from bayesbio.titer.regression.problem import Problem
from bayesbio.titer.validation.held_out_forecaster import titer_forecast
from bayesbio.titer.validation.held_out_likelihood import density_of_rows, lost_levels


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
        One row a group. Columns rows, pareto_k (of the weights that would leave it out) and method
        ("importance weights" or "exact refit").
    readings : DataFrame
        One row a reading: group, value, flag, mean, eti_5, eti_50, eti_95 (of the prediction),
        crps.
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
        """List the groups by method, and the scores."""
        methods = self.groups["method"].value_counts()
        counts = ", ".join(f"{count} by {method}" for method, count in methods.items())
        return f"Each {self.by} left out: {counts}.\n{self.summary().round(3).to_string()}"


def leave_out(
    model: TiterModel,
    table: Table | pd.DataFrame,
    fitted: TiterDraws,
    *,
    by: str,
    largest_pareto_k: float = 0.7,
    random_seed: int = 0,
    executor: Any = None,
    **sampler: Any,
) -> LeftOutGroups:
    """
    Leave-group-out cross-validation: importance sampling, and a refit where it is unreliable.

    The effect of a group that the model varies by is integrated out before weighting, so that
    replicates of one medium are left out together with what they have in common.

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
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where groups are left out; by default here, one after the other.
    **sampler
        For the refits: draws, tune, chains and cores as for `TiterModel.fit`.

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

    A weighted posterior keeps what was settled from all rows: how factors are standardised, the
    scale of the priors, and which pairs screening kept. A refit settles it without the group.

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
    forecaster = partial(
        _left_out,
        problem,
        fitted,
        by,
        largest_pareto_k,
        titer_forecast(model, random_seed=random_seed, **sampler),
        random_seed,
    )
    name = type(model).__name__
    folds = table_folds(table, by=by, number=0)
    found = cross_validate({name: forecaster}, folds, executor=executor or HERE)
    groups = found.diagnostics.droplevel("model")[["rows", "pareto_k", "method"]]
    readings = found.readings.rename(columns={"fold": "group"})
    columns = ["group", "value", "flag", "mean", "eti_5", "eti_50", "eti_95", "crps"]
    return LeftOutGroups(by, groups.rename_axis(by), readings[columns], found.scores)


def _left_out(
    problem: Problem,
    fitted: TiterDraws,
    by: str,
    largest_pareto_k: float,
    refit: Any,
    random_seed: int,
    fold: TableFold,
) -> Forecast:
    """Predict a fold by reweighted draws, or by a refit."""
    rows = np.flatnonzero(problem.table[by] == fold.test[by][0])
    density = density_of_rows(problem, fitted, rows)
    weights, shape = (
        (np.empty(0), np.inf) if density is None else psis_weights(_by_chain(density, fitted))
    )
    weighted = bool(shape <= largest_pareto_k and np.isfinite(shape))
    if weighted:
        drawn = _predicted(problem, fitted, fold, rows, random_seed)
        drawn = drawn[systematic_resample(weights)]
    else:
        drawn = np.asarray(refit(fold.train, fold.test))
    value = fold.test[fitted.response]
    flag = np.where(np.isfinite(value), fold.test.flag(fitted.response), "excluded").astype(str)
    readings = {"run": fold.name, "quantity": fitted.response, "value": value, "flag": flag}
    diagnostics = {
        "rows": len(fold.test),
        "pareto_k": shape,
        "method": WEIGHTS if weighted else REFIT,
    }
    return Forecast(pd.DataFrame(readings), drawn, diagnostics=diagnostics)


def _predicted(
    problem: Problem, fitted: TiterDraws, fold: TableFold, rows: np.ndarray, random_seed: int
) -> np.ndarray:
    """Draw the readings of a fold, levels that only it has as new ones; shape (draws, rows)."""
    frame = fold.test.to_frame()
    for one, gone in lost_levels(problem, rows).items():
        names = [level_name(value) for value in frame[one.group]]
        fitted_names = problem.levels[one].names
        frame[one.group] = [_unused(n, fitted_names) if n in gone else n for n in names]
    return fitted.predicted(frame, np.random.default_rng(random_seed), noise=True)


def _by_chain(density: np.ndarray, fitted: TiterDraws) -> np.ndarray:
    """Give densities the shape (chains, draws), for the relative efficiency of the draws."""
    return density.reshape(fitted.posterior["posterior"].sizes["chain"], -1)


def _unused(name: str, levels: tuple[str, ...]) -> str:
    """Name that no level has."""
    while name in levels:
        name = f"{name} (left out)"
    return name
