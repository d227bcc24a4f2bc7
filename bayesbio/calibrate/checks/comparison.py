"""Model comparison by cross-validation, and stacking weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.calibrate.calibration import Calibration
from bayesbio.calibrate.checks.leave_group_out import LeftOut, leave_out
from bayesbio.errors import CalibrationError
from bayesbio.inference import Progress

ENOUGH = 1e-10  # gain of the mean log score below which weights have converged
READING = ["quantity", "run", "time_h", "value", "flag"]


def compare(
    calibrations: Mapping[str, Calibration | LeftOut],
    *,
    by: str = "run",
    random_seed: int | None = None,
    executor: Any = None,
    progress: Callable[[Progress], None] | bool | None = None,
) -> pd.DataFrame:
    """
    Compare calibrations of the same campaign by their predictions of runs or groups left out.

    Parameters
    ----------
    calibrations : mapping of name to Calibration or LeftOut
        Two or more. A `LeftOut` is taken as it is; a calibration goes through `leave_out` first.
    by : str
        What is left out: ``"run"`` or a setting.
    random_seed, executor, progress : optional
        As for `leave_out`.

    Returns
    -------
    DataFrame
        Index: name, the best first. Columns elpd, elpd_diff (to the best, zero or less), dse
        (standard error of that difference, over the groups left out), weight (of each model in the
        mixture that would have predicted best), crps (mean over quantities, each relative to the
        best), coverage_90, and exact_refits (how many groups were fitted again).

    Raises
    ------
    CalibrationError
        Less than two came, they are of different data or readings, or one is partial.

    Notes
    -----
    Weights maximise the mean log score of the mixture over the readings left out ("stacking"): Yao
    et al. (2018), doi:10.1214/17-BA1091. Readings of a run depend on each other, so the standard
    error is over groups.

    Examples
    --------
    >>> import bayesbio
    >>> monod, tessier = map(bayesbio.load, ("monod.nc", "tessier.nc"))  # doctest: +SKIP
    >>> compare({"Monod": monod, "Tessier": tessier})  # doctest: +SKIP
    """
    if len(calibrations) < 2:
        raise CalibrationError(
            f"{len(calibrations)} calibration came to be compared; give two or more by name, "
            "compare({'Monod': ..., 'Tessier': ...})."
        )
    _same_data(calibrations)
    left_out = {
        name: each
        if isinstance(each, LeftOut)
        else leave_out(
            each,
            by=by,
            baselines=None,
            executor=executor,
            progress=progress,
            random_seed=each.random_seed if random_seed is None else random_seed,
        )
        for name, each in calibrations.items()
    }
    readings = _same_readings(left_out)
    density = np.column_stack([rows["elpd"].to_numpy() for rows in readings.values()])
    group = next(iter(readings.values()))["group"].to_numpy()
    by_group = pd.DataFrame(density, columns=list(readings)).groupby(group).sum()
    total = by_group.sum()
    best = total.idxmax()
    behind = by_group.sub(by_group[best], axis=0)
    errors = pd.DataFrame(
        {name: rows.groupby("quantity")["crps"].mean() for name, rows in readings.items()}
    )
    table = pd.DataFrame(
        {
            "elpd": total,
            "elpd_diff": total - total[best],
            "dse": behind.std(ddof=1) * np.sqrt(len(behind)),
            "weight": pd.Series(stacking_weights(density), index=list(readings)),
            "crps": errors.div(errors.min(axis=1), axis=0).mean(),
            "coverage_90": pd.Series({name: each.coverage() for name, each in left_out.items()}),
            "exact_refits": pd.Series(
                {
                    name: int((each.groups["method"] == "exact refit").sum())
                    for name, each in left_out.items()
                }
            ),
        }
    )
    return table.sort_values("elpd", ascending=False, kind="stable")


def stacking_weights(log_density: np.ndarray) -> np.ndarray:
    """
    Find the mixture of predictions that would have predicted best.

    Parameters
    ----------
    log_density : array, shape (readings, models)
        Log predictive density of each reading, not seen, under each model.

    Returns
    -------
    array, shape (models,)
        Zero or more, adding up to one.

    Notes
    -----
    The mean of log(sum of weight x density) is concave; each step of expectation-maximisation
    raises it.

    Examples
    --------
    >>> stacking_weights(np.log([[0.9, 1e-9], [0.9, 1e-9], [0.9, 1e-9], [1e-9, 0.9]])).round(3)
    array([0.75, 0.25])
    """
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weights = np.full(density.shape[1], 1.0 / density.shape[1])
    before = -np.inf
    for _ in range(100_000):
        mixed = density @ weights
        score = float(np.mean(np.log(mixed)))
        if score - before < ENOUGH:
            break
        before = score
        weights = weights * np.mean(density / mixed[:, None], axis=0)
    return weights / weights.sum()


def _same_data(calibrations: Mapping[str, Calibration | LeftOut]) -> None:
    """Refuse calibrations of different campaigns, with what differs."""
    first, *others = calibrations
    hashes = {
        name: each.data_hash if isinstance(each, LeftOut) else each.campaign.hash
        for name, each in calibrations.items()
    }
    for name in others:
        if hashes[name] == hashes[first]:
            continue
        pair = (calibrations[first], calibrations[name])
        what = "other readings, settings, profiles or events"
        if all(isinstance(each, Calibration) for each in pair):
            runs = [set(each.campaign.names) for each in pair if isinstance(each, Calibration)]
            only = sorted(runs[0] ^ runs[1])
            if only:
                what = f"other runs ({', '.join(only[:5])} in one of them only)"
        raise CalibrationError(
            f"{first!r} and {name!r} were calibrated on different data: {what}. Scores are "
            "comparable on the same data only; fit both on one campaign."
        )


def _same_readings(left_out: Mapping[str, LeftOut]) -> dict[str, pd.DataFrame]:
    """Give the readings of each in one order; refuse where they are not the same."""
    found = {}
    for name, each in left_out.items():
        if each.partial:
            raise CalibrationError(
                f"{name!r} is partial: {', '.join(each.left_undone)} is missing, because the work "
                "was stopped. Leave out again, to the end."
            )
        found[name] = each.readings.sort_values(READING, kind="stable").reset_index(drop=True)
    first, *others = found
    for name in others:
        same = found[name][READING].equals(found[first][READING])
        if same and (found[name]["group"] == found[first]["group"]).all():
            continue
        quantities = [", ".join(found[each]["quantity"].unique()) for each in (first, name)]
        raise CalibrationError(
            f"{first!r} was scored on readings of {quantities[0]}, each {left_out[first].by} left "
            f"out, {name!r} on {quantities[1]}, each {left_out[name].by} left out. Score both on "
            "the same: leave_out(calibration, by=..., quantities=[...]) for each."
        )
    return found
