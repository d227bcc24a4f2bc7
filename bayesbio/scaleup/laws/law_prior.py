"""A law for one parameter: a normal mixture over the runs, and over a run at another volume."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.laws.law_mixture import LawMixture, StudiedScales, half_normal_values
from bayesbio.scaleup.laws.volume_laws import ConstantLaw, Law

RUN_EFFECT = 0.05  # half-normal scale of the difference of a run from its scale, in logarithms
RUN_VALUES = 5
INITIAL_STATE_LAW = ConstantLaw()  # initial states are set by the inoculum, not by the volume


@dataclasses.dataclass(frozen=True, eq=False)
class PredictionPoint:
    """
    Scale and covariates of a run that is predicted.

    Parameters
    ----------
    log10_volume : float
        Of the volume in litres.
    features : array, (features,)
    """

    log10_volume: float
    features: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class LawPrior:
    """
    One law for one parameter at the training runs.

    Component k: z ~ Normal(mean_k, covariance_k) with probability weight_k.

    Parameters
    ----------
    mixture : LawMixture
        At the runs, and at the prediction points behind them.
    run_effect : array, (components,)
        Standard deviation between runs of one scale; zero where it is not identified.
    mean : array, (components, runs)
    covariance, precision : array, (components, runs, runs)
    constant : array, (components,)
        log weight - log sqrt(det(2 pi covariance)).
    cross : array, (components, points, runs)
        Covariance of the law at the prediction points with the runs.
    new_mean, new_variance : array, (components, points)
        At the prediction points, before data.
    """

    mixture: LawMixture
    run_effect: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    precision: np.ndarray
    constant: np.ndarray
    cross: np.ndarray
    new_mean: np.ndarray
    new_variance: np.ndarray

    @property
    def common(self) -> np.ndarray:
        """Log probability of what all parameters have in common, (common components,)."""
        weight = self.mixture.weight.reshape(self.mixture.parameter_specific, -1)
        return np.asarray(np.log(weight.sum(axis=0)))

    def log_terms(self, z: np.ndarray) -> np.ndarray:
        """Log of weight times density, (draws, parameter-specific, common), for z (draws, runs)."""
        away = z[:, None, :] - self.mean
        terms = self.constant - 0.5 * np.einsum("ski,kij,skj->sk", away, self.precision, away)
        return np.asarray(terms.reshape(len(z), self.mixture.parameter_specific, -1))

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Log density of the law for this parameter alone, (draws,), for z (draws, runs)."""
        return np.asarray(logsumexp(self.log_terms(z), axis=(1, 2)))


