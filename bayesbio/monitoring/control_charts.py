"""Control charts of a series of results: lots, heavy tails, limits of a stated rate."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from scipy import stats

from bayesbio.data import Table
from bayesbio.errors import DataError
from bayesbio.inference import Verdict, sample, verdict_of

FAR = 4.0  # robust standard deviations beyond which a result is called an outlier
TO_SD = 1.0 / stats.norm.ppf(0.75)  # of half the interquartile range


@dataclasses.dataclass(frozen=True, eq=False)
class ControlChart:
    """
    What a series of control results says of the next one.

    Made by `control_chart`.

    Attributes
    ----------
    posterior : DataTree
        Draws of level, lot_sd, lot_effect, scale, degrees_of_freedom (and trend).
    results : DataFrame
        One row a result: value, lot, lower, upper (limits in its lot), outside, outlier_probability
        (that it lies more than four robust standard deviations from its lot).
    false_alarm_rate : float
        Share of the results of an unchanged assay that fall outside.
    limits : tuple of float
        For a result of a lot nobody has seen.
    quantity, unit : str
    random_seed : int
    data_hash : str
    """

    posterior: xr.DataTree
    results: pd.DataFrame
    false_alarm_rate: float
    limits: tuple[float, float]
    quantity: str
    unit: str
    random_seed: int
    data_hash: str

    def check(self) -> Verdict:
        """Whether the draws may be believed."""
        return verdict_of(self.posterior)

    @property
    def hash(self) -> str:
        """Hash of the data and the draws."""
        found = hashlib.sha256(self.data_hash.encode())
        for values in self.posterior["posterior"].to_dataset().data_vars.values():
            found.update(np.ascontiguousarray(values.to_numpy()).tobytes())
        return found.hexdigest()

    def summary(self) -> pd.DataFrame:
        """
        Tell every unknown: level, differences between lots, scatter, tails.

        Returns
        -------
        DataFrame
            Index parameter; columns unit, mean, eti_5, eti_50, eti_95.
        """
        draws = self.posterior["posterior"].to_dataset()
        rows = {}
        for name, values in draws.data_vars.items():
            unit = "1" if name == "degrees_of_freedom" else self.unit
            flat = values.stack(sample=("chain", "draw"))
            parts = flat if flat.ndim > 1 else flat.expand_dims("one")
            for part in parts:
                label = (
                    str(name) if flat.ndim == 1 else f"{name}[{part.coords[flat.dims[0]].item()}]"
                )
                low, middle, high = np.quantile(part, [0.05, 0.5, 0.95])
                rows[label] = (unit, float(part.mean()), low, middle, high)
        table = pd.DataFrame.from_dict(
            rows, orient="index", columns=["unit", "mean", "eti_5", "eti_50", "eti_95"]
        )
        return table.rename_axis("parameter")

    def score(self, values: Any, *, lot: str | None = None) -> pd.DataFrame:
        """
        Judge new results.

        Parameters
        ----------
        values : array, shape (n,) [unit of the results]
        lot : str, optional
            Their lot, where it is one that was learned from; else a new one.

        Returns
        -------
        DataFrame
            Columns value, lower, upper, p_value (that an unchanged assay strays so far, either
            way), alarm.
        """
        given = np.atleast_1d(np.asarray(values, float))
        known = (
            None
            if lot is None
            else [str(name) for name in self.posterior["posterior"]["lot"].to_numpy()]
        )
        if known is not None and lot not in known:
            raise DataError(
                f"There is no lot {lot!r}; the lots are {', '.join(known)}. Leave lot out for one "
                "that is new."
            )
        draws = _flat(self.posterior)
        rng = np.random.default_rng(self.random_seed)
        effect = (
            draws["lot_sd"] * rng.standard_normal(len(draws["level"]))
            if known is None
            else draws["lot_effect"][:, known.index(str(lot))]
        )
        centre = draws["level"] + effect
        tail = stats.t.cdf(
            (given[:, None] - centre) / draws["scale"], draws["degrees_of_freedom"]
        ).mean(axis=1)
        lower, upper = _limits(centre, draws, self.false_alarm_rate)
        return pd.DataFrame(
            {
                "value": given,
                "lower": lower,
                "upper": upper,
                "p_value": 2.0 * np.minimum(tail, 1.0 - tail),
                "alarm": (given < lower) | (given > upper),
            }
        )


def control_chart(
    table: Any,
    value: str,
    *,
    lot: str | None = None,
    trend: str | None = None,
    false_alarm_rate: float = 0.01,
    draws: int = 1000,
    chains: int = 4,
    random_seed: int = 0,
) -> ControlChart:
    """
    Learn a control chart from a series of results of one control sample.

    Parameters
    ----------
    table : Table or DataFrame
        One row a result.
    value : str
        Column of the results.
    lot : str, optional
        Column that says which results belong together (reagent, tracer, day).
    trend : str, optional
        Column of numbers, such as the age of a reagent, on which results may depend linearly; the
        limits hold at its mean.
    false_alarm_rate : float
        Share of the results of an unchanged assay that may fall outside the limits.
    draws, chains, random_seed : int
        Of the sampler.

    Returns
    -------
    ControlChart

    Raises
    ------
    DataError
        If a column is missing, holds no numbers, never differs, or fewer than five results came.

    Notes
    -----
    result = level + effect of the lot + slope x (trend - mean) + scale x Student t with degrees of
    freedom to be learned: outliers widen the tails, not the middle (Lange, Little and Taylor 1989,
    Journal of the American Statistical Association 84, 881-896). Limits are quantiles of the
    predictive of a new result, with everything unknown averaged over.

    Examples
    --------
    ``control_chart(read_table("igf_qc_assay.csv"), "igf1", lot="lot").limits``
    """
    frame = table.to_frame() if isinstance(table, Table) else pd.DataFrame(table)
    for name in (value, lot, trend):
        if name is not None and name not in frame:
            raise DataError(
                f"There is no column {name!r}; the columns are {', '.join(map(str, frame))}."
            )
    if not 0.0 < false_alarm_rate < 1.0:
        raise DataError(
            f"false_alarm_rate is {false_alarm_rate!r}; expected a share, such as 0.01."
        )
    read = pd.to_numeric(frame[value], errors="coerce")
    frame = frame[read.notna()].reset_index(drop=True)
    y = read.dropna().to_numpy(float)
    if len(y) < 5:
        raise DataError(f"{len(y)} results of {value!r} came; a chart needs at least 5.")
    middle, spread = float(np.median(y)), float(stats.iqr(y)) * TO_SD / 2.0 or float(y.std())
    if spread == 0.0:
        raise DataError(
            f"Every result of {value!r} is {y[0]:g}; there is no scatter to learn from."
        )
    lots = _labels(frame[lot]) if lot is not None else np.full(len(y), "all")
    names = list(dict.fromkeys(lots))
    place = np.array([names.index(each) for each in lots])
    aged = np.zeros(len(y))
    if trend is not None:
        aged = pd.to_numeric(frame[trend], errors="coerce").to_numpy(float)
        aged = np.nan_to_num((aged - np.nanmean(aged)) / (np.nanstd(aged) or 1.0))
    with pm.Model(coords={"lot": names}) as model:
        level = pm.Normal("level", middle, 10.0 * spread)
        scale = pm.HalfNormal("scale", 3.0 * spread)
        freedom = 1.0 + pm.Gamma("freedom_above_one", 2.0, 0.1)
        pm.Deterministic("degrees_of_freedom", freedom)
        centre = level
        if len(names) > 1:
            lot_sd = pm.HalfNormal("lot_sd", spread)
            raw = pm.Normal("lot_raw", dims="lot")
            centre = centre + pm.Deterministic("lot_effect", lot_sd * raw, dims="lot")[place]
        if trend is not None:
            centre = centre + pm.Normal("trend", 0.0, spread) * aged
        pm.StudentT("result", nu=freedom, mu=centre, sigma=scale, observed=y)
    sampled = sample(model, draws=draws, chains=chains, random_seed=random_seed)
    kept = (
        sampled["posterior"]
        .to_dataset()
        .drop_vars(["freedom_above_one", "lot_raw"], errors="ignore")
    )
    if len(names) == 1:
        zero = xr.zeros_like(kept["level"])
        kept = kept.assign(lot_sd=zero, lot_effect=zero.expand_dims(lot=names, axis=-1))
    groups = {"posterior": kept, "sample_stats": sampled["sample_stats"].to_dataset()}
    tree = xr.DataTree.from_dict(groups)
    flat = _flat(tree)
    own = flat["level"][:, None] + flat["lot_effect"]
    ends = np.array([_limits(own[:, n], flat, false_alarm_rate) for n in range(len(names))])
    robust = flat["scale"] * stats.t.ppf(0.75, flat["degrees_of_freedom"]) * TO_SD
    slope = flat["trend"] if trend is not None else np.zeros(len(robust))
    away = np.abs(y[:, None] - own[:, place].T - np.outer(aged, slope))
    results = pd.DataFrame(
        {
            "value": y,
            "lot": lots,
            "lower": ends[place, 0],
            "upper": ends[place, 1],
            "outside": (y < ends[place, 0]) | (y > ends[place, 1]),
            "outlier_probability": (away > FAR * robust).mean(axis=1),
        }
    )
    rng = np.random.default_rng(random_seed)
    new = flat["level"] + flat["lot_sd"] * rng.standard_normal(len(flat["level"]))
    return ControlChart(
        tree,
        results,
        float(false_alarm_rate),
        _limits(new, flat, false_alarm_rate),
        value,
        table.unit(value) if isinstance(table, Table) else "",
        int(random_seed),
        hashlib.sha256(results[["value", "lot"]].to_csv().encode()).hexdigest(),
    )


def _labels(column: pd.Series) -> np.ndarray:
    """Names of lots as text; numbers without a decimal point."""
    if pd.api.types.is_numeric_dtype(column):
        return np.array([f"{each:g}" for each in column])
    return column.astype(str).to_numpy()


def _flat(tree: xr.DataTree) -> dict[str, np.ndarray]:
    """Draws in one row, lots beside them."""
    posterior = tree["posterior"].to_dataset().stack(sample=("chain", "draw"))
    return {
        str(name): values.transpose("sample", ...).to_numpy()
        for name, values in posterior.data_vars.items()
    }


def _limits(centre: np.ndarray, draws: dict[str, np.ndarray], rate: float) -> tuple[float, float]:
    """Quantiles of the predictive: each draw a Student t around its centre, by bisection."""
    freedom, scale = draws["degrees_of_freedom"], draws["scale"]
    found = []
    for probability in (0.5 * rate, 1.0 - 0.5 * rate):
        quantiles = centre + scale * stats.t.ppf(probability, freedom)
        low, high = float(quantiles.min()), float(quantiles.max())
        for _ in range(50):
            at = 0.5 * (low + high)
            below = float(stats.t.cdf((at - centre) / scale, freedom).mean())
            low, high = (at, high) if below < probability else (low, at)
        found.append(0.5 * (low + high))
    return found[0], found[1]
