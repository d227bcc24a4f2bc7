"""Parameters of each run from draws: population, covariates, effects of known and new groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate.predicting.noise_draws import noise_parameters
from bayesbio.calibrate.problem.grouping import groups_of, label_of
from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.data import Campaign, Run
from bayesbio.inference import Noise, correlation_matrix, covariate_levels, design, nesting, pairs


def is_known(run: Run, campaign: Campaign) -> bool:
    """Whether a run is the campaign's own: name and measurements agree, settings may be changed."""
    return run.name in campaign.names and campaign[run.name].measurements.equals(run.measurements)


def run_parameters(
    names: Iterable[str],
    draws: xr.Dataset,
    runs: Sequence[Run],
    *,
    campaign: Campaign,
    structure: ParameterStructure,
    rng: np.random.Generator,
    noise: Mapping[str, Noise] | None = None,
) -> dict[str, Any]:
    """
    Value of each unknown for each run, dims (chain, draw[, run]).

    A run of the campaign keeps its effects; a new run takes those of its known groups and draws the
    others. A start that was estimated run by run is for a new run what it states, else what it
    reads first, with its noise, else that of one of the runs calibrated on, drawn at random for
    each draw and all states together.
    """
    names = tuple(names)
    values: dict[str, Any] = {n: value for n, value in structure.given.items() if n in names}
    coords = {"run": [run.name for run in runs]}
    new = _NewGroupEffects(draws, structure, rng)
    others = _StartsOfOtherRuns(rng)
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
                    read = _start_as_read(name, run, draws, noise or {}, rng)
                    parts.append(others.start(name, run, draws) if read is None else read)
            values[name] = xr.concat(
                parts, dim="run", coords="minimal", compat="override", join="exact"
            ).assign_coords(coords)
        elif name in structure.vary or name in structure.covariates:
            values[name] = _by_run(name, draws, runs, campaign, structure, new).assign_coords(
                coords
            )
        else:
            values[name] = draws[name]
    return values


def unstated_starts(
    run: Run, draws: xr.Dataset, campaign: Campaign, noise: Mapping[str, Noise]
) -> list[str]:
    """
    States whose start a new run neither states nor reads at 0 h, though it was estimated by run.

    Examples
    --------
    >>> draws = xr.Dataset({"initial_glucose": (("chain", "draw", "run"), np.ones((1, 2, 1)))})
    >>> unstated_starts(Run("NEXT"), draws, Campaign(), {})
    ['glucose']
    """
    if is_known(run, campaign):
        return []
    by_run = [str(name) for name, values in draws.data_vars.items() if "run" in values.dims]
    states = [n.removeprefix("initial_") for n in by_run if n.startswith("initial_")]
    return [
        state
        for state in states
        if f"initial_{state}" not in run.settings
        and (state not in noise or _first_readings(run, state).empty)
    ]


def _first_readings(run: Run, state: str) -> pd.DataFrame:
    """Find the readings of a state at the start of a run."""
    rows = run.measurements
    first = rows[(rows["quantity"] == state) & (rows["flag"] == "") & (rows["time_h"] <= 0.0)]
    return first[first["time_h"] == first["time_h"].min()]


