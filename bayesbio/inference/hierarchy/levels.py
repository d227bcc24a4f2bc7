"""Partial pooling: a parameter that varies between runs, clones, sites."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from bayesbio.errors import CalibrationError
from bayesbio.inference.hierarchy.correlations import Correlated
from bayesbio.inference.hierarchy.noncentering import (
    EffectInformation,
    PartiallyNoncentered,
    whitened_normal,
)
from bayesbio.inference.priors.distributions import register

USUAL_SPREAD = 0.3  # scale of the default prior of a spread between groups, of the logarithm


@dataclasses.dataclass(frozen=True)
class Grouping:
    """
    Groups of the members of a population, at one level or several.

    Parameters
    ----------
    numbers : mapping of level to sequence of int, (members,)
        For each member (run), the number of its group.
    groups : mapping of level to sequence of str
        Names of the groups, the coordinate of the level's dimension.
    """

    numbers: Mapping[str, Sequence[int] | np.ndarray]
    groups: Mapping[str, Sequence[str]]


def varying(
    name: str,
    population: TensorVariable,
    grouping: Grouping,
    *,
    positive: bool,
    centred: bool | Mapping[str, bool] = True,
    evidence: EffectInformation | None = None,
    scale_prior: TensorVariable | Mapping[str, TensorVariable] | None = None,
    offset: TensorVariable | None = None,
    covariates: tuple[np.ndarray, TensorVariable] | None = None,
    together: Mapping[str, Correlated] | None = None,
) -> TensorVariable:
    """
    Let a parameter vary between the groups of one or several levels.

    Effects are added to the logarithm of a positive parameter, otherwise to the parameter. With
    several levels a group belongs to the group of the nearest earlier level that holds all its
    members (nested); levels that cut across each other add their effects (crossed).

    Registered in the current model, for each level: `<name>_sd_<level>`, `<name>_by_<level>`
    (dims: the level), and `<name>_effect_<level>` (standardised) when not centred, or with
    `evidence` `<name>_effect_of_levels` (of all levels, the last with what members share).

    Parameters
    ----------
    name : str
        Name of the parameter.
    population : TensorVariable, scalar
        Its value for a typical group.
    grouping : Grouping
        The groups of each member, level by level.
    positive : bool
        Whether the parameter is positive, so that effects are relative.
    centred : bool or mapping level -> bool
        Sample the groups' values themselves (right when each group's data say much), or
        standardised effects (right when they say little).
    evidence : EffectInformation, optional
        About what the readings say of each member, with `offset` where it is given: the effects
        of all levels are then sampled standardised given that (`PartiallyNoncentered`),
        which suits every case between the two; ``centred`` is not asked.
    scale_prior : distribution or mapping level -> distribution, optional
        Prior of the standard deviation between groups. By default HalfNormal(0.3) when positive:
        groups differ by at most 60 % or so. It must be given when the parameter is not positive,
        because it is in the parameter's unit.
    offset : TensorVariable, scalar, optional
        With `evidence`, added to the coordinate in which values of a positive parameter are
        sampled, log(value) + offset: where the data know a rate at some state better than its
        maximum. It changes the road, not the posterior.
    covariates : (array (members, terms), TensorVariable (terms,)), optional
        Columns and slopes: what each member's value is expected to differ by (of the logarithm
        when positive). A column that is the same for all members of each group of a level moves
        the groups of the widest such level.
    together : mapping level -> Correlated, optional
        Effects of other parameters that those of this one go with.

    Returns
    -------
    TensorVariable, (members,)
        Value of the parameter for each member.

    Raises
    ------
    CalibrationError
        When a level has fewer than two groups, an index does not fit the groups, two levels are
        the same grouping, or a scale prior is missing.

    See Also
    --------
    order_levels : the order of levels in which holders come before what they hold.

    Notes
    -----
    Centred and non-centred parameterisation: Betancourt and Girolami (2015), arXiv:1312.0906.

    Examples
    --------
    >>> from bayesbio.inference.priors.distributions import between
    >>> with pm.Model() as model:
    ...     typical = register("growth_rate", between(0.02, 0.06))
    ...     runs = Grouping({"run": [0, 1, 2]}, {"run": ["R1", "R2", "R3"]})
    ...     by_run = varying("growth_rate", typical, runs, positive=True)
    >>> [variable.name for variable in model.free_RVs]
    ['growth_rate', 'growth_rate_sd_run', 'growth_rate_by_run']
    """
    numbers = {key: np.asarray(each, dtype=int) for key, each in grouping.numbers.items()}
    levels = order_levels(numbers)
    names = {key: list(grouping.groups[key]) for key in levels}
    model = pm.modelcontext(None)

    # Everything below is additive: logarithms when positive.
    origin = pt.log(population) if positive else population
    shared: Any = origin if offset is None or not positive else origin + offset
    holders = nesting(name, levels, numbers)
    moving = covariate_levels(covariates, levels, numbers)
    moved: dict[str, Any] = {}  # of the groups' means, beside the group that holds them
    spreads: dict[str, Any] = {}
    partners = {} if together is None else {key: together[key] for key in levels if key in together}
    for key in levels:
        _check_level(name, key, numbers[key], names[key])
        if key not in model.coords:
            model.add_coord(key, names[key])
        sd = f"{name}_sd_{key}"
        known = model.named_vars.get(sd)
        spread = register(sd, _scale(name, key, scale_prior, positive)) if known is None else known
        moved[key], spreads[key] = pt.zeros(len(names[key])), spread
        if covariates is not None and key in moving:
            first = np.unique(numbers[key], return_index=True)[1]
            columns, slopes = covariates[0][first], covariates[1]
            moved[key] = columns[:, moving[key]] @ slopes[moving[key]]
        if key in partners:
            expected, factor = partners[key].conditional(name)
            moved[key] = moved[key] + spread * expected
            spreads[key] = spread * factor
    given = None if evidence is None else _jointly(name, evidence, numbers, moved, spreads, shared)
    by_level: dict[str, TensorVariable] = {}
    total: Any = origin
    for key in levels:
        holder = holders[key]
        centre = (
            origin if holder is None else by_level[holder][_parents(numbers[key], numbers[holder])]
        )
        mean = centre + moved[key]
        if given is None:
            by_level[key] = _group_values(
                name, key, mean, spreads[key], positive, _of(centred, key)
            )
        else:
            by_level[key] = centre + given[key]
            value = pt.exp(by_level[key]) if positive else by_level[key]
            pm.Deterministic(f"{name}_by_{key}", value, dims=key)
        if key in partners:
            partners[key].add((by_level[key] - mean) / spreads[key])
        total = total + (by_level[key] - centre)[numbers[key]]
    if covariates is not None and None in moving:
        total = total + covariates[0][:, moving[None]] @ covariates[1][moving[None]]
    return pt.exp(total) if positive else total


def order_levels(numbers: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """
    Order levels from the fewest groups to the most, so that a level stands behind its holder.

    Parameters
    ----------
    numbers : mapping level -> array of int, (members,)
        The group of each member.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> order_levels({"run": np.array([0, 1, 2, 3]), "clone": np.array([0, 0, 1, 1])})
    ('clone', 'run')
    """
    return tuple(sorted(numbers, key=lambda level: len(np.unique(numbers[level]))))


def pooling_factor(effects: np.ndarray) -> float:
    """
    Share by which the groups of a level are drawn towards what they have in common.

    Parameters
    ----------
    effects : array, (samples, groups)
        Effects of the groups, on the scale where they add.

    Returns
    -------
    float
        0 where the data of each group decide about it alone, 1 where they say nothing about
        differences. Slightly below 0 by chance.

    Notes
    -----
    1 - Var_j(E[e_j]) / E[Var_j(e_j)], variances over groups and means over draws: Gelman and Pardoe
    (2006), doi:10.1198/004017005000000517

    Examples
    --------
    >>> effects = np.array([[-1.0, 1.0], [1.0, -1.0]])
    >>> pooling_factor(effects)
    1.0
    """
    return float(1.0 - np.var(effects.mean(axis=0)) / np.var(effects, axis=1).mean())


def covariate_levels(
    covariates: tuple[np.ndarray, Any] | None,
    levels: Sequence[str],
    numbers: Mapping[str, np.ndarray],
) -> dict[str | None, list[int]]:
    """
    Find which columns move the groups of which level: the widest that each is constant within.

    Parameters
    ----------
    covariates : (array (members, terms), slopes), optional
    levels : sequence of str, the widest first
    numbers : mapping level -> array of int, (members,)

    Returns
    -------
    dict of level to places of columns
        Those that move single members stand under None.

    Examples
    --------
    >>> groups = {"clone": np.array([0, 0, 1])}
    >>> covariate_levels((np.array([[1.0, 5.0], [1.0, 6.0], [2.0, 7.0]]), None), ["clone"], groups)
    {'clone': [0], None: [1]}
    """
    found: dict[str | None, list[int]] = {}
    columns = np.empty((0, 0)) if covariates is None else covariates[0]
    for place, column in enumerate(columns.T):
        holding = (key for key in levels if _constant_within(column, numbers[key]))
        found.setdefault(next(holding, None), []).append(place)
    return found


def _constant_within(column: np.ndarray, groups: np.ndarray) -> bool:
    """Whether all members of each group have the same value."""
    _, first = np.unique(groups, return_index=True)
    return bool(np.all(column == column[first][groups]))


def nesting(
    name: str, levels: Sequence[str], numbers: Mapping[str, np.ndarray]
) -> dict[str, str | None]:
    """
    Which level holds each level: the nearest earlier one of which every group has one parent.

    Parameters
    ----------
    name : str
        Name of the parameter, for messages.
    levels : sequence of str
        From the widest to the narrowest.
    numbers : mapping level -> int array, (members,)
        Number of each member's group.

    Returns
    -------
    dict level -> level or None
        None where a level stands on the population itself.

    Raises
    ------
    CalibrationError
        When two levels are the same grouping.

    Examples
    --------
    >>> clone, run = np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3])
    >>> nesting("growth_rate", ["clone", "run"], {"clone": clone, "run": run})
    {'clone': None, 'run': 'clone'}
    """
    return {
        level: _nearest_holder(name, levels[:position], level, numbers)
        for position, level in enumerate(levels)
    }


def _jointly(
    name: str,
    evidence: EffectInformation,
    numbers: Mapping[str, np.ndarray],
    moved: Mapping[str, Any],
    spreads: Mapping[str, Any],
    shared: Any,
) -> dict[str, Any]:
    """Register the effects of all levels together; how far each group is from what holds it."""
    levels = list(moved)
    sizes = {key: int(numbers[key].max()) + 1 for key in levels}
    means = [moved[key] for key in levels[:-1]] + [moved[levels[-1]] + shared]
    effects = whitened_normal(
        f"{name}_effect_of_levels",
        pt.concatenate(means),
        pt.concatenate([pt.ones(sizes[key]) * spreads[key] for key in levels]),
        PartiallyNoncentered(evidence, [numbers[key] for key in levels]),
        data=evidence,
    )
    ends = np.cumsum([0, *sizes.values()])
    found = {key: effects[ends[i] : ends[i + 1]] for i, key in enumerate(levels)}
    found[levels[-1]] = found[levels[-1]] - shared
    return found


def _group_values(
    name: str,
    level: str,
    centre: TensorVariable,
    spread: TensorVariable,
    positive: bool,
    centred: bool,
) -> TensorVariable:
    """Register the values of the groups; return them on the additive scale."""
    by = f"{name}_by_{level}"
    if centred:
        if positive:
            return pt.log(pm.LogNormal(by, mu=centre, sigma=spread, dims=level))
        return pm.Normal(by, mu=centre, sigma=spread, dims=level)
    effects = pm.Normal(f"{name}_effect_{level}", 0.0, 1.0, dims=level)
    values = centre + spread * effects
    pm.Deterministic(by, pt.exp(values) if positive else values, dims=level)
    return values


def _nearest_holder(
    name: str, earlier: Sequence[str], level: str, numbers: Mapping[str, np.ndarray]
) -> str | None:
    """Last earlier level of which every group of this level has exactly one parent."""
    for candidate in reversed(earlier):
        pairs = np.unique(np.stack([numbers[level], numbers[candidate]]), axis=1)
        children, parents = len(np.unique(pairs[0])), len(np.unique(pairs[1]))
        if pairs.shape[1] == children:
            if children == parents:
                raise CalibrationError(
                    f"{name} cannot vary by {candidate} and by {level}: the two group the runs in "
                    "the same way, so their effects cannot be told apart. Leave one out."
                )
            return candidate
    return None


def _parents(children: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Parent of each child group, in the order of the groups."""
    _, first = np.unique(children, return_index=True)
    return parents[first]


