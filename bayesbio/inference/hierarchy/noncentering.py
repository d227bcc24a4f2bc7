"""Partially non-centred group effects, given approximate precision, mean and group SD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform
from pytensor.tensor.random.type import RandomType


class EffectInformation(NamedTuple):
    """
    Normal approximation of the likelihood of each member's value.

    Attributes
    ----------
    information : array or shared variable, (members,)
        Inverse variance; zero where there are no readings.
    expected : array or shared variable, (members,)
        Its mean, on the scale where effects add.
    """

    information: Any
    expected: Any


class PartiallyNoncentered(Transform):
    """
    Partially non-centred parameterisation of the effects of all levels.

    Given the group SDs, normal effects and a normal likelihood make a normal conditional posterior;
    the coordinates are the effects standardised by it: a group's value where its readings are
    informative, its effect in units of the SD where they are not, and anything between, as the SDs
    are explored. Information from a child level is discounted to A / (1 + s^2 A). The approximation
    decides how well a sampler moves, never the posterior.

    Parameters
    ----------
    evidence : EffectInformation
    groups : sequence of int array, (members,)
        The group of each member, level by level, the widest first.

    Notes
    -----
    The variable it belongs to holds the effects of all levels one after the other, independent
    normal; those of the last level include what all members share. With precision A and weighted
    residual b of its readings and spread s, an effect beside those u of the levels above is
    s (b - A u) / (1 + s^2 A) + z s / sqrt(1 + s^2 A), and the level above receives A / (1 + s^2 A)
    and b / (1 + s^2 A). Levels that cut across each other are resolved together, by the Cholesky
    factor of 1 + S Z' A Z S. Partially centred effects: Papaspiliopoulos, Roberts and Skold (2007),
    doi:10.1214/088342307000000014
    """

    name = "partially_noncentered"

    def __init__(self, evidence: EffectInformation, groups: Sequence[np.ndarray]) -> None:
        self.evidence = evidence
        self.groups = [np.asarray(each, dtype=int) for each in groups]
        sizes = [int(each.max()) + 1 for each in self.groups]
        ends = np.cumsum([0, *sizes])
        self.places = [slice(int(a), int(b)) for a, b in zip(ends[:-1], ends[1:], strict=True)]
        self.sizes = sizes
        # The narrowest levels, each a refinement of all wider ones, are resolved one by one.
        self.crossed = len(sizes)
        while self.crossed and self._refines(self.crossed - 1):
            self.crossed -= 1

    def forward(self, value: Any, *inputs: Any) -> Any:
        """From effects to coordinates."""
        mean, spread = _location_and_scale(inputs)
        effects = (value - mean) / spread
        parts: dict[int, Any] = {}
        for level, below in self._upward(mean, spread).items():
            own, place = effects[self.places[level]], self.places[level]
            expected = self._expected(level, below, spread[place], self._above(level, value - mean))
            parts[level] = (own - expected) * below.stretch
        if self.crossed:
            root, expected = self._together(mean, spread)
            own = effects[: self.places[self.crossed - 1].stop]
            return pt.concatenate([root.T @ (own - expected), *_ordered(parts)])
        return pt.concatenate(_ordered(parts))

    def backward(self, value: Any, *inputs: Any) -> Any:
        """From coordinates to effects."""
        mean, spread = _location_and_scale(inputs)
        below = self._upward(mean, spread)
        found: list[Any] = []  # deviations from the mean, level by level
        if self.crossed:
            last = self.places[self.crossed - 1].stop
            root, expected = self._together(mean, spread)
            own = expected + pt.linalg.solve_triangular(root.T, value[:last], lower=False)
            found.append(spread[:last] * own)
        for level in sorted(below):
            place = self.places[level]
            above = self._above(level, pt.concatenate(found)) if found else None
            expected = self._expected(level, below[level], spread[place], above)
            found.append(spread[place] * (expected + value[place] / below[level].stretch))
        return mean + pt.concatenate(found)

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Logarithm of |d effects / d coordinates|, one term a coordinate."""
        mean, spread = _location_and_scale(inputs)
        below = self._upward(mean, spread)
        terms = [-pt.log(below[level].stretch) for level in sorted(below)]
        if self.crossed:
            root, _ = self._together(mean, spread)
            terms.insert(0, -pt.log(pt.diagonal(root)))
        return pt.log(spread) + pt.concatenate(terms)

    def _refines(self, level: int) -> bool:
        """Whether every group of a level has one parent in each wider level."""
        own = self.groups[level]
        return all(
            np.unique(np.stack([own, wider]), axis=1).shape[1] == self.sizes[level]
            for wider in self.groups[:level]
        )

    def _upward(self, mean: Any, spread: Any) -> dict[int, _FromBelow]:
        """Sum up precision and residual of the child levels, the narrowest level first."""
        information, residual = self._members(mean)
        units = np.arange(len(self.groups[-1]))
        found: dict[int, _FromBelow] = {}
        for level in range(len(self.sizes) - 1, self.crossed - 1, -1):
            gather = _indicator(self.groups[level][_first(units)], self.sizes[level])
            units = self.groups[level]
            precision, weighted = _sum(gather, information), _sum(gather, residual)
            shrunk = 1.0 + spread[self.places[level]] ** 2 * precision
            found[level] = _FromBelow(precision, weighted, pt.sqrt(shrunk))
            information, residual = precision / shrunk, weighted / shrunk
        return found

    def _members(self, mean: Any) -> tuple[Any, Any]:
        """Precision of the readings of each member, and their weighted residual."""
        expected = sum(
            mean[place][groups] for place, groups in zip(self.places, self.groups, strict=True)
        )
        information = pt.as_tensor_variable(self.evidence.information)
        return information, information * (self.evidence.expected - expected)

    def _above(self, level: int, deviations: Any) -> Any:
        """Sum of the deviations of all wider levels for each group of a level."""
        first = _first(self.groups[level])
        wider = zip(self.places[:level], self.groups[:level], strict=True)
        parts = [deviations[place][groups[first]] for place, groups in wider]
        return sum(parts) if parts else None

    def _expected(self, level: int, below: _FromBelow, spread: Any, above: Any) -> Any:
        """Find the expected standardised effects of a level beside those of the wider ones."""
        weighted = below.weighted if above is None else below.weighted - below.precision * above
        return spread * weighted / below.stretch**2

    def _together(self, mean: Any, spread: Any) -> tuple[Any, Any]:
        """Cholesky factor of the precision of crossed standardised effects, and their mean."""
        if self.crossed < len(self.sizes):
            lowest = self._upward(mean, spread)[self.crossed]
            information = lowest.precision / lowest.stretch**2
            residual = lowest.weighted / lowest.stretch**2
            first = _first(self.groups[self.crossed])
        else:
            information, residual = self._members(mean)
            first = np.arange(len(self.groups[-1]))
        crossed = zip(self.groups[: self.crossed], self.sizes[: self.crossed], strict=True)
        design = np.hstack([_indicator(groups[first], size).T for groups, size in crossed])
        return _standardised(
            design.T @ (information[:, None] * design),
            design.T @ residual,
            spread[: design.shape[1]],
        )


