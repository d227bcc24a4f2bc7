"""How a parameter follows scale: laws over the logarithm of the volume."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy import stats

from bayesbio.errors import ModelError
from bayesbio.mechanistic.parts import find_part

SLOPE = 0.3  # prior sd of a slope, in logarithms per decade: a factor of 2 over two decades
DEVIATION = 0.05  # half-normal scale of what a scale deviates from its law, in logarithms
DEVIATIONS = 6  # equally probable values that stand for the half-normal of a deviation
BENDS = 5  # the same for how fast a slope wanders, or the amplitude of a smooth bend
PLACES = 5  # where a law may break or level off
SLOPES = 31  # slopes of the logarithmic law
LOWEST = 0.05  # share of its middle value that a parameter linear in log V cannot fall under


@dataclasses.dataclass(frozen=True, eq=False)
class Structure:
    """
    A law at some places: a finite mixture of normal distributions.

    Parameters
    ----------
    weight : array, (components,)
        Prior probability of each component; they sum to one.
    mean : array, (components, places)
        Of the logarithm of a parameter, relative to its level.
    covariance : array, (components, places, places)
        Of trend and bend, without the level's.
    deviation : array, (components,)
        Standard deviation of a scale from the law.
    settings : mapping of str to array, (components,)
        What the components stand for.
    own : int
        Shapes that each parameter of a curve has for itself; components run over shapes first.
        What else a component stands for (sizes, turning points) is one for all parameters.
    """

    weight: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    deviation: np.ndarray
    settings: Mapping[str, np.ndarray]
    own: int = 1


class Law(Protocol):
    """
    How the logarithm of a parameter runs over decades of volume.

    Attributes
    ----------
    name : str
    """

    name: ClassVar[str]

    def structure(
        self, decades: np.ndarray, *, centre: float, low: float, high: float
    ) -> Structure:
        """
        Write the law at some places.

        Parameters
        ----------
        decades : array, (places,)
            log10 of the volume in litres.
        centre, low, high : float
            Middle and ends of the scales that were measured.

        Returns
        -------
        Structure
        """
        ...


@dataclasses.dataclass(frozen=True)
class ConstantLaw:
    """
    No trend: scales differ by their deviations only.

    Parameters
    ----------
    deviation : float [1]
        Half-normal scale of the standard deviation between scales, in logarithms.

    Examples
    --------
    >>> law = ConstantLaw().structure(np.array([1.0, 5.0]), centre=3.0, low=1.0, high=5.0)
    >>> bool(np.all(law.covariance == 0.0)), float(law.weight.sum().round(9))
    (True, 1.0)
    """

    deviation: float = 0.15

    name: ClassVar[str] = "constant"

    def structure(
        self, decades: np.ndarray, *, centre: float, low: float, high: float
    ) -> Structure:
        """Law at some places."""
        return _combined(self.deviation, [(1.0, np.zeros((len(decades),) * 2), {})])


@dataclasses.dataclass(frozen=True)
class PowerLaw:
    """
    A power of the volume: straight on double-logarithmic paper.

    Parameters
    ----------
    slope : float [1]
        Prior standard deviation of the slope, in natural logarithms per decade.
    deviation : float [1]
        Half-normal scale of the standard deviation of a scale from the line, in logarithms.

    Notes
    -----
    log p(V) = level + slope (x - centre) + deviation, x = log10 V

    Examples
    --------
    >>> law = PowerLaw(slope=0.3).structure(np.array([1.0, 5.0]), centre=3.0, low=1.0, high=5.0)
    >>> float(law.covariance[0, 0, 0].round(3)), float(law.covariance[0, 0, 1].round(3))
    (0.36, -0.36)
    """

    slope: float = SLOPE
    deviation: float = DEVIATION

    name: ClassVar[str] = "power"

    def structure(
        self, decades: np.ndarray, *, centre: float, low: float, high: float
    ) -> Structure:
        """Law at some places."""
        return _combined(self.deviation, [(1.0, _line(decades - centre, self.slope), {})])


@dataclasses.dataclass(frozen=True)
class LogarithmicLaw:
    """
    The parameter itself, not its logarithm, is linear in log10 V.

    Parameters
    ----------
    slope : float [1]
        Prior standard deviation of the change per decade, as a share of the middle value.
    deviation : float [1]
        As for `PowerLaw`.

    Notes
    -----
    p(V) = middle (1 + slope (x - centre)), bent so that it stays above 5 % of the middle value

    Examples
    --------
    >>> law = LogarithmicLaw().structure(np.array([3.0, 5.0]), centre=3.0, low=1.0, high=5.0)
    >>> bool(np.allclose(law.mean[:, 0], 0.0, atol=1e-6))
    True
    """

    slope: float = SLOPE
    deviation: float = DEVIATION

    name: ClassVar[str] = "logarithmic"

    def structure(
        self, decades: np.ndarray, *, centre: float, low: float, high: float
    ) -> Structure:
        """Law at some places."""
        slopes = np.linspace(-3.0, 3.0, SLOPES) * self.slope
        weights = stats.norm.pdf(slopes, scale=self.slope)
        share = 1.0 + slopes[:, None] * (decades - centre)
        means = np.log(_at_least(share, LOWEST)) - np.log(_at_least(np.ones(1), LOWEST))
        flat = np.zeros((len(decades),) * 2)
        parts = [
            (weight, flat, {"slope": slope})
            for weight, slope in zip(weights / weights.sum(), slopes, strict=True)
        ]
        return dataclasses.replace(_combined(self.deviation, parts, means=means), own=len(slopes))


@dataclasses.dataclass(frozen=True)
class PiecewiseLaw:
    """
    Two power laws that meet at a volume that is not known.

    Parameters
    ----------
    slope : float [1]
        Prior standard deviation of the slope below, and of its change, per decade.
    deviation : float [1]
        As for `PowerLaw`.

    Notes
    -----
    log p(V) = level + slope (x - centre) + change max(x - break, 0); the break is equally probable
    at five places inside the measured scales.

    Examples
    --------
    >>> law = PiecewiseLaw().structure(np.array([1.0, 5.0]), centre=3.0, low=1.0, high=5.0)
    >>> np.unique(law.settings["break"]).round(2).tolist()
    [1.67, 2.33, 3.0, 3.67, 4.33]
    """

    slope: float = SLOPE
    deviation: float = DEVIATION

    name: ClassVar[str] = "piecewise"

    def structure(
        self, decades: np.ndarray, *, centre: float, low: float, high: float
    ) -> Structure:
        """Law at some places."""
        breaks = np.linspace(low, high, PLACES + 2)[1:-1]
        line = _line(decades - centre, self.slope)
        parts = [
            (
                1.0 / len(breaks),
                line + _line(np.maximum(decades - place, 0.0), self.slope),
                {"break": place},
            )
            for place in breaks
        ]
        return _combined(self.deviation, parts)


@dataclasses.dataclass(frozen=True)
class SaturatingLaw:
    """
    Flat on one side and a power law on the other: limited by mixing above a volume, or below it.

    Parameters
    ----------
    slope : float [1]
        Prior standard deviation of the slope on the limited side, per decade.
    deviation : float [1]
        As for `PowerLaw`.

    Notes
    -----
    log p(V) = level + slope s(x - turn) or level - slope s(turn - x), s(u) = log10(1 + 10^u): a
    rate is constant while mixing is fast and falls as a power of the volume where mixing is slow,
    or the effect of scale is used up. The turn is equally probable at seven places, up to one
    decade beyond the measured scales.

    Examples
    --------
    >>> law = SaturatingLaw().structure(np.array([1.0, 5.0]), centre=3.0, low=2.0, high=4.0)
    >>> sorted(set(law.settings["side"].tolist()))
    [-1.0, 1.0]
    """

    slope: float = SLOPE
    deviation: float = DEVIATION

    name: ClassVar[str] = "saturating"

    def structure(
        self, decades: np.ndarray, *, centre: float, low: float, high: float
    ) -> Structure:
        """Law at some places."""
        turns = np.linspace(low - 1.0, high + 1.0, PLACES)
        parts = []
        for side in (1.0, -1.0):
            for turn in turns:
                feature = np.logaddexp(0.0, np.log(10.0) * side * (decades - turn)) / np.log(10.0)
                at_centre = np.logaddexp(0.0, np.log(10.0) * side * (centre - turn)) / np.log(10.0)
                parts.append(
                    (
                        0.5 / len(turns),
                        _line(feature - at_centre, self.slope),
                        {"turn": turn, "side": side},
                    )
                )
        return _combined(self.deviation, parts)


@dataclasses.dataclass(frozen=True)
class RandomWalkLaw:
    """
    A power law whose slope wanders: an integrated random walk over log10 V.

    Parameters
    ----------
    slope, deviation : float [1]
        As for `PowerLaw`; the slope is that at the middle of the scales. A line that may bend
        leaves less to deviations.
    wander : float [1]
        Half-normal scale of the standard deviation that the slope gathers over one decade.

    Notes
    -----
    The random walk starts at the middle and goes both ways; d decades away the bend has the
    standard deviation wander sqrt(d^3 / 3). Wahba (1978), doi:10.1111/j.2517-6161.1978.tb01050.x

    Examples
    --------
    >>> law = RandomWalkLaw(slope=0.0).structure(np.array([4.0]), centre=3.0, low=1.0, high=5.0)
    >>> bool(np.allclose(law.covariance[:, 0, 0], law.settings["wander"] ** 2 / 3.0))
    True
    """

    slope: float = SLOPE
    wander: float = 0.15
    deviation: float = 0.03

    name: ClassVar[str] = "random_walk"

    def structure(
        self, decades: np.ndarray, *, centre: float, low: float, high: float
    ) -> Structure:
        """Law at some places."""
        away = decades - centre
        near = np.minimum(np.abs(away)[:, None], np.abs(away))
        far = np.maximum(np.abs(away)[:, None], np.abs(away))
        bend = np.where(np.outer(away, away) > 0.0, near**2 * (3.0 * far - near) / 6.0, 0.0)
        line = _line(away, self.slope)
        parts = [
            (1.0 / BENDS, line + wander**2 * bend, {"wander": wander})
            for wander in half_normal_values(self.wander, BENDS)
        ]
        return _combined(self.deviation, parts)


@dataclasses.dataclass(frozen=True)
class GaussianProcessLaw:
    """
    A power law with a smooth bend: a Gaussian process over log10 V around a line.

    Parameters
    ----------
    slope, deviation : float [1]
        As for `PowerLaw`.
    amplitude : float [1]
        Half-normal scale of the standard deviation of the bend, in logarithms.
    length_scales : tuple of float [decades]
        Equally probable.

    Notes
    -----
    Squared exponential covariance; Rasmussen and Williams (2006), section 2.7, ISBN 026218253X

    Examples
    --------
    >>> law = GaussianProcessLaw().structure(np.array([4.0]), centre=3.0, low=1.0, high=5.0)
    >>> sorted(law.settings), float(law.weight.sum().round(9))
    (['amplitude', 'deviation', 'length_scale'], 1.0)
    """

    slope: float = SLOPE
    amplitude: float = 0.2
    length_scales: tuple[float, ...] = (0.75, 1.5, 3.0)
    deviation: float = DEVIATION

    name: ClassVar[str] = "gaussian_process"

    def structure(
        self, decades: np.ndarray, *, centre: float, low: float, high: float
    ) -> Structure:
        """Law at some places."""
        line = _line(decades - centre, self.slope)
        apart = np.subtract.outer(decades, decades)
        values = half_normal_values(self.amplitude, BENDS)
        parts = [
            (
                1.0 / (len(values) * len(self.length_scales)),
                line + amplitude**2 * np.exp(-0.5 * (apart / length) ** 2),
                {"amplitude": amplitude, "length_scale": length},
            )
            for amplitude in values
            for length in self.length_scales
        ]
        return _combined(self.deviation, parts)


LAWS: Mapping[str, type[Any]] = {
    law.name: law
    for law in (
        ConstantLaw,
        PowerLaw,
        LogarithmicLaw,
        PiecewiseLaw,
        SaturatingLaw,
        RandomWalkLaw,
        GaussianProcessLaw,
    )
}
"""The laws, by name."""


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


def laws_of(asked: Any) -> tuple[Law, ...]:
    """
    Understand one law, its name, or several.

    Parameters
    ----------
    asked : Law, str, or sequence of them

    Returns
    -------
    tuple of Law

    Raises
    ------
    ModelError
        If a name is unknown, none is given, or one comes twice.

    Examples
    --------
    >>> [law.name for law in laws_of(["power", RandomWalkLaw(wander=0.2)])]
    ['power', 'random_walk']
    """
    several = list(asked) if isinstance(asked, list | tuple) else [asked]
    found = [find_part(one, LAWS, kind="law", method="structure") for one in several]
    names = [law.name for law in found]
    if not found or len(set(names)) < len(names):
        raise ModelError(f"law={asked!r}: give one or several different laws of {', '.join(LAWS)}.")
    return tuple(found)


def _line(feature: np.ndarray, spread: float) -> np.ndarray:
    """Covariance of a feature times a normal coefficient."""
    return spread**2 * np.outer(feature, feature)


def _at_least(values: np.ndarray, lowest: float) -> np.ndarray:
    """Bend values smoothly so that they stay above a limit."""
    above = values - lowest
    return lowest + 0.5 * (above + np.sqrt(above**2 + lowest**2))


def _combined(
    deviation: float,
    parts: list[tuple[float, np.ndarray, dict[str, float]]],
    *,
    means: np.ndarray | None = None,
) -> Structure:
    """Cross the shapes of a law with the sizes of the deviation."""
    sizes = half_normal_values(deviation, DEVIATIONS)
    count, places = len(parts), parts[0][1].shape[0]
    centres = np.zeros((count, places)) if means is None else means
    names = parts[0][2]
    return Structure(
        weight=np.repeat([part[0] for part in parts], len(sizes)) / len(sizes),
        mean=np.repeat(centres, len(sizes), axis=0),
        covariance=np.repeat([part[1] for part in parts], len(sizes), axis=0),
        deviation=np.tile(sizes, count),
        settings={name: np.repeat([part[2][name] for part in parts], len(sizes)) for name in names}
        | {"deviation": np.tile(sizes, count)},
    )
