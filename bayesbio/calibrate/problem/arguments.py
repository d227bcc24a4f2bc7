"""Arguments of a fit, resolved against model and data, or refused with a remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from bayesbio.calibrate.requests import Noises, Vary
from bayesbio.data import Campaign
from bayesbio.errors import CalibrationError, ModelError, did_you_mean
from bayesbio.inference import (
    NOISES,
    Noise,
    default_noise,
    require_distinct_names,
    require_distribution,
)


def levels_of(vary: Vary | None) -> tuple[dict[str, tuple[str, ...]], dict[str, Any]]:
    """Levels of each parameter, and at each level the parameters with correlated effects."""
    found: dict[str, tuple[str, ...]] = {}
    correlated: dict[str, Any] = {}
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
                correlated[level] = (*correlated.get(level, ()), block)
    return found, correlated


def split_priors(
    priors: dict[str, Any], vary: Mapping[str, tuple[str, ...]], covariates: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split priors into those of names of the model and those of hyperparameters."""
    hyper = {f"{name}_sd_{level}" for name, levels in vary.items() for level in levels}
    hyper |= {f"{name}_slope" for name in covariates}
    hyperpriors = {name: prior for name, prior in priors.items() if name in hyper}
    for name, prior in hyperpriors.items():
        require_distribution(prior, name)
    return {name: prior for name, prior in priors.items() if name not in hyper}, hyperpriors


def check_sequential(before: Any, campaign: Campaign, covariates: Mapping[str, str]) -> None:
    """Refuse data that count twice, and covariates, which are centred on their own campaign."""
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


def check_names(names: Iterable[str], known: tuple[str, ...], what: str, model: str) -> None:
    """Refuse names that the model does not have, with the nearest that it has."""
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise ModelError(
                f"{what} for {name!r}: {model} has no such parameter, setting or initial "
                f"state.{hint} It has {', '.join(known)}."
            )


def signals_of(noise: Any) -> dict[str, str]:
    """Measured quantities that have an assay, and what it is an assay of."""
    asked = noise.items() if isinstance(noise, Mapping) else ()
    return {name: each.source for name, each in asked if isinstance(each, Noise) and each.source}


def aliases_of(noise: Any, campaign: Campaign, known: tuple[str, ...]) -> dict[str, str]:
    """Measured quantities that are signals of a quantity of the model (`assay`)."""
    found = signals_of(noise)
    for name, source in found.items():
        if source not in known:
            hint = did_you_mean(source, known)
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


def noises_of(noise: Noises, rows: Mapping[str, pd.DataFrame]) -> dict[str, Noise]:
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
                hint = did_you_mean(kind, NOISES)
                raise ModelError(
                    f"noise {kind!r} for {name!r} is unknown.{hint} Use one of {', '.join(NOISES)}."
                )
            kind = NOISES[kind]()
        elif kind is not None and not isinstance(kind, Noise):
            raise ModelError(
                f"noise for {name!r} is {kind!r}; expected a Noise such as normal(), or one of "
                f"{', '.join(NOISES)}."
            )
        found[name] = (kind or default_noise(part)).scaled_to(name, part)
    require_distinct_names(found)
    return found
