"""
Model adequacy: posterior predictive checks of residuals along time courses (lack of fit).

Convergence says nothing about fit: noise terms grow until intervals hold whatever curve is drawn
through the data. What the noise cannot imitate is structure, so each check asks one family of
statistics (one per quantity, run or third of the runs) of the measured residuals and of the
residuals of replicated data sets (Gelman, Meng and Stern 1996; Gelman et al. 2013, chapter 6).
The largest standardised statistic of the family is compared with its own distribution over the
replicates (Westfall and Young 1993), so that a family costs one error rate however many quantities
it holds. A check fails where chance does not explain the statistic and the effect matters in
practice; where only the first is so, it asks for a look.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from bayesbio.inference.diagnostics.predictive_checks import Predicted
from bayesbio.inference.diagnostics.verdict import Gate, VerdictItem

REPLICATES = 1000
_DATA_STATISTICS: dict[str, Callable[..., np.ndarray]] = {
    "mean": np.mean,
    "standard deviation": np.std,
    "largest value": np.max,
}
_COVERED = float(ndtri(0.95))
_FEWEST = 6  # readings of a quantity below which its residuals say nothing about structure


@dataclass(frozen=True)
class Residuals:
    """
    Standardised residuals of one quantity, measured and replicated.

    Attributes
    ----------
    quantity : str
    values : array, (1 + replicates, points)
        Normal scores of readings within their predictive distribution (mean of readings that share
        run and time); the first row is measured.
    time : array of hours, (points,)
    run : array of str, (points,)
    level : array, (points,)
        Predictive medians.
    relative : float
        Typical distance of readings from their predictive median, as a share of it.
    """

    quantity: str
    values: np.ndarray
    time: np.ndarray
    run: np.ndarray
    level: np.ndarray
    relative: float


@dataclass(frozen=True)
class Statistic:
    """
    One statistic of a family.

    Attributes
    ----------
    about : str
        "lactate", "titer in run R3".
    values : array, (1 + replicates,)
        Large where the model does not fit; the first is measured.
    effect : float
        Its size for the measured data in practical terms.
    """

    about: str
    values: np.ndarray
    effect: float


def residuals_along_time(cases: Sequence[Predicted]) -> list[Residuals]:
    """Standardised residuals of every quantity with runs, times and enough readings."""
    courses = []
    for case in cases:
        if case.time is None or case.run is None:
            continue
        exact = case.exact & np.isfinite(case.time)
        if exact.sum() < _FEWEST:
            continue
        draws = case.draws[_thinned(len(case.draws)), :][:, exact]
        scores = _normal_scores(case.observed[exact], draws)
        keys = np.array([f"{run}\0{time!r}" for run, time in zip(case.run, case.time, strict=True)])
        _, first, group = np.unique(keys[exact], return_index=True, return_inverse=True)
        sums = np.zeros((len(scores), len(first)))
        np.add.at(sums.T, group, scores.T)
        counts = np.bincount(group)
        median = np.median(draws, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.abs(case.observed[exact] / median - 1.0)
        well_above_zero = median > 0.2 * np.max(median)
        order = np.lexsort((case.time[exact][first], case.run[exact][first]))
        courses.append(
            Residuals(
                quantity=case.quantity,
                # readings of one time count once: their mean, at the size of a single one
                values=(sums / np.sqrt(counts))[:, order],
                time=case.time[exact][first][order],
                run=case.run[exact][first][order].astype(str),
                level=median[first][order],
                relative=float(1.4826 * np.median(relative[well_above_zero]))
                if well_above_zero.any()
                else 0.0,
            )
        )
    return courses


def lack_of_fit(cases: Sequence[Predicted], gate: Gate) -> list[VerdictItem]:
    """
    Check data and residuals for what the model's noise cannot imitate.

    Parameters
    ----------
    cases : sequence of Predicted
        Residuals are looked at where rows have runs and times.
    gate : Gate
        `lack_of_fit` is the error rate of each check.

    Returns
    -------
    list of VerdictItem
        Predictive p-values of data statistics; for time courses also autocorrelation, trend over
        time and over the level, run bias, and coverage by third of the run.
    """
    courses = residuals_along_time(cases)
    items = [
        predictive_p_values(cases, gate),
        *(check.item([check.statistic(each) for each in courses], gate) for check in CHECKS),
    ]
    return [item for item in items if item is not None]


def predictive_p_values(cases: Sequence[Predicted], gate: Gate) -> VerdictItem | None:
    """Mean, spread and largest value of replicated data beside those of the measured."""
    statistics, larger = [], {}
    for case in cases:
        if case.exact.sum() < 2:
            continue
        replicated = case.draws[_thinned(len(case.draws)), :][:, case.exact]
        values = np.vstack([case.observed[case.exact], replicated])
        for name, compute in _DATA_STATISTICS.items():
            each = compute(values, axis=1)
            centred = each - np.median(each[1:])
            about = f"{name} of {case.quantity}"
            larger[about] = bool(centred[0] > 0.0)
            p = (1 + np.sum(np.abs(centred[1:]) >= abs(centred[0]))) / each.size
            statistics.append(Statistic(about, np.abs(centred), float(p)))
    if not statistics:
        return None
    p, (worst, *_) = family_p_value(statistics, gate.lack_of_fit)
    passed = p >= gate.lack_of_fit
    return VerdictItem(
        "predictive p-values",
        p,
        f">= {gate.lack_of_fit:g}",
        passed,
        f"Replicated data look like the measured (furthest: {worst.about}, p {p:.2f})."
        if passed
        else f"The {worst.about} is {'larger' if larger[worst.about] else 'smaller'} than "
        f"replicated data allow (p {p:.3f}).",
        ""
        if passed
        else f"Another noise model for {worst.about.rpartition(' of ')[2]} (Student-t, "
        "proportional), or a rate or state the model lacks.",
        question="model",
    )


def family_p_value(statistics: Sequence[Statistic], limit: float) -> tuple[float, list[Statistic]]:
    """P-value of a family's largest standardised statistic; the furthest, and all beyond limit."""
    computable = [each for each in statistics if np.isfinite(each.values).all()]
    if not computable:  # replicates overflow
        return 1.0, [statistics[0]]
    statistics, values = computable, np.array([each.values for each in computable])
    replicated = values[:, 1:]
    spread = replicated.std(axis=1, keepdims=True)
    standardised = (values - replicated.mean(axis=1, keepdims=True)) / np.where(
        spread > 0.0, spread, np.inf
    )
    largest = standardised.max(axis=0)
    p = (1 + np.sum(largest[1:] >= largest[0])) / largest.size
    order = np.argsort(-standardised[:, 0])
    critical = np.quantile(largest[1:], 1.0 - limit)
    beyond = [statistics[i] for i in order if standardised[i, 0] > critical]
    return float(p), beyond or [statistics[order[0]]]


