"""Finite normal mixtures over volumes: the form that every law of scale takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

DEVIATIONS = 6  # equally probable values that stand for the half-normal of a deviation


@dataclasses.dataclass(frozen=True, eq=False)
class LawMixture:
    """
    A law of scale at some volumes: a finite mixture of normal distributions.

    Parameters
    ----------
    weight : array, (components,)
        Prior probability of each component; they sum to one.
    mean : array, (components, volumes)
        Of the logarithm of a parameter, relative to its level.
    covariance : array, (components, volumes, volumes)
        Of trend and bend, without the level's.
    deviation : array, (components,)
        Standard deviation of a scale from the law.
    settings : mapping of str to array, (components,)
        What the components stand for.
    parameter_specific : int
        Shapes that each parameter of a curve has for itself; components run over shapes first.
        What else a component stands for (sizes, turning points) is common to all parameters.
    """

    weight: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    deviation: np.ndarray
    settings: Mapping[str, np.ndarray]
    parameter_specific: int = 1


@dataclasses.dataclass(frozen=True)
class StudiedScales:
    """
    The scales that were measured, as log10 of their volumes in litres.

    Parameters
    ----------
    centre : float
        Mean over the runs.
    low, high : float
        The smallest and the largest.
    """

    centre: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, eq=False)
class LawComponent:
    """
    One shape that a law may have.

    Parameters
    ----------
    weight : float
        Prior probability.
    covariance : array, (volumes, volumes)
    settings : mapping of str to float
        What it stands for.
    mean : array, (volumes,), optional
        Zero by default.
    """

    weight: float
    covariance: np.ndarray
    settings: Mapping[str, float] = dataclasses.field(default_factory=dict)
    mean: np.ndarray | None = None


def mixture_of(
    components: Sequence[LawComponent], *, deviation: float, parameter_specific: bool = False
) -> LawMixture:
    """
    Cross the shapes of a law with the sizes of the deviation of a scale from it.

    Parameters
    ----------
    components : sequence of LawComponent
    deviation : float
        Half-normal scale of the standard deviation between scales.
    parameter_specific : bool
        Whether each parameter of a curve has a shape of its own.

    Returns
    -------
    LawMixture

    Examples
    --------
    >>> mixture_of([LawComponent(1.0, np.zeros((2, 2)))], deviation=0.1).weight.size
    6
    """
    sizes = half_normal_values(deviation, DEVIATIONS)
    repeat = len(sizes)
    volumes = components[0].covariance.shape[0]
    settings = {
        name: np.repeat([each.settings[name] for each in components], repeat)
        for name in components[0].settings
    }
    return LawMixture(
        weight=np.repeat([each.weight for each in components], repeat) / repeat,
        mean=np.repeat(
            [np.zeros(volumes) if each.mean is None else each.mean for each in components],
            repeat,
            axis=0,
        ),
        covariance=np.repeat([each.covariance for each in components], repeat, axis=0),
        deviation=np.tile(sizes, len(components)),
        settings=settings | {"deviation": np.tile(sizes, len(components))},
        parameter_specific=len(components) if parameter_specific else 1,
    )


def half_normal_values(scale: float, number: int) -> np.ndarray:
    """
    Equally probable values that stand for a half-normal distribution.

    Parameters
    ----------
    scale : float
    number : int

    Returns
    -------
    array, (number,)
        Its quantiles at the middles of equal slices of probability.

    Examples
    --------
    >>> half_normal_values(1.0, 1).round(4).tolist()
    [0.6745]
    """
    return scale * stats.halfnorm.ppf((np.arange(number) + 0.5) / number)
