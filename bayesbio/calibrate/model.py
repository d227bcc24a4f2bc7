"""The statistical model of a calibration: priors, group effects, trajectories, likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesbio.calibrate.problem.formulation import Formulation, formulate
from bayesbio.calibrate.problem.grouping import groups_of
from bayesbio.calibrate.problem.unknowns import Unknown
from bayesbio.calibrate.requests import FitRequest, Noises, Priors, Tolerances, Vary
from bayesbio.data import Campaign
from bayesbio.inference import (
    Grouping,
    correlate,
    prior_quantiles,
    register,
    register_shared,
    varying,
)
from bayesbio.inference.hierarchy.levels import USUAL_SPREAD
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode.trajectory import trajectories

USUAL_SLOPE = 0.5  # sd of the change that one sd of a covariate makes, of the logarithm or in sd


class TextbookCoordinates:
    """No change of coordinates: every unknown is sampled as it stands in the textbook."""

    parameters: tuple[str, ...] = ()

    def register(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Register the unknowns named in `parameters`; their values by name."""
        return {}

    def effect_arguments(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Further arguments of `varying` for the group effects of an unknown."""
        return {"centred": False}


def build_model(
    campaign: Campaign,
    model: ProcessModel,
    *,
    priors: Priors | None = None,
    vary: Vary | None = None,
    noise: Noises = None,
    covariates: Mapping[str, str] | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> pm.Model:
    """
    Build the PyMC model whose posterior `fit` samples, for those who go on by hand.

    Textbook parameters, group effects non-centred; `fit` samples the same posterior in coordinates
    of its own (`bayesbio.calibrate.coordinates`).

    Parameters
    ----------
    campaign, model, priors, vary, noise, covariates, rtol, atol
        See `fit`.

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
    request = FitRequest(campaign, model, priors, vary, noise, covariates)
    return statistical_model(formulate(request), Tolerances(rtol, atol))


def statistical_model(
    formulation: Formulation,
    tolerances: Tolerances,
    *,
    coordinates: TextbookCoordinates | None = None,
) -> pm.Model:
    """Priors, group effects, trajectories and likelihood of a formulation, in some coordinates."""
    coordinates = coordinates or TextbookCoordinates()
    with pm.Model(coords=_dimensions(formulation)) as model:
        values = _priors(formulation, coordinates)
        values |= _group_effects(formulation, coordinates, values)
        course = trajectories(
            formulation.model,
            formulation.campaign,
            {name: values[name] for name in (*formulation.given, *formulation.medians)},
            aliases=formulation.aliases,
            **tolerances.arguments,
        )
        _likelihood(formulation, course)
    return model


def _dimensions(formulation: Formulation) -> dict[str, tuple[str, ...]]:
    """Names of runs, of the groups of each level, and of the terms of covariates."""
    campaign = formulation.campaign
    found: dict[str, tuple[str, ...]] = {"run": tuple(campaign.names)}
    for unknown in formulation.unknowns:
        found |= {level: groups_of(campaign, level, unknown.name)[1] for level in unknown.levels}
        if unknown.design is not None:
            found[f"{unknown.name}_term"] = unknown.design.terms
    return found


def _priors(formulation: Formulation, coordinates: TextbookCoordinates) -> dict[str, Any]:
    """Register the prior of every unknown's population value; fixed values beside them."""
    values: dict[str, Any] = dict(formulation.given)
    if formulation.posterior_prior is not None:
        values |= formulation.posterior_prior.register()
    for unknown in formulation.unknowns:
        if unknown.name not in values and unknown.name not in coordinates.parameters:
            dims = "run" if unknown.each_run else None
            values[unknown.name] = register(unknown.name, unknown.prior, dims=dims)
    return values | coordinates.register(values)


def _group_effects(
    formulation: Formulation, coordinates: TextbookCoordinates, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Value of every run: population, covariates and random effects of groups."""
    order = [unknown.name for unknown in formulation.unknowns]
    correlated = {
        level: correlate(level, [sorted(block, key=order.index) for block in blocks])
        for level, blocks in formulation.correlated_blocks.items()
    }
    by_run: dict[str, Any] = {}
    for unknown in formulation.unknowns:
        population, shift = values[unknown.name], _covariates(unknown, formulation)
        if unknown.levels:
            groups = {
                level: groups_of(formulation.campaign, level, unknown.name)
                for level in unknown.levels
            }
            by_run[unknown.name] = varying(
                unknown.name,
                population,
                Grouping(
                    {level: index for level, (index, _) in groups.items()},
                    {level: names for level, (_, names) in groups.items()},
                ),
                positive=unknown.positive,
                scale_prior={
                    level: spread_prior(unknown, level, formulation) for level in unknown.levels
                },
                covariates=shift,
                together={
                    level: blocks[unknown.name]
                    for level, blocks in correlated.items()
                    if unknown.name in blocks and level in unknown.levels
                },
                **coordinates.effect_arguments(unknown.name, values),
            )
        elif shift is not None:
            moved = shift[0] @ shift[1]
            by_run[unknown.name] = (
                population * pt.exp(moved) if unknown.positive else population + moved
            )
    return by_run


def _likelihood(formulation: Formulation, course: Mapping[str, Any]) -> None:
    """Register how the readings of every quantity scatter around its trajectory."""
    register_shared(formulation.noise, formulation.rows)
    for quantity, noise in formulation.noise.items():
        rows, mean = formulation.rows[quantity], course[quantity]
        if not formulation.kept[quantity].all():
            mean = mean[np.flatnonzero(formulation.kept[quantity])]
        noise.likelihood(quantity, mean, rows, noise.parameters(quantity, rows))


def spread_prior(unknown: Unknown, level: str, formulation: Formulation) -> Any:
    """
    Prior of the spread between groups: as given, else half-normal.

    Groups of a positive parameter differ by 60 % or so at most, others by half the prior's sd.
    """
    given = formulation.hyperpriors.get(f"{unknown.name}_sd_{level}")
    if given is not None:
        return given
    return pm.HalfNormal.dist(USUAL_SPREAD if unknown.positive else 0.5 * _sd(unknown))


def spread_priors(formulation: Formulation) -> dict[str, Any]:
    """Priors of the spreads between groups, by name."""
    return {
        f"{unknown.name}_sd_{level}": spread_prior(unknown, level, formulation)
        for unknown in formulation.unknowns
        for level in unknown.levels
    }


def _covariates(unknown: Unknown, formulation: Formulation) -> tuple[np.ndarray, Any] | None:
    """Columns of the covariates of a parameter, and their slopes as registered."""
    if unknown.design is None:
        return None
    name, dims = f"{unknown.name}_slope", f"{unknown.name}_term"
    given = formulation.hyperpriors.get(name)
    if given is not None:
        return unknown.design.columns, register(name, given, dims=dims)
    size = USUAL_SLOPE if unknown.positive else USUAL_SLOPE * _sd(unknown)
    slopes = pm.Normal(name, 0.0, size / unknown.design.scales, dims=dims)
    return unknown.design.columns, slopes


def _sd(unknown: Unknown) -> float:
    """Estimate the standard deviation of a prior from its central 90 % interval."""
    low, high = prior_quantiles(unknown.prior, [0.05, 0.95])
    return float(high - low) / 3.29
