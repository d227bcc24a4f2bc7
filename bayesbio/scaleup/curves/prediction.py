"""Runs at another volume, with the parts that their uncertainty is made of."""

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
from bayesbio.scaleup.curves.curve_fit import Member, curve_name
from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.curves.scale_fit import ScaleFit
from bayesbio.scaleup.laws.law_prior import Place
from bayesbio.scaleup.laws.pooled_law import PooledLaw
from bayesbio.scaleup.laws.volume_laws import Law, laws_of
from bayesbio.scaleup.vessels.covariates import features_of, ingredients
from bayesbio.scaleup.vessels.descriptors import engineering_descriptors
from bayesbio.scaleup.vessels.volumes import check_volume

FAR = 3.0  # decades beyond the measured scales from which a prediction is flagged
PARTS = ("curve", "law", "weights", "run_effect", "noise")


def predict_scale(
    fit: ScaleFit,
    volume: float,
    *,
    times: Any = None,
    descriptors: Mapping[str, float] | None = None,
    run: str | Run | None = None,
    noise: bool = True,
    law: str | None = None,
    random_seed: int = 0,
) -> xr.Dataset:
    """
    Predict a run at another volume.

    Parameters
    ----------
    fit : ScaleFit
    volume : float [L]
    times : array [h], optional
        By default the times at which any run was read.
    descriptors : mapping of name to float, optional
        Covariates of the new run, or the geometry and operation they follow from: needed where
        the model has covariates.
    run : name or Run, optional
        Whose settings, profiles and events the new run takes; by default a run of the nearest
        scale.
    noise : bool
        Whether readings scatter.
    law : str, optional
        One law alone, instead of the mixture.
    random_seed : int
        Same input, same bytes.

    Returns
    -------
    Dataset
        One variable a quantity, dims (chain, draw, run, time); and for each ``<quantity>_variance``
        with dims (part, run, time): the variance from curve (what the runs leave open), law
        (slope and bend), weights (laws and curves disagree), run_effect (a new run at a new scale)
        and noise; they sum to the variance of the prediction. Coordinate ``volume`` [L];
        attributes: extrapolation_decades (distance beyond the measured scales), extrapolation
        (a sentence) and far (1 beyond three decades).

    Raises
    ------
    DataError
        If the volume is not positive, or a descriptor is missing or unknown.

    Examples
    --------
    ``predict_scale(fit, 100_000.0)["titer"].mean(("chain", "draw"))`` is the expected course.
    """
    volume = check_volume(volume)
    chosen = fit.law_weights()
    if law is not None:
        if law not in fit.law_names:
            raise DataError(f"{law!r} is no law of this fit; it has {', '.join(fit.law_names)}.")
        chosen = chosen[chosen["law"] == law].assign(weight=lambda table: 1.0 / len(table))
    rng = np.random.default_rng(random_seed)
    total = len(fit.members[0].z)
    courses: list[dict[str, dict[str, np.ndarray]]] = []
    portions: list[float] = []
    counts = _shares(chosen["weight"].to_numpy(float), total)
    template: xr.Dataset | None = None
    for (_, line), count in zip(chosen.iterrows(), counts, strict=True):
        if not count:
            continue
        member = next(
            each for each in fit.members if curve_name(each.problem.curve) == line["curve"]
        )
        number = fit.law_names.index(str(line["law"]))
        planned = _new_run(member.problem, volume, run)
        place = Place(float(np.log10(volume)), _features(fit, member.problem, descriptors))
        found, template = _courses(
            member, fit.model.laws[number], number, place, planned, times, count, rng
        )
        courses.append(found)
        portions.append(float(line["weight"]))
    assert template is not None
    weights = np.array(portions) / np.sum(portions)
    order = rng.permutation(sum(len(next(iter(each["noisy"].values()))) for each in courses))
    variables: dict[str, Any] = {}
    for quantity in courses[0]["noisy"]:
        unit = fit.members[0].problem.curve.units.get(quantity, "1")
        kind = "noisy" if noise else "varied"
        drawn = np.concatenate([each[kind][quantity] for each in courses])[order]
        variables[quantity] = (
            ("chain", "draw", "run", "time"), drawn[None, :, None, :], {"units": unit}
        )  # fmt: skip
        parts = _variance_parts([{k: each[k][quantity] for k in each} for each in courses], weights)
        variables[f"{quantity}_variance"] = (
            ("part", "run", "time"), parts[:, None, :], {"units": f"({unit})2"}
        )  # fmt: skip
    distance = extrapolation(fit.volumes, volume)
    dataset = xr.Dataset(
        variables,
        {
            "chain": [0],
            "draw": np.arange(len(order)),
            "run": [f"{volume:g} L"],
            "time": template["time"],
            "part": list(PARTS),
            "volume": ("run", [volume], {"units": "L"}),
        },
    )
    dataset.attrs = {
        "extrapolation_decades": distance,
        "extrapolation": _said(fit.volumes, volume, distance),
        "far": int(distance > FAR),
    }
    return dataset


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
    decades = np.log10(volumes)
    at = np.log10(volume)
    return float(max(decades.min() - at, at - decades.max(), 0.0))


