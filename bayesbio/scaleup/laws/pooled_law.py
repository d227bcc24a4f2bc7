"""A law for all parameters of a curve: sizes of deviation and bend are pooled over parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.laws.law_prior import (
    LawPrior,
    PredictionPoint,
    Projection,
    law_prior,
    project,
)
from bayesbio.scaleup.laws.volume_laws import Law


@dataclasses.dataclass(frozen=True, eq=False)
class PooledLaw:
    """
    One law for every parameter at the training runs.

    Three scales say next to nothing of how far one parameter deviates from its law, but five
    parameters together say something: sizes of deviation, bend and run effect, and turning
    points, are the same for all parameters of a curve, and integrated out over their priors.
    Initial states, which have no trend, have sizes of their own.

    Parameters
    ----------
    priors : tuple of LawPrior
        One for each parameter.
    initial : array of bool, (parameters,)
        Which of them are initial states.
    """

    priors: tuple[LawPrior, ...]
    initial: np.ndarray

    @classmethod
    def of(
        cls,
        problem: ScaleProblem,
        law: Law,
        *,
        training_mask: np.ndarray | None = None,
        points: Sequence[PredictionPoint] = (),
    ) -> PooledLaw:
        """Write a law for all parameters of a problem; arguments as for `law_prior`."""
        mask = np.ones(len(problem.scale), bool) if training_mask is None else training_mask
        return cls(
            tuple(
                law_prior(problem, law, parameter, training_mask=mask, points=points)
                for parameter in range(len(problem.names))
            ),
            np.array([name in problem.initial_states for name in problem.names]),
        )

    @property
    def common(self) -> np.ndarray:
        """Log probability of what parameters have in common, (common components,)."""
        return self.priors[int(np.argmin(self.initial))].common

    def _given_common(self, z: np.ndarray) -> list[np.ndarray]:
        """Log terms of each parameter given the common component, (draws, specific, common)."""
        terms = [prior.log_terms(z[:, :, place]) for place, prior in enumerate(self.priors)]
        return [
            each if initial else each - self.common
            for each, initial in zip(terms, self.initial, strict=True)
        ]

    def _of_common(self, terms: list[np.ndarray]) -> np.ndarray:
        """Log of probability times density of all parameters, (draws, common)."""
        parts = [
            logsumexp(each, axis=1)
            for each, initial in zip(terms, self.initial, strict=True)
            if not initial
        ]
        return np.asarray(self.common + np.sum(parts, axis=0))

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """
        Log density of the parameters' values; initial states, the same under all laws, left out.

        Parameters
        ----------
        z : array, (draws, runs, parameters)

        Returns
        -------
        array, (draws,)
        """
        return np.asarray(logsumexp(self._of_common(self._given_common(z)), axis=1))

    def project(
        self, z: np.ndarray, *, known_scale: np.ndarray, rng: np.random.Generator
    ) -> Projection:
        """
        Condition the law on the values of the runs, and draw it at the prediction points.

        Parameters
        ----------
        z : array, (draws, runs, parameters)
        known_scale : array of bool, (points,)
            Points at a scale with runs of its own, whose deviation is known through them.
        rng : Generator

        Returns
        -------
        Projection
            With parameters along the last axis.
        """
        terms = self._given_common(z)
        common = _probabilities(self._of_common(terms))
        picked = _pick(common, rng)
        projections = []
        for place, (prior, each, initial) in enumerate(
            zip(self.priors, terms, self.initial, strict=True)
        ):
            if initial:
                probabilities = _probabilities(each.reshape(len(z), -1))
                component = _pick(probabilities, rng)
            else:
                specific = np.exp(each - logsumexp(each, axis=1, keepdims=True))
                probabilities = (specific * common[:, None, :]).reshape(len(z), -1)
                shape = _pick(specific[np.arange(len(z)), :, picked], rng)
                component = shape * common.shape[1] + picked
            projections.append(
                project(
                    prior,
                    z[:, :, place],
                    probabilities=probabilities,
                    component=component,
                    known_scale=known_scale,
                    rng=rng,
                )
            )
        return Projection(
            *(
                np.stack([getattr(each, field) for each in projections], axis=-1)
                for field in ("expected", "drawn", "varied")
            )
        )


def _probabilities(terms: np.ndarray) -> np.ndarray:
    """Probabilities in proportion to exponentials, along the last axis."""
    return np.asarray(np.exp(terms - logsumexp(terms, axis=-1, keepdims=True)))


def _pick(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a component for each row."""
    steps = np.cumsum(probabilities, axis=1)
    return np.asarray((rng.random((len(probabilities), 1)) * steps[:, -1:] > steps).sum(axis=1))
