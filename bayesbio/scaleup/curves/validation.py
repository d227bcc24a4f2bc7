"""How well a scale is predicted from the others, beside methods that know nothing of curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from bayesbio.baselines import TABULAR_BASELINES
from bayesbio.data import Campaign
from bayesbio.errors import DataError
from bayesbio.inference.diagnostics.verdict import Verdict
from bayesbio.inference.validation.scores import coverage, crps, width
from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.curves.scale_fit import ScaleFit
from bayesbio.scaleup.curves.scale_model import ScaleModel, fit_member
from bayesbio.scaleup.vessels.descriptors import engineering_descriptors
from bayesbio.scaleup.vessels.volumes import check_volume

METHOD = "scale model"
DRAWS = 2000
SCORES = ("rmse", "mae", "crps", "log_score", "coverage_90", "width_90")
SMALLEST = 1e-3  # share of the largest reading below which a power law has no logarithm to take

Forecast = Callable[[pd.DataFrame, pd.DataFrame, np.random.Generator], np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class ScaleValidation:
    """
    Predictions of scales that were left out.

    Parameters
    ----------
    scores : DataFrame
        Columns method, volume, quantity, readings, rmse, mae, crps, log_score, coverage_90,
        width_90 [unit of the quantity].
    by_law : DataFrame
        The same for each law of the scale model alone; column law.
    predictions : mapping of volume to Dataset
        The scale model's.
    readings : DataFrame
        Every held-out reading with the mean and the 90 % interval predicted for it.
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
        """Mean of every score over the scales, one method a row, by increasing crps."""
        return self.scores.groupby("method")[list(SCORES)].mean().sort_values("crps")


