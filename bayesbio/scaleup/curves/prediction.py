"""Posterior predictive of a run at another volume, with the components of its variance."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError
from bayesbio.ode import simulate
from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.curves.scale_draws import Component, ScaleDraws
from bayesbio.scaleup.laws.law_prior import PredictionPoint
from bayesbio.scaleup.laws.pooled_law import PooledLaw
from bayesbio.scaleup.vessels.covariates import features_of, ingredients
from bayesbio.scaleup.vessels.descriptors import engineering_descriptors
from bayesbio.scaleup.vessels.volumes import check_volume

FAR = 3.0  # decades beyond the measured scales from which a prediction is flagged as far
PARTS = ("curve", "law", "weights", "run_effect", "noise")
STAGES = ("expected", "drawn", "varied")  # of a projection: curve, law, run effect
OUTSIDE = ("flag", "refuse")


@dataclasses.dataclass(frozen=True)
class NewRun:
    """
    A run at another volume, as it is asked for.

    Parameters
    ----------
    volume : float [L]
    times : array [h], optional
        By default the times at which any run was measured.
    descriptors : mapping of name to float, optional
        Covariates of the new run, or the geometry and operation they follow from: needed where
        the model has covariates.
    run : name or Run, optional
        Whose settings, profiles and events the new run takes; by default a run of the nearest
        scale.
    """

    volume: float
    times: Any = None
    descriptors: Mapping[str, float] | None = None
    run: str | Run | None = None

    @property
    def log10_volume(self) -> float:
        """Of the volume in litres."""
        return float(np.log10(check_volume(self.volume)))

    def planned(self, problem: ScaleProblem) -> Run:
        """Make the run: as another one was done, at the new volume."""
        run = self.run
        if run is None:
            nearest = int(np.argmin(np.abs(problem.log10_volume - self.log10_volume)))
            run = problem.campaign.names[nearest]
        template = run if isinstance(run, Run) else problem.campaign[run]
        # Estimated initial states are predicted; the rest is done as it was.
        settings = {
            name: value
            for name, value in template.settings.items()
            if name not in problem.names and f"initial_{name}" not in problem.names
        }
        return Run(
            f"{self.volume:g} L",
            settings=settings,
            events=template.events,
            profiles=template.profiles,
        )

    def features(self, problem: ScaleProblem, covariates: tuple[str, ...]) -> np.ndarray:
        """Covariates as logarithms around the means of the training runs."""
        given = {name: float(value) for name, value in (self.descriptors or {}).items()}
        if not covariates:
            if given:
                raise DataError(
                    f"Descriptors came ({', '.join(given)}), but the model has no covariates. Make "
                    f"it with ScaleModel(covariates={list(given)!r}), and fit it to runs that have "
                    "them."
                )
            return np.zeros(0)
        derived = (
            engineering_descriptors({name: [value] for name, value in given.items()})
            if given
            else pd.DataFrame()
        )
        away = {}
        for name, centre in problem.covariate_centre.items():
            value = given.get(name, float(derived[name].iloc[0]) if name in derived else np.nan)
            if not (np.isfinite(value) and value > 0.0):
                raise DataError(
                    f"The model has the covariate {name!r}, and the new run has no positive value "
                    f"of it. Give predict(volume, descriptors={{{name!r}: ...}})."
                )
            away[name] = np.array([np.log(value) - centre])
        parts = ingredients(covariates, set(away))
        names = [name for name in covariates if name in away or name not in parts]
        return features_of(names, away)[0][:, 0]


def predict_run(
    fit: ScaleDraws,
    new: NewRun,
    *,
    noise: bool = True,
    law: str | None = None,
    outside: str = "flag",
    random_seed: int = 0,
) -> xr.Dataset:
    """
    Predict a run at another volume; what `ScaleFit.predict` promises.

    Parameters
    ----------
    fit : ScaleDraws
    new : NewRun
    noise, law, outside, random_seed
        As for `ScaleFit.predict`.

    Returns
    -------
    Dataset
    """
    if outside not in OUTSIDE:
        raise DataError(f"outside={outside!r}; expected 'flag' or 'refuse'.")
    distance = extrapolation(fit.volumes, 10.0**new.log10_volume)
    statement = _extrapolation_statement(fit.volumes, new.volume, distance)
    if distance and outside == "refuse":
        raise DataError(f"{statement} Use outside='flag' to predict it nevertheless.")
    rng = np.random.default_rng(random_seed)
    components = fit.components(law)
    counts = _counts(np.array([each.weight for each in components]), len(fit.curves[0].z))
    asked = [(each, count) for each, count in zip(components, counts, strict=True) if count]
    courses = [
        _courses(each, new, fit.model.covariates, count=count, rng=rng) for each, count in asked
    ]
    shares = np.array([count for _, count in asked]) / counts.sum()
    order = rng.permutation(counts.sum())
    variables: dict[str, Any] = {}
    for quantity in courses[0].varied:
        unit = fit.curves[0].problem.unit(quantity)
        stage = "noisy" if noise else "varied"
        drawn = np.concatenate([getattr(each, stage)[quantity] for each in courses])[order]
        variables[quantity] = (
            ("chain", "draw", "run", "time"), drawn[None, :, None, :], {"units": unit}
        )  # fmt: skip
        variables[f"{quantity}_variance"] = (
            ("part", "run", "time"),
            _variance_parts(courses, quantity, shares)[:, None, :],
            {"units": f"({unit})2"},
        )
    return xr.Dataset(
        variables | {"outside": ("run", [distance > 0.0], {"units": "1"})},
        {
            "chain": [0],
            "draw": np.arange(len(order)),
            "run": [f"{new.volume:g} L"],
            "time": courses[0].time,
            "part": list(PARTS),
            "volume": ("run", [float(new.volume)], {"units": "L"}),
        },
        {
            "extrapolation_decades": distance,
            "extrapolation": statement,
            "far": int(distance > FAR),
        },
    )


def extrapolation(volumes: np.ndarray, volume: float) -> float:
    """
    Distance of a volume beyond the measured scales.

    Parameters
    ----------
    volumes : array [L]
    volume : float [L]

    Returns
    -------
    float [decades]
        Zero inside.

    Examples
    --------
    >>> extrapolation(np.array([10.0, 100.0]), 1e4)
    2.0
    """
    known, new = np.log10(volumes), np.log10(volume)
    # Less than a millionth is rounding on the way through the logarithm.
    distance = max(known.min() - new, new - known.max(), 0.0)
    return float(distance) if distance > 1e-6 else 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class _Courses:
    """Courses of the new run under one law, by quantity, (draws, times): after each stage."""

    expected: dict[str, np.ndarray]
    drawn: dict[str, np.ndarray]
    varied: dict[str, np.ndarray]
    noisy: dict[str, np.ndarray]
    noise_variance: dict[str, np.ndarray]
    time: xr.DataArray


def _courses(
    component: Component,
    new: NewRun,
    covariates: tuple[str, ...],
    *,
    count: int,
    rng: np.random.Generator,
) -> _Courses:
    """Simulate the new run under one law, as expected, drawn, with run effect, with noise."""
    problem = component.curve.problem
    picked = _systematic_sample(component.probabilities, count, rng)
    point = PredictionPoint(new.log10_volume, new.features(problem, covariates))
    known = np.abs(problem.log10_volume - point.log10_volume) < 1e-9
    pooled = PooledLaw.of(problem, component.law, points=[point])
    projection = pooled.project(
        component.curve.z[picked],
        known_scale=np.array([bool(known.any()) and problem.replicated]),
        rng=rng,
    )
    natural = problem.natural(
        np.stack([getattr(projection, stage)[:, 0] for stage in STAGES])
    )  # (stages, draws, parameters): stages stand in for chains
    course = simulate(
        problem.curve,
        parameters={name: natural[..., place] for place, name in enumerate(problem.names)},
        campaign=Campaign([new.planned(problem)]),
        times=np.unique(problem.rows["time_h"]) if new.times is None else new.times,
    )
    stages = {
        stage: {name: course[name].to_numpy()[number, :, 0] for name in problem.quantities}
        for number, stage in enumerate(STAGES)
    }
    spread = {
        name: component.curve.noise_sd(name, mean, picked)
        for name, mean in stages["varied"].items()
    }
    return _Courses(
        **stages,
        noisy={
            name: mean + spread[name] * rng.standard_normal(mean.shape)
            for name, mean in stages["varied"].items()
        },
        noise_variance={name: sd**2 for name, sd in spread.items()},
        time=course["time"],
    )


def _counts(weights: np.ndarray, total: int) -> np.ndarray:
    """Draws of each component; together exactly `total`."""
    exact = weights * total
    counts = np.floor(exact).astype(int)
    for place in np.argsort(counts - exact)[: total - counts.sum()]:
        counts[place] += 1
    return counts


def _systematic_sample(weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Systematic resampling: draw positions in proportion to weights, as evenly as can be."""
    steps = np.cumsum(weights / weights.sum())
    at = (np.arange(count) + rng.random()) / count
    return rng.permutation(np.minimum(np.searchsorted(steps, at), len(weights) - 1))