def prior_sensitivity(
    fit: ScaleFit, volume: float, *, factors: tuple[float, ...] = (0.5, 2.0), **options: Any
) -> pd.DataFrame:
    """
    Predict under halved and doubled priors of slope, bend and deviation, without sampling anew.

    Parameters
    ----------
    fit : ScaleFit
    volume : float [L]
    factors : tuple of float
        What each prior scale is multiplied with.
    **options
        As for `predict_scale`.

    Returns
    -------
    DataFrame
        Columns prior, factor, quantity, time, eti_5, eti_50, eti_95, width_ratio (of the interval
        to that under the model's own priors), at the last time.

    Notes
    -----
    The draws of the runs' curves are kept, and the laws over them are exchanged: exact but for what
    the priors say about curves that were measured, which is little.

    Examples
    --------
    ``prior_sensitivity(fit, 100_000.0)`` shows by how much the width follows the prior.
    """
    from bayesbio.scaleup.curves.scale_model import ScaleModel

    sizes = {
        "slope": ("slope",),
        "bend": ("wander", "amplitude"),
        "deviation": ("deviation",),
    }
    cases: list[tuple[str, float, ScaleFit]] = [("as fitted", 1.0, fit)]
    for prior, fields in sizes.items():
        for factor in factors:
            laws = tuple(_scaled(law, fields, factor) for law in fit.model.laws)
            if laws != tuple(fit.model.laws):
                model: ScaleModel = dataclasses.replace(fit.model, law=laws)
                cases.append((prior, factor, dataclasses.replace(fit, model=model)))
    rows: list[dict[str, Any]] = []
    own: dict[Any, float] = {}
    for prior, factor, case in cases:
        predicted = predict_scale(case, volume, **options)
        for quantity in predicted.data_vars:
            if str(quantity).endswith("_variance"):
                continue
            last = predicted[quantity].isel(run=0, time=-1).to_numpy().ravel()
            low, middle, high = np.quantile(last, [0.05, 0.5, 0.95])
            own.setdefault(quantity, high - low)
            rows.append(
                {
                    "prior": prior,
                    "factor": factor,
                    "quantity": quantity,
                    "time": float(predicted["time"][-1]),
                    "eti_5": low,
                    "eti_50": middle,
                    "eti_95": high,
                    "width_ratio": (high - low) / own[quantity],
                }
            )
    return pd.DataFrame(rows)


def _scaled(law: Law, fields: tuple[str, ...], factor: float) -> Law:
    """Multiply some of a law's prior scales."""
    known = {field.name for field in dataclasses.fields(law)} & set(fields)  # type: ignore[arg-type]
    changed = {name: getattr(law, name) * factor for name in known}
    (again,) = laws_of(dataclasses.replace(law, **changed))  # type: ignore[type-var]
    return again


def _shares(weights: np.ndarray, total: int) -> np.ndarray:
    """How many draws each weight gets; together exactly `total`."""
    exact = weights / weights.sum() * total
    counts = np.floor(exact).astype(int)
    for place in np.argsort(counts - exact)[: total - counts.sum()]:
        counts[place] += 1
    return counts


def _new_run(problem: ScaleProblem, volume: float, run: str | Run | None) -> Run:
    """Make a run that is done as another one was, at another volume."""
    if run is None:
        run = problem.campaign.names[int(np.argmin(np.abs(problem.decades - np.log10(volume))))]
    done = run if isinstance(run, Run) else problem.campaign[run]
    # Unknown initial states are predicted; the rest is done as it was.
    told = {
        name: value
        for name, value in done.settings.items()
        if name not in problem.names and f"initial_{name}" not in problem.names
    }
    return Run(f"{volume:g} L", settings=told, events=done.events, profiles=done.profiles)


