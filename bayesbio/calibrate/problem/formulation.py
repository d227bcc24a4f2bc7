"""The inference problem of a calibration: unknowns, fixed values, readings and noise."""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.calibrate.problem.arguments import (
    aliases_of,
    check_names,
    check_sequential,
    levels_of,
    noises_of,
    signals_of,
    split_priors,
)
from bayesbio.calibrate.problem.grouping import groups_of
from bayesbio.calibrate.problem.names import check_posterior_names
from bayesbio.calibrate.problem.posterior_prior import CopulaPrior, fit_copula
from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.calibrate.problem.unknowns import START_SOURCE, Unknown, unknown_of
from bayesbio.calibrate.requests import FitRequest
from bayesbio.data import Campaign, Finding, Run, check
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference import (
    Noise,
    are_identifiable,
    between,
    design,
    order_levels,
    prior_quantiles,
    require_distribution,
)
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode.codegen.cache import Kernels, kernels
from bayesbio.ode.simulation import value_names


@dataclasses.dataclass(frozen=True)
class Formulation:
    """
    The inference problem of a calibration, resolved and checked.

    Attributes
    ----------
    campaign : the runs that are fitted, those with readings of something in the model.
    given : values fixed by the user.
    noise : by quantity, scaled to the data.
    aliases : measured quantity -> the model's quantity that it is a signal of.
    rows : readings of each quantity in the order of the trajectories, without excluded ones.
    kept : which rows of ``campaign.to_frame()`` of that quantity these are.
    posterior_prior : posterior of an earlier campaign that takes the place of priors.
    correlated_blocks : level -> sets of parameters whose effects are correlated.
    hyperpriors : priors given for spreads and slopes.
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
    posterior_prior: CopulaPrior | None = None
    correlated_blocks: Mapping[str, tuple[tuple[str, ...], ...]] = dataclasses.field(
        default_factory=dict
    )
    hyperpriors: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def model(self) -> ProcessModel:
        """The process model, fitted out for the campaign."""
        return self.kernels.trace.model

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that needs a value: of the model, and of events."""
        return value_names(self.kernels, self.campaign)

    @property
    def from_posterior(self) -> tuple[str, ...]:
        """Names whose prior is an earlier posterior."""
        return () if self.posterior_prior is None else self.posterior_prior.names

    @property
    def start_priors(self) -> dict[str, Any]:
        """Priors of unknown starts that the first readings suggested."""
        return {each.name: each.prior for each in self.unknowns if each.source == START_SOURCE}

    @functools.cached_property
    def structure(self) -> ParameterStructure:
        """How the parameters of a run are composed."""
        return structure_of(self.unknowns, self.given, self.correlated_blocks)

    @functools.cached_property
    def medians(self) -> dict[str, float]:
        """Prior median of each unknown."""
        return {u.name: float(prior_quantiles(u.prior, [0.5])[0]) for u in self.unknowns}


def formulate(request: FitRequest) -> Formulation:
    """
    Resolve a request: what is estimated, from which prior, and how each quantity scatters.

    Runs without readings of anything in the model are left out, with a finding.
    """
    model, noise, campaign = request.model, request.noise, request.campaign
    if hasattr(model, "for_campaign"):
        model = model.for_campaign(campaign)
    before = (
        None if request.priors is None or isinstance(request.priors, Mapping) else request.priors
    )
    by_name = dict(request.priors) if isinstance(request.priors, Mapping) else {}
    if before is not None and noise is None:
        noise = dict(before.noise)
    findings = check(campaign, model=model, signals=signals_of(noise))
    findings.require()
    compiled = kernels(model)
    traced = compiled.trace
    aliases = aliases_of(noise, campaign, traced.observed_names)
    campaign, planned = _informative(campaign, (*traced.observed_names, *aliases), model)
    names = value_names(compiled, campaign)
    levels, correlated_blocks = levels_of(request.vary)
    covariates = dict(request.covariates or {})
    for what, named in (("vary", levels), ("covariates", covariates)):
        check_names(named, names, what, type(model).__name__)
    vary = {
        name: order_levels({level: groups_of(campaign, level, name)[0] for level in asked})
        for name, asked in levels.items()
    }
    priors, hyperpriors = split_priors(by_name, vary, covariates)
    if before is not None:
        check_sequential(before, campaign, covariates)
    check_names(priors, names, "prior", type(model).__name__)

    rows, kept = _readings(campaign, (*traced.observed_names, *aliases))
    if before is not None and isinstance(noise, Mapping):
        noise = {name: each for name, each in noise.items() if name in rows}
    chosen = noises_of(noise, rows)
    posterior_prior = None
    if before is not None:
        posterior_prior = _posterior_prior(before, traced.names, vary, chosen)

    unknowns, given, missing = [], {}, list[str]()
    for name in names:
        prior = priors.get(name)
        if isinstance(prior, numbers.Real) and not isinstance(prior, bool):
            given[name] = _fixed(name, float(prior), model)
            continue
        if prior is not None:
            require_distribution(prior, name)
        unknown: Unknown | None
        if posterior_prior is not None and name in posterior_prior.names:
            interval = between(*posterior_prior.interval(name))
            unknown = Unknown(name, interval, posterior_prior.source, vary.get(name, ()))
        else:
            start = (request.start_priors or {}).get(name)
            try:
                levels_here = vary.get(name, ())
                unknown = unknown_of(name, prior, compiled, campaign, rows, levels_here, start)
            except ModelError as error:  # everything that is missing is asked for at once
                missing.append(str(error))
                continue
        if unknown is not None and name in covariates:
            unknown = _with_covariates(unknown, covariates[name], campaign)
        if unknown is not None:
            unknowns.append(unknown)
    if missing:
        raise ModelError("\n".join(missing))
    _check_estimated(vary, covariates, given, {unknown.name for unknown in unknowns})
    check_posterior_names(
        (unknown.name for unknown in unknowns),
        structure_of(unknowns, given, correlated_blocks),
        chosen,
    )
    return Formulation(
        campaign=campaign,
        kernels=compiled,
        unknowns=tuple(unknowns),
        given=given,
        noise=chosen,
        aliases=aliases,
        rows=rows,
        kept=kept,
        findings=(*findings.warnings.merged(), *planned, *_few_readings(rows, unknowns)),
        posterior_prior=posterior_prior,
        correlated_blocks=correlated_blocks,
        hyperpriors=hyperpriors,
    )


