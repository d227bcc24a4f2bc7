"""Corrections of a mechanism's rates: attach them, draw them, and say what they took over."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate import Calibration
from bayesbio.data import Campaign
from bayesbio.errors import ModelError
from bayesbio.mechanistic import CorrectedModel, Correction, ProcessModel, check_model

GRID = 41  # values of the input at which a factor is given
TIMES = 49  # moments at which mechanism and correction are told apart


def with_corrections(
    model: ProcessModel, corrections: Iterable[Correction], *, campaign: Campaign | None = None
) -> ProcessModel:
    """
    Multiply rates of a process model by factors to be learned; the result is a process model.

    Parameters
    ----------
    model : ProcessModel
        With named rates.
    corrections : iterable of Correction
        None at all gives the model back as it is.
    campaign : Campaign, optional
        Lays the knots over its data now; otherwise `bayesbio.calibrate.fit` does so.

    Returns
    -------
    ProcessModel
        Its further parameters are ``<rate>_correction_<input>_amplitude`` and ``..._weight_<k>``.

    Raises
    ------
    ModelError
        When the model has no such rate or input, a rate is corrected twice over the same input, or
        the campaign says nothing of an input.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchCulture
    >>> slower = Correction(on="growth", inputs=["product"], anchor={"product": 0.0})
    >>> model = with_corrections(BatchCulture(product=True), [slower])
    >>> model.Parameters._fields[-6:-4]
    ('growth_correction_product_amplitude', 'growth_correction_product_weight_1')
    """
    corrections = tuple(corrections)
    if not corrections:
        return model
    inside = model.base if isinstance(model, CorrectedModel) else model
    before = tuple(model.corrections) if isinstance(model, CorrectedModel) else ()
    made = CorrectedModel(inside, before + corrections)
    spanned = [
        c if c.span else dataclasses.replace(c, span={c.input: (0.0, 1.0)})
        for c in made.corrections
    ]
    check_model(CorrectedModel(inside, spanned))  # a rate that is not there speaks up here
    return made if campaign is None else made.for_campaign(campaign)


def correction_factors(calibration: Calibration, *, points: int = GRID) -> xr.Dataset:
    """
    Give the learned factors over the span of their inputs.

    Parameters
    ----------
    calibration : Calibration
        Of a corrected model.
    points : int
        How many values of each input.

    Returns
    -------
    Dataset
        One variable a correction, ``<rate>_correction_<input>`` [1], dims (chain, draw, <input>);
        1 where the mechanism is right as it stands.

    Raises
    ------
    ModelError
        When the calibrated model has no corrections.

    Examples
    --------
    ``correction_factors(calibration)["growth_correction_product"].median(("chain", "draw"))``
    """
    found = {}
    for correction in _corrections(calibration):
        low, high = (correction.span or {})[correction.input]
        grid = np.linspace(low, high, points)
        factor = np.exp(_log_factor(correction, calibration, grid))
        unit = calibration.model.units[correction.input]
        axis = xr.DataArray(grid, dims=correction.input, attrs={"units": unit})
        found[correction.name] = xr.DataArray(
            factor,
            dims=("chain", "draw", correction.input),
            coords={correction.input: axis},
            attrs={"units": "1", "rate": correction.on},
        )
    return xr.Dataset(found)


def contribution(calibration: Calibration, runs: Any = None) -> pd.DataFrame:
    """
    Say how much of each predicted course is the mechanism's and how much the correction's.

    Parameters
    ----------
    calibration : Calibration
        Of a corrected model.
    runs : optional
        As for `Calibration.predict`; by default the runs of the campaign.

    Returns
    -------
    DataFrame
        Indexed by (run, quantity). ``correction`` is the median share of the correction with its
        90 % interval ``correction_5``, ``correction_95``; ``mechanism`` is the rest. With y the
        course, y' the course when every factor is 1 and y'(0) its start, the share is
        mean|y - y'| / (mean|y - y'| + mean|y' - y'(0)|) over the run.

    Raises
    ------
    ModelError
        When the calibrated model has no corrections.

    Examples
    --------
    ``contribution(calibration).sort_values("correction").tail(3)``
    """
    corrections = _corrections(calibration)
    posterior = calibration.draws
    silent = posterior.assign(
        {name: xr.zeros_like(posterior[name]) for c in corrections for name in c.parameters[:1]}
    )
    off = dataclasses.replace(calibration, posterior=xr.DataTree.from_dict({"posterior": silent}))
    frame = calibration.campaign.to_frame()
    first = min(0.0, float(frame["time_h"].min()))
    times = np.linspace(first, float(frame["time_h"].max()), TIMES)
    ends = frame.groupby("run")["time_h"].max()
    arguments: dict[str, Any] = {"times": times, "noise": False, "random_seed": 0}
    corrected = calibration.predict(runs, **arguments)
    plain = off.predict(runs, **arguments)
    rows = []
    for place, run in enumerate(corrected["run"].to_numpy()):
        until = times <= float(ends.get(str(run), times[-1])) + 1e-9
        for quantity in [name for name in corrected.data_vars if "time" in corrected[name].dims]:
            with_it = corrected[quantity].isel(run=place).to_numpy()[..., until]
            without = plain[quantity].isel(run=place).to_numpy()[..., until]
            by_correction = np.nanmean(np.abs(with_it - without), axis=-1)
            by_mechanism = np.nanmean(np.abs(without - without[..., :1]), axis=-1)
            whole = by_correction + by_mechanism
            share = np.divide(
                by_correction, whole, out=np.zeros_like(whole), where=np.asarray(whole > 0)
            )
            low, middle, high = np.quantile(share, [0.05, 0.5, 0.95])
            rows.append((str(run), str(quantity), 1.0 - middle, middle, low, high))
    columns = ["run", "quantity", "mechanism", "correction", "correction_5", "correction_95"]
    return pd.DataFrame(rows, columns=columns).set_index(["run", "quantity"])


def confounding(calibration: Calibration) -> pd.DataFrame:
    """
    Say how far the data confuse each parameter of the mechanism with the corrections.

    Parameters
    ----------
    calibration : Calibration
        Of a corrected model.

    Returns
    -------
    DataFrame
        Indexed by parameter, most confounded first. ``correlation`` is the posterior correlation
        of the parameter (its logarithm where positive) with the mean of f over the span, of the
        correction with which it is strongest (``with``); ``sd_inflation`` is how many times wider
        its posterior is than if every factor were known, 1 / sqrt(1 - R^2) of its regression on
        the factors.

    Raises
    ------
    ModelError
        When the calibrated model has no corrections.

    Examples
    --------
    ``confounding(calibration).loc["maximum_growth_rate", "sd_inflation"]``
    """
    corrections = _corrections(calibration)
    draws = calibration.draws
    own = {name for correction in corrections for name in correction.parameters}
    curves = []
    for correction in corrections:
        low, high = (correction.span or {})[correction.input]
        grid = np.linspace(low, high, correction.knots + 1)
        curves.append(_log_factor(correction, calibration, grid).reshape(-1, len(grid)))
    means = np.stack([curve.mean(axis=1) for curve in curves])
    factors = np.hstack(curves)
    factors = factors - factors.mean(axis=0)
    spread, weights, _ = np.linalg.svd(factors, full_matrices=False)
    basis = spread[:, weights > 1e-8 * max(weights[0], 1e-300)]
    rows = {}
    for name in calibration.model.Parameters._fields:
        if name in own or name not in draws or draws[name].ndim != 2:
            continue
        values = draws[name].to_numpy().ravel()
        values = np.log(values) if (values > 0).all() else values
        values = values - values.mean()
        total = float(values @ values)
        if total == 0.0:
            continue
        correlations = [float(np.corrcoef(values, mean)[0, 1]) for mean in means]
        strongest = int(np.argmax(np.abs(correlations)))
        explained = float(np.sum((basis.T @ values) ** 2)) / total
        rows[name] = {
            "correlation": correlations[strongest],
            "with": corrections[strongest].name,
            "sd_inflation": 1.0 / np.sqrt(max(1.0 - explained, 1e-12)),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")
    return table.sort_values("sd_inflation", ascending=False)


def novelty(calibration: Calibration, prediction: xr.Dataset) -> xr.Dataset:
    """
    Say how far a prediction takes the corrections beyond the values they were learned from.

    Parameters
    ----------
    calibration : Calibration
        Of a corrected model.
    prediction : Dataset
        From its ``predict``.

    Returns
    -------
    Dataset
        One variable a correction whose input is predicted, dims (run, time): the distance of the
        median input from the span, in lengths of the span; 0 inside.

    Raises
    ------
    ModelError
        When the calibrated model has no corrections.

    Examples
    --------
    ``novelty(calibration, calibration.predict(settings=richer_feed, until=200.0)).max()``
    """
    found = {}
    for correction in _corrections(calibration):
        if correction.input not in prediction:
            continue
        low, high = (correction.span or {})[correction.input]
        course = prediction[correction.input].median(("chain", "draw"))
        outside = (low - course).clip(min=0.0) + (course - high).clip(min=0.0)
        found[correction.name] = (outside / (high - low)).assign_attrs(units="1")
    return xr.Dataset(found)


def _corrections(calibration: Calibration) -> tuple[Correction, ...]:
    model = calibration.model
    if not isinstance(model, CorrectedModel):
        raise ModelError(
            f"{type(model).__name__} has no corrections. Attach some and fit again: "
            "with_corrections(model, [Correction(on='growth', inputs=['product'], "
            "anchor={'product': 0.0})])."
        )
    return tuple(model.corrections)


def _log_factor(correction: Correction, calibration: Calibration, values: np.ndarray) -> np.ndarray:
    """Logarithm of the factor at some values of the input, shape (chain, draw, values)."""
    draws, given = calibration.draws, calibration.options["given"]
    known = {
        name: draws[name].to_numpy()[..., None] if name in draws else given[name]
        for name in correction.parameters
    }
    found = correction.log_factor(values, SimpleNamespace(**known))
    shape = (draws.sizes["chain"], draws.sizes["draw"], len(values))
    return np.broadcast_to(np.asarray(found, float), shape)
