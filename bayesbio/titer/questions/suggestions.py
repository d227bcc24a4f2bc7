"""Next experiments: batch expected improvement over the posterior of a titer model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import qmc

from bayesbio.errors import DataError, did_you_mean
from bayesbio.titer.factors.factor_coding import FactorCode
from bayesbio.titer.regression.draws import TiterDraws

CANDIDATES = 1024
NEIGHBOURS, ROUNDS = 128, 2
WALK = (0.1, 0.03)  # standard deviation of a step of each round, in ranges
MOST_DRAWS = 500


def suggest(
    posterior: TiterDraws,
    n: int = 1,
    constraints: Mapping[str, Any] | None = None,
    *,
    target: float | None = None,
    where: Callable[[pd.DataFrame], Any] | None = None,
    random_seed: int = 0,
) -> pd.DataFrame:
    """
    Next cultures, to be run together, by batch expected improvement.

    Parameters
    ----------
    posterior : TiterPosterior
    n : int
        How many.
    constraints : mapping of factor to (low, high), value or list of levels, optional
        Where each may be; by default within what was observed.
    target : float, optional [unit of the response]
        Choose by the probability that one of the cultures exceeds it; by default by the expected
        improvement over the best culture so far.
    where : callable, optional
        Takes candidates (a DataFrame) and tells which are allowed, for what constraints between
        factors.
    random_seed : int
        Same seed, same suggestions.

    Returns
    -------
    DataFrame
        One row a culture, in the order of choice: the factors; expected_improvement or
        probability_above_target of the batch up to this row; and what its reading will be: eti_5,
        eti_50, eti_95 [unit of the response]. ``attrs``: criterion, best so far.

    Raises
    ------
    DataError
        If a constraint names an unknown factor or leaves nothing.

    Notes
    -----
    Expected improvement of a batch, chosen one by one with the joint draws of the posterior:
    Ginsbourger, Le Riche and Carraro (2010), "Kriging is well-suited to parallelize optimization";
    candidates from a Sobol sequence, then steps around the best.

    Examples
    --------
    ``fitted.suggest(4, {"ph": (6.8, 7.2), "clone": "A"})``
    """
    if n < 1:
        raise DataError(f"{n} suggestions were asked for; expected one or more.")
    rng = np.random.default_rng(random_seed)
    space = _Space(posterior, dict(constraints or {}), where)
    draws = posterior.thinned(MOST_DRAWS)

    def typical(frame: pd.DataFrame) -> np.ndarray:
        rng = np.random.default_rng(random_seed)
        return posterior.predicted(frame, rng, noise=False, draws=draws)

    measured = posterior.table.to_frame()
    known = typical(measured)
    best = known.max(axis=1)
    bar = best if target is None else np.full(len(draws), float(target))
    reached = np.zeros(len(draws), dtype=bool)

    def worth(values: np.ndarray) -> np.ndarray:
        if target is None:
            return np.maximum(values - bar[:, None], 0.0).mean(axis=0)
        return ((values > bar[:, None]) | reached[:, None]).mean(axis=0)

    pool = space.sobol(CANDIDATES, random_seed)
    pool_titer = typical(pool)
    chosen, gained = [], 0.0
    worths = []
    for _ in range(n):
        candidates, values = pool, pool_titer
        score = worth(values)
        pick = int(np.argmax(score))
        row, titer, top = candidates.iloc[[pick]], values[:, pick], float(score[pick])
        for step in WALK:
            around = space.around(row, step, NEIGHBOURS, rng)
            if not len(around):
                continue
            values = typical(around)
            score = worth(values)
            pick = int(np.argmax(score))
            if score[pick] > top:
                row, titer, top = around.iloc[[pick]], values[:, pick], float(score[pick])
        chosen.append(row)
        gained = gained + top if target is None else top
        worths.append(gained)
        bar = np.maximum(bar, titer) if target is None else bar
        reached = reached | (titer > bar)
    found = pd.concat(chosen, ignore_index=True)
    readings = posterior.predicted(found, np.random.default_rng(random_seed), noise=True)
    low, middle, high = np.quantile(readings, [0.05, 0.5, 0.95], axis=0)
    criterion = "expected_improvement" if target is None else "probability_above_target"
    found = found.assign(**{criterion: worths, "eti_5": low, "eti_50": middle, "eti_95": high})
    found.attrs = {
        "criterion": criterion,
        "unit": posterior.unit,
        "best_so_far": float(best.mean()),
    }
    return found


class _Space:
    """Design space: bounds, levels and mixtures of the factors."""

    def __init__(
        self,
        posterior: TiterDraws,
        constraints: dict[str, Any],
        where: Callable[[pd.DataFrame], Any] | None,
    ) -> None:
        self.mixtures, self.where = tuple(posterior.model.mixtures), where
        self.bounds: dict[str, tuple[float, float]] = {}
        self.levels: dict[str, list[str]] = {}
        coding = posterior.design.coding
        for name in constraints:
            coding[name]
        for code in coding:
            given = constraints.get(code.name)
            if not code.is_number:
                self.levels[code.name] = _allowed_levels(code, given)
                continue
            self.bounds[code.name] = _bounds(code, given)

    def sobol(self, number: int, random_seed: int) -> pd.DataFrame:
        """Sobol sequence over the space; an empty one is refused."""
        names = [*self.bounds, *self.levels]
        sampler = qmc.Sobol(len(names), rng=np.random.default_rng(random_seed))
        shares = sampler.random(number)
        frame = pd.DataFrame(
            {name: self._settings(name, shares[:, n]) for n, name in enumerate(names)}
        )
        allowed = self._allowed(frame)
        if not len(allowed):
            raise DataError(
                f"None of {number} settings over the space keep the constraints; widen them."
            )
        return allowed

    def around(
        self, row: pd.DataFrame, step: float, number: int, rng: np.random.Generator
    ) -> pd.DataFrame:
        """Random steps around a setting."""
        frame = pd.concat([row] * number, ignore_index=True)
        for name, (low, high) in self.bounds.items():
            moved = frame[name] + step * (high - low) * rng.standard_normal(number)
            frame[name] = np.clip(moved, low, high)
        return self._allowed(frame)

    def _settings(self, name: str, share: np.ndarray) -> Any:
        if name in self.levels:
            allowed = self.levels[name]
            return [allowed[min(int(each * len(allowed)), len(allowed) - 1)] for each in share]
        low, high = self.bounds[name]
        return low + (high - low) * share

    def _allowed(self, frame: pd.DataFrame) -> pd.DataFrame:
        for mixture in self.mixtures:
            frame = mixture.closed(frame)
        kept = np.ones(len(frame), dtype=bool)
        for mixture in self.mixtures:
            for name in mixture.factors:
                low, high = self.bounds[name]
                slack = 1e-9 * mixture.total
                kept &= frame[name].between(low - slack, high + slack).to_numpy()
        if self.where is not None:
            kept &= np.asarray(self.where(frame), dtype=bool)
        return frame[kept].reset_index(drop=True)


def _allowed_levels(code: FactorCode, given: Any) -> list[str]:
    """Levels that a constraint allows; one that was not fitted is refused."""
    if given is None:
        return list(code.levels)
    allowed = [str(level) for level in ([given] if isinstance(given, str) else given)]
    for level in allowed:
        if level not in code.levels:
            raise DataError(
                f"{code.name} has no level {level!r}; the levels that were fitted are "
                f"{', '.join(code.levels)}.{did_you_mean(level, code.levels)}"
            )
    return allowed


def _bounds(code: FactorCode, given: Any) -> tuple[float, float]:
    """Range that a constraint allows, by default what was observed."""
    if given is None:
        return code.low, code.high
    try:
        low, high = (float(end) for end in ((given, given) if np.ndim(given) == 0 else given))
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not low <= high:
        raise DataError(
            f"{code.name} is constrained to {given!r}; expected (low, high) or a number "
            f"[{code.unit or 'its unit'}]."
        )
    return low, high