@dataclass(frozen=True)
class Check:
    """A family of statistics, the effect that matters, and what to say about it."""

    name: str
    statistic: Callable[[Residuals], list[Statistic]]
    relevant: float
    smaller_is_worse: bool
    style: str  # how the effect is written
    finding: str
    fine: str
    remedy: str

    def item(self, families: Sequence[list[Statistic]], gate: Gate) -> VerdictItem | None:
        """Judge all statistics of all quantities together."""
        statistics = [each for family in families for each in family]
        if not statistics:
            return None
        p, (worst, *others) = family_p_value(statistics, gate.lack_of_fit)
        chance = p >= gate.lack_of_fit
        effect = worst.effect
        matters = effect < self.relevant if self.smaller_is_worse else effect > self.relevant
        text = (self.fine if chance else self.finding).format(about=worst.about, effect=effect, p=p)
        if not chance and others:
            text += " Likewise: " + ", ".join(
                f"{each.about} ({format(each.effect, self.style)})" for each in others
            )
            text += "."
        return VerdictItem(
            self.name,
            effect,
            f"{'>=' if self.smaller_is_worse else '<='} {self.relevant:g}, or explained by chance "
            f"(p >= {gate.lack_of_fit:g})",
            chance,
            text,
            "" if chance else self.remedy.format(about=worst.about),
            advisory=not chance and not matters,
            question="model",
        )


def _autocorrelation(course: Residuals) -> list[Statistic]:
    """Lag-one autocorrelation within runs, pooled over runs."""
    follows = course.run[1:] == course.run[:-1]
    if follows.sum() < _FEWEST - 1:
        return []
    values = course.values - course.values.mean(axis=1, keepdims=True)
    products = np.sum((values[:, 1:] * values[:, :-1])[:, follows], axis=1)
    share = products / follows.sum() / np.maximum(np.mean(values**2, axis=1), 1e-12)
    return [Statistic(course.quantity, share, float(share[0]))]


def _trend(course: Residuals, along: np.ndarray) -> list[Statistic]:
    """Share of the residuals' squares that a parabola over `along` explains."""
    if np.unique(along).size < 4 or along.size < _FEWEST:
        return []
    ranks = np.searchsorted(np.unique(along), along) / (np.unique(along).size - 1.0)
    basis = np.linalg.qr(np.vander(2.0 * ranks - 1.0, 3))[0]
    explained = np.sum((course.values @ basis) ** 2, axis=1) / np.sum(course.values**2, axis=1)
    return [Statistic(course.quantity, explained, float(explained[0]))]