class _StartsOfOtherRuns:
    """Starts of a new run: those of a run calibrated on, one drawn for each draw."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.chosen = rng, dict[str, np.ndarray]()

    def start(self, name: str, run: Run, draws: xr.Dataset) -> xr.DataArray:
        """Start of one state, dims (chain, draw); every state of a run from the same other run."""
        values = draws[name].transpose("chain", "draw", "run")
        if run.name not in self.chosen:
            self.chosen[run.name] = self.rng.integers(values.sizes["run"], size=values.shape[:2])
        place = self.chosen[run.name][..., None]
        like = values.isel(run=0, drop=True)
        return like.copy(data=np.take_along_axis(values.to_numpy(), place, axis=2)[..., 0])


def _start_as_read(
    name: str,
    run: Run,
    draws: xr.Dataset,
    noise: Mapping[str, Noise],
    rng: np.random.Generator,
) -> xr.DataArray | None:
    """Start of a new run from its readings at 0 h, give or take their noise; None without one."""
    state = name.removeprefix("initial_")
    first = _first_readings(run, state)
    if state not in noise or first.empty:
        return None
    like = draws[name].isel(run=0, drop=True)
    mean = np.full(like.shape, float(first["value"].mean()))
    own = noise_parameters(draws, state, noise[state], wide=True)
    read = noise[state].draw(mean[..., None], own, rng)[..., 0]
    return like.copy(data=np.maximum(mean + (read - mean) / np.sqrt(len(first)), 0.0))


def _by_run(
    name: str,
    draws: xr.Dataset,
    runs: Sequence[Run],
    campaign: Campaign,
    structure: ParameterStructure,
    new: _NewGroupEffects,
) -> xr.DataArray:
    """Add covariates and group effects to the population value, on the additive scale."""
    levels, formula = structure.vary.get(name, ()), structure.covariates.get(name)
    positive = structure.positive[name]
    effects = group_effects(name, draws, campaign, structure)
    columns = None
    if formula is not None:
        found = design(name, formula, campaign.settings_frame())
        columns = found.of(_settings_of(runs, campaign))
    parts: list[xr.DataArray] = []
    for i, run in enumerate(runs):
        total = _link(draws[name], positive)
        if columns is not None:
            slopes = draws[f"{name}_slope"]
            shift = slopes.to_numpy() @ columns[i]
            total = total + slopes.isel({f"{name}_term": 0}, drop=True).copy(data=shift)
        for level in levels:
            label = label_of(run, level)
            known = label is not None and label in effects[level][level].to_numpy()
            if known and (level != "run" or is_known(run, campaign)):
                total = total + effects[level].sel({level: label}, drop=True)
            else:
                total = total + new.effect(name, level, label)
        parts.append(total.copy(data=np.exp(total.to_numpy())) if positive else total)
    return xr.concat(parts, dim="run", coords="minimal", compat="override", join="exact")


def group_effects(
    name: str,
    draws: xr.Dataset,
    campaign: Campaign,
    structure: ParameterStructure,
) -> dict[str, xr.DataArray]:
    """
    Effects of the groups of each level, dims (chain, draw, level), on the additive scale.

    The difference to the group that holds it, or to the population, less that of its covariates.
    """
    levels, formula = structure.vary.get(name, ()), structure.covariates.get(name)
    positive = structure.positive[name]
    numbers = {level: groups_of(campaign, level, name)[0] for level in levels}
    groups = {level: groups_of(campaign, level, name)[1] for level in levels}
    holders = nesting(name, levels, numbers)
    found = None if formula is None else design(name, formula, campaign.settings_frame())
    moving = covariate_levels(None if found is None else (found.columns, None), levels, numbers)
    by_level = {level: _link(draws[f"{name}_by_{level}"], positive) for level in levels}
    effects = {}
    for level in levels:
        first = np.unique(numbers[level], return_index=True)[1]
        holder = holders[level]
        centre = _link(draws[name], positive)
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


def _link(value: xr.DataArray, positive: bool) -> xr.DataArray:
    """Apply the link function of an unknown: the logarithm where it is positive."""
    return value.copy(data=np.log(value.to_numpy())) if positive else value


def _settings_of(runs: Sequence[Run], campaign: Campaign) -> pd.DataFrame:
    """Put the settings of runs in a table with the columns of the campaign."""
    frame = pd.DataFrame([dict(run.settings) for run in runs], index=[run.name for run in runs])
    return frame.reindex(columns=list(dict.fromkeys([*frame, *campaign.settings_frame()])))


class _NewGroupEffects:
    """Effects of groups that were not calibrated on, drawn once each, correlated where they are."""

    def __init__(
        self,
        draws: xr.Dataset,
        structure: ParameterStructure,
        rng: np.random.Generator,
    ) -> None:
        self.draws, self.structure, self.rng = draws, structure, rng
        self.drawn: dict[tuple[str, str | None, tuple[str, ...]], np.ndarray] = {}

    def effect(self, name: str, level: str, label: str | None) -> xr.DataArray:
        """Effect of a new group on a parameter, dims (chain, draw); no label: a group unknown."""
        spread = self.draws[f"{name}_sd_{level}"]
        block = self.structure.block_of(name, level)
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
