"""A formulation as a PyMC model: priors, effects, trajectories, likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesbio.calibrate.coordinates.correction_weights import curvatures, register_weights
from bayesbio.calibrate.coordinates.reference_rates import (
    RateForm,
    TotalAndSplit,
    lognormal_parameters,
    rate_forms,
)
from bayesbio.calibrate.coordinates.run_information import Said, data_of, said_by_runs
from bayesbio.calibrate.problem.formulation import Formulation, Priors, Vary, formulate
from bayesbio.calibrate.problem.grouping import groups_of
from bayesbio.calibrate.problem.unknowns import Unknown
from bayesbio.data import Campaign
from bayesbio.inference import (
    EffectInformation,
    Noise,
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


def build_model(
    campaign: Campaign,
    model: ProcessModel,
    *,
    priors: Priors | None = None,
    vary: Vary | None = None,
    noise: Mapping[str, Noise | str] | Noise | str | None = None,
    covariates: Mapping[str, str] | None = None,
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
        Partial pooling over ``"run"`` or a column of the table of runs; see `fit`.
    noise : mapping of quantity to Noise or its name
        By default chosen from the data (`default_noise`).
    covariates : mapping of parameter to formula
        See `fit`.
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
    formulation = formulate(
        campaign, model, priors=priors, vary=vary, noise=noise, covariates=covariates
    )
    return model_of(formulation, rtol=rtol, atol=atol)


def model_of(
    formulation: Formulation,
    *,
    rtol: float,
    atol: float,
    said: Said | None = None,
    reference: bool = True,
    side_by_side: bool = False,
) -> pm.Model:
    """
    Build the PyMC model of a formulation.

    With ``reference`` the sampler moves in rates at a reference state (`reference`); the posterior
    of the textbook parameters is the same. ``said`` is what runs say about varying parameters,
    by default at the prior medians; the model holds it as data, to be exchanged once more is known.
    With ``side_by_side`` the runs are solved on all cores.
    """
    campaign = formulation.campaign
    coords: dict[str, tuple[str, ...]] = {"run": tuple(campaign.names)}
    for unknown in formulation.unknowns:
        for level in unknown.levels:
            coords[level] = groups_of(campaign, level, unknown.name)[1]
        if unknown.design is not None:
            coords[f"{unknown.name}_term"] = unknown.design.terms
    said = said_by_runs(formulation) if said is None else said
    forms = {form.leading: form for form in rate_forms(formulation)} if reference else {}
    led = [unknown for unknown in formulation.unknowns if unknown.name in forms]
    plain = [unknown for unknown in formulation.unknowns if unknown.name not in forms]
    order = [unknown.name for unknown in (*plain, *led)]
    with pm.Model(coords=coords) as made:
        partners = {
            level: correlate(level, [sorted(block, key=order.index) for block in blocks])
            for level, blocks in formulation.together.items()
        }
        data = data_of(said) | curvatures(formulation)
        held = {name: pm.Data(name, value) for name, value in data.items()}
        values: dict[str, Any] = dict(formulation.given)
        if formulation.carried is not None:
            values |= formulation.carried.register()
        values |= register_weights(formulation, held)
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
            moved = _covariates(unknown, formulation)
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
                    evidence=EffectInformation(
                        held[f"{unknown.name}_information"], held[f"{unknown.name}_expected"]
                    ),
                    scale_prior={
                        level: spread_prior(unknown, level, formulation) for level in unknown.levels
                    },
                    offset=offset,
                    covariates=moved,
                    together={
                        level: blocks[unknown.name]
                        for level, blocks in partners.items()
                        if unknown.name in blocks and level in unknown.levels
                    },
                )
            elif moved is not None:
                shift = moved[0] @ moved[1]
                values[unknown.name] = (
                    population * pt.exp(shift) if unknown.positive else population + shift
                )
        asked = [*formulation.given, *(unknown.name for unknown in formulation.unknowns)]
        course = trajectories(
            formulation.kernels.trace.model,
            campaign,
            {name: values[name] for name in asked},  # a carried posterior holds spreads as well
            aliases=formulation.aliases,
            rtol=rtol,
            atol=atol,
            side_by_side=side_by_side,
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
    return (
        "_at_reference" in name
        or "_effect_" in name
        or name.endswith("_split")
        or (name.startswith("correlation_") and name.endswith("_partial"))
    )


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


def spread_prior(unknown: Unknown, level: str, formulation: Formulation) -> Any:
    """
    Prior of the spread between groups: as given, else half-normal.

    Groups of a positive parameter differ by at most 60 % or so, those of one that may be negative
    by up to half its own uncertainty.
    """
    given = formulation.beside.get(f"{unknown.name}_sd_{level}")
    if given is not None:
        return given
    return pm.HalfNormal.dist(USUAL_SPREAD if unknown.positive else 0.5 * _sd(unknown))


def _covariates(unknown: Unknown, formulation: Formulation) -> tuple[np.ndarray, Any] | None:
    """Columns of the covariates of a parameter, and their slopes as registered."""
    if unknown.design is None:
        return None
    name, dims = f"{unknown.name}_slope", f"{unknown.name}_term"
    given = formulation.beside.get(name)
    if given is not None:
        return unknown.design.columns, register(name, given, dims=dims)
    size = USUAL_SLOPE if unknown.positive else USUAL_SLOPE * _sd(unknown)
    slopes = pm.Normal(name, 0.0, size / unknown.design.scales, dims=dims)
    return unknown.design.columns, slopes


def _sd(unknown: Unknown) -> float:
    """Estimate the standard deviation of a prior from its central 90 % interval."""
    low, high = prior_quantiles(unknown.prior, [0.05, 0.95])
    return float(high - low) / 3.29
