"""A law for all unknowns of a curve: how much they deviate and bend is one for all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.laws.law_prior import LawPrior, Place, Projection, law_prior, project
from bayesbio.scaleup.laws.volume_laws import Law


@dataclasses.dataclass(frozen=True, eq=False)
class PooledLaw:
    """
    One law for every unknown at the runs that are learned from.

    Three scales tell next to nothing of how far one parameter deviates from its law, but five
    parameters together tell something: sizes of deviation, bend and run effect, and turning
    points, are the same for all parameters of a curve, and integrated out over their priors.
    Initial states, which have no trend, have sizes of their own.

    Parameters
    ----------
    priors : tuple of LawPrior
        One for each unknown.
    starts : array of bool, (unknowns,)
        Which of them are initial states.
    """

    priors: tuple[LawPrior, ...]
    starts: np.ndarray

    @classmethod
    def of(
        cls,
        problem: ScaleProblem,
        law: Law,
        *,
        learned: np.ndarray,
        places: Sequence[Place] = (),
    ) -> PooledLaw:
        """Write a law for all unknowns of a problem; arguments as for `law_prior`."""
        return cls(
            tuple(
                law_prior(problem, law, unknown, learned=learned, places=places)
                for unknown in range(len(problem.names))
            ),
            np.array([name in problem.starts for name in problem.names]),
        )

    @property
    def shared(self) -> np.ndarray:
        """Log probability of what parameters share, (shared,)."""
        return self.priors[int(np.argmin(self.starts))].shared

    def _given_shared(self, z: np.ndarray) -> list[np.ndarray]:
        """Terms of each unknown, shared part given where it is shared, (draws, own, shared)."""
        terms = [prior.log_terms(z[:, :, place]) for place, prior in enumerate(self.priors)]
        return [
            own if start else own - self.shared
            for own, start in zip(terms, self.starts, strict=True)
        ]

    def _of_shared(self, terms: list[np.ndarray]) -> np.ndarray:
        """Log of probability times density of all parameters, (draws, shared)."""
        parts = [
            logsumexp(own, axis=1)
            for own, start in zip(terms, self.starts, strict=True)
            if not start
        ]
        return np.asarray(self.shared + np.sum(parts, axis=0))

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """
        Log density of the parameters' values; initial states, the same under all laws, left out.

        Parameters
        ----------
        z : array, (draws, runs, unknowns)

        Returns
        -------
        array, (draws,)
        """
        return np.asarray(logsumexp(self._of_shared(self._given_shared(z)), axis=1))

    def project(
        self, z: np.ndarray, *, known_scale: np.ndarray, rng: np.random.Generator
    ) -> Projection:
        """
        Condition the law on the values of the runs, and draw it at the places to predict.

        Parameters
        ----------
        z : array, (draws, runs, unknowns)
        known_scale : array of bool, (places,)
            Places at a scale with runs of its own, whose deviation is known through them.
        rng : Generator

        Returns
        -------
        Projection
            With unknowns along the last axis.
        """
        terms = self._given_shared(z)
        shared = _chances(self._of_shared(terms))
        picked = _pick(shared, rng)
        everyone = np.arange(len(z))
        found = []
        for place, (prior, own, start) in enumerate(
            zip(self.priors, terms, self.starts, strict=True)
        ):
            if start:
                chances = _chances(own.reshape(len(z), -1))
                component = _pick(chances, rng)
            else:
                inside = np.exp(own - logsumexp(own, axis=1, keepdims=True))
                chances = (inside * shared[:, None, :]).reshape(len(z), -1)
                shape = _pick(inside[everyone, :, picked], rng)
                component = shape * shared.shape[1] + picked
            found.append(
                project(
                    prior,
                    z[:, :, place],
                    chances=chances,
                    picked=component,
                    known_scale=known_scale,
                    rng=rng,
                )
            )
        return Projection(
            expected=np.stack([each.expected for each in found], axis=-1),
            drawn=np.stack([each.drawn for each in found], axis=-1),
            varied=np.stack([each.varied for each in found], axis=-1),
        )


def _chances(terms: np.ndarray) -> np.ndarray:
    """Probabilities in proportion to exponentials, along the last axis."""
    return np.asarray(np.exp(terms - logsumexp(terms, axis=-1, keepdims=True)))


def _pick(chances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a component a row."""
    steps = np.cumsum(chances, axis=1)
    return np.asarray((rng.random((len(chances), 1)) * steps[:, -1:] > steps).sum(axis=1))
