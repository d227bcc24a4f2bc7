"""Search for the posterior mode: BFGS from several starts, scaled by the posterior's own axes."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from bayesbio.errors import CalibrationError
from bayesbio.inference.mcmc.density import LogDensity
from bayesbio.inference.mcmc.records import Mode

# Draws from the prior that scale the coordinates, and that are tried when the first start fails.
_PRIOR_DRAWS = 200
# Ascents from the best of these: an ODE posterior often has lesser modes, far from the data.
_CLIMBS = 6
# Steps of each ascent before the best goes on; then rounds of steps along the posterior's axes.
_FIRST_STEPS, _ROUNDS, _LAST_STEPS = 60, 10, 60
# Slope per standard deviation below which the top is reached.
_FLAT = 0.02
# A direction about which the data say nothing is as wide as the prior; twice that is the limit.
_LEAST_CURVATURE = 0.25
# Coordinates that were held vary by half their prior width between chains.
_HELD_SPREAD = 0.5
# An ascent that ended this many standard deviations away (a coordinate), and within so many nats of
# the mode, has found something else.
_FAR, _NOT_MUCH = 3.0, 20.0


def find_mode(
    density: LogDensity,
    *,
    hold: Sequence[str] = (),
    random_seed: int,
    near: np.ndarray | None = None,
) -> Mode:
    """
    Climb to the posterior mode with the exact gradient.

    Parameters
    ----------
    density : LogDensity
        Compiled model.
    hold : sequence of str
        Variables kept at their prior medians: population standard deviations, because with
        effects of its own scale a hierarchical density has no finite mode.
    random_seed : int
        For the draws from the prior.
    near : array, (size,), optional
        Unconstrained coordinates close to the mode, from which alone to climb; what is held stays
        as it is there.

    Returns
    -------
    Mode

    Raises
    ------
    CalibrationError
        When the density is finite neither at the model's initial point nor at any draw from the
        prior (the message names the terms that are not finite), or a held name is unknown.

    Notes
    -----
    Ascents from the best of 200 prior draws, the model's initial point and the prior medians: an
    ODE posterior often has lesser modes. Coordinates are scaled by their prior widths, then BFGS
    (Nocedal and Wright 2006, doi:10.1007/978-0-387-40065-5). The highest goes on along the axes of
    its own Hessian, because a sloppy posterior has widths that differ a thousandfold. The Hessian
    comes from central differences of the gradient, with steps of a tenth of the width in each
    coordinate; in the covariance, directions flatter than the prior are given about its width.

    Examples
    --------
    >>> import pymc as pm
    >>> with pm.Model() as model:
    ...     location = pm.Normal("location", 0.0, 1.0)
    ...     measured = pm.Normal("measured", location, 1.0, observed=[1.0, 2.0, 3.0])
    >>> mode = find_mode(LogDensity(model), random_seed=1)
    >>> float(mode.values["location"].round(4)), float(mode.covariance[0, 0].round(4))
    (1.5, 0.25)
    """
    held = _held_coordinates(density, hold)
    prior = density.prior_points(_PRIOR_DRAWS, random_seed=random_seed)
    width = _robust_width(prior)
    medians = np.median(prior, axis=0)

    if near is None:
        candidates = np.vstack([density.default_point(), medians, prior])
        candidates[:, held] = medians[held]
        starts = _best_finite(density, candidates, _CLIMBS)
    else:
        starts = [np.asarray(near, dtype=float)]
    climbs = [_Climb(density, start, width, free=~held) for start in starts]
    for climb in climbs if near is None else ():
        climb.ascend(_FIRST_STEPS)
    best = max(climbs, key=lambda climb: climb.value)
    converged = best.finish()
    covariance = np.diag(np.where(held, (_HELD_SPREAD * width) ** 2, 0.0))
    covariance[np.ix_(~held, ~held)] = best.covariance()
    return Mode(
        point=best.point,
        values=density.values(best.point),
        log_density=best.value,
        covariance=covariance,
        held=tuple(hold),
        width=width,
        converged=converged,
        evaluations=sum(climb.evaluations for climb in climbs),
        elsewhere=_elsewhere([climb for climb in climbs if climb is not best], best, covariance),
    )


class _Climb:
    """One ascent from one start; remembers the best point it has seen."""

    def __init__(self, density: LogDensity, start: np.ndarray, width: np.ndarray, free: np.ndarray):
        self.density, self.free, self.width = density, free, width[free]
        # Columns are steps of the ascent: one prior width along each coordinate, to begin with.
        self.steps = np.diag(self.width)
        self.point = start.copy()
        self.evaluations = 0
        self.value, self.gradient = self._evaluate(start)

    def ascend(self, iterations: int) -> None:
        """Climb along the present steps."""
        minimize(
            self._objective,
            np.zeros(self.width.size),
            args=(self.point.copy(),),
            jac=True,
            # Not L-BFGS-B: its LAPACK calls wait for each other's threads on a busy machine.
            method="BFGS",
            options={"maxiter": iterations, "gtol": 1e-4},
        )

    def finish(self) -> bool:
        """Climb to the top, along the axes of the posterior itself; whether it was reached."""
        for _ in range(_ROUNDS):
            curvature, axes = self._curvature()
            self.steps = self.width[:, None] * axes / np.sqrt(np.maximum(np.abs(curvature), 1e-2))
            # Slope per standard deviation: at the top the density gains nothing to first order.
            if np.max(np.abs(self.gradient @ self.steps), initial=0.0) < _FLAT:
                return True
            self.ascend(_LAST_STEPS)
        return bool(np.max(np.abs(self.gradient @ self.steps), initial=0.0) < _FLAT)

    def covariance(self) -> np.ndarray:
        """Inverse of the negative Hessian over the free coordinates, bounded by the prior."""
        curvature, axes = self._curvature()
        inverse = (axes / np.maximum(curvature, _LEAST_CURVATURE)) @ axes.T
        return self.width[:, None] * inverse * self.width

    def _objective(self, along: np.ndarray, origin: np.ndarray) -> tuple[float, np.ndarray]:
        point = origin.copy()
        point[self.free] += self.steps @ along
        value, gradient = self._evaluate(point)
        if not np.isfinite(value):
            # A wall: the line search turns back, and the mode stays where the density exists.
            return -self.value + 1e3 * (1.0 + abs(self.value)), np.zeros(self.width.size)
        if value > self.value:
            self.point, self.value, self.gradient = point, value, gradient
        return -value, -(gradient @ self.steps)

    def _evaluate(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        self.evaluations += 1
        value, gradient = self.density.value_and_gradient(point)
        return value, gradient[self.free]

    def _curvature(self) -> tuple[np.ndarray, np.ndarray]:
        """Negative Hessian in prior widths, as eigenvalues and axes."""
        columns = [
            self._difference(coordinate, step) / step
            for coordinate, step in enumerate(self._differencing())
        ]
        hessian = np.array(columns)
        curvature, axes = np.linalg.eigh((hessian + hessian.T) / 2.0)
        return curvature, axes

    def _differencing(self) -> np.ndarray:
        """Differencing step of each scaled coordinate: a tenth of its conditional width."""
        first = 1e-3
        curvature = np.array(
            [
                self._difference(coordinate, first)[coordinate] / first
                for coordinate in range(self.width.size)
            ]
        )
        return 0.1 / np.sqrt(np.clip(curvature, 1.0, 1e8))

    def _difference(self, coordinate: int, step: float) -> np.ndarray:
        """Half the change of the negative gradient from one side of the mode to the other."""
        place = np.flatnonzero(self.free)[coordinate]
        sides = []
        for sign in (1.0, -1.0):
            point = self.point.copy()
            point[place] += sign * step * self.width[coordinate]
            sides.append(self._evaluate(point)[1] * self.width)
        known = [side for side in sides if np.all(np.isfinite(side))]
        if not known:
            # Walls on both sides: assume the curvature of the prior.
            return step * np.eye(self.width.size)[coordinate]
        if len(known) == 1:
            sides = [
                side if np.all(np.isfinite(side)) else 2.0 * self.gradient * self.width - known[0]
                for side in sides
            ]
        return (sides[1] - sides[0]) / 2.0


def _elsewhere(
    others: Sequence[_Climb], best: _Climb, covariance: np.ndarray
) -> tuple[tuple[float, np.ndarray], ...]:
    """Tops of other ascents that are no worse by much, and far away."""
    precision = np.linalg.inv(covariance)

    def far(point: np.ndarray, known: np.ndarray) -> bool:
        away = point - known
        return bool(away @ precision @ away > _FAR**2 * len(away))

    found: list[tuple[float, np.ndarray]] = []
    for climb in sorted(others, key=lambda climb: -climb.value):
        below = float(best.value - climb.value)
        places = [best.point, *(point for _, point in found)]
        if below < _NOT_MUCH and all(far(climb.point, place) for place in places):
            found.append((below, climb.point))
    return tuple(found)


def _held_coordinates(density: LogDensity, hold: Sequence[str]) -> np.ndarray:
    """Which coordinates belong to the held variables."""
    held = np.zeros(density.size, dtype=bool)
    for name in hold:
        if name not in density.slices:
            raise CalibrationError(
                f"{name!r} cannot be held: it is not a free variable of the model. Free variables: "
                f"{', '.join(density.slices)}."
            )
        held[density.slices[name]] = True
    return held


def _robust_width(draws: np.ndarray) -> np.ndarray:
    """Half the central 68 % interval of each coordinate; 1 where a prior gives none."""
    low, high = np.quantile(draws, [0.16, 0.84], axis=0)
    width = (high - low) / 2.0
    return np.where(np.isfinite(width) & (width > 0.0), width, 1.0)


def _best_finite(density: LogDensity, candidates: np.ndarray, number: int) -> list[np.ndarray]:
    """Candidates with the highest densities; an error that names the culprits where none is."""
    values = np.array([density.value_and_gradient(point)[0] for point in candidates])
    if not np.any(np.isfinite(values)):
        raise CalibrationError(
            f"The log density is not finite at the start, nor at any of {len(candidates)} draws "
            f"from the prior. {density.explain_failure(candidates[0])}"
        )
    order = np.argsort(-values)[:number]
    return [candidates[place].copy() for place in order if np.isfinite(values[place])]
