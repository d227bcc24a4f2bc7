"""Marginal likelihood of held-out rows: effects of groups seen only there are integrated out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy.special import logsumexp

from bayesbio.titer.regression.draws import TiterDraws
from bayesbio.titer.regression.group_effects import PRODUCTION, Varying
from bayesbio.titer.regression.likelihood import ReadingDistribution, Readings
from bayesbio.titer.regression.problem import Problem

HALF_WIDTH = 8.0  # standard deviations of an effect to either side that are integrated over
AT_ONCE = 2_000_000  # numbers held at a time


def lost_levels(problem: Problem, rows: np.ndarray) -> dict[Varying, tuple[str, ...]]:
    """Levels of each group that occur in these rows alone."""
    kept = np.ones(len(problem.table), dtype=bool)
    kept[rows] = False
    found = {}
    for one, levels in problem.levels.items():
        lost = np.setdiff1d(levels.index[rows], levels.index[kept])
        if lost.size:
            found[one] = tuple(levels.names[index] for index in lost)
    return found


def density_of_rows(problem: Problem, fitted: TiterDraws, rows: np.ndarray) -> np.ndarray | None:
    """
    Log density of rows together, effects of levels that only they have integrated out, by draw.

    On the standardised scale. None where levels of several groups would be lost at once, or cells
    of the rows were drawn along with the model: then only a refit is valid. The trapezoidal rule
    over eight standard deviations to either side, its step no wider than the integrand's own
    standard deviation, converges exponentially: Trefethen and Weideman (2014),
    doi:10.1137/130932132. The logit of product and the location are integrated separately unless a
    reading below a limit depends on both.
    """
    lost = lost_levels(problem, rows)
    if len(lost) > 1 or problem.factor_distribution.rows(problem.cells)[1][rows].any():
        return None
    total = np.zeros(fitted.number)
    blocks: list[tuple[Varying | None, np.ndarray]] = [(None, rows)] if len(rows) else []
    for one, gone in lost.items():
        levels = problem.levels[one]
        blocks = [
            (one if levels.names[index] in gone else None, rows[levels.index[rows] == index])
            for index in np.unique(levels.index[rows])
        ]
    for group, block in blocks:
        size = max(1, AT_ONCE // (len(block) * len(problem.design.labels)))
        for start in range(0, len(total), size):
            part = slice(start, start + size)
            total[part] += _block_density(problem, fitted.selected(part), block, group)
    return total


def _block_density(
    problem: Problem, draws: Mapping[str, np.ndarray], block: np.ndarray, lost: Varying | None
) -> np.ndarray:
    """Log density of rows that share one level, its effect integrated out if it is lost."""
    regression, response = problem.regression, problem.response
    kept = {one: names for one, names in regression.levels.items() if one != lost}
    rows = problem.rows().select(block)
    rng = np.random.default_rng(0)  # every level was fitted, so nothing is drawn
    at = dataclasses.replace(regression, levels=kept).linear_predictor(rows, draws, rng)
    noise = draws["noise"] / response.spread
    between, multiplier = np.zeros_like(noise), np.ones(len(block))
    if lost is not None:
        between = draws[f"sd_{lost.name}"] / response.spread
        multiplier = np.broadcast_to(lost.times(1.0, rows.cells), len(block))
    location = (at.location - response.centre) / response.spread
    titer = Axis(location, between, multiplier, noise / np.sqrt(len(block)))
    production = None
    if at.production_logit is not None:
        between = np.zeros_like(noise)
        if lost is not None and lost.slope is None:
            between = draws[f"{PRODUCTION}sd_{lost.name}"]
        width = np.full_like(noise, len(block) ** -0.5)
        production = Axis(at.production_logit, between, np.ones(len(block)), width)
    values = {name: draws[name] for name in problem.model.family.unknown_names}
    law = response.distribution.standardised(response.centre, response.spread)
    return _integrated(law, response.readings.select(block), titer, production, noise, values)


@dataclasses.dataclass(frozen=True, eq=False)
class Axis:
    """Linear predictor of rows without an effect that they share, and what to integrate over."""

    centre: np.ndarray  # shape (draws, rows)
    spread: np.ndarray  # standard deviation of the shared effect, shape (draws,)
    multiplier: np.ndarray  # factor of the effect in each row, shape (rows,)
    width: np.ndarray  # smallest standard deviation that the rows may leave it, shape (draws,)

    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes in standard deviations, and their log weights; a single one if nothing varies."""
        if not self.spread.any():
            return np.zeros(1), np.zeros(1)
        narrow = self.spread * np.abs(self.multiplier).max() / self.width
        steps = int(np.ceil(2.0 * HALF_WIDTH * np.sqrt(1.0 + narrow.max() ** 2)))
        nodes = np.linspace(-HALF_WIDTH, HALF_WIDTH, 2 * (steps // 2) + 1)
        return nodes, -0.5 * nodes**2 - logsumexp(-0.5 * nodes**2)

    def at(self, nodes: np.ndarray, draws: slice) -> np.ndarray:
        """Linear predictor with the effect at the nodes, shape (draws, nodes, rows)."""
        shift = self.spread[draws, None, None] * nodes[:, None] * self.multiplier
        return self.centre[draws, None, :] + shift


def _integrated(
    law: ReadingDistribution,
    readings: Readings,
    titer: Axis,
    production: Axis | None,
    noise: np.ndarray,
    values: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Integrate the likelihood of rows over the effects they share, draw by draw."""
    nodes, weights = titer.nodes()
    others, other_weights = production.nodes() if production else (np.zeros(1), np.zeros(1))
    # Log probabilities of product and of its amount are summands, but for readings below a limit.
    tied = np.flatnonzero((readings.flag == "below") & (production is not None))
    free = np.setdiff1d(np.arange(len(readings.flag)), tied)
    middle = slice(len(nodes) // 2, len(nodes) // 2 + 1)
    other = slice(len(others) // 2, len(others) // 2 + 1)
    held = len(nodes) * (len(others) if tied.size else 1) * len(readings.flag)
    size = max(1, AT_ONCE // held)
    found = []
    for start in range(0, len(noise), size):
        part = slice(start, start + size)
        density = partial(
            _joint_density, law, noise=noise[part], values={n: v[part] for n, v in values.items()}
        )
        apart, here = readings.select(free), titer.at(nodes, part)
        at, there = here[..., free], production.at(others, part) if production else None
        across: Any = np.zeros((len(here), 1))
        if there is None:
            along = density(apart, at)
        else:
            along = density(apart, at, there[:, other, free])
            across = density(apart, at[:, middle], there[..., free])
            across = across - density(apart, at[:, middle], there[:, other, free])
        if there is not None and tied.size:
            at, there = here[:, :, None, tied], there[:, None, :, tied]
            both = along[:, :, None] + across[:, None, :]
            both = both + density(readings.select(tied), at, there)
            found.append(logsumexp(both + weights[:, None] + other_weights, axis=(1, 2)))
        else:
            found.append(
                logsumexp(along + weights, axis=1) + logsumexp(across + other_weights, axis=1)
            )
    return np.concatenate(found)


def _joint_density(
    law: ReadingDistribution,
    readings: Readings,
    location: np.ndarray,
    production_logit: np.ndarray | None = None,
    *,
    noise: np.ndarray,
    values: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Log density of all rows together, shape (draws, nodes ...)."""
    shape = (-1, *[1] * (location.ndim - 1))
    wide = {name: one.reshape(shape) for name, one in values.items()}
    parts = law.log_likelihood(readings, location, noise.reshape(shape), wide, production_logit)
    logits = () if production_logit is None else production_logit.shape
    grid = np.broadcast_shapes(location.shape, logits)[:-1]
    return np.zeros(grid) + sum(part.sum(axis=-1) for part in parts.values())