def law_prior(
    problem: ScaleProblem,
    law: Law,
    parameter: int,
    *,
    training_mask: np.ndarray,
    points: Sequence[PredictionPoint] = (),
) -> LawPrior:
    """
    Write a law for one parameter as a normal mixture over the runs.

    Parameters
    ----------
    problem : ScaleProblem
    law : Law
        Of parameters; initial states have no trend.
    parameter : int
        Position in ``problem.names``.
    training_mask : array of bool, (runs,)
        Runs that are fitted.
    points : sequence of PredictionPoint
        Where to predict.

    Returns
    -------
    LawPrior

    Notes
    -----
    covariance = level 1 1' + covariates + trend and bend + deviation^2 (same scale) + run^2 1:
    normal given the sizes of deviation, bend and run effect, over which the components are spread.
    """
    runs = problem.log10_volume[training_mask]
    new = np.array([point.log10_volume for point in points])
    if problem.names[parameter] in problem.initial_states:
        law = INITIAL_STATE_LAW
    mixture = law.mixture(
        np.concatenate([runs, new]), StudiedScales(float(runs.mean()), runs.min(), runs.max())
    )
    count, number = len(runs), len(mixture.weight)
    covariance = mixture.covariance + problem.spread[parameter] ** 2
    if len(problem.features):
        asked = [point.features[:, None] for point in points]
        features = np.hstack([problem.features[:, training_mask], *asked])
        covariance = covariance + np.einsum(
            "fi,f,fj->ij", features, problem.feature_sd**2, features
        )
    scale = problem.scale[training_mask]
    together = (scale[:, None] == scale).astype(float)
    several = len(np.unique(scale)) < count
    # Fewer values where matrices are large: more runs tell the sizes, the prior matters less.
    sizes = half_normal_values(RUN_EFFECT, RUN_VALUES) if several else np.zeros(1)
    repeat = len(sizes)
    between = np.repeat(mixture.deviation, repeat)
    run_effect = np.tile(sizes, number)
    whole = np.repeat(covariance, repeat, axis=0)
    inner = (
        whole[:, :count, :count]
        + between[:, None, None] ** 2 * together
        + run_effect[:, None, None] ** 2 * np.eye(count)
    )
    cross = whole[:, count:, :count].copy()
    variance = np.einsum("kii->ki", whole[:, count:, count:]).copy()
    if len(points):
        same = np.abs(new[:, None] - runs) < 1e-9
        # A point at a scale that was measured shares that scale's deviation.
        cross += between[:, None, None] ** 2 * same * several
        variance += between[:, None] ** 2 * same.any(axis=1) * several
    weight = np.repeat(mixture.weight / repeat, repeat)
    mean = np.repeat(mixture.mean, repeat, axis=0)
    return LawPrior(
        mixture=dataclasses.replace(
            mixture,
            weight=weight,
            mean=mean,
            covariance=whole,
            deviation=between,
            settings={name: np.repeat(each, repeat) for name, each in mixture.settings.items()},
        ),
        run_effect=run_effect,
        mean=mean[:, :count],
        covariance=inner,
        precision=np.linalg.inv(inner),
        constant=np.log(weight) - 0.5 * np.linalg.slogdet(2.0 * np.pi * inner)[1],
        cross=cross,
        new_mean=mean[:, count:],
        new_variance=variance,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """
    Parameters at the prediction points, for each draw.

    Parameters
    ----------
    expected : array, (draws, points) of one parameter, (draws, points, parameters) of all
        Mean of the law given the runs' values.
    drawn : array of the same shape
        A draw of the law.
    varied : array of the same shape
        The same for a new run there: with the deviation of its scale and the run's own effect.
    """

    expected: np.ndarray
    drawn: np.ndarray
    varied: np.ndarray


def project(
    prior: LawPrior,
    z: np.ndarray,
    *,
    probabilities: np.ndarray,
    component: np.ndarray,
    known_scale: np.ndarray,
    rng: np.random.Generator,
) -> Projection:
    """
    Condition a law on the values of the runs, and draw it at the prediction points.

    Parameters
    ----------
    prior : LawPrior
        With its prediction points.
    z : array, (draws, runs)
    probabilities : array, (draws, components)
        Of each component, the runs given.
    component : array of int, (draws,)
        One drawn from them.
    known_scale : array of bool, (points,)
        Points at a scale with runs of its own, whose deviation is known through them.
    rng : Generator

    Returns
    -------
    Projection
    """
    gain = prior.cross @ prior.precision  # (components, points, runs)
    left = prior.new_variance - np.einsum("kpi,kpi->kp", gain, prior.cross)
    means = prior.new_mean + np.einsum("kpi,ski->skp", gain, z[:, None, :] - prior.mean)
    expected = np.einsum("sk,skp->sp", probabilities, means)
    centre = means[np.arange(len(z)), component]
    spread = np.sqrt(np.maximum(left[component], 0.0))
    # One normal number a draw serves all points: bands over many volumes come out smooth.
    drawn = centre + spread * rng.standard_normal((len(z), 1))
    between = prior.run_effect[component, None] ** 2 + np.where(
        known_scale, 0.0, prior.mixture.deviation[component, None] ** 2
    )
    return Projection(
        expected=expected,
        drawn=drawn,
        varied=drawn + np.sqrt(between) * rng.standard_normal((len(z), 1)),
    )
