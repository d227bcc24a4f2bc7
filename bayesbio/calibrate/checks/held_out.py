"""Cross-validation of a mechanism: refits without each fold, scored on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.calibrate.calibration import Calibration
from bayesbio.calibrate.fitting import fit_request
from bayesbio.calibrate.predicting.noise_draws import noise_parameters
from bayesbio.calibrate.requests import split_options
from bayesbio.data import Campaign
from bayesbio.errors import DataError
from bayesbio.inference import (
    Fold,
    JobResults,
    Progress,
    crps,
    horizons_of,
    log_score,
    map_jobs,
    score_table,
    systematic_resample,
)
from bayesbio.inference import folds as folds_of
from bayesbio.mechanistic import ProcessModel

INTERVAL = (0.05, 0.95)


def held_out_scores(
    campaign: Campaign,
    model: ProcessModel,
    folds: Iterable[Fold] | None = None,
    *,
    quantities: Iterable[str] | None = None,
    horizons: int | Iterable[float] | None = None,
    name: str | None = None,
    random_seed: int,
    executor: Any = None,
    progress: Callable[[Progress], None] | bool | None = None,
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
    horizons : int or sequence of float [h], optional
        Score parts of the runs apart, see `bayesbio.inference.horizons_of`.
    name : str, optional
        What the table calls the mechanism; by default the name of the model.
    random_seed : int
        Same seed, same table, whatever the executor.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where the refits run; by default on one process for each core.
    progress : callable or bool, optional
        True shows a bar with the remaining time.
    **options
        As for `fit`: priors, vary, noise, draws, ...

    Returns
    -------
    DataFrame
        Columns model, quantity, run, (horizon,) readings, crps, rmse, coverage_90, width_90 and
        interval_score_90, as from `bayesbio.baselines.baseline_scores`. ``attrs["r_hat"]`` is the
        largest R-hat of the refits, ``attrs["divergences"]`` how many draws diverged in them, and
        ``attrs["partial"]`` whether refits are missing because the work was stopped.

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
    divided = folds_of(campaign) if folds is None else tuple(folds)
    job = RefitJob(
        model,
        None if quantities is None else tuple(quantities),
        horizons if horizons is None or isinstance(horizons, int) else tuple(horizons),
        random_seed,
        options,
    )
    found = refit_each(divided, job, executor=executor, progress=progress)
    tables = [refit.scores for refit in found.results.values()]
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "model", name or type(model).__name__)
    table.attrs |= {
        "r_hat": max(refit.r_hat for refit in found.results.values()),
        "divergences": sum(refit.divergences for refit in found.results.values()),
        "partial": found.partial,
    }
    return table


@dataclasses.dataclass(frozen=True)
class Predicted:
    """
    How held-out runs were predicted; `scores` as from `score_table`.

    `readings` has one row a reading: run, time_h, quantity, value, flag, (horizon,) mean, eti_5,
    eti_95, crps, elpd (log of its predictive density) and pit (probability below it).
    """

    scores: pd.DataFrame
    readings: pd.DataFrame
    r_hat: float
    divergences: int


@dataclasses.dataclass(frozen=True, eq=False)
class RefitJob:
    """How to calibrate without a fold (options as for `fit`) and predict it; nothing compiled."""

    model: ProcessModel
    quantities: tuple[str, ...] | None
    horizons: int | tuple[float, ...] | None
    random_seed: int
    options: Mapping[str, Any]
    start_priors: Mapping[str, Any] | None = None
    fold: Fold | None = None


def refit_each(
    divided: Iterable[Fold],
    job: RefitJob,
    *,
    executor: Any = None,
    progress: Callable[[Progress], None] | bool | None = None,
) -> JobResults:
    """Calibrate without each fold and predict it; the results are `Predicted`, by name of fold."""
    jobs = {
        "without " + ", ".join(fold.held_out): dataclasses.replace(job, fold=fold)
        for fold in divided
    }
    return map_jobs(refit, jobs, executor=executor, stage="held-out refits", progress=progress)


def refit_of(fold: Fold, job: RefitJob) -> Calibration:
    """Calibrate without the held-out runs."""
    options = dict(job.options)
    if isinstance(options.get("noise"), Mapping):  # of what is still measured without them
        left = fold.train.quantities
        options["noise"] = {n: each for n, each in options["noise"].items() if n in left}
    asked = split_options(fold.train, job.model, options, start_priors=job.start_priors)
    return fit_request(*asked, random_seed=job.random_seed)


def refit(job: RefitJob) -> Predicted:
    """Calibrate without the held-out runs and predict them."""
    if job.fold is None:
        raise DataError("A refit needs the fold that it leaves out.")
    fold = job.fold
    calibration = refit_of(fold, job)
    if calibration.draws.attrs.get("partial"):
        raise KeyboardInterrupt  # half a refit counts for nothing
    verdict = calibration.check()
    rows = rows_to_score(fold, calibration, job.quantities, job.horizons)
    runs = [
        fold.train[name] if name in fold.train.names else fold.test[name] for name in fold.held_out
    ]
    times = np.unique(rows["time_h"])
    mean = calibration.predict(runs, times=times, noise=False, random_seed=job.random_seed)
    course = calibration.predict(runs, times=times, random_seed=job.random_seed)
    rng = np.random.default_rng(job.random_seed)
    draws, parts = calibration.draws, []
    for quantity, own in rows.groupby("quantity", sort=False):
        scatter = calibration.noise[str(quantity)]
        run = course["run"].to_index().get_indexer(own["run"].astype(str))
        time = course["time"].to_index().get_indexer(own["time_h"])
        samples = course[quantity].to_numpy()[:, :, run, time]
        around = mean[scatter.source or quantity].to_numpy()[:, :, run, time]
        known = own.assign(known=fold.known_until is not None)
        density = scatter.log_likelihood_of_new(
            around, known, noise_parameters(draws, str(quantity), scatter, wide=False), rng
        )
        size = samples.shape[0] * samples.shape[1]
        parts.append(score_predictions(own, samples.reshape(size, -1), density.reshape(size, -1)))
    return Predicted(
        scores=pd.concat([scores for scores, _ in parts], ignore_index=True),
        readings=pd.concat([readings for _, readings in parts], ignore_index=True),
        r_hat=float(verdict["R-hat"].value),
        divergences=int(verdict["divergences"].value),
    )


def rows_to_score(
    fold: Fold,
    calibration: Calibration,
    quantities: Iterable[str] | None,
    horizons: int | Iterable[float] | None,
) -> pd.DataFrame:
    """Find the readings of a fold that count: of quantities that were calibrated on."""
    rows = fold.rows()
    if horizons is not None:
        rows["horizon"] = horizons_of(rows, horizons)
    asked = set(calibration.noise if quantities is None else quantities) & set(calibration.noise)
    rows = rows[rows["quantity"].isin(asked)].reset_index(drop=True)
    if rows.empty:
        raise DataError(
            f"Nothing is left to score in {', '.join(fold.held_out)}: no reading of "
            f"{', '.join(sorted(asked)) or 'the quantities asked for'}"
            + ("." if fold.known_until is None else f" after {fold.known_until:g} h.")
        )
    return rows


def score_predictions(
    rows: pd.DataFrame, samples: np.ndarray, density: np.ndarray, weights: np.ndarray | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score predictive draws (draws, rows), weighted or not: by run, and by reading."""
    if weights is None:
        elpd = -log_score(density)
    else:
        elpd = -log_score(density + np.log(weights * len(weights))[:, None])
        samples = samples[systematic_resample(weights)]
    value = rows["value"].to_numpy(float, copy=True)
    low, high = np.quantile(samples, INTERVAL, axis=0)
    readings = rows.drop(columns=["replicate", "sd", "value_upper"]).assign(
        mean=samples.mean(axis=0),
        eti_5=low,
        eti_95=high,
        crps=crps(samples, value),
        elpd=elpd,
        pit=np.mean(samples < value, axis=0) + 0.5 * np.mean(samples == value, axis=0),
    )
    quantified = (rows["flag"] == "").to_numpy()
    readings.loc[~quantified, ["crps", "pit"]] = np.nan
    return score_table(samples, rows), readings
