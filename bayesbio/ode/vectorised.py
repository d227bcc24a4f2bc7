"""Solve several runs for many values of the parameters at once in NumPy: nothing is compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from bayesbio.errors import ModelError
from bayesbio.ode.codegen.trace import Trace
from bayesbio.ode.schedule.events import Plan, schedule

GAMMA = 1.0 - np.sqrt(0.5)  # makes the method L-stable
STEPS = 100  # of a run, at least
Row = tuple[float, float, np.ndarray, np.ndarray, list[int], int]
"""A step: its time, its length, inputs, their slopes, jumps before it, what is saved after it."""
STIR = 1e-6  # of a state, for its finite difference


class VectorisedRuns:
    """
    Runs laid out side by side, to be solved for many values of the parameters.

    A linearly implicit method of second order (ROS2, Verwer et al. 1999,
    doi:10.1137/S1064827597326651) takes `steps` steps in each run, all runs and values together.
    Where all values are near each other, one Jacobian serves them: the order does not depend on it.
    Errors are near a part in a thousand, a few per cent where a substrate runs out between two
    steps: enough to compare models, not to sample one.

    Parameters
    ----------
    traced : Trace
        A model with derivatives, without a grid.
    plans : sequence of Plan
        One a run, with fixed events.
    steps : int
        Of each run, at least; every event, reading and turn of an input ends one.

    Raises
    ------
    ModelError
        For a grid, a closed form, or events that wait for a limit.
    """

    def __init__(self, traced: Trace, plans: Sequence[Plan], steps: int = STEPS) -> None:
        self.traced, self.plans = traced, plans
        if traced.derivatives is None or traced.nodes > 1:
            raise ModelError(f"{type(traced.model).__name__} cannot be solved without compiling.")
        if any(plan.dynamic_events for plan in plans):
            raise ModelError("Events that wait for a limit or a parameter need a compiled model.")
        laid = schedule(traced, plans)
        rows: list[list[Row]] = []
        for run in range(len(plans)):
            span = range(laid.runs[run], laid.runs[run + 1])
            length = max(float(np.ptp(laid.edges[span.start : span.stop])), 1e-12) / steps
            mine = []
            for segment in span:
                start, end = laid.edges[segment]
                count = max(1, int(np.ceil((end - start) / length - 1e-9)))
                jumps = list(range(laid.jumps[segment], laid.jumps[segment + 1]))
                for step in range(count):
                    h = (end - start) / count
                    level = laid.levels[segment] + laid.slopes[segment] * h * step
                    save = int(laid.saves[segment]) if step == count - 1 else -1
                    first = jumps if step == 0 else []
                    mine.append((start + h * step, h, level, laid.slopes[segment], first, save))
            rows.append(mine)
        y, p, u = traced.y, traced.p, traced.u
        self._rows, self._laid = rows, laid
        self._slopes = _function([traced.time, *y, *p, *u], traced.derivatives)
        self._observe = _function([traced.time, *y, *p], traced.observed)
        after = [*y, *p, *traced.amounts, *traced.given]
        self._jumps = [_function(after, traced.jumps[kind]) for kind in traced.kinds]

    def solve(self, theta: np.ndarray, *, near: bool = False) -> np.ndarray:
        """
        Solve all runs for all values.

        Parameters
        ----------
        theta : array (values, runs, names)
            In the order of ``traced.names``, initial states included.
        near : bool
            Whether all values are near the first ones, as for finite differences.

        Returns
        -------
        array (values, saves, observed)
            Saves run by run; not a number where a solution was lost.
        """
        with np.errstate(all="ignore"):
            return self._solve(theta, 1 if near else len(theta))

    def _solve(self, theta: np.ndarray, jacobians: int) -> np.ndarray:
        traced, laid = self.traced, self._laid
        values, runs = theta.shape[:2]
        states = len(traced.y)
        p = np.moveaxis(theta, 2, 0)  # names, values, runs
        y = p[len(p) - states :].copy()
        beside = np.repeat(p[:, :jacobians], states, axis=1)  # once for each state
        everything = np.concatenate([p, beside], axis=1)
        saves = sum(len(plan.times) for plan in self.plans)
        stored = np.full((values, saves, len(traced.observed)), np.nan)
        identity = np.eye(states)
        for number in range(max(map(len, self._rows))):
            here = [
                (run, mine[number]) for run, mine in enumerate(self._rows) if number < len(mine)
            ]
            for run, (_, _, _, _, jumps, _) in here:
                for jump in jumps:
                    amounts, given = laid.amounts[jump], laid.given[jump]
                    here_now = [*y[:, :, run], *p[:, :, run], *amounts, *given]
                    y[:, :, run] = self._jumps[laid.kinds[jump]](*here_now)
            if len(here) < runs:  # those that are over stay where they are
                still = np.zeros(laid.levels.shape[1])
                idle: Row = (0.0, 0.0, still, still, [], -1)
                now = [m[number] if number < len(m) else idle for m in self._rows]
            else:
                now = [row for _, row in here]
            time = np.array([row[0] for row in now])
            h = np.array([row[1] for row in now])
            level = np.array([row[2] for row in now]).T[:, None, :]
            slope = np.array([row[3] for row in now]).T[:, None, :]
            if (h > 0).any():
                base = y[:, :jacobians]
                stir = STIR * np.maximum(np.abs(base), 1e-3)  # states, jacobians, runs
                stirred = base[:, :, None] + np.einsum("sjr,st->sjtr", stir, identity)
                wide = np.concatenate([y, stirred.reshape(states, -1, runs)], axis=1)
                slopes = self._slopes(time, *wide, *everything, *level)
                first = slopes[:, :values]
                moved = slopes[:, values:].reshape(states, jacobians, states, runs)
                jacobian = (moved - first[:, :jacobians, None]) / np.moveaxis(stir, 0, 1)
                jacobian = np.nan_to_num(np.einsum("ijkr->jrik", jacobian))
                inverse = np.linalg.inv(identity - GAMMA * h[:, None, None] * jacobian)
                inverse = np.broadcast_to(inverse, (values, runs, states, states))
                k1 = np.einsum("vrij,jvr->ivr", inverse, first)
                later = self._slopes(time + h, *np.maximum(y + h * k1, 0), *p, *(level + slope * h))
                k2 = np.einsum("vrij,jvr->ivr", inverse, later - 2 * k1)
                y = np.maximum(y + h * (1.5 * k1 + 0.5 * k2), 0)
            for run, (start, step, _, _, _, save) in here:
                if save >= 0:
                    at = self._observe(start + step, *y[:, :, run], *p[:, :, run])
                    stored[:, save] = at.T
        return stored


def _function(arguments: list[Any], expressions: Sequence[Any]) -> Callable[..., np.ndarray]:
    """Make a NumPy function of expressions; what they share is computed once."""
    found = sympy.lambdify(arguments, list(expressions), modules="numpy", cse=True)

    def evaluate(*given: Any) -> np.ndarray:
        parts = found(*given)
        shape = np.broadcast_shapes(*(np.shape(part) for part in (*parts, *given)))
        return np.stack([np.broadcast_to(part, shape) for part in parts])

    return evaluate