def _variance_parts(courses: list[_Courses], quantity: str, shares: np.ndarray) -> np.ndarray:
    """
    Variance of a mixture by the law of total variance, (parts, times).

    Within a component each stage adds the variance it adds, which may be a little below zero where
    the curve is bent; between components it is the variance of their means. Without the noise the
    parts add up to the variance of the draws exactly.
    """
    curve, law, run = (
        sum(
            share * getattr(each, stage)[quantity].var(axis=0)
            for share, each in zip(shares, courses, strict=True)
        )
        for stage in STAGES
    )
    noise = sum(
        share * each.noise_variance[quantity].mean(axis=0)
        for share, each in zip(shares, courses, strict=True)
    )
    means = np.array([each.varied[quantity].mean(axis=0) for each in courses])
    between = shares @ (means - shares @ means) ** 2
    return np.array([curve, law - curve, between, run - law, noise])


def _extrapolation_statement(volumes: np.ndarray, volume: float, distance: float) -> str:
    span = f"{volumes.min():g} to {volumes.max():g} L"
    if distance == 0.0:
        return f"{volume:g} L lies inside the measured scales ({span}): an interpolation."
    statement = f"{volume:g} L lies {distance:.1f} decades beyond the measured scales ({span})."
    if distance > FAR:
        statement += (
            " That is more than three decades: no law over these scales supports it. Take a scale "
            "in between before relying on it."
        )
    return statement
