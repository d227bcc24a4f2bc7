"""A formulation as a PyMC model: priors, effects, trajectories, likelihood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesbio.calibrate.centring import informative_levels
from bayesbio.calibrate.formulation import Formulation, Unknown, formulate, groups_of
from bayesbio.calibrate.reference import (
    RateForm,
    TotalAndSplit,
    lognormal_parameters,
    rate_forms,
)
from bayesbio.data import Campaign
from bayesbio.inference import Noise, prior_quantiles, register, register_shared, varying
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


def model_of(
    formulation: Formulation,
    *,
    rtol: float,
    atol: float,
    centred: Mapping[str, Mapping[str, bool]] | None = None,
    reference: bool = True,
) -> pm.Model:
    """
    Build the PyMC model of a formulation.

    With ``reference`` the sampler moves in rates at a reference state (`reference`); the posterior
    of the textbook parameters is the same.
    """
    campaign = formulation.campaign
    coords: dict[str, tuple[str, ...]] = {"run": tuple(campaign.names)}
    for unknown in formulation.unknowns:
        for level in unknown.levels:
            coords[level] = groups_of(campaign, level, unknown.name)[1]
    centred = informative_levels(formulation) if centred is None else centred
    forms = {form.leading: form for form in rate_forms(formulation)} if reference else {}
    led = [unknown for unknown in formulation.unknowns if unknown.name in forms]
    plain = [unknown for unknown in formulation.unknowns if unknown.name not in forms]
    with pm.Model(coords=coords) as made:
        values: dict[str, Any] = dict(formulation.given)
        for form in forms.values():
            values |= _split_inhibitions(form, plain)
        for unknown in [*plain, *led]:
            offset = None
            if unknown.name in forms:
                offset = forms[unknown.name].log_factor(values)
                values[unknown.name] = _at_reference(unknown, offset)
            elif unknown.name not in values:
                dims = "run" if unknown.each_run else None
                values[unknown.name] = register(unknown.name, unknown.prior, dims=dims)
            population = values[unknown.name]
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
                    offset=offset,
                )
        course = trajectories(
            formulation.kernels.trace.model,
            campaign,
            values,
            aliases=formulation.aliases,
            rtol=rtol,
            atol=atol,
        )
        register_shared(formulation.noise, formulation.rows)
        for quantity, noise in formulation.noise.items():
            rows = formulation.rows[quantity]
            mean = course[quantity]
            if not formulation.kept[quantity].all():
                mean = mean[np.flatnonzero(formulation.kept[quantity])]
            scatter = noise.parameters(quantity, rows)
            noise.likelihood(quantity, mean, rows, scatter)
    return made


def is_coordinate(name: str) -> bool:
    """Whether a variable only serves the sampler: a coordinate, not a parameter."""
    return "_at_reference" in name or name.endswith("_split") or "_effect_" in name


def _split_inhibitions(form: RateForm, unknowns: list[Unknown]) -> dict[str, Any]:
    """Register competing inhibition constants through their total and its split."""
    if not form.inhibitions:
        return {}
    names = list(form.inhibitions)
    priors = {unknown.name: unknown.prior for unknown in unknowns}
    moments = np.array([lognormal_parameters(priors[name]) for name in names])
    levels = np.array([form.inhibitions[name] for name in names])
    logs = pm.Normal(
        f"{form.rate}_split",
        moments[:, 0],
        moments[:, 1],
        shape=len(names),
        transform=TotalAndSplit(levels),
    )
    return {name: pm.Deterministic(name, pt.exp(logs[i])) for i, name in enumerate(names)}


def _at_reference(unknown: Unknown, offset: Any) -> Any:
    """Register a maximum rate through the rate at the reference state."""
    mean, sd = lognormal_parameters(unknown.prior)
    reference = pm.Normal(f"{unknown.name}_at_reference", mean + offset, sd)
    return pm.Deterministic(unknown.name, pt.exp(reference - offset))


def _spread(unknown: Unknown) -> Any:
    """Prior of the spread of a parameter that may be negative: up to half its own uncertainty."""
    low, high = prior_quantiles(unknown.prior, [0.05, 0.95])
    return pm.HalfNormal.dist(0.5 * (high - low) / 3.29)
