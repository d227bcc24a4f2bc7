"""Predictions from draws of the parameters: the runs of a campaign, or runs yet to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate.problem.grouping import groups_of, label_of
from bayesbio.data import Campaign, Event, Profile, Run
from bayesbio.errors import ModelError
from bayesbio.inference import (
    Noise,
    correlation_matrix,
    covariate_levels,
    design,
    draw_shared,
    nesting,
    pairs,
)
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode import simulate
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.simulation import value_names

NEW_RUN = "new"
POINTS = 101  # times of a prediction until some hour


def predict_runs(
    model: ProcessModel,
    campaign: Campaign,
    draws: xr.Dataset,
    *,
    given: Mapping[str, Any],
    levels: Mapping[str, tuple[str, ...]],
    positive: Mapping[str, bool],
    noise: Mapping[str, Noise],
    covariates: Mapping[str, str],
    together: Mapping[str, Sequence[Sequence[str]]],
    runs: Any = None,
    times: Any = None,
    until: float | None = None,
    settings: Mapping[str, Any] | None = None,
    profiles: Mapping[str, Any] | None = None,
    events: Sequence[Event] | None = None,
    with_noise: bool = True,
    random_seed: int = 0,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> xr.Dataset:
    """Predict runs from draws (chain, draw) of the unknowns; see `Calibration.predict`."""
    chosen = chosen_runs(campaign, runs, settings, profiles, events)
    rng = np.random.default_rng(random_seed)
    values = run_parameters(
        value_names(kernels(model), chosen),
        draws,
        chosen,
        campaign,
        given,
        levels,
        positive,
        rng,
        noise,
        covariates=covariates,
        together=together,
    )
    if times is None and until is not None:
        times = np.linspace(0.0, float(until), POINTS)
    if times is None and not any(len(run.times()) for run in chosen):
        raise ModelError(
            "A run without measurements has no times of its own: say until=336.0 or times=[...], "
            "in hours."
        )
    course = simulate(
        model,
        parameters=values,
        campaign=Campaign(chosen, units=campaign.units),
        times=times,
        rtol=rtol,
        atol=atol,
    )
    if with_noise:
        known = [is_known(run, campaign) for run in chosen]
        course = add_noise(course, draws, noise, rng, known=known)
    course.attrs |= {"noise": "included" if with_noise else "left out"}
    return course


def chosen_runs(
    campaign: Campaign, runs: Any, settings: Any, profiles: Any, events: Any
) -> list[Run]:
    """Find the runs that are asked for, with what is changed in them."""
    changed = settings is not None or profiles is not None or events is not None
    if runs is None:
        base = [Run(NEW_RUN)] if changed else list(campaign)
    elif isinstance(runs, str):
        base = [campaign[runs]]
    elif isinstance(runs, Run):
        base = [runs]
    elif isinstance(runs, Iterable):
        base = [run if isinstance(run, Run) else campaign[run] for run in runs]
    else:
        raise ModelError(
            f"runs is {runs!r}; expected names of runs, Run objects or a Campaign. For a new run "
            "give settings={...}."
        )
    made = {
        name: value if isinstance(value, Profile) else Profile(tuple(value))
        for name, value in (profiles or {}).items()
    }
    return [
        run.replace(
            settings={**run.settings, **(settings or {})},
            profiles={**run.profiles, **made},
            events=run.events if events is None else tuple(events),
        )
        for run in base
    ]


def is_known(run: Run, campaign: Campaign) -> bool:
    """Whether a run is the campaign's own: name and measurements agree, settings may be changed."""
    return run.name in campaign.names and campaign[run.name].measurements.equals(run.measurements)


