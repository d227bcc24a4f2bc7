"""Setting up a scale model: what has to be estimated from a campaign, with priors and warnings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data import Campaign
from bayesbio.errors import DataError, ModelError
from bayesbio.mechanistic import GrowthCurve
from bayesbio.mechanistic.process_model import Parameter
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.simulation import setting_of
from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.vessels.covariates import covariates_of
from bayesbio.scaleup.vessels.volumes import check_scales, volumes_of

CENTRAL = 2.0 * 1.6448536269514722  # width of a central 90 % interval in standard deviations
USUAL_TIME = 100.0  # hours; default intervals of times and rates are for cultures that last so long
START_SPREAD = 0.75  # prior sd of an initial state that no run gives, in logarithms
LEAST_START = 3e-3  # of the largest reading


def state_problem(
    campaign: Campaign,
    *,
    curve: Any = None,
    covariates: Sequence[str] = (),
    priors: Mapping[str, tuple[float, float]] | None = None,
    volume: str | None = None,
    quantity: str | None = None,
    least_scales: int = 2,
) -> ScaleProblem:
    """
    Check a campaign, and set up the parameters that a scale model estimates.

    Parameters
    ----------
    campaign : Campaign
    curve : ProcessModel, optional
        A Kumaraswamy ramp of the only quantity by default.
    covariates : sequence of str
        Settings or engineering descriptors.
    priors : mapping of name to (low, high), optional
        Central 90 % intervals in place of the curve's.
    volume : str, optional
        Setting that holds the scale [L].
    quantity : str, optional
        What the default curve describes.
    least_scales : int
        How many scales there have to be.

    Returns
    -------
    ScaleProblem

    Raises
    ------
    DataError, ModelError
        With what is missing and how to mend it.

    Examples
    --------
    ``state_problem(campaign).names`` lists the parameters of a run.
    """
    if not isinstance(campaign, Campaign):
        raise DataError(
            f"A {type(campaign).__name__} came; a Campaign was expected. Read the table with "
            "read_scales(path, target=...) or bayesbio.data.read_campaign(path)."
        )
    frame = campaign.to_frame(details=True)
    frame = frame[frame["flag"] != "excluded"]
    if curve is None:
        curve = ramp_of(campaign, quantity)
    compiled = kernels(curve)
    observed = compiled.trace.observed_names
    quantities = tuple(name for name in observed if (frame["quantity"] == name).any())
    if not quantities:
        raise ModelError(
            f"Nothing that was measured ({', '.join(campaign.quantities) or 'nothing'}) is a state "
            f"or output of {type(curve).__name__} ({', '.join(observed)}). Give a curve of that "
            "quantity, such as GrowthCurve('kumaraswamy_ramp', quantity=..., unit=...)."
        )
    rows = pd.concat([frame[frame["quantity"] == name] for name in quantities], ignore_index=True)
    with_readings = [run for run in campaign if run.name in set(rows["run"])]
    without_data = [run.name for run in campaign if run.name not in set(rows["run"])]
    campaign = Campaign(with_readings, units=campaign.units)
    volumes = volumes_of(campaign, volume)
    log10_volume = np.log10(volumes)
    scales = np.unique(log10_volume)
    scale = np.searchsorted(scales, log10_volume)
    check_scales(campaign, rows, volumes, scale, least_scales)
    names, intervals, notes = _unknowns(campaign, curve, rows, priors or {})
    positive = np.array([interval.low > 0.0 for interval in intervals])
    centre, spread, unit_size = np.empty((3, len(names)))
    for place, interval in enumerate(intervals):
        if positive[place]:
            centre[place] = 0.5 * (math.log(interval.low) + math.log(interval.high))
            spread[place], unit_size[place] = math.log(interval.high / interval.low) / CENTRAL, 1.0
        else:
            centre[place] = 0.5 * (interval.low + interval.high)
            unit_size[place], spread[place] = (interval.high - interval.low) / CENTRAL, 1.0
    features, feature_sd, centres, collinear = covariates_of(campaign, covariates, volumes)
    warnings = [*notes, *collinear]
    if without_data:
        warnings.append(f"Without readings, and left out: {', '.join(without_data)}.")
    if len(scales) == len(volumes):
        warnings.append(
            "There is one run at each scale, so what differs from run to run and what differs from "
            "scale to scale cannot be told apart: the run effect stands for both."
        )
    return ScaleProblem(
        campaign=campaign,
        curve=curve,
        quantities=quantities,
        names=names,
        positive=positive,
        centre=centre,
        spread=spread,
        unit_size=unit_size,
        log10_volume=log10_volume,
        scale=scale,
        features=features,
        feature_sd=feature_sd,
        covariate_centre=centres,
        rows=rows,
        warnings=tuple(warnings),
    )


def ramp_of(campaign: Campaign, quantity: str | None = None) -> GrowthCurve:
    """
    Choose the default curve: a ramp of flexible shape, as high as the data say.

    Parameters
    ----------
    campaign : Campaign
    quantity : str, optional
        Needed where several were measured.

    Returns
    -------
    GrowthCurve

    Raises
    ------
    DataError
        If it is not clear which quantity is meant, or none of its readings is above zero.

    Examples
    --------
    ``ramp_of(campaign, "titer").plateau`` is 0.2 to 2 times the largest titer.
    """
    if quantity is None and len(campaign.quantities) == 1:
        (quantity,) = campaign.quantities
    if quantity is None or quantity not in campaign.quantities:
        raise DataError(
            f"Which quantity shall be scaled up? Measured were "
            f"{', '.join(campaign.quantities) or 'nothing'}"
            f"{'' if quantity is None else f', not {quantity!r}'}. Say it: "
            "ScaleModel(quantity='...'), or give a curve."
        )
    frame = campaign.to_frame()
    rows = frame[(frame["quantity"] == quantity) & (frame["flag"] != "excluded")]
    largest = float(rows["value"].max())
    if not largest > 0.0:
        raise DataError(
            f"The largest {quantity!r} is {largest:g}; a growth curve needs readings above zero. "
            "Give another curve, or another quantity."
        )
    return GrowthCurve(
        "kumaraswamy_ramp",
        quantity=quantity,
        unit=campaign.units[quantity],
        plateau=(0.2 * largest, 2.0 * largest),
    )


def _unknowns(
    campaign: Campaign, curve: Any, rows: pd.DataFrame, priors: Mapping[str, tuple[float, float]]
) -> tuple[tuple[str, ...], list[Parameter], list[str]]:
    """Parameters that runs do not give, with their central intervals, and warnings."""
    trace = kernels(curve).trace
    unknown = sorted(set(priors) - set(trace.names))
    if unknown:
        raise ModelError(
            f"There is a prior for {unknown[0]!r}, but {type(curve).__name__} has "
            f"{', '.join(trace.names)}."
        )
    hours = float(rows["time_h"].max()) / USUAL_TIME
    largest = float(rows["value"].abs().max())
    names, intervals, notes = [], [], []
    for name in trace.names:
        given = [setting_of(run, name) for run in campaign]
        is_parameter = name in curve.Parameters._fields
        if name not in priors and not is_parameter and all(value is not None for value in given):
            continue
        if not is_parameter and not name.startswith("initial_"):
            continue  # a setting without value: the solver says what is missing
        if trace.width(name) > 1:
            continue
        if name in priors:
            interval = Parameter(*priors[name])
        elif name in curve.defaults:
            interval = curve.defaults[name]
            unit = curve.units.get(name, "1")
            if isinstance(curve, GrowthCurve) and unit in ("h", "1/h"):
                factor = hours if unit == "h" else 1.0 / hours
                interval = Parameter(interval.low * factor, interval.high * factor)
        else:
            own = rows[rows["quantity"] == name.removeprefix("initial_")]
            first = own.sort_values("time_h").groupby("run")["value"].first()
            least = LEAST_START * (largest or 1.0)
            middle = float(np.exp(np.mean(np.log(np.maximum(first, least))))) if len(own) else least
            factor = math.exp(START_SPREAD * CENTRAL / 2.0)
            interval = Parameter(middle / factor, middle * factor)
            notes.append(
                f"No run gives {name}; it is estimated around {middle:.3g}, without a trend."
            )
        names.append(name)
        intervals.append(interval)
    return tuple(names), intervals, notes
