"""Leave-one-scale-out cross-validation of a scale model, beside baselines on the same folds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from bayesbio.baselines import Forecast, cross_validate
from bayesbio.baselines.cross_validation import HERE, score_forecast
from bayesbio.data import Campaign
from bayesbio.errors import DataError
from bayesbio.inference import Progress, Verdict
from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.curves.sampling import SamplerOptions
from bayesbio.scaleup.curves.scale_fit import ScaleFit
from bayesbio.scaleup.curves.scale_model import ScaleModel, fit_curve
from bayesbio.scaleup.validation.scale_baselines import SCALE_BASELINES
from bayesbio.scaleup.vessels.descriptors import engineering_descriptors
from bayesbio.scaleup.vessels.volumes import check_volume

METHOD = "scale model"
SCORES = ("rmse", "mae", "crps", "log_score", "coverage_90", "width_90", "interval_score_90")


@dataclasses.dataclass(frozen=True, eq=False)
class ScaleValidation:
    """
    Predictions of scales that were left out.

    Parameters
    ----------
    scores : DataFrame
        Columns model, quantity, run, volume, readings, then rmse, mae, crps, log_score,
        coverage_90, width_90 and interval_score_90 [unit of the quantity]. Log scores come from a
        kernel density of the predictive draws, so that methods without a density can be compared.
    by_law : DataFrame
        The same for each law of the scale model alone; column law in place of model.
    predictions : mapping of volume to Dataset
        The scale model's, of every held-out run at the times of all of them.
    readings : DataFrame
        Every held-out reading with mean, eti_5, eti_50, eti_95 predicted by the scale model.
    fits : mapping of volume to ScaleFit
        Made without that volume.
    """

    scores: pd.DataFrame
    by_law: pd.DataFrame
    predictions: Mapping[float, xr.Dataset]
    readings: pd.DataFrame
    fits: Mapping[float, ScaleFit]

    @property
    def verdicts(self) -> dict[float, Verdict]:
        """Verdict of each fit."""
        return {volume: fit.check() for volume, fit in self.fits.items()}

    def means(self) -> pd.DataFrame:
        """Mean of every score over runs and scales, one model a row, by increasing crps."""
        return self.scores.groupby("model")[list(SCORES)].mean().sort_values("crps")


@dataclasses.dataclass(frozen=True)
class ScaleFold:
    """
    One division of a campaign into training scales and a scale that is held out.

    Parameters
    ----------
    held_out : float [L]
    train : tuple of float [L]
    """

    held_out: float
    train: tuple[float, ...]

    @property
    def name(self) -> str:
        """The volume held out."""
        return f"{self.held_out:g} L"


def leave_one_scale_out(
    campaign: Campaign,
    model: ScaleModel | None = None,
    *,
    volumes: Iterable[float] | None = None,
    train: Iterable[float] | None = None,
    baselines: Iterable[str] | None = None,
    random_seed: int,
    executor: Any = None,
    progress: Callable[[Progress], None] | bool | None = None,
    **options: Any,
) -> ScaleValidation:
    """
    Predict each scale from the others, and score it beside baselines on the same folds.

    Parameters
    ----------
    campaign : Campaign
        Runs at three scales or more.
    model : ScaleModel, optional
        The default one if none is given.
    volumes : iterable of float, optional [L]
        Scales to leave out; by default each in turn.
    train : iterable of float, optional [L]
        Scales to learn from; by default all others.
    baselines : iterable of str, optional
        From `SCALE_BASELINES`; all by default.
    random_seed : int
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where; by default here, one fold after the other, because all folds share one compiled
        graph.
    progress : callable or bool, optional
        True shows a bar.
    **options
        As for `ScaleModel.fit`: draws, tune, chains, cores.

    Returns
    -------
    ScaleValidation

    Raises
    ------
    DataError
        If there are not three scales, a volume is not among them, or a baseline is unknown.

    Notes
    -----
    One graph serves all folds: held-out runs have zero likelihood weight and independent priors,
    and priors are scaled to the training runs.

    Examples
    --------
    ``leave_one_scale_out(campaign, random_seed=1).means()`` compares the methods.
    """
    model = model or ScaleModel()
    chosen = tuple(SCALE_BASELINES) if baselines is None else tuple(baselines)
    for name in chosen:
        if name not in SCALE_BASELINES:
            raise DataError(
                f"There is no baseline {name!r}; choose among {', '.join(SCALE_BASELINES)}."
            )
    problems = model.problems(campaign)
    known = np.unique(problems[0].volumes)
    if len(known) < 3:
        raise DataError(
            f"There are {len(known)} scales; leaving one out needs three, so that two are left to "
            "learn from. Add a scale, or validate by leaving out runs."
        )
    targets = [_one_of(known, volume) for volume in (known if volumes is None else volumes)]
    sources = known if train is None else [_one_of(known, volume) for volume in train]
    sampler = SamplerOptions(random_seed, **options)
    found = cross_validate(
        {METHOD: partial(_scale_forecast, model, campaign, problems, sampler)}
        | {name: partial(_baseline_forecast, name, problems[0], random_seed) for name in chosen},
        [ScaleFold(target, tuple(v for v in sources if v != target)) for target in targets],
        executor=executor or HERE,
        stage="scales left out",
        progress=progress,
    )
    volume_of = dict(zip(problems[0].campaign.names, problems[0].volumes, strict=True))
    readings = found.readings.assign(volume=found.readings["run"].map(volume_of))
    error = (readings["mean"] - readings["value"]).abs()
    keys = ["model", "quantity", "run"]
    scores = found.scores.assign(volume=found.scores["run"].map(volume_of))
    scores = scores.merge(
        error.groupby([readings[key] for key in keys]).mean().rename("mae"), on=keys
    )
    forecasts = [found.results[METHOD, f"{target:g} L"] for target in targets]
    return ScaleValidation(
        scores=scores,
        by_law=pd.concat([each.by_law for each in forecasts], ignore_index=True).assign(
            volume=lambda table: table["run"].map(volume_of)
        ),
        predictions={
            target: each.prediction for target, each in zip(targets, forecasts, strict=True)
        },
        readings=readings[readings["model"] == METHOD].drop(columns=["model", "fold"]),
        fits={target: each.fit for target, each in zip(targets, forecasts, strict=True)},
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _ScaleForecast:
    """What the scale model hands back for one fold."""

    fit: ScaleFit
    prediction: xr.Dataset
    by_law: pd.DataFrame


def _scale_forecast(
    model: ScaleModel,
    campaign: Campaign,
    problems: tuple[ScaleProblem, ...],
    sampler: SamplerOptions,
    fold: ScaleFold,
) -> Forecast:
    """Fit the training scales and predict the runs of the one held out, mixed and law by law."""
    fit = fit_scales(model, campaign, problems, fold.train, sampler)
    rows = _readings(problems[0], problems[0].volumes == fold.held_out)
    names = list(rows["run"].unique())
    times = np.unique(rows["time_h"])

    def predicted(law: str | None = None) -> xr.Dataset:
        parts = [
            fit.predict(
                fold.held_out,
                times=times,
                descriptors=descriptors_of(model, campaign, name),
                run=problems[0].campaign[name],
                law=law,
                random_seed=sampler.random_seed,
            ).assign_coords(run=[name])
            for name in names
        ]
        return xr.concat(
            parts, "run", data_vars="minimal", coords="minimal", join="exact", compat="override"
        )

    prediction = predicted()
    by_law = []
    for law in fit.law_names:
        alone, _ = score_forecast(_forecast(rows, _at_rows(predicted(law), rows)))
        by_law.append(alone.assign(law=law))
    result = _ScaleForecast(fit, prediction, pd.concat(by_law, ignore_index=True))
    return dataclasses.replace(_forecast(rows, _at_rows(prediction, rows)), result=result)


def _baseline_forecast(
    name: str, problem: ScaleProblem, random_seed: int, fold: ScaleFold
) -> Forecast:
    """Predict the runs of a held-out scale by a baseline, quantity by quantity."""
    train = _readings(problem, np.isin(problem.volumes, fold.train))
    rows = _readings(problem, problem.volumes == fold.held_out)
    parts, draws = [], []
    for (quantity, _), test in rows.groupby(["quantity", "run"], sort=False):
        parts.append(test)
        seen = train[train["quantity"] == quantity]
        draws.append(SCALE_BASELINES[name](seen, test, random_seed))
    return _forecast(pd.concat(parts, ignore_index=True), np.hstack(draws))


def _forecast(rows: pd.DataFrame, draws: np.ndarray) -> Forecast:
    value = rows["value"].to_numpy(float, copy=True)
    return Forecast(rows, draws, log_likelihood=kernel_log_density(draws, value)[None, :])


def fit_scales(
    model: ScaleModel,
    campaign: Campaign,
    problems: tuple[ScaleProblem, ...],
    volumes: Iterable[float],
    sampler: SamplerOptions,
) -> ScaleFit:
    """
    Fit some scales of a campaign, in the graph of the whole campaign.

    Parameters
    ----------
    model : ScaleModel
    campaign : Campaign
    problems : tuple of ScaleProblem
        Of the whole campaign.
    volumes : iterable of float [L]
        Training scales.
    sampler : SamplerOptions

    Returns
    -------
    ScaleFit
        The same as from fitting a campaign of those scales alone.
    """
    mask = np.isin(problems[0].volumes, list(volumes))
    names = np.array(problems[0].campaign.names)[mask].tolist()
    curves = []
    for whole, part in zip(problems, model.problems(campaign.select(names)), strict=True):
        features = np.zeros_like(whole.features)
        features[:, mask] = part.features
        blind = dataclasses.replace(
            whole,
            curve=part.curve,
            centre=part.centre,
            spread=part.spread,
            unit_size=part.unit_size,
            features=features,
            covariate_centre=part.covariate_centre,
            warnings=part.warnings,
        )
        curves.append(fit_curve(model, blind, sampler, mask))
    return ScaleFit(model, tuple(curves), sampler.to_dict())


def descriptors_of(model: ScaleModel, campaign: Campaign, name: str) -> dict[str, float] | None:
    """
    Covariates of a run that is to be predicted.

    Parameters
    ----------
    model : ScaleModel
    campaign : Campaign
    name : str

    Returns
    -------
    dict of str to float, or None where the model has no covariates
    """
    if not model.covariates:
        return None
    derived = engineering_descriptors(campaign.select([name]))
    settings = {
        key: float(value)
        for key, value in campaign[name].settings.items()
        if isinstance(value, int | float)
    }
    return {column: float(derived[column].iloc[0]) for column in derived} | settings


def kernel_log_density(draws: np.ndarray, value: np.ndarray) -> np.ndarray:
    """
    Log density of readings under a Gaussian kernel density of draws (Silverman's bandwidth).

    Parameters
    ----------
    draws : array, (draws, rows)
    value : array, (rows,)

    Returns
    -------
    array, (rows,)

    Notes
    -----
    Silverman (1986), equation 3.31, ISBN 0412246201

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(4000, 1))
    >>> float(kernel_log_density(draws, np.zeros(1))[0].round(1))  # of a normal: -0.92
    -0.9
    """
    quartiles = np.subtract(*np.quantile(draws, [0.75, 0.25], axis=0)) / 1.349
    spread = np.minimum(draws.std(axis=0), np.where(quartiles > 0.0, quartiles, np.inf))
    size = 0.9 * np.maximum(spread, 1e-9) * len(draws) ** -0.2
    terms = -0.5 * ((draws - value) / size) ** 2 - np.log(size) - 0.5 * np.log(2.0 * np.pi)
    return np.asarray(logsumexp(terms, axis=0) - np.log(len(draws)))


def _one_of(known: np.ndarray, volume: Any) -> float:
    wanted = check_volume(volume)
    nearest = float(known[np.argmin(np.abs(np.log(known / wanted)))])
    if abs(nearest / wanted - 1.0) > 1e-6:
        raise DataError(
            f"There is no scale of {wanted:g} L; the scales are "
            f"{', '.join(f'{each:g}' for each in known)} L."
        )
    return nearest


def _readings(problem: ScaleProblem, mask: np.ndarray) -> pd.DataFrame:
    """Quantified readings of some runs, with the log10 of their volumes."""
    log10_volume = dict(zip(problem.campaign.names, problem.log10_volume, strict=True))
    names = np.array(problem.campaign.names)[mask]
    rows = problem.rows[problem.rows["run"].isin(names) & (problem.rows["flag"] == "")]
    rows = rows.assign(log10_volume=rows["run"].map(log10_volume).astype(float))
    return rows.reset_index(drop=True)


def _at_rows(prediction: xr.Dataset, rows: pd.DataFrame) -> np.ndarray:
    """Draws of each reading, (draws, rows)."""
    drawn = np.empty((prediction.sizes["chain"] * prediction.sizes["draw"], len(rows)))
    for quantity, part in rows.groupby("quantity", sort=False):
        run = prediction["run"].to_index().get_indexer(part["run"])
        time = prediction["time"].to_index().get_indexer(part["time_h"])
        values = prediction[str(quantity)].to_numpy()[:, :, run, time]
        drawn[:, part.index] = values.reshape(-1, len(part))
    return drawn