def leave_one_scale_out(
    campaign: Campaign,
    model: ScaleModel | None = None,
    *,
    volumes: Iterable[float] | None = None,
    train: Iterable[float] | None = None,
    baselines: Iterable[str] | None = None,
    random_seed: int,
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
    One graph serves all folds: the readings of a scale that is left out weigh nothing, priors are
    scaled to the others, and its curve hangs on nothing. Log scores come from a kernel density of
    the predictive draws, so that methods without a density can be compared.

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
    sources = None if train is None else [_one_of(known, volume) for volume in train]
    scores, by_law, readings = [], [], []
    predictions: dict[float, xr.Dataset] = {}
    fits: dict[float, ScaleFit] = {}
    for target in targets:
        kept = [v for v in (known if sources is None else sources) if v != target]
        fit = fit_without(model, campaign, problems, kept, random_seed=random_seed, **options)
        fits[target] = fit
        problem = problems[0]
        held = problem.volumes == target
        names = np.array(problem.campaign.names)[held]
        rows = problem.rows[problem.rows["run"].isin(names) & (problem.rows["flag"] == "")]
        learned = np.isin(problem.volumes, kept)
        for name in names:
            run = problem.campaign[str(name)]
            asked = dict(
                times=np.unique(rows.loc[rows["run"] == name, "time_h"]),
                descriptors=descriptors_of(model, campaign, str(name)),
                run=run,
                random_seed=random_seed,
            )
            predicted = fit.predict(float(target), **asked)
            predictions[float(target)] = predicted
            alone = {law: fit.predict(float(target), law=law, **asked) for law in fit.law_names}
            for quantity, own in rows[rows["run"] == name].groupby("quantity", sort=False):
                drawn = _at(predicted, str(quantity), own)
                line = {"volume": float(target), "quantity": quantity, "readings": len(own)}
                scores.append({"method": METHOD, **line, **_scored(drawn, own)})
                for law, prediction in alone.items():
                    single = _scored(_at(prediction, str(quantity), own), own)
                    by_law.append({"law": law, **line, **single})
                low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
                readings.append(
                    own[["run", "time_h", "quantity", "value"]].assign(
                        volume=float(target), mean=drawn.mean(axis=0), eti_5=low, eti_95=high
                    )
                )
                seen = _table(problem, learned, str(quantity))
                wanted = _table(problem, held, str(quantity))
                wanted = wanted[wanted["run"] == name]
                for baseline in chosen:
                    rng = np.random.default_rng(random_seed)
                    forecast = SCALE_BASELINES[baseline](seen, wanted, rng)
                    scores.append({"method": baseline, **line, **_scored(forecast, wanted)})
    return ScaleValidation(
        pd.DataFrame(scores),
        pd.DataFrame(by_law),
        predictions,
        pd.concat(readings, ignore_index=True),
        fits,
    )


def fit_without(
    model: ScaleModel,
    campaign: Campaign,
    problems: tuple[ScaleProblem, ...],
    kept: Iterable[float],
    *,
    random_seed: int,
    draws: int = 1000,
    tune: int = 500,
    chains: int = 4,
    cores: int | None = None,
) -> ScaleFit:
    """
    Fit some scales of a campaign, in the graph of the whole campaign.

    Parameters
    ----------
    model : ScaleModel
    campaign : Campaign
    problems : tuple of ScaleProblem
        Of the whole campaign.
    kept : iterable of float [L]
        Volumes to learn from.
    random_seed, draws, tune, chains, cores
        As for `ScaleModel.fit`.

    Returns
    -------
    ScaleFit
        The same as from fitting a campaign of those scales alone.
    """
    kept = list(kept)
    options = dict(draws=draws, tune=tune, chains=chains, cores=cores, random_seed=random_seed)
    learned = np.isin(problems[0].volumes, kept)
    names = [
        name for name, is_kept in zip(problems[0].campaign.names, learned, strict=True) if is_kept
    ]
    members = []
    for whole, part in zip(problems, model.problems(campaign.select(names)), strict=True):
        features = np.zeros_like(whole.features)
        features[:, learned] = part.features
        blind = dataclasses.replace(
            whole,
            curve=part.curve,
            centre=part.centre,
            spread=part.spread,
            unit_size=part.unit_size,
            features=features,
            covariate_centre=part.covariate_centre,
            noticed=part.noticed,
        )
        members.append(fit_member(model, blind, learned, options))
    return ScaleFit(model, tuple(members), random_seed)


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
    run = campaign[name]
    derived = engineering_descriptors(campaign.select([name]))
    known = {name: float(derived[name].iloc[0]) for name in derived}
    settings = {
        key: float(value) for key, value in run.settings.items() if isinstance(value, int | float)
    }
    return {**known, **settings}


def _one_of(known: np.ndarray, volume: Any) -> float:
    wanted = check_volume(volume)
    nearest = float(known[np.argmin(np.abs(np.log(known / wanted)))])
    if abs(nearest / wanted - 1.0) > 1e-6:
        raise DataError(
            f"There is no scale of {wanted:g} L; the scales are "
            f"{', '.join(f'{each:g}' for each in known)} L."
        )
    return nearest


def _at(prediction: xr.Dataset, quantity: str, rows: pd.DataFrame) -> np.ndarray:
    """Draws at the times of some readings, (draws, rows)."""
    places = prediction["time"].to_index().get_indexer(rows["time_h"])
    drawn = prediction[quantity].isel(run=0).to_numpy()
    return drawn.reshape(-1, drawn.shape[-1])[:, places]


def _table(problem: ScaleProblem, runs: np.ndarray, quantity: str) -> pd.DataFrame:
    """Gather readings of one quantity with their volumes: run, decade, time_h, value."""
    names = np.array(problem.campaign.names)[runs]
    rows = problem.rows
    rows = rows[
        rows["run"].isin(names) & (rows["quantity"] == quantity) & (rows["flag"] == "")
    ].reset_index(drop=True)
    decade = dict(zip(problem.campaign.names, problem.decades, strict=True))
    return rows.assign(decade=rows["run"].map(decade).astype(float))


def _scored(drawn: np.ndarray, rows: pd.DataFrame) -> dict[str, float]:
    """Score predictive draws (draws, rows)."""
    value = rows["value"].to_numpy(float, copy=True)
    away = drawn.mean(axis=0) - value
    return {
        "rmse": float(np.sqrt(np.mean(away**2))),
        "mae": float(np.mean(np.abs(away))),
        "crps": float(np.mean(crps(drawn, value))),
        "log_score": float(np.mean(_log_scores(drawn, value))),
        "coverage_90": coverage(drawn, value, 0.9),
        "width_90": float(np.mean(width(drawn, 0.9))),
    }


def _log_scores(drawn: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Minus the log of a Gaussian kernel density of the draws (Silverman's width)."""
    quartiles = np.subtract(*np.quantile(drawn, [0.75, 0.25], axis=0)) / 1.349
    spread = np.minimum(drawn.std(axis=0), np.where(quartiles > 0.0, quartiles, np.inf))
    size = 0.9 * np.maximum(spread, 1e-9) * len(drawn) ** -0.2
    terms = -0.5 * ((drawn - value) / size) ** 2 - np.log(size) - 0.5 * np.log(2.0 * np.pi)
    return np.log(len(drawn)) - logsumexp(terms, axis=0)


def _nearest(seen: pd.DataFrame, wanted: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Take the curve of the nearest scale; errors as between the measured scales and theirs."""
    scales = np.unique(seen["decade"])

    def nearest_to(decade: float, among: np.ndarray) -> pd.DataFrame:
        return seen[seen["decade"] == among[np.argmin(np.abs(among - decade))]]

    residuals = [
        own["value"].to_numpy() - _interpolated(nearest_to(scale, scales[scales != scale]), own)
        for scale in scales
        for own in [seen[seen["decade"] == scale]]
    ]
    centre = _interpolated(nearest_to(wanted["decade"].iloc[0], scales), wanted)
    pooled = np.concatenate(residuals)
    return centre + rng.choice(pooled, size=(DRAWS, len(wanted)))


def _power_law(seen: pd.DataFrame, wanted: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Fit log response over log volume by least squares, time by time."""
    scales = np.unique(seen["decade"])
    least = SMALLEST * float(seen["value"].abs().max())
    curves = np.array(
        [
            np.log(np.maximum(_interpolated(seen[seen["decade"] == scale], wanted), least))
            for scale in scales
        ]
    )
    away = scales - scales.mean()
    slope = away @ curves / (away @ away)
    new = wanted["decade"].iloc[0] - scales.mean()
    residuals = curves - curves.mean(axis=0) - np.outer(away, slope)
    freedom = max(curves.shape[1] * (len(scales) - 2), 3)
    size = np.sqrt(np.sum(residuals**2) / freedom)
    leverage = np.sqrt(1.0 + 1.0 / len(scales) + new**2 / (away @ away))
    drawn = rng.standard_t(freedom, size=(DRAWS, curves.shape[1])) * size * leverage
    return np.exp(curves.mean(axis=0) + slope * new + drawn)


def _gaussian_process(
    seen: pd.DataFrame, wanted: pd.DataFrame, rng: np.random.Generator
) -> np.ndarray:
    """Fit a Gaussian process over log volume and time, tuned by its marginal likelihood."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    inputs = seen[["decade", "time_h"]].to_numpy(float, copy=True)
    centre, spread = inputs.mean(axis=0), inputs.std(axis=0)
    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * RBF([1.0, 1.0], (0.1, 20.0)) + WhiteKernel(
        1e-2, (1e-6, 1.0)
    )
    process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        # A length scale at its bound is an answer here: few scales tell little about it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit((inputs - centre) / spread, seen["value"].to_numpy(float, copy=True))
    asked = (wanted[["decade", "time_h"]].to_numpy(float, copy=True) - centre) / spread
    mean, deviation = process.predict(asked, return_std=True)
    return mean + deviation * rng.standard_normal((DRAWS, len(asked)))


def _tabular(name: str) -> Forecast:
    """Forecast by a baseline of `surrogate` on log volume and time, scales left out together."""

    def forecast(seen: pd.DataFrame, wanted: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
        names = ["decade", "time_h"]
        several = seen["decade"].nunique() > 2
        fitted = TABULAR_BASELINES[name]().fit(
            seen[names].to_numpy(float, copy=True),
            seen["value"].to_numpy(float, copy=True),
            groups=seen["decade"].to_numpy(float, copy=True) if several else None,
        )
        seed = int(rng.integers(2**31))
        return fitted.predict(wanted[names].to_numpy(float, copy=True), random_seed=seed)

    return forecast


SCALE_BASELINES: Mapping[str, Forecast] = {
    "nearest scale": _nearest,
    "power law": _power_law,
    "Gaussian process": _gaussian_process,
    **{name: _tabular(name) for name in ("ridge", "random forest", "gradient boosting")},
}
"""Forecasts of a scale from others without a model of curves, by name."""


def _interpolated(curve: pd.DataFrame, at: pd.DataFrame) -> np.ndarray:
    """Read a scale's mean curve at other times."""
    mean = curve.groupby("time_h")["value"].mean()
    return np.interp(at["time_h"], mean.index.to_numpy(), mean.to_numpy())
