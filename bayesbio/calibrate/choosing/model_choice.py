"""Which model of the library, with which options, describes a campaign: a search in minutes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate.choosing.candidates import (
    described,
    first_models,
    neighbours,
    options_of_model,
    problem_of,
)
from bayesbio.calibrate.choosing.least_squares import QuickFit
from bayesbio.data import Campaign
from bayesbio.errors import ModelError
from bayesbio.inference import Progress, map_jobs
from bayesbio.inference.archive.representation import short_repr
from bayesbio.mechanistic import ProcessModel

FOLDS = 3
CLOSEST = 2  # neighbours of a round whose error on runs left out is looked at
GAIN = 0.01  # nat a reading by which an option has to improve the score on runs left out
ROUNDS = 8
LONG, SHORT = 40, 12  # steps of a search; the short one ranks the options of a round
HOPELESS = 30.0  # by which an option that made the criterion so much worse is not tried again
TIMES = 120  # of the curves


@dataclasses.dataclass(frozen=True, eq=False)
class ModelChoice:
    """
    Models that were tried on a campaign, the best first.

    Attributes
    ----------
    table : DataFrame
        Index: what was tried, as the command line takes it. Columns unknowns (how many were
        estimated), bic (Bayesian information criterion of the most probable parameters), score
        (log density of a reading of a run left out [nat], where it was looked at) and, for each
        quantity, the typical relative error of those readings.
    model : ProcessModel
        The best.
    reasons : tuple of str
        What speaks for it, one sentence each.
    parameters : dict
        Its most probable parameters, without uncertainty.
    curves : Dataset
        Its course of every quantity in every run (chain 1, draw 1, run, time [h]).
    campaign : Campaign
    finished : bool
        Whether the search ended before its time was up.
    """

    table: pd.DataFrame
    model: ProcessModel
    reasons: tuple[str, ...]
    parameters: dict[str, float]
    curves: xr.Dataset
    campaign: Campaign
    finished: bool

    __repr__ = short_repr

    @property
    def options(self) -> dict[str, str]:
        """Options of the best model that differ from its defaults."""
        return options_of_model(self.model)


@dataclasses.dataclass(frozen=True)
class _Tried:
    """A model that was fitted; with its error on runs left out, where that was looked at."""

    model: Any
    name: str
    fit: QuickFit
    bic: float
    left_out: pd.DataFrame | None = None

    @property
    def score(self) -> float:
        return -np.inf if self.left_out is None else float(self.left_out["score"].mean())


def which_model_fits(
    campaign: Campaign,
    *,
    random_seed: int = 0,
    seconds: float = 150.0,
    executor: Any = None,
    progress: Callable[[Progress], None] | bool | None = None,
) -> ModelChoice:
    """
    Search the library for the model and the options that describe a campaign.

    Every model that the columns allow is fitted, without compiling it, by its most probable
    parameters; then one option at a time is changed, as long as readings of runs left out are
    predicted better. A choice is a proposal: `fit` it, and read the verdict.

    Parameters
    ----------
    campaign : Campaign
    random_seed : int
    seconds : float
        When the search ends at the latest, up to one round of options.
    executor : concurrent.futures.Executor, optional
        Where models are fitted; by default one process for each usable core.
    progress : callable or bool, optional
        As for `fit`.

    Returns
    -------
    ModelChoice

    Raises
    ------
    ModelError
        When no model of the library describes any measured quantity with the columns there are.

    Examples
    --------
    >>> from bayesbio.data import read_campaign
    >>> choice = which_model_fits(read_campaign("runs.xlsx"))  # doctest: +SKIP
    >>> choice.model, choice.reasons  # doctest: +SKIP
    """
    began = time.monotonic()
    work = {"executor": executor, "stage": "trying models", "progress": progress}
    starts = {
        _name(model): (campaign, model, None, True, random_seed) for model in first_models(campaign)
    }
    tried = dict(_done(map_jobs(_try, starts, **work)))
    if not tried:
        raise ModelError(
            f"No model of the library describes {', '.join(campaign.quantities) or 'nothing'} "
            "with the columns there are. Look at `bayesbio models` for what each needs, name the "
            "columns that were not understood, or write a model of your own (`bayesbio new-model`)."
        )
    best = max(tried.values(), key=lambda each: (each.score, -each.bic))
    finished, hopeless = False, set[str]()
    for _ in range(ROUNDS):
        if time.monotonic() - began > seconds:
            break
        count = len(described(best.model, campaign))
        near = {
            name: (campaign, model, best.fit, False, random_seed)
            for what, model in neighbours(best.model)
            if (name := _name(model)) not in tried
            and what not in hopeless
            and len(described(model, campaign)) >= count
        }
        found = dict(_done(map_jobs(_try, near, **work))) if near else {}
        tried |= found
        worse = {name for name, each in found.items() if each.bic > best.bic + HOPELESS}
        hopeless |= {what for what, model in neighbours(best.model) if _name(model) in worse}
        closest = sorted(found.values(), key=lambda each: each.bic)[:CLOSEST]
        again = {e.name: (campaign, e.model, e.fit, True, random_seed) for e in closest}
        scored = dict(_done(map_jobs(_try, again, **work))) if again else {}
        tried |= scored
        better = max(scored.values(), key=lambda each: each.score, default=best)
        if better.score < best.score + GAIN:
            finished = True
            break
        best = better
    return _choice(best, tried, campaign, random_seed, finished)


def _try(job: tuple[Campaign, Any, QuickFit | None, bool, int]) -> _Tried | None:
    """Fit one model; None where the columns do not allow it."""
    campaign, model, like, leaves_out, random_seed = job
    problem = problem_of(model, campaign)
    if problem is None:
        return None
    steps = LONG if like is None or leaves_out else SHORT
    fit = problem.fit(like=like, steps=steps, random_seed=random_seed)
    if like is not None and leaves_out:  # where a poorer model ended may be far from the best
        afresh = problem.fit(steps=steps, random_seed=random_seed)
        fit = min(fit, afresh, key=lambda each: each.objective)
    bic = 2.0 * fit.objective + fit.unknowns * np.log(len(problem.readings.value))
    if not np.isfinite(bic):
        return None
    left_out = None
    names = campaign.names
    if leaves_out and len(names) > 1:
        count = min(FOLDS, len(names))
        left_out = problem.left_out(fit, [names[place::count] for place in range(count)])
    return _Tried(model, _name(model), fit, float(bic), left_out)


def _done(results: Any) -> Mapping[str, _Tried]:
    return {name: each for name, each in results.results.items() if each is not None}


def _name(model: Any) -> str:
    """Give a model and its options as the command line takes them."""
    options = [f"--option {name}={value}" for name, value in options_of_model(model).items()]
    return " ".join([type(model).__name__, *options])


def _choice(
    best: _Tried, tried: Mapping[str, _Tried], campaign: Campaign, seed: int, finished: bool
) -> ModelChoice:
    problem = problem_of(best.model, campaign)
    assert problem is not None
    rows = {}
    for each in sorted(tried.values(), key=lambda one: (-one.score, one.bic)):
        row: dict[str, Any] = {"unknowns": each.fit.unknowns, "bic": each.bic}
        row["score"] = each.score if each.left_out is not None else np.nan
        if each.left_out is not None:
            row |= each.left_out.groupby("quantity")["error"].apply(lambda e: e.abs().median())
        rows[each.name] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
    curves = problem.courses(best.fit.point, TIMES)
    return ModelChoice(
        table,
        best.model,
        _reasons(best, tried, campaign),
        best.fit.values,
        curves,
        campaign,
        finished,
    )


def _reasons(best: _Tried, tried: Mapping[str, _Tried], campaign: Campaign) -> tuple[str, ...]:
    """Say what each option of the best model brought, and what the model leaves out."""
    found = []
    names = described(best.model, campaign)
    missing = [name for name in campaign.quantities if name not in names]
    found.append(
        f"{type(best.model).__name__} describes {len(names)} of {len(campaign.quantities)} "
        "measured quantities" + (f"; it leaves out {', '.join(missing)}." if missing else ".")
    )
    if best.left_out is None:
        found.append("There is one run only, so nothing could be left out: judge by the verdict.")
        return tuple(found)
    errors = best.left_out.groupby("quantity")["error"].apply(lambda e: e.abs().median())
    for what, model in neighbours(best.model):
        other = tried.get(_name(model))
        if other is None or other.left_out is None or other.score >= best.score:
            continue
        theirs = other.left_out.groupby("quantity")["error"].apply(lambda e: e.abs().median())
        ratio = (theirs / errors).dropna()
        if ratio.empty or ratio.max() < 1.15:
            continue
        worst = str(ratio.idxmax())
        found.append(
            f"With {what} instead, {worst.replace('_', ' ')} of runs left out is missed by "
            f"{theirs[worst]:.0%} rather than {errors[worst]:.0%}."
        )
    return tuple(found)
