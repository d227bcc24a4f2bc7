"""A law for one unknown: a normal mixture over the runs, and over a run at another volume."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.laws.volume_laws import ConstantLaw, Law, Structure, half_normal_values

RUN_EFFECT = 0.05  # half-normal scale of what a run differs from its scale, in logarithms
RUN_VALUES = 5
START_LAW = ConstantLaw()  # initial states are set by the inoculum, not by the volume


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
    """
    Where a run stands: its decade, its scale and its covariates.

    Parameters
    ----------
    decade : float
    features : array, (features,)
    """

    decade: float
    features: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class LawPrior:
    """
    One law for one unknown at the runs that are learned from.

    Component k: z ~ Normal(mean_k, covariance_k) with probability weight_k.

    Parameters
    ----------
    structure : Structure
        At the runs, and at further places behind them.
    run_effect : array, (components,)
        Standard deviation between runs of one scale; zero where it cannot be told apart.
    mean : array, (components, runs)
    covariance : array, (components, runs, runs)
    precision : array, (components, runs, runs)
    constant : array, (components,)
        log weight - log sqrt(det(2 pi covariance)).
    cross : array, (components, places, runs)
        Covariance of the law at further places with the runs.
    new_mean, new_variance : array, (components, places)
        At the further places, before data.
    """

    structure: Structure
    run_effect: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    precision: np.ndarray
    constant: np.ndarray
    cross: np.ndarray
    new_mean: np.ndarray
    new_variance: np.ndarray

    @property
    def shared(self) -> np.ndarray:
        """Log probability of what all parameters share, (components / own,)."""
        weight = self.structure.weight.reshape(self.structure.own, -1)
        return np.asarray(np.log(weight.sum(axis=0)))

    def log_terms(self, z: np.ndarray) -> np.ndarray:
        """Log of weight times density, (draws, own, shared), for z (draws, runs)."""
        away = z[:, None, :] - self.mean
        terms = self.constant - 0.5 * np.einsum("ski,kij,skj->sk", away, self.precision, away)
        return np.asarray(terms.reshape(len(z), self.structure.own, -1))

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Log density of the law for this unknown alone, (draws,), for z (draws, runs)."""
        return np.asarray(logsumexp(self.log_terms(z), axis=(1, 2)))


def law_prior(
    problem: ScaleProblem,
    law: Law,
    unknown: int,
    *,
    learned: np.ndarray,
    places: Sequence[Place] = (),
) -> LawPrior:
    """
    Write a law for one unknown as a normal mixture over the runs.

    Parameters
    ----------
    problem : ScaleProblem
    law : Law
        Of parameters; initial states have no trend.
    unknown : int
        Which.
    learned : array of bool, (runs,)
        Runs that are learned from.
    places : sequence of Place
        Where to predict.

    Returns
    -------
    LawPrior

    Notes
    -----
    covariance = level 1 1' + covariates + trend and bend + deviation^2 (same scale) + run^2 1:
    normal given the sizes of deviation, bend and run effect, over which the components are spread.
    """
    runs = problem.decades[learned]
    new = np.array([place.decade for place in places])
    if problem.names[unknown].startswith("initial_"):
        law = START_LAW
    structure = law.structure(
        np.concatenate([runs, new]), centre=float(runs.mean()), low=runs.min(), high=runs.max()
    )
    count, number = len(runs), len(structure.weight)
    covariance = structure.covariance + problem.spread[unknown] ** 2
    features = np.hstack(
        [
            problem.features[:, learned],
            np.array([place.features for place in places])
            .reshape(len(places), len(problem.features))
            .T,
        ]
    )
    if len(features):
        covariance = covariance + np.einsum(
            "fi,f,fj->ij", features, problem.feature_sd**2, features
        )
    scale = problem.scale[learned]
    together = (scale[:, None] == scale).astype(float)
    several = len(np.unique(scale)) < count
    # Fewer values where matrices are large: more runs tell the sizes, the prior matters less.
    sizes = half_normal_values(RUN_EFFECT, RUN_VALUES) if several else np.zeros(1)
    repeat = len(sizes)
    between = np.repeat(structure.deviation, repeat)
    run_effect = np.tile(sizes, number)
    whole = np.repeat(covariance, repeat, axis=0)
    inner = (
        whole[:, :count, :count]
        + between[:, None, None] ** 2 * together
        + run_effect[:, None, None] ** 2 * np.eye(count)
    )
    cross = whole[:, count:, :count].copy()
    variance = np.einsum("kii->ki", whole[:, count:, count:]).copy()
    same = np.array([np.abs(problem.decades[learned] - place.decade) < 1e-9 for place in places])
    if len(places):
        # A place at a scale that was measured shares that scale's deviation.
        cross += between[:, None, None] ** 2 * same * several
        variance += between[:, None] ** 2 * same.any(axis=1) * several
    weight = np.repeat(structure.weight / repeat, repeat)
    mean = np.repeat(structure.mean, repeat, axis=0)
    precision = np.linalg.inv(inner)
    _, log_determinant = np.linalg.slogdet(inner)
    return LawPrior(
        structure=dataclasses.replace(
            structure,
            weight=weight,
            mean=mean,
            covariance=whole,
            deviation=between,
            settings={
                name: np.repeat(values, repeat) for name, values in structure.settings.items()
            },
        ),
        run_effect=run_effect,
        mean=mean[:, :count],
        covariance=inner,
        precision=precision,
        constant=np.log(weight) - 0.5 * (log_determinant + count * np.log(2.0 * np.pi)),
        cross=cross,
        new_mean=mean[:, count:],
        new_variance=variance,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """
    Unknowns at the places to predict, for each draw.

    Parameters
    ----------
    expected : array, (draws, places) of one unknown, (draws, places, unknowns) of all
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
    chances: np.ndarray,
    picked: np.ndarray,
    known_scale: np.ndarray,
    rng: np.random.Generator,
) -> Projection:
    """
    Condition a law on the values of the runs, and draw it at the places to predict.

    Parameters
    ----------
    prior : LawPrior
        With its places.
    z : array, (draws, runs)
    chances : array, (draws, components)
        Probability of each component, the runs given.
    picked : array of int, (draws,)
        A component drawn from them.
    known_scale : array of bool, (places,)
        Places at a scale with runs of its own, whose deviation is known through them.
    rng : Generator

    Returns
    -------
    Projection
    """
    gain = prior.cross @ prior.precision  # (components, places, runs)
    left = prior.new_variance - np.einsum("kpi,kpi->kp", gain, prior.cross)
    means = prior.new_mean + np.einsum("kpi,ski->skp", gain, z[:, None, :] - prior.mean)
    expected = np.einsum("sk,skp->sp", chances, means)
    centre = means[np.arange(len(z)), picked]
    spread = np.sqrt(np.maximum(left[picked], 0.0))
    # One normal number a draw serves all places: bands over many volumes come out smooth.
    drawn = centre + spread * rng.standard_normal((len(z), 1))
    own = prior.run_effect[picked, None] ** 2 + np.where(
        known_scale, 0.0, prior.structure.deviation[picked, None] ** 2
    )
    return Projection(
        expected=expected,
        drawn=drawn,
        varied=drawn + np.sqrt(own) * rng.standard_normal((len(z), 1)),
    )
