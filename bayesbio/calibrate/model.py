"""A formulation as a PyMC model: priors, effects, trajectories, likelihood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pymc as pm

from bayesbio.calibrate.centring import informative_levels
from bayesbio.calibrate.formulation import Formulation, Unknown, formulate, groups_of
from bayesbio.data import Campaign
from bayesbio.inference import Noise, prior_quantiles, register, varying
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode.trajectory import trajectories


def build_model(
    campaign: Campaign,
    model: ProcessModel,
    *,
    priors: Mapping[str, Any] | None = None,
    vary: Mapping[str, str | Iterable[str]] | None = None,
    noise: Mapping[str, Noise | str] | Noise | str | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> pm.Model:
    """
    Build the PyMC model that `fit` samples, for those who go on by hand.

    Parameters
    ----------
    campaign : Campaign
        Runs with measurements, settings, profiles and events.
    model : ProcessModel
        The mechanism.
    priors : mapping of name to distribution or number
        For parameters, settings and ``initial_<state>``; a number fixes the value. Parameters that
        are left out take the model's default interval.
    vary : mapping of parameter to level
        Partial pooling over ``"run"`` or a column of the table of runs.
    noise : mapping of quantity to Noise or its name
        By default chosen from the data (`default_noise`).
    rtol, atol : float
        Tolerances of the solver.

    Returns
    -------
    pm.Model
        Variables ``<parameter>``, ``<parameter>_sd_<level>``, ``<parameter>_by_<level>``,
        ``noise_<quantity>``, ``initial_<state>``; observed ``<quantity>``.

    Examples
    --------
    >>> from bayesbio.data import Campaign, Run
    >>> from bayesbio.mechanistic import BatchCulture
    >>> import pandas as pd
    >>> readings = pd.DataFrame(
    ...     {"time_h": [2.0, 6.0, 10.0], "quantity": "biomass", "value": [0.3, 1.1, 3.6]}
    ... )
    >>> run = Run("R1", readings, {"initial_biomass": 0.2, "initial_substrate": 20.0})
    >>> made = build_model(Campaign([run]), BatchCulture())
    >>> "maximum_growth_rate" in made.named_vars
    True
    """
    formulation = formulate(campaign, model, priors=priors, vary=vary, noise=noise)
    return model_of(formulation, rtol=rtol, atol=atol)


def model_of(formulation: Formulation, *, rtol: float, atol: float) -> pm.Model:
    """Build the PyMC model of a formulation."""
    campaign = formulation.campaign
    coords: dict[str, tuple[str, ...]] = {"run": tuple(campaign.names)}
    for unknown in formulation.unknowns:
        for level in unknown.levels:
            coords[level] = groups_of(campaign, level, unknown.name)[1]
    centred = informative_levels(formulation)
    with pm.Model(coords=coords) as made:
        values: dict[str, Any] = dict(formulation.given)
        for unknown in formulation.unknowns:
            dims = "run" if unknown.each_run else None
            population = register(unknown.name, unknown.prior, dims=dims)
            values[unknown.name] = population
            if unknown.levels:
                found = {
                    level: groups_of(campaign, level, unknown.name) for level in unknown.levels
                }
                values[unknown.name] = varying(
                    unknown.name,
                    population,
                    level=unknown.levels,
                    index={level: index.tolist() for level, (index, _) in found.items()},
                    groups={level: groups for level, (_, groups) in found.items()},
                    positive=unknown.positive,
                    centred=centred[unknown.name],
                    scale_prior=None if unknown.positive else _spread(unknown),
                )
        course = trajectories(
            formulation.kernels.trace.model, campaign, values, rtol=rtol, atol=atol
        )
        for quantity, noise in formulation.noise.items():
            rows = formulation.rows[quantity]
            mean = course[quantity]
            if not formulation.kept[quantity].all():
                mean = mean[np.flatnonzero(formulation.kept[quantity])]
            scatter = noise.parameters(quantity, rows)
            noise.likelihood(quantity, mean, rows, scatter)
    return made


def _spread(unknown: Unknown) -> Any:
    """Prior of the spread of a parameter that may be negative: up to half its own uncertainty."""
    low, high = prior_quantiles(unknown.prior, [0.05, 0.95])
    return pm.HalfNormal.dist(0.5 * (high - low) / 3.29)
