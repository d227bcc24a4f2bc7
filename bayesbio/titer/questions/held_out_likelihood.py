"""How likely rows are that a posterior is to forget, together with what only they told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy.special import logsumexp

from bayesbio.titer.regression.group_effects import MAKES, Varying
from bayesbio.titer.regression.likelihood import Gaussian, Readings, log_likelihood
from bayesbio.titer.regression.linear_predictor import added_up, grouped
from bayesbio.titer.regression.model import Problem
from bayesbio.titer.regression.posterior import TiterPosterior

HALF_WIDTH = 8.0  # standard deviations of an effect to either side that are integrated over
AT_ONCE = 2_000_000  # numbers held at a time


def lost_levels(problem: Problem, rows: np.ndarray) -> dict[Varying, tuple[str, ...]]:
    """Tell which levels of which groups occur in these rows alone."""
    kept = np.ones(len(problem.table), dtype=bool)
    kept[rows] = False
    found = {}
    for one, (names, numbers) in problem.levels.items():
        lost = np.setdiff1d(numbers[rows], numbers[kept])
        if lost.size:
            found[one] = tuple(names[number] for number in lost)
    return found


def density_of_rows(
    problem: Problem, fitted: TiterPosterior, rows: np.ndarray
) -> np.ndarray | None:
    """
    Log density of some rows together, the effects of levels that only they have integrated out.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    fitted : TiterPosterior
    rows : whole numbers
        Places in the table of the problem.

    Returns
    -------
    array, shape (draws,), or None
        On the standardised scale. None where levels of several groups would be lost at once, or
        cells of the rows were drawn along with the model: then only a refit forgets them.

    Notes
    -----
    The trapezoidal rule over eight standard deviations to either side, its step no wider than the
    integrand's own standard deviation, converges exponentially: Trefethen and Weideman (2014),
    doi:10.1137/130932132. Whether a culture makes product and how much it then makes are integrated
    separately unless a reading below a limit ties them together.
    """
    lost = lost_levels(problem, rows)
    if len(lost) > 1 or problem.population.rows(problem.cells)[1][rows].any():
        return None
    draws = fitted.all_draws
    total = np.zeros(len(draws["intercept"]))
    blocks: list[tuple[Varying | None, np.ndarray]] = [(None, rows)] if len(rows) else []
    for one, gone in lost.items():
        names, numbers = problem.levels[one]
        blocks = [
            (one if names[number] in gone else None, rows[numbers[rows] == number])
            for number in np.unique(numbers[rows])
        ]
    for group, block in blocks:
        size = max(1, AT_ONCE // (len(block) * len(problem.design.labels)))
        for start in range(0, len(total), size):
            part = slice(start, start + size)
            chosen = {name: values[part] for name, values in draws.items()}
            total[part] += _block_density(problem, fitted, block, chosen, group)
    return total


def _block_density(
    problem: Problem,
    fitted: TiterPosterior,
    block: np.ndarray,
    draws: Mapping[str, np.ndarray],
    lost: Varying | None,
) -> np.ndarray:
    """Log density of rows that share one level, its effect integrated out if it is lost."""
    frame = problem.table.to_frame().iloc[block]
    cells = {name: values[block] for name, values in problem.cells.items()}
    rng = np.random.default_rng(0)  # every level was fitted, so nothing is drawn
    kept = {one: names for one, names in fitted.levels.items() if one != lost}
    given = (frame, cells, draws)
    location = draws["intercept"][:, None] + added_up(
        problem.design, cells, draws, "effect", frame, rng
    )
    location = (location + grouped(kept, *given, "", rng, []) - problem.centre) / problem.spread
    noise = draws["noise"] / problem.spread
    wide = np.zeros_like(noise)
    times: Any = 1.0
    if lost is not None:
        wide, times = draws[f"sd_{lost.name}"] / problem.spread, lost.times(1.0, cells)
    titer = Axis(location, wide, np.broadcast_to(times, len(block)), noise / np.sqrt(len(block)))
    makes = None
    if problem.makes is not None:
        logit = draws["makes_intercept"][:, None] + added_up(
            problem.makes, cells, draws, "makes_effect", frame, rng
        )
        logit = logit + grouped(kept, *given, MAKES, rng, [])
        wide = np.zeros_like(noise)
        if lost is not None and lost.slope is None:
            wide = draws[f"{MAKES}sd_{lost.name}"]
        makes = Axis(logit, wide, np.ones(len(block)), np.full_like(noise, len(block) ** -0.5))
    values = {name: draws[name] for name in problem.model.family.unknown_names}
    return _integrated(
        problem.model.family, problem.readings.select(block), titer, makes, noise, values
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Axis:
    """
    Where rows are without an effect that they share, and what to integrate over.

    Parameters
    ----------
    centre : array, shape (draws, rows)
    spread : array, shape (draws,)
        Standard deviation of the shared effect.
    times : array, shape (rows,)
        What the effect is multiplied by in each row.
    width : array, shape (draws,)
        How narrow the rows may make it.
    """

    centre: np.ndarray
    spread: np.ndarray
    times: np.ndarray
    width: np.ndarray

    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes in standard deviations, and their log weights; a single one if nothing varies."""
        if not self.spread.any():
            return np.zeros(1), np.zeros(1)
        narrow = self.spread * np.abs(self.times).max() / self.width
        steps = int(np.ceil(2.0 * HALF_WIDTH * np.sqrt(1.0 + narrow.max() ** 2)))
        nodes = np.linspace(-HALF_WIDTH, HALF_WIDTH, 2 * (steps // 2) + 1)
        return nodes, -0.5 * nodes**2 - logsumexp(-0.5 * nodes**2)

    def at(self, nodes: np.ndarray, draws: slice) -> np.ndarray:
        """Where rows are with the effect at the nodes, shape (draws, nodes, rows)."""
        shift = self.spread[draws, None, None] * nodes[:, None] * self.times
        return self.centre[draws, None, :] + shift


def _integrated(
    family: Gaussian,
    readings: Readings,
    titer: Axis,
    makes: Axis | None,
    noise: np.ndarray,
    values: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Integrate the likelihood of rows over the effects they share, draw by draw."""
    nodes, weights = titer.nodes()
    others, other_weights = (np.zeros(1), np.zeros(1)) if makes is None else makes.nodes()
    # What is made and how much are summands, but for readings that either may have left.
    tied = np.flatnonzero((readings.flag == "below") & (makes is not None))
    free = np.setdiff1d(np.arange(len(readings.flag)), tied)
    middle = slice(len(nodes) // 2, len(nodes) // 2 + 1)
    other = slice(len(others) // 2, len(others) // 2 + 1)
    held = len(nodes) * (len(others) if tied.size else 1) * len(readings.flag)
    size = max(1, AT_ONCE // held)
    found = []
    for start in range(0, len(noise), size):
        part = slice(start, start + size)
        told = partial(
            _together, family, noise=noise[part], values={n: v[part] for n, v in values.items()}
        )
        own, here = readings.select(free), titer.at(nodes, part)
        at, there = here[..., free], None if makes is None else makes.at(others, part)
        across: Any = np.zeros((len(here), 1))
        if there is None:
            along = told(own, at)
        else:
            along = told(own, at, there[:, other, free])
            across = told(own, at[:, middle], there[..., free])
            across = across - told(own, at[:, middle], there[:, other, free])
        if there is not None and tied.size:
            at, there = here[:, :, None, tied], there[:, None, :, tied]
            both = along[:, :, None] + across[:, None, :] + told(readings.select(tied), at, there)
            found.append(logsumexp(both + weights[:, None] + other_weights, axis=(1, 2)))
        else:
            apart = logsumexp(along + weights, axis=1), logsumexp(across + other_weights, axis=1)
            found.append(sum(apart))
    return np.concatenate(found)


def _together(
    family: Gaussian,
    readings: Readings,
    location: np.ndarray,
    makes: np.ndarray | None = None,
    *,
    noise: np.ndarray,
    values: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Log density of all rows together, shape (draws, nodes ...)."""
    shape = (-1, *[1] * (location.ndim - 1))
    parts = log_likelihood(
        family,
        readings,
        location,
        noise.reshape(shape),
        {name: one.reshape(shape) for name, one in values.items()},
        makes=makes,
    )
    grid = np.broadcast_shapes(location.shape, () if makes is None else makes.shape)[:-1]
    return np.zeros(grid) + sum(part.sum(axis=-1) for part in parts.values())