def _check_level(name: str, level: str, numbers: np.ndarray, groups: Sequence[str]) -> None:
    """Refuse a level from which no spread can be learned, in words."""
    if len(groups) < 2:
        raise CalibrationError(
            f"{name} cannot vary by {level}: the only {level} is {', '.join(map(str, groups))!r}. "
            f"At least two are needed; leave {level} out of vary."
        )
    used = np.unique(numbers)
    if not np.array_equal(used, np.arange(len(groups))):
        raise CalibrationError(
            f"{name} by {level}: the index uses groups {used.tolist()}, but there are "
            f"{len(groups)} groups ({', '.join(map(str, groups))}). Number the members' groups "
            f"from 0 to {len(groups) - 1}, each at least once."
        )


def _scale(
    name: str,
    level: str,
    given: TensorVariable | Mapping[str, TensorVariable] | None,
    positive: bool,
) -> TensorVariable:
    """Prior of the standard deviation between groups."""
    chosen = given.get(level) if isinstance(given, Mapping) else given
    if chosen is not None:
        return chosen
    if not positive:
        raise CalibrationError(
            f"{name} can be negative, so its spread between {level}s is in its own unit and has no "
            "default. Give a scale_prior, for example pm.HalfNormal.dist(sigma=...)."
        )
    return pm.HalfNormal.dist(USUAL_SPREAD)


def _of(option: Any, level: str) -> Any:
    """Value of an option for one level."""
    return option[level] if isinstance(option, Mapping) else option
