"""Unknowns of a calibration and their priors: given, of the model, or from first readings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
from scipy.stats import norm

from bayesbio.data import Campaign
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference import Design, between, is_positive, source_of
from bayesbio.mechanistic import Parameter
from bayesbio.ode.codegen.cache import Kernels
from bayesbio.ode.schedule.dynamic_events import names_in
from bayesbio.ode.simulation import setting_of

CLEAR = 0.02  # a reading at the start above this share of the largest one is not nothing

EARLY = 0.05  # a first reading within this share of a run says what the run started from

START_SPREAD = 0.5  # sd of the logarithm of an unknown start around the first readings

LATE_START_SPREAD = 1.5  # least of it where the first reading comes late
MOST_START_SPREAD = 15.0  # and most

START_SOURCE = "around the first readings"


@dataclasses.dataclass(frozen=True)
class Unknown:
    """
    One parameter, setting or initial state to be estimated.

    With levels it is partially pooled over them; with ``each_run`` every run has its own, unpooled
    (unknown starts); ``design`` holds its covariates.
    """

    name: str
    prior: Any
    source: str
    levels: tuple[str, ...] = ()
    each_run: bool = False
    design: Design | None = None

    @property
    def positive(self) -> bool:
        """Whether its effects act on the log scale."""
        return is_positive(self.prior)


def unknown_of(
    name: str,
    prior: Any,
    compiled: Kernels,
    campaign: Campaign,
    rows: Mapping[str, pd.DataFrame],
    levels: tuple[str, ...],
    start_prior: Any = None,
) -> Unknown | None:
    """How a name is estimated; None where the runs state it."""
    traced = compiled.trace
    model = traced.model
    if prior is not None:
        return Unknown(name, prior, source_of(prior) or "given by the user", levels)
    interval = model.defaults.get(name)
    if name in traced.parameters:
        if interval is None:
            raise ModelError(
                f"{type(model).__name__} has no default interval for {name}; give it a prior: "
                f"priors={{{name!r}: between(low, high)}}, or a number to fix it."
            )
        return Unknown(name, default_prior(interval), interval.source, levels)
    known = [setting_of(run, name) is not None for run in campaign]
    if all(known):
        return None
    if name not in traced.names:
        asking = [name in names_in(run.events) for run in campaign]
        missing = [
            run.name
            for run, asks, knows in zip(campaign, asking, known, strict=True)
            if asks and not knows
        ]
        if not missing:
            return None
        raise ModelError(
            f"Run {missing[0]!r}: an event depends on {name!r}, which nothing gives. Estimate it, "
            f"priors={{{name!r}: between(low, high)}}, fix it with a number there, or add a column "
            f"{name} to the table of runs."
        )
    state = name.removeprefix("initial_")
    if name in getattr(model, "setting_defaults", {}) and not _clearly_there(rows.get(state)):
        return None
    if any(known) or not name.startswith("initial_"):
        without = campaign.names[known.index(False)]
        kind = "initial state" if name.startswith("initial_") else "setting"
        raise ModelError(
            f"Run {without!r}: {type(model).__name__} needs the {kind} {name!r} "
            f"[{model.units.get(state, '1')}]. Add a column {name} to the table of runs, or "
            f"estimate it: priors={{{name!r}: between(low, high)}}."
        )
    if state in rows:
        prior = _start(rows[state]) if start_prior is None else start_prior
        return Unknown(name, prior, START_SOURCE, levels, not levels)
    if interval is not None:
        return Unknown(name, default_prior(interval), interval.source, levels)
    raise ModelError(
        f"Nothing says where {state} starts: it was not measured and no run has {name!r} "
        f"[{model.units.get(state, '1')}]. Add a column {name} to the table of runs, or estimate "
        f"it: priors={{{name!r}: between(low, high)}}."
    )


def default_prior(interval: Parameter) -> Any:
    """Prior from the interval of a model: log-normal, normal or, from zero on, half-normal."""
    if interval.low == 0.0:  # as Parameter says: half-normal
        return pm.HalfNormal.dist(interval.high / norm.ppf(0.5 + interval.probability / 2.0))
    return between(interval.low, interval.high, probability=interval.probability)


def _clearly_there(rows: pd.DataFrame | None) -> bool:
    """Whether the first readings contradict a start at nothing."""
    if rows is None or rows.empty:
        return False
    first = rows.sort_values("time_h", kind="stable").groupby("run", sort=False).first()
    quantified = first[(first["flag"] == "") & (first["time_h"] <= 0.0)]
    return bool((quantified["value"] > CLEAR * rows["value"].abs().max()).any())


def _start(rows: pd.DataFrame) -> Any:
    """Prior of an unknown start, from the first reading of each run."""
    quantified = rows[rows["flag"] == ""]
    if quantified.empty:
        raise CalibrationError(
            f"Every reading of {rows['quantity'].iloc[0]} is censored, so its start is unknown. "
            "Add the initial value to the table of runs, or a prior for it."
        )
    first = quantified.sort_values("time_h", kind="stable").groupby("run", sort=False).first()
    if (first["value"] > 0).all():
        centre = math.exp(np.log(first["value"].to_numpy(float)).mean())
        return pm.LogNormal.dist(math.log(centre), _start_spread(quantified, first))
    scale = max(float(first["value"].abs().max()), 0.05 * float(quantified["value"].abs().max()))
    return pm.HalfNormal.dist(scale or 1.0)


def _start_spread(quantified: pd.DataFrame, first: pd.DataFrame) -> float:
    """
    Give the sd of the logarithm of a start, wide where the first reading is late.

    By its time multiplied by how fast the readings change afterwards.
    """
    late, length = float(first["time_h"].max()), float(quantified["time_h"].max()) or 1.0
    if late <= EARLY * length:
        return START_SPREAD
    fastest = 0.0
    for _, run in quantified[quantified["value"] > 0].groupby("run", sort=False):
        course = np.log(run.groupby("time_h")["value"].mean())
        slopes = np.diff(course.to_numpy(float)) / np.diff(course.index.to_numpy(float))
        fastest = max(fastest, float(np.median(np.abs(slopes)))) if slopes.size else fastest
    return float(np.clip(fastest * late, LATE_START_SPREAD, MOST_START_SPREAD))
