"""Has the process changed between two campaigns? The shift of every parameter, from its draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate import Calibration
from bayesbio.errors import CalibrationError


def parameter_drift(
    before: Any,
    after: Any,
    *,
    parameters: Any = None,
    matters: float = 0.1,
    random_seed: int = 0,
) -> pd.DataFrame:
    """
    Compare what two campaigns say of the same parameters.

    Parameters
    ----------
    before, after : Calibration, DataTree, Dataset or mapping of name to draws
        Posteriors that were sampled independently.
    parameters : iterable of str, optional
        By default every single number that both have.
    matters : float
        Smallest change that matters: of the ratio minus one for positive parameters (0.1 is ten
        per cent), else in standard deviations of the earlier posterior.
    random_seed : int
        Of the pairing of draws.

    Returns
    -------
    DataFrame
        Index parameter; columns unit, before, after (medians), change (median; a ratio minus one
        for positive parameters), change_5, change_95, probability_higher, probability_matters
        (that the change is larger than `matters`, up or down), sentence. The surest change first.

    Raises
    ------
    CalibrationError
        If they share no parameter, or one asked for is missing.

    Notes
    -----
    Draws are paired at random, since the posteriors are independent given the data. Where both were
    fitted with the same narrow prior, that prior counts twice and makes a change look smaller.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = parameter_drift({"growth": rng.normal(0.040, 0.001, 4000)},
    ...                         {"growth": rng.normal(0.034, 0.001, 4000)})
    >>> print(table.loc["growth", "sentence"])
    growth fell by 15 % (90 % interval 9.5 to 20 % lower); probability that it fell: above 0.999.
    """
    first, second = _draws(before), _draws(after)
    shared = [name for name in first if name in second]
    chosen = shared if parameters is None else [str(name) for name in np.atleast_1d(parameters)]
    lacking = [name for name in chosen if name not in shared]
    if lacking or not chosen:
        raise CalibrationError(
            f"{lacking[0]!r} is not a single number in both posteriors; "
            if lacking
            else "The two posteriors have no parameter in common; "
            f"the first has {', '.join(first) or 'none'}, the second {', '.join(second) or 'none'}."
        )
    rng = np.random.default_rng(random_seed)
    rows = {}
    for name in chosen:
        one, other = first[name], second[name]
        number = max(len(one), len(other))
        one = rng.permutation(np.resize(one, number))
        other = rng.permutation(np.resize(other, number))
        positive = min(one.min(), other.min()) > 0.0
        change = other / one - 1.0 if positive else other - one
        size = matters if positive else matters * one.std()
        low, middle, high = np.quantile(change, [0.05, 0.5, 0.95])
        higher = float((change > 0.0).mean())
        beyond = (change > size) | (
            change < 1.0 / (1.0 + size) - 1.0 if positive else change < -size
        )
        rows[name] = {
            "unit": before.unit(name) if isinstance(before, Calibration) else "",
            "before": np.median(one),
            "after": np.median(other),
            "change": middle,
            "change_5": low,
            "change_95": high,
            "probability_higher": higher,
            "probability_matters": float(beyond.mean()),
            "sentence": _sentence(name, middle, low, high, higher, positive),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")
    sure = np.maximum(table["probability_higher"], 1.0 - table["probability_higher"])
    order = np.lexsort((-np.abs(table["change"]), -sure))
    return table.iloc[order]


def _draws(given: Any) -> dict[str, np.ndarray]:
    """Find single numbers of a posterior, draws in one row."""
    if isinstance(given, Calibration):
        given = given.draws
    if isinstance(given, xr.DataTree):
        given = given["posterior"].to_dataset()
    if isinstance(given, xr.Dataset):
        return {
            str(name): values.to_numpy().ravel()
            for name, values in given.data_vars.items()
            if set(values.dims) <= {"chain", "draw"} and values.size > 1
        }
    if isinstance(given, Mapping):
        return {str(name): np.asarray(values, float).ravel() for name, values in given.items()}
    raise CalibrationError(
        f"{type(given).__name__} holds no draws; give a Calibration, a DataTree, a Dataset or a "
        "mapping of names to arrays of draws."
    )


def _sentence(
    name: str, middle: float, low: float, high: float, higher: float, positive: bool
) -> str:
    """Say what happened to a parameter."""
    words = name.replace("_", " ")
    fell = middle < 0.0
    sure = 1.0 - higher if fell else higher
    chance = "above 0.999" if sure > 0.999 else f"{sure:.3f}".rstrip("0")
    if positive:
        size = f"{100 * abs(middle):.2g} %"
        ends = sorted((100 * abs(low), 100 * abs(high)))
        if low * high > 0.0:
            span = f"{ends[0]:.2g} to {ends[1]:.2g} % {'lower' if fell else 'higher'}"
        else:
            span = f"{100 * abs(low):.2g} % lower to {100 * abs(high):.2g} % higher"
    else:
        size, span = f"{abs(middle):.3g}", f"{low:.3g} to {high:.3g}"
    verb = "fell" if fell else "rose"
    if low * high <= 0.0:
        way = "lower" if fell else "higher"
        return (
            f"{words}: no sure change ({size} {way}, 90 % interval {span}); "
            f"probability that it {verb}: {chance}."
        )
    return f"{words} {verb} by {size} (90 % interval {span}); probability that it {verb}: {chance}."