def _trend_over_time(course: Residuals) -> list[Statistic]:
    """Trend of the residuals along the run."""
    return _trend(course, course.time)


def _trend_over_level(course: Residuals) -> list[Statistic]:
    """Trend of the residuals with the predicted level."""
    return _trend(course, course.level)


def _run_bias(course: Residuals) -> list[Statistic]:
    """Mean residual of each run, in standard deviations of a reading."""
    statistics = []
    for run in np.unique(course.run):
        mine = course.run == run
        if mine.sum() >= 3:
            mean = course.values[:, mine].mean(axis=1)
            statistics.append(
                Statistic(f"{course.quantity} in run {run}", np.abs(mean), float(abs(mean[0])))
            )
    return statistics


def _coverage_by_third(course: Residuals) -> list[Statistic]:
    """Share of readings inside their 90 % intervals, in each third of the runs' duration."""
    thirds = np.minimum((3.0 * course.time / max(course.time.max(), 1e-12)).astype(int), 2)
    statistics = []
    for third, words in enumerate(("first", "middle", "last")):
        mine = thirds == third
        if mine.sum() >= _FEWEST:
            inside = np.mean(np.abs(course.values[:, mine]) <= _COVERED, axis=1)
            statistics.append(
                Statistic(
                    f"{course.quantity} in the {words} third of the runs", -inside, float(inside[0])
                )
            )
    return statistics


CHECKS = (
    Check(
        "residual autocorrelation",
        _autocorrelation,
        0.3,
        False,
        ".2f",
        "Residuals of {about} follow each other: lag-one autocorrelation {effect:.2f} (p {p:.3f} "
        "under the model). The curve bends otherwise than the data.",
        "Residuals are independent within runs: the largest lag-one autocorrelation is "
        "{effect:.2f} ({about}, p {p:.2f}).",
        "Look at the course of {about}: a rate the model lacks (uptake late in the run, death, "
        "inhibition), a feed that is not listed, or a sensor that drifts.",
    ),
    Check(
        "trend over time",
        _trend_over_time,
        0.1,
        False,
        ".0%",
        "Residuals of {about} have a trend along the run that explains {effect:.0%} of their "
        "squares (p {p:.3f} under the model).",
        "Residuals have no trend along the run (largest: {about}, {effect:.0%} explained, "
        "p {p:.2f}).",
        "See whether {about} is made or used by something that starts or stops during the run, or "
        "whether its assay drifts.",
    ),
    Check(
        "trend over the level",
        _trend_over_level,
        0.1,
        False,
        ".0%",
        "Residuals of {about} change with its level: that explains {effect:.0%} of their squares "
        "(p {p:.3f} under the model).",
        "Residuals do not change with the level (largest: {about}, {effect:.0%} explained, "
        "p {p:.2f}).",
        "Another rate law for {about} (saturation, inhibition), or another noise model.",
    ),
    Check(
        "run bias",
        _run_bias,
        0.7,
        False,
        ".1f",
        "{about} lies {effect:.1f} standard deviations of a reading to one side of the model on "
        "average (p {p:.3f} under the model).",
        "No run lies to one side of the model (largest: {about}, {effect:.1f} standard deviations, "
        "p {p:.2f}).",
        "Compare settings, feeds and names with the other runs (a dilution, a swapped label, late "
        "start) and the readings of {about}, or let a parameter vary between runs.",
    ),
    Check(
        "coverage by third",
        _coverage_by_third,
        0.75,
        True,
        ".0%",
        "Only {effect:.0%} of the readings of {about} lie in their 90 % intervals (p {p:.3f} under "
        "the model).",
        "Intervals hold in every third of the runs (lowest: {about}, {effect:.0%}, p {p:.2f}).",
        "Trust predictions of {about} least; see which rate changes there.",
    ),
)


def _thinned(count: int) -> np.ndarray:
    """Pick evenly spaced draws, at most REPLICATES."""
    return np.unique(np.linspace(0, count - 1, min(count, REPLICATES)).astype(int))


def _normal_scores(observed: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Give normal scores of observed values, then of the draws, (1 + draws, rows)."""
    count = len(draws)
    ordered = np.sort(draws, axis=0)
    stacked = np.vstack([observed, draws])
    rank = np.empty(stacked.shape)
    for row in range(stacked.shape[1]):
        below = np.searchsorted(ordered[:, row], stacked[:, row], side="left")
        within = np.searchsorted(ordered[:, row], stacked[:, row], side="right")
        rank[:, row] = 0.5 * (below + within)
    return np.asarray(ndtri((rank + 0.25) / (count + 0.5)))
