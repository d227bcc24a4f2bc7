"""What is unknown, what is given and what was read: a calibration before any sampling."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pymc as pm
from scipy.stats import norm

from bayesbio.calibrate.updating import Carried, carried_names, carry, marginal, split
from bayesbio.data import Campaign, Finding, Run, check
from bayesbio.errors import CalibrationError, DataError, ModelError
from bayesbio.inference import (
    Design,
    Noise,
    autocorrelated,
    between,
    combined,
    counts,
    default_noise,
    design,
    is_positive,
    lognormal,
    normal,
    proportional,
    replicated,
    require_distribution,
    shared,
    source_of,
    student_t,
    told_apart,
    widest_first,
)
from bayesbio.mechanistic import Parameter, ProcessModel
from bayesbio.ode.cache import Kernels, kernels
from bayesbio.ode.movable import names_in
from bayesbio.ode.simulation import stated, value_names

if TYPE_CHECKING:
    from bayesbio.calibrate.calibration import Calibration

NOISES: dict[str, Callable[[], Noise]] = {
    "normal": normal,
    "proportional": proportional,
    "combined": combined,
    "lognormal": lognormal,
    "student_t": student_t,
    "counts": counts,
    "replicated": replicated,
    "autocorrelated": autocorrelated,
    "shared": shared,
}
type Priors = Mapping[str, Any] | Calibration
Vary = Mapping[str | tuple[str, ...], str | Iterable[str]]
CLEAR = 0.02  # a reading at the start above this share of the largest one is not nothing
EARLY = 0.05  # a first reading within this share of a run says what the run started from
START_SPREAD = 0.5  # sd of the logarithm of an unknown start around the first readings
LATE_START_SPREAD = 1.5  # the same where the first reading comes late


@dataclasses.dataclass(frozen=True)
class Unknown:
    """
    One parameter, setting or initial state to be estimated.

    Attributes
    ----------
    name : str
    prior : unnamed PyMC distribution
    source : str
        Where the prior comes from.
    levels : tuple of str
        What it varies over (partial pooling); empty for one value.
    each_run : bool
        One independent value a run, without pooling (unknown starts).
    design : Design, optional
        Its covariates.
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
    _check_kinds(campaign, model, vary)
    if hasattr(model, "for_campaign"):
        model = model.for_campaign(campaign)
    by_name, before = split(priors)
    if before is not None and noise is None:
        noise = dict(before.noise)
    findings = check(campaign, model=model, signals=_signals(noise))
    findings.require()
    compiled = kernels(model)
    traced = compiled.trace
    names = value_names(compiled, campaign)
    asked, together = _levels(vary)
    covariates = dict(covariates or {})
    for what, named in (("vary", asked), ("covariates", covariates)):
        _check_names(named, names, what, type(model).__name__)
    varied = {
        name: widest_first({level: groups_of(campaign, level, name)[0] for level in levels})
        for name, levels in asked.items()
    }
    priors, beside = _split_priors(dict(by_name), varied, covariates)
    if before is not None:
        _check_before(before, campaign, covariates)
    _check_names(priors, names, "prior", type(model).__name__)

    frame = campaign.to_frame(details=True)
    aliases = _aliases(noise, campaign, traced.observed_names)
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
    chosen = _noises(noise, rows)
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
            found = _unknown(name, prior, compiled, campaign, rows, varied.get(name, ()))
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


