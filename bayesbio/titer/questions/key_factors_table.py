"""Key factors: influence, interactions and confounding, averaged over the cultures."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.errors import DataError
from bayesbio.titer.factors.factor_coding import as_rows
from bayesbio.titer.regression.draws import TiterDraws

MOST_ROWS, MOST_DRAWS = 120, 600  # over which effects are averaged
STEPS = 5  # settings of a number at which the titer is computed
TAILS = (0.05, 0.95)  # a factor's range is between these quantiles of the table
SHARE_OF_SPREAD = 0.2  # relevance threshold, of the readings, where none is given
ALIASED, RELATED, SURE = 0.95, 0.5, 0.8


def key_factors(
    posterior: TiterDraws, size: float | str | None = None, *, at: Any = None
) -> pd.DataFrame:
    """
    Rank the factors by their influence on the titer.

    A factor is moved over its range (5th to 95th percentile of the table; all levels of a name) in
    cultures of the table, everything else as it was.

    Parameters
    ----------
    posterior : TiterPosterior
    size : float or str, optional [unit of the response]
        What matters: a change of the titer of this size, or a share of the median titer such as
        ``"10 %"``. By default a fifth of the standard deviation of the readings.
    at : Table, DataFrame or mapping, optional
        Other cultures to average over.

    Returns
    -------
    DataFrame
        Index factor, the most influential first. Columns, in the unit of the response:

        - effect, eti_5, eti_95: change from the low to the high end, averaged over cultures, and
          its interval; NaN for a name, whose levels have no direction;
        - probability_positive: that this change is upwards;
        - influence, influence_5, influence_95: how far the titer moves on the way, averaged over
          cultures. A factor that acts only together with another has an effect near zero and an
          influence that is not;
        - probability_matters: that the influence is larger than `size`;
        - key: whether that is likelier than not;
        - rank, probability_first: expected rank by influence, and probability of the first;
        - low, high: the range.

        ``attrs``: size, unit, and warnings (pairs of confounded factors).

    Examples
    --------
    ``TiterModel("titer").fit(table).key_factors(size="10 %").query("key")``
    """
    threshold = threshold_of(posterior, size)
    lines, influences = [], {}
    for name in posterior.factors:
        values = settings_of(posterior, name)
        change, influence = _moves(posterior, name, at)
        influences[name] = influence
        number = posterior.design.coding[name].is_number
        lines.append(
            {
                "effect": float(change.mean()) if number else np.nan,
                "eti_5": float(np.quantile(change, 0.05)) if number else np.nan,
                "eti_95": float(np.quantile(change, 0.95)) if number else np.nan,
                "probability_positive": float((change > 0.0).mean()) if number else np.nan,
                "influence": float(influence.mean()),
                "influence_5": float(np.quantile(influence, 0.05)),
                "influence_95": float(np.quantile(influence, 0.95)),
                "probability_matters": float((influence > threshold).mean()),
                "key": bool((influence > threshold).mean() > 0.5),
                "low": values[0],
                "high": values[-1],
            }
        )
    rank = _ranks(np.array(list(influences.values())))
    found = pd.DataFrame(lines, index=pd.Index(posterior.factors, name="factor"))
    found.insert(9, "rank", rank.mean(axis=1))
    found.insert(10, "probability_first", (rank == 1).mean(axis=1))
    found = found.sort_values("influence", ascending=False)
    found.attrs = {
        "size": threshold,
        "unit": posterior.unit,
        "warnings": _confounded(posterior, threshold, influences)["sentence"].tolist(),
        "rank_probability": {
            name: [float((rank[k] == n + 1).mean()) for n in range(len(rank))]
            for k, name in enumerate(posterior.factors)
        },
    }
    return found


def interactions(posterior: TiterDraws, size: float | str | None = None) -> pd.DataFrame:
    """
    Rank the pairs of factors that interact.

    Parameters
    ----------
    posterior : TiterPosterior
    size : float or str, optional
        As for `key_factors`.

    Returns
    -------
    DataFrame
        Index (factor, other); columns interplay (by how much the change of the titer over the range
        of one differs between the ends of the other, averaged over cultures), eti_5, eti_95,
        probability_positive, probability_matters. Only pairs of numbers that have a term.

    Examples
    --------
    ``fitted.interactions("10 %").head()``
    """
    threshold = threshold_of(posterior, size)
    frame = reference_rows(posterior, None)
    draws = posterior.thinned(MOST_DRAWS)
    lines, pairs = [], []
    for term in posterior.design.terms:
        if term.kind != "interaction":
            continue
        one, other = term.factors
        coding = posterior.design.coding
        if not (coding[one].is_number and coding[other].is_number):
            continue
        ends = [settings_of(posterior, name)[[0, -1]] for name in (one, other)]
        corner = {
            (a, b): _titer(posterior, frame, {one: ends[0][a], other: ends[1][b]}, draws)
            for a, b in itertools.product((0, 1), repeat=2)
        }
        interplay = (corner[1, 1] - corner[0, 1] - corner[1, 0] + corner[0, 0]).mean(axis=1)
        pairs.append((one, other))
        lines.append(
            {
                "interplay": float(interplay.mean()),
                "eti_5": float(np.quantile(interplay, 0.05)),
                "eti_95": float(np.quantile(interplay, 0.95)),
                "probability_positive": float((interplay > 0.0).mean()),
                "probability_matters": float((np.abs(interplay) > threshold).mean()),
            }
        )
    index = pd.MultiIndex.from_tuples(pairs, names=["factor", "other"]) if pairs else None
    found = pd.DataFrame(lines, index=index)
    if lines:
        found = found.sort_values("probability_matters", ascending=False)
    found.attrs = {"size": threshold, "unit": posterior.unit}
    return found


def confounding(
    posterior: TiterDraws, *, size: float | str | None = None, at: Any = None
) -> pd.DataFrame:
    """
    Pairs of factors whose effects cannot be distinguished, by design or in the posterior.

    Parameters
    ----------
    posterior : TiterPosterior
    size : float or str, optional
        As for `key_factors`.
    at : optional
        As for `key_factors`.

    Returns
    -------
    DataFrame
        Columns factor, other, association (correlation, correlation ratio or Cramér's V), and the
        probabilities that either, the first, the second matters; and a sentence. Listed are pairs
        with an association above 0.95, and pairs above 0.5 of which one matters but the data do not
        decide which.

    Examples
    --------
    ``fitted.confounding()["sentence"].tolist()``
    """
    related = {name for one, other, _ in _related(posterior) for name in (one, other)}
    influences = {name: _moves(posterior, name, at)[1] for name in related}
    return _confounded(posterior, threshold_of(posterior, size), influences)


def _related(posterior: TiterDraws) -> list[tuple[str, str, float]]:
    """Pairs of factors that are clearly associated, and how strongly."""
    return [
        (one, other, strength)
        for one, other in itertools.combinations(posterior.factors, 2)
        if abs(strength := _association(posterior, one, other)) > RELATED
    ]


def _confounded(
    posterior: TiterDraws, threshold: float, influences: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Pairs of associated factors whose effects the data do not distinguish."""
    lines = []
    for one, other, strength in _related(posterior):
        matters = influences[one] > threshold, influences[other] > threshold
        either = float((matters[0] | matters[1]).mean())
        first, second = (float(each.mean()) for each in matters)
        if abs(strength) > ALIASED:
            sentence = (
                f"{one} and {other} are collinear in these {len(posterior.table)} rows "
                f"(association {strength:.2f}): the effect of one may be that of the other."
            )
        elif either > SURE and max(first, second) < SURE:
            sentence = (
                f"{one} or {other} matters (probability {either:.2f}), but the data do not decide "
                f"which: {first:.2f} and {second:.2f} (association {strength:.2f})."
            )
        else:
            continue
        lines.append((one, other, strength, either, first, second, sentence))
    columns = ["factor", "other", "association", "probability_either"]
    columns += ["probability_factor", "probability_other", "sentence"]
    return pd.DataFrame(lines, columns=columns)


def threshold_of(posterior: TiterDraws, size: float | str | None) -> float:
    """Size that matters in the unit of the response, from a number or a share such as '10 %'."""
    readings = posterior.table[posterior.response]
    if size is None:
        return SHARE_OF_SPREAD * float(np.std(readings))
    try:
        if isinstance(size, str) and size.strip().endswith("%"):
            found = float(size.strip()[:-1]) / 100.0 * float(np.median(readings))
        else:
            found = float(size)
    except ValueError:
        found = np.nan
    if not found > 0.0:
        raise DataError(
            f"The size that matters is {size!r}; expected a number above zero "
            f"[{posterior.unit or 'unit of the response'}], or a share of the median titer such as "
            "'10 %' (where that is above zero)."
        )
    return found


def reference_rows(posterior: TiterDraws, at: Any) -> pd.DataFrame:
    """Give the cultures over which effects are averaged: those fitted, thinned, unless stated."""
    if at is None:
        frame = posterior.table.to_frame()
    else:
        frame = as_rows(at)
        for name in posterior.factors:
            if name not in frame:
                frame = frame.merge(posterior.table.to_frame()[[name]], how="cross")
    if len(frame) > MOST_ROWS:
        kept = np.linspace(0, len(frame) - 1, MOST_ROWS).astype(int)
        frame = frame.iloc[kept]
    return frame.reset_index(drop=True)


def settings_of(posterior: TiterDraws, name: str, steps: int = STEPS) -> Any:
    """Give settings of a factor over its range, or its levels."""
    code = posterior.design.coding[name]
    if not code.is_number:
        return np.array(code.levels, dtype=object)
    low, high = np.nanquantile(posterior.table[name], TAILS)
    return np.linspace(low, high, steps) if high > low else np.linspace(code.low, code.high, steps)


def moved_rows(posterior: TiterDraws, frame: pd.DataFrame, to: Any) -> pd.DataFrame:
    """Set factors of cultures; the other components of a mixture make room."""
    found = frame.copy()
    for name, value in to.items():
        whole = [mixture for mixture in posterior.model.mixtures if name in mixture.factors]
        if whole:
            found = whole[0].moved(found, name, float(value))
        else:
            found[name] = value
    return found


def _titer(
    posterior: TiterDraws, frame: pd.DataFrame, to: dict[str, Any], draws: np.ndarray
) -> np.ndarray:
    """Typical titer of the cultures with factors set, shape (draws, rows)."""
    rng = np.random.default_rng(0)
    return posterior.predicted(moved_rows(posterior, frame, to), rng, noise=False, draws=draws)


def _moves(posterior: TiterDraws, name: str, at: Any) -> tuple[np.ndarray, np.ndarray]:
    """Change of the titer from end to end of a factor's range, and influence, shape (draws,)."""
    frame, draws = reference_rows(posterior, at), posterior.thinned(MOST_DRAWS)
    settings = settings_of(posterior, name)
    moved = np.array([_titer(posterior, frame, {name: value}, draws) for value in settings])
    change = (moved[-1] - moved[0]).mean(axis=1)
    return change, (moved.max(axis=0) - moved.min(axis=0)).mean(axis=1)


def _ranks(influence: np.ndarray) -> np.ndarray:
    """Rank factors draw by draw, 1 the most influential; shape (factors, draws)."""
    order = np.argsort(-influence, axis=0)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(1, len(influence) + 1)[:, None], axis=0)
    return rank