def structure_of(
    unknowns: Iterable[Unknown], given: Mapping[str, Any], correlated_blocks: Mapping[str, Any]
) -> ParameterStructure:
    """How the parameters of a run are composed."""
    unknowns = tuple(unknowns)
    return ParameterStructure(
        given=given,
        vary={unknown.name: unknown.levels for unknown in unknowns if unknown.levels},
        positive={unknown.name: unknown.positive for unknown in unknowns},
        covariates={each.name: each.design.formula for each in unknowns if each.design},
        correlated_blocks=correlated_blocks,
    )


def _informative(
    campaign: Campaign, measurable: tuple[str, ...], model: ProcessModel
) -> tuple[Campaign, list[Finding]]:
    """Leave out runs without readings of anything in the model: planned ones, say."""

    def informs(run: Run) -> bool:
        rows = run.measurements
        return bool((rows["quantity"].isin(measurable) & (rows["flag"] != "excluded")).any())

    kept = [run.name for run in campaign if informs(run)]
    if not kept:
        raise ModelError(
            f"Nothing that was measured ({', '.join(campaign.quantities) or 'nothing at all'}) is "
            f"a state or output of {type(model).__name__} ({', '.join(measurable)}). "
            "Map the columns: read_campaign(..., columns={'header': 'name [unit]'})."
        )
    if len(kept) == len(campaign):
        return campaign, []
    planned = [
        Finding(
            "warning",
            name,
            None,
            f"It has no readings of {', '.join(measurable[:5])}{', ...' * (len(measurable) > 5)}, "
            "so nothing was learned from it.",
            f"Predict it: calibration.predict(campaign[{name!r}], until=...).",
        )
        for name in campaign.names
        if name not in kept
    ]
    return campaign.select(kept), planned


def _readings(
    campaign: Campaign, measurable: tuple[str, ...]
) -> tuple[dict[str, pd.DataFrame], dict[str, np.ndarray]]:
    """Rows of each quantity in the order of the trajectories, and which of all rows these are."""
    frame = campaign.to_frame(details=True)
    rows, kept = {}, {}
    for name in measurable:
        part = frame[frame["quantity"] == name]
        used = (part["flag"] != "excluded").to_numpy(copy=True)
        if used.any():
            rows[name], kept[name] = part[used].reset_index(drop=True), used
    return rows, kept


def _fixed(name: str, value: float, model: ProcessModel) -> float:
    """Check a number that fixes an unknown."""
    if not math.isfinite(value):
        raise ModelError(f"The prior for {name} is {value}; give a finite number to fix it.")
    if name.startswith("initial_") and value < 0:
        unit = model.units.get(name.removeprefix("initial_"), "1")
        raise ModelError(
            f"priors={{{name!r}: {value:g}}}: a state starts at zero or more [{unit}]. "
            "Give the value it had at the start, or a prior for it."
        )
    return value


def _check_estimated(
    vary: Mapping[str, Any], covariates: Mapping[str, Any], given: Mapping[str, float], names: Any
) -> None:
    """Refuse groups or covariates of something that is not estimated."""
    for what, asked in (("vary", vary), ("covariates", covariates)):
        for name in asked:
            if name in given:
                raise ModelError(
                    f"{what}={{{name!r}: ...}}: priors fixes {name} at {given[name]:g}. Give it a "
                    f"distribution, priors={{{name!r}: between(low, high)}}, or leave it out of "
                    f"{what}."
                )
            if name not in names:
                raise ModelError(
                    f"{what}={{{name!r}: ...}}: {name} is given by the runs, not estimated. Give "
                    f"it a prior, priors={{{name!r}: between(low, high)}}, or leave it out of "
                    f"{what}."
                )


def _few_readings(rows: Mapping[str, pd.DataFrame], unknowns: list[Unknown]) -> list[Finding]:
    """Find out whether there are fewer readings than unknowns."""
    count, size = len(unknowns), sum(len(part) for part in rows.values())
    if size >= count:
        return []
    what = f"{size} readings for {count} unknown parameters: the priors decide."
    remedy = "Fix parameters that are known (priors={'name': value}) or measure more."
    return [Finding("warning", "", None, what, remedy)]


def _posterior_prior(
    before: Any,
    names: tuple[str, ...],
    vary: Mapping[str, tuple[str, ...]],
    noise: Mapping[str, Noise],
) -> CopulaPrior:
    """Fit a copula to those scalars of an earlier posterior that this calibration asks for."""
    spreads = [f"{name}_sd_{level}" for name, levels in vary.items() for level in levels]
    scatter = [name for quantity, each in noise.items() for name in each.names(quantity)]
    draws = before.draws
    scalars = [
        name
        for name in [*names, *spreads, *dict.fromkeys(scatter)]
        if name in draws and draws[name].dims == ("chain", "draw")
    ]
    return fit_copula(draws, scalars, source=f"posterior of a campaign, {before.hash[:12]}")


def _with_covariates(unknown: Unknown, formula: str, campaign: Campaign) -> Unknown:
    """Add covariates to an unknown, unless they are confounded with one of its levels."""
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