class JointlyNoncentered(Transform):
    """
    Partially non-centred parameterisation of a few effects by their joint curvature.

    The same as `PartiallyNoncentered` where each reading depends on all effects.

    Parameters
    ----------
    curvature : array or shared variable, (effects, effects)
        Negative second derivatives of the log likelihood of the readings.
    pull : array or shared variable, (effects,)
        Curvature times the effects that the readings alone would make most likely.
    """

    name = "jointly_noncentered"

    def __init__(self, curvature: Any, pull: Any) -> None:
        self.curvature, self.pull = curvature, pull

    def forward(self, value: Any, *inputs: Any) -> Any:
        """From effects to coordinates."""
        mean, spread = _location_and_scale(inputs)
        root, expected = self._posterior(mean, spread)
        return root.T @ ((value - mean) / spread - expected)

    def backward(self, value: Any, *inputs: Any) -> Any:
        """From coordinates to effects."""
        mean, spread = _location_and_scale(inputs)
        root, expected = self._posterior(mean, spread)
        own = expected + pt.linalg.solve_triangular(root.T, value, lower=False)
        return mean + spread * own

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Logarithm of |d effects / d coordinates|, one term a coordinate."""
        mean, spread = _location_and_scale(inputs)
        return pt.log(spread) - pt.log(pt.diagonal(self._posterior(mean, spread)[0]))

    def _posterior(self, mean: Any, spread: Any) -> tuple[Any, Any]:
        curvature = pt.as_tensor_variable(self.curvature)
        return _standardised(curvature, self.pull - curvature @ mean, spread)


def _standardised(curvature: Any, residual: Any, spread: Any) -> tuple[Any, Any]:
    """Cholesky factor of the posterior precision of effects in units of spread, and their mean."""
    precision = pt.eye(curvature.shape[0]) + spread[:, None] * curvature * spread
    root = pt.linalg.cholesky(precision)
    half = pt.linalg.solve_triangular(root, spread * residual, lower=True)
    return root, pt.linalg.solve_triangular(root.T, half, lower=False)


def whitened_normal(
    name: str, mean: Any, sd: Any, transform: Transform, *, data: Sequence[Any]
) -> Any:
    """
    Register independent normal effects that are sampled in coordinates given by data.

    Parameters
    ----------
    name : str
    mean, sd : TensorVariable, (effects,)
    transform : Transform
        Made of the same ``data``.
    data : sequence of array or shared variable
        Parameters of the distribution in name, since a transform may only depend on these.

    Returns
    -------
    TensorVariable, (effects,)

    Examples
    --------
    >>> curvature, pull = np.array([[4.0]]), np.array([2.0])
    >>> with pm.Model() as model:
    ...     effects = whitened_normal(
    ...         "effects", pt.zeros(1), pt.ones(1), JointlyNoncentered(curvature, pull),
    ...         data=(curvature, pull),
    ...     )
    >>> model.value_vars[0].name
    'effects_jointly_noncentered__'
    """
    tensors = [pt.as_tensor_variable(each) for each in data]
    axes = iter("abcdefghijklmnopqrstuvwxyz")
    cores = [",".join(next(axes) for _ in range(each.ndim)) for each in tensors]
    signature = ",".join(f"({core})" for core in [*cores, "", ""]) + "->()"
    return pm.CustomDist(
        name, *tensors, mean, sd, dist=_normal, signature=signature, transform=transform
    )


def _normal(*parameters: Any) -> Any:
    *_, mean, sd, size = parameters
    return pm.Normal.dist(mean, sd, size=size)


def _location_and_scale(inputs: Sequence[Any]) -> tuple[Any, Any]:
    """Mean and standard deviation among the inputs of a random variable."""
    mean, sd = [each for each in inputs if not isinstance(each.type, RandomType)][-2:]
    return mean, sd


class _FromBelow(NamedTuple):
    """Precision and weighted residual from the child level, and the root of 1 + s^2 A."""

    precision: Any
    weighted: Any
    stretch: Any


def member_values(
    by_level: Mapping[str, np.ndarray],
    holders: Mapping[str, str | None],
    numbers: Mapping[str, np.ndarray],
    origin: Any,
) -> np.ndarray:
    """
    Value of each member from those of its groups, on the scale where effects add.

    Parameters
    ----------
    by_level : mapping of level to array, (groups,)
    holders : mapping of level to the level that holds it, or None
    numbers : mapping of level to int array, (members,)
    origin : float
        What all members share.

    Returns
    -------
    array, (members,)

    Examples
    --------
    >>> numbers = {"cask": np.array([0, 1, 0]), "operator": np.array([0, 0, 1])}
    >>> by_level = {"cask": np.array([1.5, 2.0]), "operator": np.array([1.0, 3.0])}
    >>> member_values(by_level, {"cask": None, "operator": None}, numbers, 1.0).tolist()
    [1.5, 2.0, 3.5]
    """
    total = np.asarray(origin, dtype=float)
    for level, values in by_level.items():
        holder = holders[level]
        own = values[numbers[level]]
        total = total + own - (origin if holder is None else by_level[holder][numbers[holder]])
    return total


def _first(groups: np.ndarray) -> np.ndarray:
    """First member of each group."""
    return np.unique(groups, return_index=True)[1]


def _indicator(groups: np.ndarray, size: int) -> np.ndarray:
    """Which unit belongs to which group, (groups, units)."""
    return (groups[None, :] == np.arange(size)[:, None]).astype(float)


def _sum(gather: np.ndarray, values: Any) -> Any:
    """Sum of each group's units; a group of its own for each unit needs none."""
    if gather.shape[0] == gather.shape[1] and np.array_equal(gather, np.eye(len(gather))):
        return values
    return gather @ values


def _ordered(parts: Mapping[int, Any]) -> list[Any]:
    return [parts[level] for level in sorted(parts)]