def groups_of(campaign: Campaign, level: str, parameter: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Index of the group of each run at a level, and the names of the groups."""
    if level == "run":
        return np.arange(len(campaign)), tuple(campaign.names)
    labels = []
    for run in campaign:
        label = label_of(run, level)
        if label is None:
            columns = sorted({name for each in campaign for name in each.settings})
            missing = next(part for part in level.split(":") if part not in run.settings)
            near = difflib.get_close_matches(missing, ["run", *columns], n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"vary={{{parameter!r}: {level!r}}}: run {run.name!r} has no {missing!r}.{hint} "
                f"Levels are 'run' or a column of the table of runs ({', '.join(columns) or '-'}); "
                "two columns whose names count anew within the first join as 'batch:cask'."
            )
        labels.append(label)
    groups = tuple(dict.fromkeys(labels))
    return np.array([groups.index(label) for label in labels]), groups


def label_of(run: Run, level: str) -> str | None:
    """
    Name of the group of a run at a level, None where the run does not say.

    A level ``batch:cask`` is a cask of a batch: both names together.
    """
    parts = [run.name if part == "run" else run.settings.get(part) for part in level.split(":")]
    return None if any(part is None for part in parts) else ":".join(str(part) for part in parts)


def _check_kinds(campaign: Any, model: Any, vary: Any) -> None:
    """Refuse what was meant for another argument, or is one step short of it."""
    if not isinstance(campaign, Campaign):
        raise DataError(
            f"A Campaign was expected, not a {type(campaign).__name__}; read one first: "
            "campaign = read_campaign(...)."
        )
    if isinstance(model, type):
        raise ModelError(f"{model.__name__} is a class; give the model itself, {model.__name__}().")
    if vary is None:
        return
    whole = isinstance(vary, Mapping) and all(
        isinstance(name, str)
        or (isinstance(name, tuple) and all(isinstance(part, str) for part in name))
        for name in vary
    )
    whole = whole and all(
        isinstance(level, str)
        or (isinstance(level, Iterable) and all(isinstance(part, str) for part in level))
        for level in vary.values()
    )
    if not whole:
        raise ModelError(
            f"vary={vary!r} was not understood; name each parameter and what it varies over, "
            "such as vary={'maximum_growth_rate': 'run'}; parameters whose effects are correlated "
            "as vary={('maximum_growth_rate', 'cell_yield'): 'run'}."
        )


def _levels(vary: Vary | None) -> tuple[dict[str, tuple[str, ...]], dict[str, Any]]:
    """Levels of each parameter, and at each level the sets of parameters that go together."""
    found: dict[str, tuple[str, ...]] = {}
    together: dict[str, Any] = {}
    for names, asked in (vary or {}).items():
        levels = (asked,) if isinstance(asked, str) else tuple(asked)
        block = (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
        for name in block:
            twice = sorted(set(levels) & set(found.get(name, ())))
            if twice:
                raise ModelError(
                    f"vary lets {name} vary by {twice[0]} twice; name it once at each level."
                )
            found[name] = (*found.get(name, ()), *levels)
        if len(block) > 1:
            for level in levels:
                together[level] = (*together.get(level, ()), block)
    return found, together


def _split_priors(
    priors: dict[str, Any], vary: Mapping[str, tuple[str, ...]], covariates: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Priors of names of the model, and those of spreads and slopes."""
    own = {f"{name}_sd_{level}" for name, levels in vary.items() for level in levels}
    own |= {f"{name}_slope" for name in covariates}
    beside = {name: prior for name, prior in priors.items() if name in own}
    for name, prior in beside.items():
        require_distribution(prior, name)
    return {name: prior for name, prior in priors.items() if name not in own}, beside


def _check_before(before: Any, campaign: Campaign, covariates: Mapping[str, str]) -> None:
    """Refuse data that count twice, and averages that are not those of before."""
    again = [run.name for run in campaign if run.name in before.campaign.names]
    same = [
        name
        for name in again
        if campaign[name].measurements.equals(before.campaign[name].measurements)
    ]
    if same:
        raise CalibrationError(
            f"Run {same[0]!r} was calibrated on already; as data for its own posterior it would "
            f"count twice. Leave it out: campaign.without({same!r})."
        )
    used = {**before.options.get("covariates", {}), **covariates}
    if used:
        raise ModelError(
            f"{next(iter(used))} has covariates ({next(iter(used.values()))!r}), and its value at "
            "the average run is another in each campaign. Fit both campaigns together instead."
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
        if not told_apart(found.columns, groups_of(campaign, level, unknown.name)[0].tolist()):
            raise CalibrationError(
                f"{unknown.name} cannot vary by {level} beside its covariates {formula!r}: they "
                f"already give every {level} a value of its own, so the two are confounded. Leave "
                f"{level} out of vary, or a covariate out of the formula."
            )
    return dataclasses.replace(unknown, design=found, each_run=False)


def _check_names(names: Iterable[str], known: tuple[str, ...], what: str, model: str) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ModelError(
                f"{what} for {name!r}: {model} has no such parameter, setting or initial "
                f"state.{hint} It has {', '.join(known)}."
            )


def _signals(noise: Any) -> dict[str, str]:
    """Measured quantities that have an assay, and what it is an assay of."""
    asked = noise.items() if isinstance(noise, Mapping) else ()
    return {name: each.source for name, each in asked if isinstance(each, Noise) and each.source}


def _aliases(noise: Any, campaign: Campaign, known: tuple[str, ...]) -> dict[str, str]:
    """Measured quantities that are signals of a quantity of the model (`assay`)."""
    found = _signals(noise)
    for name, source in found.items():
        if source not in known:
            near = difflib.get_close_matches(source, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ModelError(
                f"noise={{{name!r}: assay({source!r}, ...)}}: the model has no {source!r}.{hint} "
                f"It has {', '.join(known)}."
            )
        if name in known:
            raise ModelError(
                f"noise={{{name!r}: assay({source!r}, ...)}}: {name} is a quantity of the model "
                "itself. Give the signals a name of their own: read_campaign(..., "
                "quantities={'optical_density_450': '1'})."
            )
    return found


def _noises(
    noise: Mapping[str, Noise | str] | Noise | str | None, rows: Mapping[str, pd.DataFrame]
) -> dict[str, Noise]:
    """Noise of every quantity, scaled to its data."""
    if isinstance(noise, Noise | str):
        noise = dict.fromkeys(rows, noise)
    asked = dict(noise or {})
    unknown = [name for name in asked if name not in rows]
    if unknown:
        raise ModelError(
            f"noise for {unknown[0]!r}: it is not among the quantities that are measured and in "
            f"the model: {', '.join(rows)}."
        )
    found = {}
    for name, part in rows.items():
        kind = asked.get(name)
        if isinstance(kind, str):
            if kind not in NOISES:
                raise ModelError(
                    f"noise {kind!r} for {name!r} is unknown; use one of {', '.join(NOISES)}."
                )
            kind = NOISES[kind]()
        found[name] = (kind or default_noise(part)).scaled_to(name, part)
    return found


def _unknown(
    name: str,
    prior: Any,
    compiled: Kernels,
    campaign: Campaign,
    rows: Mapping[str, pd.DataFrame],
    levels: tuple[str, ...],
) -> Unknown | None:
    """How a name is estimated, or None where the runs give it."""
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
    known = [stated(run, name) is not None for run in campaign]
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
        return Unknown(name, _start(rows[state]), "around the first readings", levels, not levels)
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
    length = quantified["time_h"].max() or 1.0
    spread = START_SPREAD if first["time_h"].max() <= EARLY * length else LATE_START_SPREAD
    if (first["value"] > 0).all():
        centre = math.exp(np.log(first["value"].to_numpy(float)).mean())
        return pm.LogNormal.dist(math.log(centre), spread)
    scale = max(float(first["value"].abs().max()), 0.05 * float(quantified["value"].abs().max()))
    return pm.HalfNormal.dist(scale or 1.0)