def _association(posterior: TiterDraws, one: str, other: str) -> float:
    """Correlation of numbers, correlation ratio of number and name, Cramér's V of names."""
    coding, table = posterior.design.coding, posterior.table
    first, second = coding[one].encode(table[one]), coding[other].encode(table[other])
    numbers = [coding[one].is_number, coding[other].is_number]
    if all(numbers):
        known = np.isfinite(first) & np.isfinite(second)
        if known.sum() < 3 or np.ptp(first[known]) == 0.0 or np.ptp(second[known]) == 0.0:
            return 0.0
        return float(np.corrcoef(first[known], second[known])[0, 1])
    if any(numbers):
        level, value = (second, first) if numbers[0] else (first, second)
        known = np.isfinite(value)
        return _correlation_ratio(level[known], value[known])
    counts = pd.crosstab(first, second).to_numpy(float)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    chi = ((counts - expected) ** 2 / expected).sum() / counts.sum()
    return float(np.sqrt(chi / max(min(counts.shape) - 1, 1)))


def _correlation_ratio(level: np.ndarray, value: np.ndarray) -> float:
    groups: Sequence[np.ndarray] = [value[level == one] for one in np.unique(level)]
    spare = len(value) - len(groups)
    total = ((value - value.mean()) ** 2).sum()
    if spare < 2 or total == 0.0:
        return 0.0
    within = sum(((group - group.mean()) ** 2).sum() for group in groups)
    # Adjusted for the number of levels, as R squared is.
    left = within / spare * (len(value) - 1) / total
    return float(np.sqrt(max(1.0 - left, 0.0)))
