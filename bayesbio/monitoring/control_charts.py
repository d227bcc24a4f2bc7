"""Control chart of a series of results: lots, Student-t tails, limits of a stated rate."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from scipy import stats

from bayesbio.data import Table
from bayesbio.errors import CalibrationError, DataError, did_you_mean
from bayesbio.inference import Verdict, sample, verdict_of
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.archive.results import result_hash, save_result
from bayesbio.inference.diagnostics.draws import stack_draws, summary_table
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.inference.noise.censoring import STUDENT_T, log_interval_probability

KIND = "control_chart"
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
        One row a result: value, flag, lot, lower, upper (limits in its lot), outside,
        outlier_probability (that it lies more than four robust standard deviations from its lot).
    false_alarm_rate : float
        Share of the results of an unchanged assay that fall outside.
    limits : tuple of float
        For a result of a lot nobody has seen.
    quantity, unit : str
    random_seed : int
    data_hash : str
    options : mapping
        What was asked: columns, false alarm rate, draws, chains.
    warnings : tuple of str
        Sentences on the results that came.
    """

    posterior: xr.DataTree
    results: pd.DataFrame
    false_alarm_rate: float
    limits: tuple[float, float]
    quantity: str
    unit: str
    random_seed: int
    data_hash: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    __repr__ = short_repr

    @property
    def model(self) -> str:
        """Statistical model in words."""
        return "Student t about the level of each lot, lots normal about a common level"

    @property
    def data(self) -> pd.DataFrame:
        """Results that the chart was learned from."""
        return self.results

    def check(self) -> Verdict:
        """Whether the draws may be believed."""
        return verdict_of(self.posterior)

    def require(self) -> ControlChart:
        """Give the chart itself if its checks pass, else raise `CalibrationError`."""
        if not self.check().passed:
            raise CalibrationError(str(self.check()))
        return self

    @property
    def hash(self) -> str:
        """Hash of the data and the draws."""
        return result_hash(self)

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        low, high = self.limits
        outside, count = int(self.results["outside"].sum()), len(self.results)
        answer = (
            f"{outside} of {count} results lie outside the limits of their lots. The next result "
            f"of a new lot is expected between {low:.3g} and {high:.3g} {self.unit}".rstrip()
            + f" ({100.0 * (1.0 - self.false_alarm_rate):g} %)."
        )
        title = f"Control chart of {self.quantity}"
        instead = "It judges results as they come: chart.score(values, lot=...)."
        return Evidence(self, title, (answer,), instead=instead)

    def save(self, path: str | Path) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        return save_result(path, self, KIND)

    def summary(self) -> pd.DataFrame:
        """
        Posterior of level, lots, scatter and tails.

        Returns
        -------
        DataFrame
            Index parameter; columns unit, mean, sd, eti_5, eti_50, eti_95, r_hat and effective
            draws.
        """
        return summary_table(
            self.posterior,
            lambda name, label: "1" if name == "degrees_of_freedom" else self.unit,
            verdict=self.check(),
        )

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
        draws = stack_draws(self.posterior["posterior"].to_dataset())
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
        One row a result; excluded ones are left out, those flagged below, above or between limits
        count with their probability.
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
    table = Table.of(table, responses=value)
    for name in (value, lot, trend):
        if name is not None and name not in tuple(table):
            raise DataError(
                f"There is no column {name!r}; the columns are {', '.join(table)}."
                f"{did_you_mean(name, table)}"
            )
    if not 0.0 < false_alarm_rate < 1.0:
        raise DataError(
            f"false_alarm_rate is {false_alarm_rate!r}; expected a share, such as 0.01."
        )
    read = table.readings(value) if table.column(value).is_number else pd.DataFrame()
    if len(read) < 5:
        raise DataError(f"{len(read)} results of {value!r} came; a chart needs at least 5.")
    left_out = len(table) - len(read)
    y, flag = read["value"].to_numpy(float), read["flag"].to_numpy(str)
    quantified = y[flag == ""]
    if len(quantified) < 3:
        raise DataError(
            f"{len(quantified)} of {len(y)} results of {value!r} are within their limits; a chart "
            "needs at least 3."
        )
    middle = float(np.median(quantified))
    spread = float(stats.iqr(quantified)) * TO_SD / 2.0 or float(quantified.std())
    if spread == 0.0:
        raise DataError(
            f"Every result of {value!r} is {y[0]:g}; there is no scatter to learn from."
        )
    lots = _labels(table[lot][read.index]) if lot is not None else np.full(len(y), "all")
    names = list(dict.fromkeys(lots))
    index = np.array([names.index(each) for each in lots])
    aged = np.zeros(len(y))
    if trend is not None:
        aged = _standardised(table, trend, read.index)
    with pm.Model(coords={"lot": names}) as model:
        level = pm.Normal("level", middle, 10.0 * spread)
        scale = pm.HalfNormal("scale", 3.0 * spread)
        freedom = 1.0 + pm.Gamma("freedom_above_one", 2.0, 0.1)
        pm.Deterministic("degrees_of_freedom", freedom)
        centre = level
        if len(names) > 1:
            lot_sd = pm.HalfNormal("lot_sd", spread)
            raw = pm.Normal("lot_raw", dims="lot")
            centre = centre + pm.Deterministic("lot_effect", lot_sd * raw, dims="lot")[index]
        if trend is not None:
            centre = centre + pm.Normal("trend", 0.0, spread) * aged
        whole = centre + np.zeros(len(y))
        known = np.flatnonzero(flag == "")
        pm.StudentT("result", nu=freedom, mu=whole[known], sigma=scale, observed=y[known])
        beyond = np.flatnonzero(flag != "")
        if beyond.size:
            part = log_interval_probability(
                STUDENT_T,
                read["lower"].to_numpy()[beyond],
                read["upper"].to_numpy()[beyond],
                whole[beyond],
                scale,
                freedom,
            )
            pm.Potential("limits", part.sum())
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
    flat = stack_draws(kept)
    by_lot = flat["level"][:, None] + flat["lot_effect"]
    ends = np.array([_limits(by_lot[:, n], flat, false_alarm_rate) for n in range(len(names))])
    robust = flat["scale"] * stats.t.ppf(0.75, flat["degrees_of_freedom"]) * TO_SD
    slope = flat["trend"] if trend is not None else np.zeros(len(robust))
    away = np.abs(y[:, None] - by_lot[:, index].T - np.outer(aged, slope))
    results = pd.DataFrame(
        {
            "value": y,
            "flag": flag,
            "lot": lots,
            "lower": ends[index, 0],
            "upper": ends[index, 1],
            "outside": ((y < ends[index, 0]) & (flag != "above"))
            | ((y > ends[index, 1]) & (flag != "below")),
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
        table.unit(value),
        int(random_seed),
        hashlib.sha256(results[["value", "flag", "lot"]].to_csv().encode()).hexdigest(),
        options={
            "value": value,
            "lot": lot,
            "trend": trend,
            "false_alarm_rate": float(false_alarm_rate),
            "draws": draws,
            "chains": chains,
        },
        warnings=() if not left_out else (f"{left_out} results are excluded or missing.",),
    )


def _labels(column: np.ndarray) -> np.ndarray:
    """Names of lots as text; numbers with all their digits."""
    if column.dtype.kind == "f":
        return np.array([f"{each:.15g}" for each in column])
    return column.astype(str)


def _standardised(table: Table, trend: str, rows: pd.Index) -> np.ndarray:
    """Trend in standard deviations from its mean; a missing value counts as the mean."""
    if not table.column(trend).is_number:
        raise DataError(f"The trend {trend!r} holds names; expected numbers, such as an age.")
    values = table[trend][rows]
    return np.nan_to_num((values - np.nanmean(values)) / (np.nanstd(values) or 1.0))


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
