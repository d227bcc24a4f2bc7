"""End titer of a running batch: importance sampling of a process model, or regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.baselines import TABULAR_BASELINES
from bayesbio.calibrate.calibration import Calibration
from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Run
from bayesbio.errors import DataError, did_you_mean

REPEATS = 4  # times each posterior draw is given new run effects
LEAST_DRAWS = 50  # effective draws below which a warning is given
LEAST_RUNS = 5


def forecast_titer(
    source: Calibration | Campaign,
    run: Run,
    *,
    at: float,
    quantity: str = "titer",
    noise: bool = True,
    random_seed: int = 0,
) -> xr.Dataset:
    """
    Predict the titer of a running batch at a later hour.

    Parameters
    ----------
    source : Calibration or Campaign
        A process model calibrated on earlier runs: its predictions of a new run are weighed by how
        well they agree with all readings so far. Or the earlier runs themselves: ridge regression
        of the later titer on levels and slopes of what is read at the hour of the last reading.
    run : Run
        The batch so far, with its settings (and, for a process model, profiles and events as they
        are planned).
    at : float [h]
        When.
    quantity : str
    noise : bool
        Whether the reading or the titer itself is predicted (process model only).
    random_seed : int
        Same input, same bytes.

    Returns
    -------
    Dataset
        The quantity, dims (chain, draw, run, time). ``attrs``: effective_draws, warnings.

    Raises
    ------
    DataError
        If the batch has no reading before that hour, or fewer than five earlier runs last so long.

    Notes
    -----
    Importance sampling with the predictive distribution of a new run as proposal, Gelman et al.
    (2013), Bayesian Data Analysis, section 10.4; jackknife+ intervals otherwise, see
    `bayesbio.baselines.TabularBaseline`.

    Examples
    --------
    ``forecast_titer(calibration, run_so_far, at=336.0)["titer"].quantile([0.05, 0.5, 0.95])``
    """
    rows = Campaign([run]).to_frame(details=True)
    rows = rows[(rows["flag"] != "excluded") & (rows["time_h"] < at)].reset_index(drop=True)
    if rows.empty:
        raise DataError(
            f"Run {run.name!r} has no reading before {at:g} h, so there is nothing to go on. Ask "
            "for a later hour, or predict a run from its settings alone."
        )
    if isinstance(source, Calibration):
        return _mechanistic(source, run, rows, at, quantity, noise, random_seed)
    return _from_runs(source, run, rows, at, quantity, random_seed)


def _mechanistic(
    calibration: Calibration,
    run: Run,
    rows: pd.DataFrame,
    at: float,
    quantity: str,
    noise: bool,
    random_seed: int,
) -> xr.Dataset:
    """Weigh predictions of a new run by the readings so far."""
    from bayesbio.calibrate.predicting.noise_draws import noise_parameters

    times = np.unique([*rows["time_h"], at])
    known = [name for name in calibration.noise if (rows["quantity"] == name).any()]
    final, weights = [], []
    for repeat in range(REPEATS):
        course = calibration.predict(
            [run], times=times, noise=False, random_seed=random_seed + repeat
        )
        weight: Any = 0.0
        for name in known:
            own = rows[rows["quantity"] == name].reset_index(drop=True)
            mean = course[name].isel(run=0).sel(time=own["time_h"].to_numpy(float)).to_numpy()
            settled = calibration.noise[name]
            parameters = noise_parameters(calibration.draws, name, settled, wide=False)
            weight = weight + settled.log_likelihood(mean, own, parameters).sum(axis=-1)
        final.append(course[quantity].isel(run=0).sel(time=at).to_numpy())
        weights.append(np.broadcast_to(weight, final[-1].shape))
    log_weight = np.nan_to_num(np.array(weights).ravel(), nan=-np.inf)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    effective = float(1.0 / (weight**2).sum())
    rng = np.random.default_rng(random_seed)
    shape = final[0].shape
    chosen = rng.choice(weight.size, size=shape, p=weight)
    values = np.array(final).ravel()[chosen]
    if noise and quantity in calibration.noise:
        settled = calibration.noise[quantity]
        parameters = {
            name: np.broadcast_to(value, (REPEATS, *shape)).ravel()[chosen]
            for name, value in noise_parameters(
                calibration.draws, quantity, settled, wide=False
            ).items()
        }
        wide = {name: value[..., None] for name, value in parameters.items()}
        values = settled.draw(values[..., None], wide, rng)[..., 0]
    warnings = []
    if not calibration.check().passed:
        warnings.append("The calibration did not pass its checks.")
    if effective < LEAST_DRAWS:
        warnings.append(
            f"Only {effective:.0f} of {weight.size} draws agree with the readings so far: this run "
            "is unlike those calibrated, or has more readings than resampling can follow. "
            "Calibrate with it."
        )
    return _dataset(
        values, run, at, quantity, str(course[quantity].attrs.get("units", "")), warnings
    ).assign_attrs(effective_draws=effective)


def _from_runs(
    campaign: Campaign,
    run: Run,
    rows: pd.DataFrame,
    at: float,
    quantity: str,
    random_seed: int,
) -> xr.Dataset:
    """Regress the later titer on what is read at the hour of the last reading."""
    now = float(rows["time_h"].max())
    measured = campaign.to_frame()
    measured = measured[measured["flag"] == ""]
    names = [name for name in rows["quantity"].unique() if (measured["quantity"] == name).any()]
    finals, features = [], []
    for name in campaign.names:
        own = measured[measured["run"] == name]
        course = own[own["quantity"] == quantity].sort_values("time_h")
        if len(course) < 2 or course["time_h"].iloc[-1] < at or name == run.name:
            continue
        finals.append(np.interp(at, course["time_h"], course["value"]))
        features.append(_features(own, names, now))
    if len(finals) < LEAST_RUNS:
        raise DataError(
            f"{len(finals)} earlier runs have {quantity!r} read until {at:g} h; {LEAST_RUNS} or "
            "more are needed. Ask for an earlier hour, or calibrate a process model."
            + did_you_mean(quantity, campaign.quantities)
            * (quantity not in campaign.quantities)
        )
    table = np.array(features)
    known = np.isfinite(table).sum(axis=0) > len(table) // 2
    if not known.any():
        raise DataError(
            f"Run {run.name!r} was last read at {now:g} h; by then fewer than half of the earlier "
            f"runs had a reading of {', '.join(names) or 'what it read'}. Wait for its next sample."
        )
    table, here = table[:, known], _features(rows[rows["flag"] == ""], names, now)[known]
    typical = np.nanmedian(table, axis=0)
    table, here = (
        np.where(np.isfinite(table), table, typical),
        np.where(np.isfinite(here), here, typical),
    )
    here = np.clip(here, table.min(axis=0), table.max(axis=0))  # nothing is extrapolated
    fitted = TABULAR_BASELINES["ridge"]().fit(table, finals)
    values = fitted.predict(here[None, :], random_seed=random_seed).T
    lowest = 0.0 if min(finals) >= 0.0 else -np.inf
    unit = str(campaign.units.get(quantity, ""))
    return _dataset(np.maximum(values, lowest), run, at, quantity, unit, [])


def _features(rows: pd.DataFrame, names: list[str], now: float) -> np.ndarray:
    """
    Give the last level, mean slope since half the time and age, quantity by quantity.

    Only what was read until now counts, in earlier runs too; NaN where nothing was.
    """
    found = []
    for name in names:
        own = rows[rows["quantity"] == name].groupby("time_h")["value"].mean()
        times, values = own.index.to_numpy(float), own.to_numpy(float)
        before = times <= now
        if not before.any():
            found += [np.nan, np.nan, np.nan]
            continue
        times, values = times[before], values[before]
        half = np.interp(0.5 * now, times, values)
        since = max(times[-1] - 0.5 * now, 0.1 * now, 1e-9)
        found += [values[-1], (values[-1] - half) / since, now - times[-1]]
    return np.array(found)


def _dataset(
    values: np.ndarray, run: Run, at: float, quantity: str, unit: str, warnings: list[str]
) -> xr.Dataset:
    found = xr.Dataset(
        {quantity: (("chain", "draw", "run", "time"), values[..., None, None])},
        coords={"run": [run.name], "time": [at]},
        attrs={"warnings": warnings},
    )
    found[quantity].attrs["units"] = unit
    return found
