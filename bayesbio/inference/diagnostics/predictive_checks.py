"""Whether the model predicts what was measured: checks of predictions against data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats
from scipy.stats import binom

from bayesbio.inference.diagnostics.verdict import Gate, VerdictItem

_INTERVAL = (0.05, 0.95)
_REPLICATES = 1000  # replicated data sets that say how dependent measurements are


@dataclass(frozen=True)
class Predicted:
    """
    Measurements of one quantity beside their predictive draws.

    Attributes
    ----------
    quantity : str
    observed : array, (rows,)
    draws : array, (samples, rows)
    log_likelihood : array, (samples, rows), or None
    labels : list of str
        What each row is: "run R07, time_h 48.0".
    exact : array of bool, (rows,)
        Rows with a value; the others are censored and have no place in an interval.
    run, time : array, (rows,), or None
        Run and time in hours of each row, where rows are readings along time courses.
    """

    quantity: str
    observed: np.ndarray
    draws: np.ndarray
    log_likelihood: np.ndarray | None
    labels: list[str]
    exact: np.ndarray
    run: np.ndarray | None = None
    time: np.ndarray | None = None


def predicted_quantities(tree: xr.DataTree) -> list[Predicted]:
    """
    Pair what was measured with what was predicted.

    Parameters
    ----------
    tree : DataTree
        With groups `posterior_predictive` and `observed_data`, optionally `log_likelihood`; one
        variable per quantity with the same dimension of rows. A coordinate `<quantity>_flag` on the
        rows marks censored values ("below", "above", "between").

    Returns
    -------
    list of Predicted
    """
    if not {"posterior_predictive", "observed_data"} <= set(tree.children):
        return []
    predictive = tree["posterior_predictive"].to_dataset()
    measured = tree["observed_data"].to_dataset()
    likelihood = tree["log_likelihood"].to_dataset() if "log_likelihood" in tree.children else {}
    found = []
    for name in predictive.data_vars:
        if name not in measured:
            continue
        observed = measured[name]
        coords = {**predictive[name].coords, **observed.coords}
        flag, run, time = (coords.get(f"{name}_{part}") for part in ("flag", "run", "time"))
        values = observed.to_numpy().astype(float).ravel()
        exact = np.isfinite(values)
        if flag is not None:
            exact &= np.asarray(flag.to_numpy(), dtype=str).ravel() == ""
        found.append(
            Predicted(
                quantity=str(name),
                observed=values,
                draws=_samples(predictive[name]),
                log_likelihood=_samples(likelihood[name]) if name in likelihood else None,
                labels=_row_labels(observed if observed.coords else predictive[name], values.size),
                exact=exact,
                run=None if run is None else run.to_numpy().ravel(),
                time=None if time is None else time.to_numpy().astype(float).ravel(),
            )
        )
    return [case for case in found if case.observed.size]


def interval_coverage(cases: Sequence[Predicted], gate: Gate) -> VerdictItem | None:
    """Share of measurements inside their central 90 % predictive intervals."""
    inside = {}
    for case in cases:
        if case.exact.any():
            low, high = np.quantile(case.draws[:, case.exact], _INTERVAL, axis=0)
            values = case.observed[case.exact]
            inside[case.quantity] = (low <= values) & (values <= high)
    if not inside:
        return None
    return _share(
        "coverage",
        inside,
        _independent_share(cases),
        gate,
        "{share:.0%} of {count} measurements lie in their 90 % predictive intervals",
        advisory=False,
    )


def leave_one_out(
    cases: Sequence[Predicted], gate: Gate, *, efficiency: float
) -> list[VerdictItem]:
    """Pareto k and the share of left-out measurements inside their 90 % intervals."""
    shapes: list[float] = []
    labels: list[str] = []
    inside: dict[str, np.ndarray] = {}
    for case in cases:
        if case.log_likelihood is None:
            continue
        usable = np.all(np.isfinite(case.log_likelihood), axis=0)
        shape = np.full(case.observed.size, np.inf)
        weights = np.zeros((case.observed.size, len(case.log_likelihood)))
        varied = usable & _has_tail(case.log_likelihood, efficiency)
        shape[usable & ~varied] = 0.0
        weights[usable & ~varied] = 1.0 / len(case.log_likelihood)
        if varied.any():
            # takes log likelihoods, and turns them into the log ratios of leaving out by itself
            logarithms, shape[varied] = array_stats.psislw(
                case.log_likelihood[:, varied].T, r_eff=efficiency, axis=-1
            )
            weights[varied] = np.exp(logarithms)
            weights[varied] /= weights[varied].sum(axis=1, keepdims=True)
        shapes += shape.tolist()
        labels += [f"{case.quantity} ({label})" for label in case.labels]
        rows = case.exact & usable
        if rows.any():
            below = case.observed[rows, None] > case.draws[:, rows].T
            even = case.observed[rows, None] == case.draws[:, rows].T
            place = np.sum(weights[rows] * (below + 0.5 * even), axis=1)
            inside[case.quantity] = (place >= _INTERVAL[0]) & (place <= _INTERVAL[1])
    items = []
    if shapes:
        items.append(_pareto(np.array(shapes), labels, gate))
    if inside:
        items.append(
            _share(
                "LOO-PIT",
                inside,
                _independent_share(cases),
                gate,
                "{share:.0%} of {count} measurements lie in the 90 % intervals predicted without "
                "them",
                advisory=True,
            )
        )
    return items


def _has_tail(log_likelihood: np.ndarray, efficiency: float) -> np.ndarray:
    """
    Whether the draws differ in how well they predict each row.

    A reading below its limit may be certain under every draw; leaving it out changes nothing.
    """
    count = len(log_likelihood)
    tail = int(np.ceil(min(0.2 * count, 3.0 * np.sqrt(count / efficiency))))
    lowest = np.sort(log_likelihood, axis=0)[: tail + 1]
    with np.errstate(invalid="ignore"):  # rows that are not finite are left out by the caller
        return np.ptp(lowest, axis=0) > 1e-12


def _independent_share(cases: Sequence[Predicted]) -> float:
    """
    Effective number of independent measurements, as a share of their number (1 / design effect).

    Measurements of one run share its effects and errors, so that they lie inside their intervals
    together: replicated data say how much the share inside scatters between data sets, and the
    binomial variance over that variance is the share of measurements that count as independent.
    """
    inside = []
    for case in cases:
        draws = case.draws[:: max(1, len(case.draws) // _REPLICATES), case.exact]
        low, high = np.quantile(draws, _INTERVAL, axis=0)
        inside.append((low <= draws) & (draws <= high))
    pooled = np.concatenate([each[: min(map(len, inside))] for each in inside], axis=1)
    shares = pooled.mean(axis=1)
    binomial = shares.mean() * (1.0 - shares.mean()) / pooled.shape[1]
    return float(np.clip(binomial / max(shares.var(), 1e-12), 1.0 / pooled.shape[1], 1.0))


def _share(
    name: str,
    inside: dict[str, np.ndarray],
    independent: float,
    gate: Gate,
    sentence: str,
    *,
    advisory: bool,
) -> VerdictItem:
    """Check the share of measurements inside intervals, allowing for their effective number."""
    pooled = np.concatenate(list(inside.values()))
    count = pooled.size
    share, (low, high) = float(pooled.mean()), gate.coverage
    # With few measurements honest intervals give shares outside the range, too: fail only what
    # intervals that hold 90 % would give less than once in a hundred.
    number = max(1, round(count * independent))
    too_low = share < low and binom.cdf(round(share * number), number, 0.9) < 0.01
    too_high = share > high and binom.sf(round(share * number) - 1, number, 0.9) < 0.01
    shares = {quantity: float(np.mean(values)) for quantity, values in inside.items()}
    furthest = max(shares, key=lambda quantity: abs(shares[quantity] - 0.9))
    text = sentence.format(share=share, count=count)
    if len(shares) > 1:
        text += f" (furthest off: {furthest}, {shares[furthest]:.0%})"
    remedy = ""
    if too_low:
        remedy = (
            f"Intervals are too narrow: let a parameter vary between runs, allow {furthest} more "
            "noise, or add the rate or state the model lacks."
        )
    if too_high:
        remedy = f"Intervals are too wide: narrow the noise prior of {furthest}."
    return VerdictItem(
        name,
        share,
        f"within [{low:g}, {high:g}]",
        not (too_low or too_high),
        f"{text}.",
        remedy,
        advisory=advisory,
        question="model",
    )


def _pareto(shapes: np.ndarray, labels: Sequence[str], gate: Gate) -> VerdictItem:
    """Judge the Pareto k values."""
    worst, many = int(np.argmax(shapes)), int(np.sum(shapes > gate.pareto_k))
    value, passed = float(shapes[worst]), many == 0
    return VerdictItem(
        "Pareto k",
        value,
        f"<= {gate.pareto_k:g}",
        passed,
        f"No single measurement decides the result: Pareto k is at most {value:.2f}."
        if passed
        else f"{many} of {shapes.size} measurements have Pareto k above {gate.pareto_k:g}, most of "
        f"all {labels[worst]}: the result leans on them, and leave-one-out scores are rough there.",
        ""
        if passed
        else f"Look at {labels[worst]}; if it is sound, score by leaving whole runs out instead.",
        advisory=True,
        question="model",
    )


def _samples(values: xr.DataArray) -> np.ndarray:
    """Draws of all chains as rows, measurements as columns."""
    array = values.transpose("chain", "draw", ...).to_numpy().astype(float)
    return array.reshape(array.shape[0] * array.shape[1], -1)


def _row_labels(values: xr.DataArray, size: int) -> list[str]:
    """Describe each row by the coordinates that lie along it."""
    rows = [dim for dim in values.dims if dim not in ("chain", "draw")]
    if len(rows) != 1:
        return [f"value {number}" for number in range(size)]
    named = {
        str(name): coordinate.to_numpy()
        for name, coordinate in values.coords.items()
        if coordinate.dims == (rows[0],) and name != rows[0] and not str(name).endswith("_flag")
    }
    if not named:
        return [f"row {number}" for number in range(size)]
    return [
        ", ".join(f"{name} {column[number]}" for name, column in named.items())
        for number in range(size)
    ]
