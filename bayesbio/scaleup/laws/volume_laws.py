"""Laws of scale: how the logarithm of a parameter runs over the logarithm of the volume."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, override

import numpy as np
from scipy import stats

from bayesbio.errors import ModelError
from bayesbio.mechanistic.parts import find_part
from bayesbio.scaleup.laws.law_mixture import (
    LawComponent,
    LawMixture,
    StudiedScales,
    half_normal_values,
    mixture_of,
)

BENDS = 5  # equally probable values of how fast a slope changes, or of the size of a smooth bend
BREAKS = 5  # volumes at which a law may break or level off
SLOPES = 31  # slopes of the logarithmic law
LOWEST = 0.05  # share of its middle value that a parameter linear in log V cannot fall under

LAWS: dict[str, type[Law]] = {}
"""The laws, by name; a subclass of `Law` enters itself."""


def prior_size(default: float, *, of: str, **options: Any) -> Any:
    """
    Field of a law that is the size of a prior: of a slope, a bend or a deviation.

    Examples
    --------
    >>> prior_size(0.3, of="slope").metadata["prior"]
    'slope'
    """
    return dataclasses.field(default=default, metadata={"prior": of}, **options)


@dataclasses.dataclass(frozen=True)
class Law:
    """
    How the logarithm of a parameter runs over log10 of the volume.

    A new law is one subclass: its name, the sizes of its priors as fields (`prior_size`), and the
    shapes it may have.

    Parameters
    ----------
    deviation : float [1]
        Half-normal scale of the standard deviation of a scale from the law, in logarithms.
    slope : float [1]
        Where a law has one: prior standard deviation of the slope, in natural logarithms per
        decade. 0.3 is a factor of two over two decades.

    Examples
    --------
    A law that levels off as the volume grows, and its covariance at 10 L:

    >>> @dataclasses.dataclass(frozen=True)
    ... class HyperbolicLaw(Law):
    ...     name = "hyperbolic"
    ...     gain: float = prior_size(0.3, of="slope")
    ...     def shapes(self, log10_volume, scales):
    ...         bent = log10_volume / (1.0 + log10_volume) - scales.centre / (1.0 + scales.centre)
    ...         return [LawComponent(1.0, line(bent, self.gain))]
    >>> law = LAWS.pop("hyperbolic")().mixture(np.array([1.0]), StudiedScales(3.0, 1.0, 5.0))
    >>> law.covariance.round(6).ravel().tolist()[:1]
    [0.005625]
    """

    name: ClassVar[str]
    parameter_specific: ClassVar[bool] = False  # whether each parameter has a shape of its own
    deviation: float = prior_size(0.05, of="deviation", kw_only=True)

    def __init_subclass__(cls) -> None:
        LAWS[cls.name] = cls

    def shapes(self, log10_volume: np.ndarray, scales: StudiedScales) -> list[LawComponent]:
        """
        Shapes the law may have at some volumes.

        Parameters
        ----------
        log10_volume : array, (volumes,)
            Of the volumes in litres.
        scales : StudiedScales

        Returns
        -------
        list of LawComponent
            Their weights sum to one.
        """
        raise NotImplementedError

    def mixture(self, log10_volume: np.ndarray, scales: StudiedScales) -> LawMixture:
        """Cross the shapes with the sizes of the deviation; arguments as for `shapes`."""
        return mixture_of(
            self.shapes(log10_volume, scales),
            deviation=self.deviation,
            parameter_specific=self.parameter_specific,
        )

    def scaled(self, prior: str, factor: float) -> Law:
        """
        Give the law with the sizes of one kind of prior multiplied.

        Examples
        --------
        >>> PowerLaw(slope=0.2).scaled("slope", 2.0)
        PowerLaw(deviation=0.05, slope=0.4)
        """
        sizes = [f.name for f in dataclasses.fields(self) if f.metadata.get("prior") == prior]
        return dataclasses.replace(self, **{name: factor * getattr(self, name) for name in sizes})


@dataclasses.dataclass(frozen=True)
class ConstantLaw(Law):
    """
    No trend: scales differ by their deviations only.

    Examples
    --------
    >>> law = ConstantLaw().mixture(np.array([1.0, 5.0]), StudiedScales(3.0, 1.0, 5.0))
    >>> bool(np.all(law.covariance == 0.0)), float(law.weight.sum().round(9))
    (True, 1.0)
    """

    name = "constant"
    deviation: float = prior_size(0.15, of="deviation", kw_only=True)

    @override
    def shapes(self, log10_volume: np.ndarray, scales: StudiedScales) -> list[LawComponent]:
        return [LawComponent(1.0, np.zeros((len(log10_volume),) * 2))]


@dataclasses.dataclass(frozen=True)
class PowerLaw(Law):
    """
    Power law of the volume: straight on double-logarithmic paper.

    Notes
    -----
    log p(V) = level + slope (x - centre) + deviation, x = log10 V

    Examples
    --------
    >>> law = PowerLaw(slope=0.3).mixture(np.array([1.0, 5.0]), StudiedScales(3.0, 1.0, 5.0))
    >>> float(law.covariance[0, 0, 0].round(3)), float(law.covariance[0, 0, 1].round(3))
    (0.36, -0.36)
    """

    name = "power"
    slope: float = prior_size(0.3, of="slope")

    @override
    def shapes(self, log10_volume: np.ndarray, scales: StudiedScales) -> list[LawComponent]:
        return [LawComponent(1.0, line(log10_volume - scales.centre, self.slope))]


@dataclasses.dataclass(frozen=True)
class LogarithmicLaw(Law):
    """
    The parameter itself, not its logarithm, is linear in log10 V.

    Here the slope is the change per decade as a share of the middle value, and each parameter has
    one of its own.

    Notes
    -----
    p(V) = middle (1 + slope (x - centre)), bent so that it stays above 5 % of the middle value

    Examples
    --------
    >>> law = LogarithmicLaw().mixture(np.array([3.0, 5.0]), StudiedScales(3.0, 1.0, 5.0))
    >>> bool(np.allclose(law.mean[:, 0], 0.0, atol=1e-6))
    True
    """

    name = "logarithmic"
    parameter_specific = True
    slope: float = prior_size(0.3, of="slope")

    @override
    def shapes(self, log10_volume: np.ndarray, scales: StudiedScales) -> list[LawComponent]:
        slopes = np.linspace(-3.0, 3.0, SLOPES) * self.slope
        weights = stats.norm.pdf(slopes, scale=self.slope)
        share = 1.0 + slopes[:, None] * (log10_volume - scales.centre)
        means = np.log(_at_least(share, LOWEST)) - np.log(_at_least(np.ones(1), LOWEST))
        flat = np.zeros((len(log10_volume),) * 2)
        return [
            LawComponent(weight, flat, {"slope": slope}, mean)
            for weight, slope, mean in zip(weights / weights.sum(), slopes, means, strict=True)
        ]


@dataclasses.dataclass(frozen=True)
class PiecewiseLaw(PowerLaw):
    """
    Two power laws that meet at an unknown volume; the change of slope is as large as a slope.

    Notes
    -----
    log p(V) = level + slope (x - centre) + change max(x - break, 0); the break is equally probable
    at five volumes inside the measured scales.

    Examples
    --------
    >>> law = PiecewiseLaw().mixture(np.array([1.0, 5.0]), StudiedScales(3.0, 1.0, 5.0))
    >>> np.unique(law.settings["break"]).round(2).tolist()
    [1.67, 2.33, 3.0, 3.67, 4.33]
    """

    name = "piecewise"

    @override
    def shapes(self, log10_volume: np.ndarray, scales: StudiedScales) -> list[LawComponent]:
        trend = line(log10_volume - scales.centre, self.slope)
        return [
            LawComponent(
                1.0 / BREAKS,
                trend + line(np.maximum(log10_volume - turn, 0.0), self.slope),
                {"break": turn},
            )
            for turn in np.linspace(scales.low, scales.high, BREAKS + 2)[1:-1]
        ]


@dataclasses.dataclass(frozen=True)
class SaturatingLaw(PowerLaw):
    """
    Flat on one side and a power law on the other: limited by mixing above a volume, or below it.

    Notes
    -----
    log p(V) = level + slope s(x - turn) or level - slope s(turn - x), s(u) = log10(1 + 10^u): a
    rate is constant while mixing is fast and falls as a power of the volume where mixing is slow,
    or the effect of scale is used up. The turn is equally probable at five volumes, up to one
    decade beyond the measured scales on either side.

    Examples
    --------
    >>> law = SaturatingLaw().mixture(np.array([1.0, 5.0]), StudiedScales(3.0, 2.0, 4.0))
    >>> sorted(set(law.settings["turn"].tolist())), sorted(set(law.settings["side"].tolist()))
    ([1.0, 2.0, 3.0, 4.0, 5.0], [-1.0, 1.0])
    """

    name = "saturating"

    @override
    def shapes(self, log10_volume: np.ndarray, scales: StudiedScales) -> list[LawComponent]:
        def limited(at: Any, turn: float, side: float) -> Any:
            return np.logaddexp(0.0, np.log(10.0) * side * (at - turn)) / np.log(10.0)

        return [
            LawComponent(
                0.5 / BREAKS,
                line(
                    limited(log10_volume, turn, side) - limited(scales.centre, turn, side),
                    self.slope,
                ),
                {"turn": turn, "side": side},
            )
            for side in (1.0, -1.0)
            for turn in np.linspace(scales.low - 1.0, scales.high + 1.0, BREAKS)
        ]


@dataclasses.dataclass(frozen=True)
class RandomWalkLaw(PowerLaw):
    """
    Integrated random walk: a power law whose slope wanders over log10 V.

    The slope is that at the middle of the scales. A line that may bend leaves less to deviations.

    Parameters
    ----------
    wander : float [1]
        Half-normal scale of the standard deviation that the slope gathers over one decade.

    Notes
    -----
    The random walk starts at the middle and goes both ways; d decades away the bend has the
    standard deviation wander sqrt(d^3 / 3). Wahba (1978), doi:10.1111/j.2517-6161.1978.tb01050.x

    Examples
    --------
    >>> law = RandomWalkLaw(slope=0.0).mixture(np.array([4.0]), StudiedScales(3.0, 1.0, 5.0))
    >>> bool(np.allclose(law.covariance[:, 0, 0], law.settings["wander"] ** 2 / 3.0))
    True
    """

    name = "random_walk"
    wander: float = prior_size(0.15, of="bend")
    deviation: float = prior_size(0.03, of="deviation", kw_only=True)

    @override
    def shapes(self, log10_volume: np.ndarray, scales: StudiedScales) -> list[LawComponent]:
        away = log10_volume - scales.centre
        near = np.minimum(np.abs(away)[:, None], np.abs(away))
        far = np.maximum(np.abs(away)[:, None], np.abs(away))
        bend = np.where(np.outer(away, away) > 0.0, near**2 * (3.0 * far - near) / 6.0, 0.0)
        return [
            LawComponent(1.0 / BENDS, line(away, self.slope) + size**2 * bend, {"wander": size})
            for size in half_normal_values(self.wander, BENDS)
        ]


@dataclasses.dataclass(frozen=True)
class GaussianProcessLaw(PowerLaw):
    """
    Gaussian process over log10 V around a power law: a smooth bend.

    Parameters
    ----------
    amplitude : float [1]
        Half-normal scale of the standard deviation of the bend, in logarithms.
    length_scales : tuple of float [decades]
        Equally probable.

    Notes
    -----
    Squared exponential covariance; Rasmussen and Williams (2006), section 2.7, ISBN 026218253X

    Examples
    --------
    >>> law = GaussianProcessLaw().mixture(np.array([4.0]), StudiedScales(3.0, 1.0, 5.0))
    >>> sorted(law.settings), float(law.weight.sum().round(9))
    (['amplitude', 'deviation', 'length_scale'], 1.0)
    """

    name = "gaussian_process"
    amplitude: float = prior_size(0.2, of="bend")
    length_scales: tuple[float, ...] = (0.75, 1.5, 3.0)

    @override
    def shapes(self, log10_volume: np.ndarray, scales: StudiedScales) -> list[LawComponent]:
        trend = line(log10_volume - scales.centre, self.slope)
        apart = np.subtract.outer(log10_volume, log10_volume)
        return [
            LawComponent(
                1.0 / (BENDS * len(self.length_scales)),
                trend + amplitude**2 * np.exp(-0.5 * (apart / length) ** 2),
                {"amplitude": amplitude, "length_scale": length},
            )
            for amplitude in half_normal_values(self.amplitude, BENDS)
            for length in self.length_scales
        ]


def laws_of(given: Any) -> tuple[Law, ...]:
    """
    Understand one law, its name, or several.

    Parameters
    ----------
    given : Law, str, or sequence of them

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
    several = list(given) if isinstance(given, list | tuple) else [given]
    laws = [find_part(one, LAWS, kind="law", method="mixture") for one in several]
    names = [law.name for law in laws]
    if not laws or len(set(names)) < len(names):
        raise ModelError(f"law={given!r}: give one or several different laws of {', '.join(LAWS)}.")
    return tuple(laws)


def line(feature: np.ndarray, spread: float) -> np.ndarray:
    """Covariance of a feature times a normal coefficient with a standard deviation."""
    return spread**2 * np.outer(feature, feature)


def _at_least(values: np.ndarray, lowest: float) -> np.ndarray:
    """Bend values smoothly so that they stay above a limit."""
    above = values - lowest
    return lowest + 0.5 * (above + np.sqrt(above**2 + lowest**2))
