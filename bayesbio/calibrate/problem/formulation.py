"""What is unknown, what is given and what was read: a calibration before any sampling."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.calibrate.problem.arguments import (
    Priors,
    Vary,
    aliases_of,
    check_before,
    check_kinds,
    check_names,
    levels_of,
    noises_of,
    signals_of,
    split_priors,
)
from bayesbio.calibrate.problem.grouping import groups_of
from bayesbio.calibrate.problem.unknowns import Unknown, unknown_of
from bayesbio.calibrate.updating import Carried, carried_names, carry, marginal, split
from bayesbio.data import Campaign, Finding, check
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference import (
    Noise,
    are_identifiable,
    between,
    design,
    order_levels,
    require_distribution,
)
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode.codegen.cache import Kernels, kernels
from bayesbio.ode.simulation import value_names


@dataclasses.dataclass(frozen=True)
class Formulation:
    """
    Everything a calibration needs, resolved and checked.

    Attributes
    ----------
    campaign : Campaign
    kernels : Kernels
    unknowns : tuple of Unknown
    given : mapping of name to number
        Parameters and settings fixed by the user.
    noise : mapping of quantity to Noise, scaled to the data
    aliases : mapping of measured quantity to the model's quantity that it is a signal of
    rows : mapping of quantity to DataFrame
        Readings of each quantity in the order of the trajectories, without excluded ones.
    kept : mapping of quantity to bool array
        Which rows of ``campaign.to_frame()`` of that quantity these are.
    findings : tuple of Finding
        Warnings that go into the report.
    carried : Carried, optional
        Posterior of an earlier campaign that takes the place of priors.
    together : mapping of level to sets of parameters whose effects are correlated
    beside : mapping of name to distribution
        Priors given for spreads (``<parameter>_sd_<level>``) and slopes (``<parameter>_slope``).
    """

    campaign: Campaign
    kernels: Kernels
    unknowns: tuple[Unknown, ...]
    given: Mapping[str, Any]
    noise: Mapping[str, Noise]
    aliases: Mapping[str, str]
    rows: Mapping[str, pd.DataFrame]
    kept: Mapping[str, np.ndarray]
    findings: tuple[Finding, ...]
    carried: Carried | None = None
    together: Mapping[str, tuple[tuple[str, ...], ...]] = dataclasses.field(default_factory=dict)
    beside: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def formulate(
    campaign: Campaign,
    model: ProcessModel,
    *,
    priors: Priors | None = None,
    vary: Vary | None = None,
    noise: Mapping[str, Noise | str] | Noise | str | None = None,
    covariates: Mapping[str, str] | None = None,
) -> Formulation:
    """
    Decide what is estimated, from which prior, and how each quantity scatters.

    A parameter takes its prior from ``priors``, else the model's default interval; a number in
    ``priors`` fixes it. A setting or ``initial_<state>`` is taken from the runs unless a prior is
    given; an initial state that no run states is estimated run by run around its first readings.

    Raises
    ------
    DataError, UnitError
        The campaign has errors, or a level is not among its settings.
    ModelError
        A name is unknown or nothing says where a state starts.
    """
    check_kinds(campaign, model, vary)
    if hasattr(model, "for_campaign"):
        model = model.for_campaign(campaign)
    by_name, before = split(priors)
    if before is not None and noise is None:
        noise = dict(before.noise)
    findings = check(campaign, model=model, signals=signals_of(noise))
    findings.require()
    compiled = kernels(model)
    traced = compiled.trace
    names = value_names(compiled, campaign)
    asked, together = levels_of(vary)
    covariates = dict(covariates or {})
    for what, named in (("vary", asked), ("covariates", covariates)):
        check_names(named, names, what, type(model).__name__)
    varied = {
        name: order_levels({level: groups_of(campaign, level, name)[0] for level in levels})
        for name, levels in asked.items()
    }
    priors, beside = split_priors(dict(by_name), varied, covariates)
    if before is not None:
        check_before(before, campaign, covariates)
    check_names(priors, names, "prior", type(model).__name__)

    frame = campaign.to_frame(details=True)
    aliases = aliases_of(noise, campaign, traced.observed_names)
    measured = [
        name for name in (*traced.observed_names, *aliases) if (frame["quantity"] == name).any()
    ]
    if not measured:
        raise ModelError(
            f"Nothing that was measured ({', '.join(campaign.quantities) or 'nothing at all'}) is "
            f"a state or output of {type(model).__name__} ({', '.join(traced.observed_names)}). "
            "Map the columns: read_campaign(..., columns={'header': 'name [unit]'})."
        )
    parts = {name: frame[frame["quantity"] == name] for name in measured}
    kept = {name: (part["flag"] != "excluded").to_numpy(copy=True) for name, part in parts.items()}
    rows = {name: part[kept[name]].reset_index(drop=True) for name, part in parts.items()}
    rows = {name: part for name, part in rows.items() if len(part)}
    if before is not None and isinstance(noise, Mapping):
        noise = {name: each for name, each in noise.items() if name in rows}
    chosen = noises_of(noise, rows)
    carried = None if before is None else _carried(before, traced.names, varied, chosen)
    known = {} if carried is None else dict.fromkeys(carried.names)

    unknowns, given = [], {}
    for name in names:
        prior = priors.get(name)
        if isinstance(prior, int | float):
            if not math.isfinite(prior):
                raise ModelError(
                    f"The prior for {name} is {prior}; give a finite number to fix it."
                )
            if name.startswith("initial_") and prior < 0:
                unit = model.units.get(name.removeprefix("initial_"), "1")
                raise ModelError(
                    f"priors={{{name!r}: {prior:g}}}: a state starts at zero or more [{unit}]. "
                    "Give the value it had at the start, or a prior for it."
                )
            given[name] = float(prior)
            continue
        if prior is not None:
            require_distribution(prior, name)
        if carried is not None and name in known:
            low, high = marginal(carried, name)
            found: Unknown | None = Unknown(
                name, between(low, high), carried.source, varied.get(name, ())
            )
        else:
            found = unknown_of(name, prior, compiled, campaign, rows, varied.get(name, ()))
        if found is not None:
            if name in covariates:
                found = _with_covariates(found, covariates[name], campaign)
            unknowns.append(found)
            continue
        what = "vary" if name in varied else "covariates"
        if name in varied or name in covariates:
            raise ModelError(
                f"{what}={{{name!r}: ...}}: {name} is given by the runs, not estimated. Give it a "
                f"prior, priors={{{name!r}: between(low, high)}}, or leave it out of {what}."
            )
    for name in given:
        if name in varied or name in covariates:
            what = "vary" if name in varied else "covariates"
            raise ModelError(
                f"{what}={{{name!r}: ...}}: priors fixes {name} at {given[name]:g}. Give it a "
                f"distribution, priors={{{name!r}: between(low, high)}}, or leave it out of {what}."
            )
    count, size = len(unknowns), sum(len(part) for part in rows.values())
    extra = []
    if size < count:
        extra.append(
            Finding(
                "warning",
                "",
                None,
                f"{size} readings for {count} unknown parameters: the priors decide.",
                "Fix parameters that are known (priors={'name': value}) or measure more.",
            )
        )
    return Formulation(
        campaign=campaign,
        kernels=compiled,
        unknowns=tuple(unknowns),
        given=given,
        noise=chosen,
        aliases=aliases,
        rows=rows,
        kept={name: kept[name] for name in rows},
        findings=(*findings.warnings.merged(), *extra),
        carried=carried,
        together=together,
        beside=beside,
    )


def _carried(
    before: Any,
    names: tuple[str, ...],
    varied: Mapping[str, tuple[str, ...]],
    noise: Mapping[str, Noise],
) -> Carried:
    """Those numbers of an earlier posterior that this calibration asks for."""
    spread = [f"{name}_sd_{level}" for name, levels in varied.items() for level in levels]
    scatter = [name for quantity, each in noise.items() for name in each.names(quantity)]
    found = carried_names(before, [*names, *spread, *dict.fromkeys(scatter)])
    return carry(before.draws, found, source=f"posterior of a campaign, {before.hash[:12]}")


def _with_covariates(unknown: Unknown, formula: str, campaign: Campaign) -> Unknown:
    """Add covariates to an unknown, unless they already say what a level would."""
    found = design(unknown.name, formula, campaign.settings_frame())
    for level in unknown.levels:
        if not are_identifiable(
            found.columns, groups_of(campaign, level, unknown.name)[0].tolist()
        ):
            raise CalibrationError(
                f"{unknown.name} cannot vary by {level} beside its covariates {formula!r}: they "
                f"already give every {level} a value of its own, so the two are confounded. Leave "
                f"{level} out of vary, or a covariate out of the formula."
            )
    return dataclasses.replace(unknown, design=found, each_run=False)
