"""Ranks of known truths among posterior draws, and the band in which honest ranks stay."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln, xlogy
from scipy.stats import binom

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference.diagnostics.verdict import Verdict, VerdictItem

FAMILY_WISE = 0.99  # probability that no curve of honest ranks leaves its band anywhere
_STEPS = 45  # halvings in the search for the band


@dataclasses.dataclass(frozen=True, eq=False)
class Ranks:
    """
    Where known truths fell among the draws of their posteriors, replication by replication.

    If truth is drawn from the prior and data are simulated from it, its rank among independent
    draws of an exact posterior is uniform. Made by `simulation_based_calibration`.

    Attributes
    ----------
    table : DataFrame
        Index replication, one column a number: how many of the draws lie below the truth, NaN where
        the posterior could not be computed.
    draws : int
        Draws a replication; ranks go from 0 to this.
    remarks : DataFrame
        The same index; what was noted about each replication, such as effective draws.

    Raises
    ------
    DataError
        When a rank lies outside 0 to `draws`.

    Notes
    -----
    Talts et al. (2018), arXiv:1804.06788. Bands and p-values: `rank_band`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> ranks = Ranks(pd.DataFrame({"rate": rng.integers(0, 100, 200)}), draws=99)
    >>> ranks.check().passed
    True
    """

    table: pd.DataFrame
    draws: int
    remarks: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        values = self.table.to_numpy(float)
        if not values.size:
            raise DataError("There are no ranks: at least one replication and name are needed.")
        if np.nanmin(values, initial=0.0) < 0 or np.nanmax(values, initial=0.0) > self.draws:
            raise DataError(
                f"Ranks go from {np.nanmin(values):g} to {np.nanmax(values):g}, but {self.draws} "
                "draws give ranks from 0 to that. Say how many draws each truth was ranked among."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """What was ranked."""
        return tuple(str(name) for name in self.table.columns)

    def of(self, name: str) -> np.ndarray:
        """
        Ranks of one name, without the replications that failed.

        Raises
        ------
        DataError
            When there is no such name.
        """
        if name not in self.table:
            raise DataError(f"{name!r} was not ranked; there is {', '.join(self.names)}.")
        values = self.table[name].to_numpy(float)
        return values[np.isfinite(values)].astype(int)

    def ecdf_difference(self, name: str, *, probability: float = FAMILY_WISE) -> pd.DataFrame:
        """
        Empirical distribution of the ranks minus the uniform one, with its simultaneous band.

        Parameters
        ----------
        name : str
        probability : float [1]
            With which honest ranks of all names stay inside all of their bands.

        Returns
        -------
        DataFrame
            Index fraction (of the draws below the truth), columns difference, low, high. A curve
            like a hill says that truths lie lower than the posterior thinks (it is biased upwards),
            a valley the opposite; up then down says that the posterior is too narrow, down
            then up too wide.
        """
        found = self.of(name)
        at = _points(self.draws)
        low, high = rank_band(len(found), draws=self.draws, probability=self._each(probability))
        below = _counts(found, self.draws)
        return pd.DataFrame(
            {
                "difference": below / len(found) - at,
                "low": low / len(found) - at,
                "high": high / len(found) - at,
            },
            index=pd.Index(at, name="fraction"),
        )

    def summary(self) -> pd.DataFrame:
        """
        Judge every name.

        Returns
        -------
        DataFrame
            Index name. Columns replications, p_value (exact, over the whole curve of this name),
            p_family (times the number of names, 1 at most), coverage_50 and coverage_90 (share of
            truths inside the central intervals), mean_rank (as a share of the draws; 0.5 is fair).
        """
        rows = {}
        for name in self.names:
            found = self.of(name)
            if not len(found):
                rows[name] = dict.fromkeys(
                    ("p_value", "p_family", "coverage_50", "coverage_90", "mean_rank"), np.nan
                )
                continue
            single = rank_p_value(found, draws=self.draws)
            place = (found + 0.5) / (self.draws + 1.0)
            rows[name] = {
                "p_value": single,
                "p_family": min(1.0, single * len(self.names)),
                "coverage_50": float(np.mean(np.abs(place - 0.5) < 0.25)),
                "coverage_90": float(np.mean(np.abs(place - 0.5) < 0.45)),
                "mean_rank": float(np.mean(place)),
            }
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")
        table.insert(0, "replications", [len(self.of(name)) for name in self.names])
        return table

    def check(self, *, probability: float = FAMILY_WISE) -> Verdict:
        """
        Say whether the ranks are those of exact posteriors.

        Parameters
        ----------
        probability : float [1]
            Of the family-wise band.

        Returns
        -------
        Verdict
            Items "ranks" and "replications"; the first fails where a curve leaves its band.
        """
        table, size = self.summary(), len(self.table)
        failed = int(self.table.isna().any(axis=1).sum())
        known = table.dropna()
        outside = known.index[known["p_family"] < 1.0 - probability]
        if not len(known):
            value, sentence = np.nan, "No replication could be computed."
        elif len(outside):
            value = float(known["p_family"].min())
            told = ", ".join(f"{name} ({self.shape(name)})" for name in outside[:4])
            sentence = (
                f"Ranks of {len(outside)} of {len(table)} numbers leave the {probability:.0%} band "
                f"in {size} replications: {told}."
            )
        else:
            value = float(known["p_family"].min())
            sentence = (
                f"Ranks of {_count(len(table), 'number')} stay inside the family-wise "
                f"{probability:.0%} band in {size} replications (smallest p, over all of them: "
                f"{value:.2g})."
            )
        sound = bool(len(known)) and not len(outside)
        share = failed / size
        items = (
            VerdictItem(
                "ranks",
                value,
                f"p >= {1.0 - probability:.2g}",
                sound,
                sentence,
                ""
                if sound
                else "Compare what simulates the data with the likelihood, then the sampler's "
                "convergence and effective draws in the replications that lie outside.",
            ),
            VerdictItem(
                "replications",
                share,
                "<= 0.01 failed",
                share <= 0.01,
                f"{failed} of {size} replications could not be computed.",
                ""
                if share <= 0.01
                else "Look at what failed in Ranks.remarks; ranks of the others "
                "alone would flatter the method.",
            ),
        )
        return Verdict(items)

    def shape(self, name: str) -> str:
        """Say in words how ranks depart from uniform: too narrow, too wide, biased."""
        place = (self.of(name) + 0.5) / (self.draws + 1.0)
        error = np.sqrt(1.0 / 12.0 / len(place))
        shift = (place.mean() - 0.5) / error
        spread = (np.mean((place - 0.5) ** 2) - 1.0 / 12.0) / np.sqrt(1.0 / 180.0 / len(place))
        if abs(shift) > abs(spread):
            return "posterior too low" if shift > 0 else "posterior too high"
        return "posterior too narrow" if spread > 0 else "posterior too wide"

    def save(self, path: str | Path) -> Path:
        """
        Write ranks and remarks as one CSV, one row a replication; `read` reads it.

        Returns
        -------
        Path
        """
        joined = self.table.astype("Int64").join(self.remarks.add_prefix("remark:"))
        joined.insert(0, "draws", self.draws)
        joined.rename_axis("replication").to_csv(path, float_format="%.4g")
        return Path(path)

    @staticmethod
    def read(path: str | Path) -> Ranks:
        """
        Read what `save` wrote.

        Raises
        ------
        DataError
            When the file holds no ranks.
        """
        table = pd.read_csv(path, index_col=0)
        if "draws" not in table or table.empty:
            raise DataError(f"{Path(path).name} holds no ranks; Ranks.save writes such a file.")
        noted = [name for name in table if str(name).startswith("remark:")]
        return Ranks(
            table.drop(columns=["draws", *noted]).astype(float),
            draws=int(table["draws"].iloc[0]),
            remarks=table[noted].rename(columns=lambda name: name.removeprefix("remark:")),
        )

    def _each(self, probability: float) -> float:
        """Probability for one curve, so that all of them together have the one asked for."""
        return 1.0 - (1.0 - probability) / len(self.names)


def rank_band(
    replications: int, *, draws: int, probability: float = FAMILY_WISE
) -> tuple[np.ndarray, np.ndarray]:
    """
    Band in which the cumulative counts of uniform ranks stay everywhere at once.

    Parameters
    ----------
    replications : int
        Ranks that are counted.
    draws : int
        Ranks go from 0 to this.
    probability : float [1]
        With which a whole curve of uniform ranks stays inside (at least; counts are whole).

    Returns
    -------
    low, high : array of int, (draws,)
        Limits of the number of ranks below k, for k = 1, ..., draws.

    Raises
    ------
    CalibrationError
        When the numbers make no band.

    Notes
    -----
    Every count is binomial with probability k / (draws + 1); the band leaves out, at every k, what
    has a two-sided tail below one and the same level, and the level is such that a curve stays
    inside with the probability asked for. That probability is exact: the counts are a Markov chain
    along k. Säilynoja, Bürkner and Vehtari (2022), doi:10.1007/s11222-022-10090-6

    Examples
    --------
    >>> low, high = rank_band(200, draws=3, probability=0.95)
    >>> low.tolist(), high.tolist()
    ([36, 84, 136], [64, 116, 164])
    """
    if replications < 1 or draws < 1 or not 0.0 < probability < 1.0:
        raise CalibrationError(
            f"A band for {replications} replications, {draws} draws and probability "
            f"{probability:g}: expected at least one of each, and a probability between 0 and 1."
        )
    return _band(replications, draws, round(probability, 12))


def rank_p_value(ranks: Any, *, draws: int) -> float:
    """
    Probability that uniform ranks stray at least as far somewhere as these do.

    Parameters
    ----------
    ranks : array of int
    draws : int
        Ranks go from 0 to this.

    Returns
    -------
    float [1]
        Exact, over all places of the curve at once.

    Examples
    --------
    >>> rank_p_value([0] * 20, draws=9) < 1e-12
    True
    """
    found = np.asarray(ranks, dtype=int)
    counts = _counts(found, draws)
    level = np.min(_tails(len(found), draws)[np.arange(draws), counts])
    level *= 1.0 + 1e-9  # mirror images have the same tail, but for rounding
    return float(np.clip(1.0 - _probability_inside(len(found), draws, level), 0.0, 1.0))


def _points(draws: int) -> np.ndarray:
    """Probability that a uniform rank lies below k = 1, ..., draws."""
    return np.arange(1, draws + 1) / (draws + 1.0)


def _counts(ranks: np.ndarray, draws: int) -> np.ndarray:
    """How many ranks lie below k = 1, ..., draws."""
    return np.cumsum(np.bincount(ranks, minlength=draws + 1))[:draws]


@functools.lru_cache(maxsize=32)
def _band(replications: int, draws: int, probability: float) -> tuple[np.ndarray, np.ndarray]:
    tails = _tails(replications, draws)
    outside, inside = np.log(1.0 - probability), np.log((1.0 - probability) / (2.0 * draws))
    for _ in range(_STEPS):  # the level lies between one point's and that of Bonferroni
        middle = 0.5 * (outside + inside)
        if _probability_inside(replications, draws, np.exp(middle)) >= probability:
            inside = middle
        else:
            outside = middle
    kept = tails > np.exp(inside)
    low = np.argmax(kept, axis=1)
    return low, replications - np.argmax(kept[:, ::-1], axis=1)


@functools.lru_cache(maxsize=8)
def _tails(replications: int, draws: int) -> np.ndarray:
    """Two-sided tail of every count at every k."""
    counts, at = np.arange(replications + 1), _points(draws)[:, None]
    below, above = binom.cdf(counts, replications, at), binom.sf(counts - 1, replications, at)
    return 2.0 * np.minimum(below, above)


def _probability_inside(replications: int, draws: int, level: float) -> float:
    """Probability that the tail of every count stays above a level."""
    kept = _tails(replications, draws) > level
    if not kept.any(axis=1).all():
        return 0.0
    logs = gammaln(np.arange(replications + 1) + 1.0)
    before, mass, last = np.zeros(1, dtype=int), np.ones(1), 0.0
    for k, at in enumerate(_points(draws)):
        after = np.flatnonzero(kept[k])
        step = (at - last) / (1.0 - last)
        left, gained = replications - before[:, None], after[None, :] - before[:, None]
        possible = (gained >= 0) & (gained <= left)
        gained = np.where(possible, gained, 0)
        chance = np.exp(
            logs[left]
            - logs[gained]
            - logs[left - gained]
            + xlogy(gained, step)
            + xlogy(left - gained, 1.0 - step)
        )
        mass = mass @ np.where(possible, chance, 0.0)
        before, last = after, at
    return float(mass.sum())


def _count(number: int, what: str) -> str:
    return f"one {what}" if number == 1 else f"all {number} {what}s"