def _features(
    fit: ScaleFit, problem: ScaleProblem, descriptors: Mapping[str, float] | None
) -> np.ndarray:
    """Covariates of the new run as logarithms around the means of the runs."""
    covariates = fit.model.covariates
    given = {name: float(value) for name, value in (descriptors or {}).items()}
    if not covariates:
        if given:
            raise DataError(
                f"Descriptors came ({', '.join(given)}), but the model has no covariates. Make it "
                f"with ScaleModel(covariates={list(given)!r}), and fit it to runs that have them."
            )
        return np.zeros(0)
    frame = {name: [value] for name, value in given.items()}
    derived = engineering_descriptors(frame) if frame else pd.DataFrame()
    away = {}
    for name in problem.covariate_centre:
        value = given.get(name, float(derived[name].iloc[0]) if name in derived else np.nan)
        if not (np.isfinite(value) and value > 0.0):
            raise DataError(
                f"The model has the covariate {name!r}, and the new run has no positive value of "
                f"it. Give predict(volume, descriptors={{{name!r}: ...}})."
            )
        away[name] = np.array([np.log(value) - problem.covariate_centre[name]])
    asked = ingredients(covariates, set(away))
    names = [name for name in covariates if name in away or name not in asked]
    return features_of(names, away)[0][:, 0]


def _courses(
    member: Member,
    law: Law,
    number: int,
    place: Place,
    run: Run,
    times: Any,
    count: int,
    rng: np.random.Generator,
) -> tuple[dict[str, dict[str, np.ndarray]], xr.Dataset]:
    """Courses of the new run under one law: expected, drawn, with run effect, with noise."""
    problem = member.problem
    chance = member.law_chances[:, number]
    picked = _systematic(chance, count, rng)
    everyone = np.ones(len(problem.decades), bool)
    known = np.array([bool(np.any(np.abs(problem.decades - place.decade) < 1e-9))])
    known &= problem.replicated
    pooled = PooledLaw.of(problem, law, learned=everyone, places=[place])
    found = pooled.project(member.z[picked], known_scale=known, rng=rng)
    stages = np.stack([each[:, 0] for each in (found.expected, found.drawn, found.varied)])
    natural = problem.natural(stages)
    if times is None:
        times = np.unique(problem.rows["time_h"])
    courses: dict[str, dict[str, np.ndarray]] = {}
    course = xr.Dataset()
    for stage, kind in enumerate(("expected", "drawn", "varied")):
        values = {
            name: natural[stage, None, :, unknown] for unknown, name in enumerate(problem.names)
        }
        course = simulate(problem.curve, parameters=values, campaign=Campaign([run]), times=times)
        courses[kind] = {name: course[name].to_numpy()[0, :, 0] for name in problem.quantities}
    draws = member.draws
    courses["noisy"] = {}
    courses["noise_variance"] = {}
    for name in problem.quantities:
        constant = draws[f"noise_{name}"].to_numpy().ravel()[picked][:, None]
        relative = draws[f"noise_{name}_relative"].to_numpy().ravel()[picked][:, None]
        mean = courses["varied"][name]
        variance = constant**2 + (relative * mean) ** 2
        noisy = mean + np.sqrt(variance) * rng.standard_normal(mean.shape)
        if (problem.rows.loc[problem.rows["quantity"] == name, "value"] >= 0.0).all():
            noisy = np.where(mean >= 0.0, np.maximum(noisy, 0.0), noisy)
        courses["noisy"][name], courses["noise_variance"][name] = noisy, variance
    return courses, course


def _systematic(chance: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw places in proportion to their chances, as evenly as can be."""
    steps = np.cumsum(chance / chance.sum())
    at = (np.arange(count) + rng.random()) / count
    return rng.permutation(np.minimum(np.searchsorted(steps, at), len(chance) - 1))


def _variance_parts(courses: list[dict[str, np.ndarray]], weights: np.ndarray) -> np.ndarray:
    """
    Split the variance of a mixture, part by time.

    Within a law each stage adds what it adds; between laws it is the variance of their means.
    """
    parts = np.zeros((len(PARTS), courses[0]["varied"].shape[1]))
    means = np.array([each["varied"].mean(axis=0) for each in courses])
    for weight, each in zip(weights, courses, strict=True):
        curve, law, run = (each[kind].var(axis=0) for kind in ("expected", "drawn", "varied"))
        parts[0] += weight * curve
        parts[1] += weight * np.maximum(law - curve, 0.0)
        parts[3] += weight * np.maximum(run - np.maximum(law, curve), 0.0)
        parts[4] += weight * each["noise_variance"].mean(axis=0)
    parts[2] = weights @ (means - weights @ means) ** 2
    return parts


def _said(volumes: np.ndarray, volume: float, distance: float) -> str:
    span = f"{volumes.min():g} to {volumes.max():g} L"
    if distance == 0.0:
        return f"{volume:g} L lies inside the measured scales ({span}): an interpolation."
    said = f"{volume:g} L lies {distance:.1f} decades beyond the measured scales ({span})."
    if distance > FAR:
        said += (
            " That is more than three decades: no law over these scales supports it. Take a scale "
            "in between before relying on it."
        )
    return said