def run_parameters(
    names: Iterable[str],
    draws: xr.Dataset,
    runs: Sequence[Run],
    campaign: Campaign,
    given: Mapping[str, Any],
    levels: Mapping[str, tuple[str, ...]],
    positive: Mapping[str, bool],
    rng: np.random.Generator,
    noise: Mapping[str, Noise] | None = None,
    *,
    covariates: Mapping[str, str] | None = None,
    together: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> dict[str, Any]:
    """
    Value of each unknown for each run, dims (chain, draw[, run]).

    A run of the campaign keeps its own effects; a new run takes those of the groups it belongs to
    and draws the others. What a run started from, where it was estimated run by run, is for a new
    run what it states, else its first readings with their noise.
    """
    names = tuple(names)
    values: dict[str, Any] = {name: value for name, value in given.items() if name in names}
    coords = {"run": [run.name for run in runs]}
    fresh = _FreshEffects(draws, together or {}, rng)
    for name in names:
        if name not in draws:
            continue
        if "run" in draws[name].dims:
            parts = []
            for run in runs:
                value = run.settings.get(name)
                if is_known(run, campaign) and value is None:
                    parts.append(draws[name].sel(run=run.name, drop=True))
                elif value is not None:
                    parts.append(xr.full_like(draws[name].isel(run=0, drop=True), float(value)))
                else:
                    parts.append(_start_as_read(name, run, draws, noise or {}, rng))
            values[name] = xr.concat(
                parts, dim="run", coords="minimal", compat="override", join="exact"
            ).assign_coords(coords)
        elif levels.get(name) or name in (covariates or {}):
            values[name] = _varied(
                name,
                draws,
                runs,
                campaign,
                levels.get(name, ()),
                positive[name],
                fresh,
                None if covariates is None else covariates.get(name),
            ).assign_coords(coords)
        else:
            values[name] = draws[name]
    return values


def _start_as_read(
    name: str,
    run: Run,
    draws: xr.Dataset,
    noise: Mapping[str, Noise],
    rng: np.random.Generator,
) -> xr.DataArray:
    """Start of a new run from its readings at time zero: their mean, give or take its noise."""
    state = name.removeprefix("initial_")
    rows = run.measurements
    first = rows[(rows["quantity"] == state) & (rows["flag"] == "") & (rows["time_h"] <= 0.0)]
    if state not in noise or first.empty:
        raise ModelError(
            f"Run {run.name!r} is new, and {name} was estimated run by run: give it, "
            f"settings={{{name!r}: ...}}, or a reading of {state} at 0 h."
        )
    like = draws[name].isel(run=0, drop=True)
    mean = np.full(like.shape, float(first["value"].mean()))
    own = noise_parameters(draws, state, noise[state], wide=True)
    read = noise[state].draw(mean[..., None], own, rng)[..., 0]
    return like.copy(data=np.maximum(mean + (read - mean) / np.sqrt(len(first)), 0.0))


def _varied(
    name: str,
    draws: xr.Dataset,
    runs: Sequence[Run],
    campaign: Campaign,
    levels: tuple[str, ...],
    positive: bool,
    fresh: _FreshEffects,
    formula: str | None,
) -> xr.DataArray:
    """Add covariates and the effect of each level to the population value, where effects add."""
    effects = group_effects(name, draws, campaign, levels, positive, formula)
    origin = _forward(draws[name], positive)
    asked = None
    if formula is not None:
        found = design(name, formula, campaign.settings_frame())
        asked = found.of(_settings_of(runs, campaign))
    parts: list[xr.DataArray] = []
    for place, run in enumerate(runs):
        total = origin
        if asked is not None:
            total = total + _shift(draws, name, asked[place], range(asked.shape[1]))
        for level in levels:
            label = label_of(run, level) or NEW_RUN
            known = label in effects[level][level].to_numpy()
            if known and (level != "run" or is_known(run, campaign)):
                total = total + effects[level].sel({level: label}, drop=True)
            else:
                total = total + fresh.effect(name, level, label)
        parts.append(total.copy(data=np.exp(total.to_numpy())) if positive else total)
    return xr.concat(parts, dim="run", coords="minimal", compat="override", join="exact")


def group_effects(
    name: str,
    draws: xr.Dataset,
    campaign: Campaign,
    levels: tuple[str, ...],
    positive: bool,
    formula: str | None,
) -> dict[str, xr.DataArray]:
    """
    Effects of the groups of each level, dims (chain, draw, level), on the scale where they add.

    What a group differs by from the group that holds it, or from the population, and from what its
    covariates make of it.
    """
    numbers = {level: groups_of(campaign, level, name)[0] for level in levels}
    groups = {level: groups_of(campaign, level, name)[1] for level in levels}
    holders = nesting(name, levels, numbers)
    found = None if formula is None else design(name, formula, campaign.settings_frame())
    moving = covariate_levels(None if found is None else (found.columns, None), levels, numbers)
    by_level = {level: _forward(draws[f"{name}_by_{level}"], positive) for level in levels}
    effects = {}
    for level in levels:
        first = np.unique(numbers[level], return_index=True)[1]
        holder = holders[level]
        centre = _forward(draws[name], positive)
        if holder is not None:
            parents = [groups[holder][number] for number in numbers[holder][first]]
            centre = by_level[holder].sel({holder: xr.DataArray(parents, dims=level)})
        effect = (by_level[level] - centre).transpose("chain", "draw", level)
        if found is not None and level in moving:
            own, chosen = found.columns[first][:, moving[level]], moving[level]
            effect = effect - draws[f"{name}_slope"].to_numpy()[..., chosen] @ own.T
        effects[level] = effect.drop_vars(
            [each for each in effect.coords if each in holders and each != level]
        )
    return effects


def _forward(value: xr.DataArray, positive: bool) -> xr.DataArray:
    """Bring values to the scale where effects add."""
    return value.copy(data=np.log(value.to_numpy())) if positive else value


def _settings_of(runs: Sequence[Run], campaign: Campaign) -> pd.DataFrame:
    """Put the settings of runs in a table with the columns of the campaign."""
    frame = pd.DataFrame([dict(run.settings) for run in runs], index=[run.name for run in runs])
    return frame.reindex(columns=list(dict.fromkeys([*frame, *campaign.settings_frame()])))


def _shift(draws: xr.Dataset, name: str, columns: np.ndarray, places: Iterable[int]) -> Any:
    """Find what covariates move a run or group by, where effects add."""
    slopes, chosen = draws[f"{name}_slope"], list(places)
    moved = slopes.to_numpy()[..., chosen] @ columns[chosen]
    return slopes.isel({f"{name}_term": 0}, drop=True).copy(data=moved)


class _FreshEffects:
    """Effects of groups that were not calibrated on, drawn once each; some go together."""

    def __init__(
        self,
        draws: xr.Dataset,
        together: Mapping[str, Sequence[Sequence[str]]],
        rng: np.random.Generator,
    ) -> None:
        self.draws, self.together, self.rng = draws, together, rng
        self.drawn: dict[tuple[str, str, tuple[str, ...]], np.ndarray] = {}

    def effect(self, name: str, level: str, label: str) -> xr.DataArray:
        """Effect of a new group on a parameter, dims (chain, draw)."""
        spread = self.draws[f"{name}_sd_{level}"]
        blocks = self.together.get(level, ())
        block = next((tuple(block) for block in blocks if name in block), (name,))
        key = (level, label, block)
        if key not in self.drawn:
            standard = self.rng.standard_normal((*spread.shape, len(block)))
            if len(block) > 1:
                root = np.linalg.cholesky(self._correlation(level, block))
                standard = np.einsum("...ij,...j->...i", root, standard)
            self.drawn[key] = standard
        return spread * self.drawn[key][..., block.index(name)]

    def _correlation(self, level: str, block: tuple[str, ...]) -> np.ndarray:
        """Correlation matrices of a set of parameters, (chain, draw, size, size)."""
        values = self.draws[f"correlation_{level}"]
        known = values[f"pair_{level}"].to_numpy().tolist()
        places = [
            known.index(pair) if pair in known else known.index(", ".join(pair.split(", ")[::-1]))
            for pair in pairs(block)
        ]
        return correlation_matrix(values.to_numpy()[..., places], len(block))


def add_noise(
    course: xr.Dataset,
    draws: xr.Dataset,
    noise: Mapping[str, Noise],
    rng: np.random.Generator,
    *,
    known: Sequence[bool],
) -> xr.Dataset:
    """Scatter the measured quantities as new readings would, in runs known or new."""
    noisy = course.copy()
    moments = pd.DataFrame(
        [
            {"run": run, "time_h": time, "known": seen}
            for run, seen in zip(course["run"].to_numpy().tolist(), known, strict=True)
            for time in course["time"].to_numpy().tolist()
        ]
    )
    samples = draw_shared(noise, draws, moments, rng)
    for quantity, scatter in noise.items():
        source = scatter.source or quantity
        if source not in course:
            continue
        mean = course[source]
        flat = mean.to_numpy().reshape(*mean.shape[:2], -1)
        parameters = noise_parameters(draws, quantity, scatter, wide=True, samples=samples)
        read = scatter.draw(flat, parameters, rng, rows=moments).reshape(mean.shape)
        noisy[quantity] = mean.copy(data=read)
        if quantity != source:
            noisy[quantity].attrs["signal_of"] = source
    return noisy


def noise_parameters(
    draws: xr.Dataset,
    quantity: str,
    noise: Noise,
    *,
    wide: bool,
    samples: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Draws of the noise of a quantity, with an axis for the readings appended where ``wide``.

    Errors that readings share stay DataArrays, whose last dimension says which they belong to;
    those of new ``samples`` take the place of the errors that were calibrated.
    """
    found: dict[str, Any] = {}
    for name in noise.names(quantity):
        if samples and name in samples:
            found[name] = samples[name]
        elif name in draws:
            values = draws[name]
            plain = values.to_numpy()
            found[name] = values if values.ndim > 2 else plain[..., None] if wide else plain
    return found
