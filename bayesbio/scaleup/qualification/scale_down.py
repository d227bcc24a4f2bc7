"""Qualification of a scale-down model: posterior probabilities of equivalence between scales."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.data.campaign import Campaign
from bayesbio.data.table import Table
from bayesbio.errors import CalibrationError, DataError, UnitError
from bayesbio.inference.archive.files import write_archive
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.inference.diagnostics.verdict import Verdict, VerdictItem
from bayesbio.scaleup.qualification.scale_down_runs import (
    check_margin,
    common_conditions,
    design,
    least_squares,
    matching,
    runs_of,
    short,
)
from bayesbio.surrogate.gaussian_process.tables import hash_of

CASES = ("predictive", "offset", "different effects", "not predictive")
DRAWS = 4000
CONCORDANCE = 0.5  # of effects, above which the small scale still informs about them
FEW = 3  # degrees of freedom of a scale's own variance below which both scales share one


@dataclasses.dataclass(frozen=True, eq=False)
class Equivalence:
    """
    Posterior of the difference between two scales; made by `equivalence`.

    Parameters
    ----------
    response : str
    unit : str
    margin : float
        Largest difference that does not matter: in the unit of the response, or a share.
    relative : bool
        Whether the margin is a share of the small scale's value, and ratios are judged.
    conditions : tuple of str
        The settings judged, in words.
    small, large : array of shape (draws, conditions)
        Posterior draws of the mean response at each condition; logarithms when relative.
    runs : tuple of (int, int)
        Runs at each condition, small and large.
    shared_variance : bool
        Whether the scales share one residual variance.
    factors : tuple of str
    data : DataFrame
        The runs compared: scale ("small", "large"), response and factors.
    random_seed : int
    data_warnings : tuple of str
        What was left out.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> runs = pd.DataFrame({"clone": ["A", "B"] * 4, "titer": [2.0, 3.0] * 4})
    >>> small = runs.assign(titer=runs["titer"] + rng.normal(0.0, 0.05, 8))
    >>> large = runs.assign(titer=runs["titer"] - 0.5 + rng.normal(0.0, 0.05, 8))
    >>> found = equivalence(small, large, response="titer", factors=["clone"], margin=0.2)
    >>> found.case, round(float(found.probabilities["offset"]), 1)
    ('offset', 1.0)
    """

    response: str
    unit: str
    margin: float
    relative: bool
    conditions: tuple[str, ...]
    small: np.ndarray
    large: np.ndarray
    runs: tuple[tuple[int, int], ...]
    shared_variance: bool
    factors: tuple[str, ...]
    data: pd.DataFrame
    random_seed: int
    data_warnings: tuple[str, ...] = ()

    __repr__ = short_repr

    @property
    def model(self) -> str:
        """The model of the runs, in words."""
        effects = f"main effects of {', '.join(self.factors)}" if self.factors else "one mean"
        return (
            f"{effects} at each scale, {'logarithms of ' if self.relative else ''}{self.response} "
            "with normal scatter, flat prior on effects and log scatter"
        )

    @property
    def options(self) -> dict[str, Any]:
        """What was asked, as plain values."""
        return {
            "response": self.response,
            "factors": list(self.factors),
            "margin": self.margin,
            "relative": self.relative,
            "draws": len(self.small),
            "random_seed": self.random_seed,
        }

    @property
    def differences(self) -> np.ndarray:
        """Large minus small at each condition (log ratios when relative), (draws, conditions)."""
        return self.large - self.small

    @property
    def bound(self) -> float:
        """The margin on the scale of the differences."""
        return float(np.log1p(self.margin)) if self.relative else self.margin

    def at_margin(self, margin: float) -> pd.Series:
        """
        Give the probabilities of the four cases under another margin.

        Parameters
        ----------
        margin : float
            As in `equivalence`.

        Returns
        -------
        Series
            Index `CASES`; they add up to one.
        """
        check_margin(margin)
        bound = np.log1p(margin) if self.relative else margin
        differences = self.differences
        centred = differences - differences.mean(axis=1, keepdims=True)
        within = np.max(np.abs(differences), axis=1) <= bound
        parallel = np.max(np.abs(centred), axis=1) <= bound
        small = self.small - self.small.mean(axis=1, keepdims=True)
        large = self.large - self.large.mean(axis=1, keepdims=True)
        size = np.sum(small**2, axis=1) + np.sum(large**2, axis=1)
        informative = np.sum(small * large, axis=1) > 0.5 * CONCORDANCE * size
        shares = (
            within,
            ~within & parallel,
            ~within & ~parallel & informative,
            ~within & ~parallel & ~informative,
        )
        return pd.Series([float(np.mean(share)) for share in shares], index=list(CASES))

    @cached_property
    def probabilities(self) -> pd.Series:
        """Posterior probabilities of the four cases; they add up to one."""
        return self.at_margin(self.margin)

    @property
    def case(self) -> str:
        """The most probable case."""
        return str(self.probabilities.idxmax())

    def sensitivity(self, margins: Sequence[float]) -> pd.DataFrame:
        """
        Give probabilities of the four cases for several margins.

        Returns
        -------
        DataFrame
            Index margin, columns `CASES`.
        """
        return pd.DataFrame(
            [self.at_margin(float(margin)) for margin in margins],
            index=pd.Index([float(margin) for margin in margins], name="margin"),
        )

    def summary(self) -> pd.DataFrame:
        """
        Difference between the scales, condition by condition, and in common.

        Returns
        -------
        DataFrame
            Index condition, then "offset" (their mean) and "largest difference in effect".
            Differences large - small in the unit of the response, or ratios large / small when
            relative. Columns unit, mean, sd, eti_5, eti_50, eti_95, probability_within_margin.
        """
        differences = self.differences
        offset = differences.mean(axis=1)
        effect = np.max(np.abs(differences - offset[:, None]), axis=1)
        columns = np.column_stack([differences, offset, effect])
        labels = [*self.conditions, "offset", "largest difference in effect"]
        shown = np.exp(columns) if self.relative else columns
        low, middle, high = np.quantile(shown, [0.05, 0.5, 0.95], axis=0)
        table = pd.DataFrame(
            {
                "unit": "large / small" if self.relative else self.unit,
                "mean": shown.mean(axis=0),
                "sd": shown.std(axis=0),
                "eti_5": low,
                "eti_50": middle,
                "eti_95": high,
                "probability_within_margin": np.mean(np.abs(columns) <= self.bound, axis=0),
            },
            index=pd.Index(labels, name="condition"),
        )
        table.attrs["verdict"] = "passed" if self.check().passed else str(self.check())
        return table

    @property
    def sentence(self) -> str:
        """The finding in one sentence or two."""
        found = self.probabilities
        margin = f"{self.margin:.0%}" if self.relative else f"{self.margin:g} {self.unit}".strip()
        row = self.summary().loc["offset"]
        size = (
            f"the large scale gives {row['eti_50']:.2f} times the small one's {self.response}"
            if self.relative
            else f"the large scale gives {row['eti_50']:+.3g} {self.unit}".rstrip()
            + f" in {self.response}"
        )
        meaning = {
            "predictive": "The small scale predicts the large one within the margin",
            "offset": "The small scale predicts the large one after a constant shift",
            "different effects": "The small scale shows the direction of effects, not their size",
            "not predictive": "The small scale does not predict the large one",
        }[self.case]
        return (
            f"{meaning} of {margin} (probability {found[self.case]:.2f}); on average {size}, with "
            f"90 % probability between {row['eti_5']:.3g} and {row['eti_95']:.3g}."
        )

    @property
    def warnings(self) -> list[str]:
        """What the reader should know of the data."""
        found = list(self.data_warnings)
        if len(self.conditions) == 1:
            found.append(
                "Only one condition was run at both scales, so effects cannot be compared: "
                "'different effects' and 'not predictive' cannot be seen."
            )
        fewest = min(min(pair) for pair in self.runs)
        if fewest < 3:
            found.append(
                f"Some condition has {fewest} run(s) at one scale; three or more separate scatter "
                "from difference."
            )
        if self.shared_variance:
            found.append("A scale has few runs beyond its conditions: both share one scatter.")
        return found

    def check(self) -> Verdict:
        """Confirm that draws are independent draws of the exact posterior."""
        statement = "The posterior is exact: draws are independent."
        return Verdict((VerdictItem("exact", float(len(self.small)), ">= 1", True, statement),))

    def require(self) -> Equivalence:
        """Return this result if its verdict passed; a `CalibrationError` otherwise."""
        if not self.check().passed:
            raise CalibrationError(f"The comparison did not pass its checks.\n{self.check()}")
        return self

    @cached_property
    def posterior(self) -> xr.DataTree:
        """Means at both scales and their differences, for ArviZ."""
        arrays = {"small": self.small, "large": self.large, "difference": self.differences}
        return xr.DataTree.from_dict(
            {
                "posterior": xr.Dataset(
                    {
                        name: (("chain", "draw", "condition"), values[None])
                        for name, values in arrays.items()
                    },
                    coords={"condition": list(self.conditions)},
                )
            }
        )

    @cached_property
    def data_hash(self) -> str:
        """Fingerprint of the runs compared."""
        return hash_of(self.data.to_csv(index=False))

    @cached_property
    def hash(self) -> str:
        """Fingerprint of the draws."""
        return hash_of(self.data_hash, self.small, self.large)

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        title = f"Does the small scale predict the large one's {self.response}?"
        instead = "Other margins: result.sensitivity(margins)."
        return Evidence(self, title, (self.sentence,), instead=instead)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        arrays = ("small", "large")
        content = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in (*arrays, "data")
        } | {"columns": list(self.data.columns)}
        draws = xr.Dataset({name: (("draw", "condition"), getattr(self, name)) for name in arrays})
        data = xr.Dataset.from_dataframe(self.data.rename_axis("row"))
        tree = xr.DataTree.from_dict({"draws": draws, "data": data})
        write_archive(path, tree, kind="equivalence", content=content)
        return Path(path)


def equivalence_from_archive(
    tree: xr.DataTree, content: Mapping[str, Any], model: Any = None
) -> Equivalence:
    """
    Rebuild what `Equivalence.save` wrote; `bayesbio.load` calls it.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : ignored
        No process model is needed.

    Returns
    -------
    Equivalence
    """
    fields = dict(content)
    for name in ("conditions", "factors", "data_warnings"):
        fields[name] = tuple(fields[name])
    fields["runs"] = tuple((int(small), int(large)) for small, large in fields["runs"])
    draws = tree["draws"].to_dataset()
    data = tree["data"].to_dataset().to_dataframe()[fields.pop("columns")].reset_index(drop=True)
    return Equivalence(
        small=draws["small"].to_numpy(), large=draws["large"].to_numpy(), data=data, **fields
    )


def equivalence(
    small: pd.DataFrame | Table | Campaign,
    large: pd.DataFrame | Table | Campaign,
    *,
    response: str,
    margin: float,
    factors: Sequence[str] = (),
    relative: bool = False,
    at: float | None = None,
    draws: int = DRAWS,
    random_seed: int = 0,
) -> Equivalence:
    """
    Give the probabilities that a small scale predicts a large one, and how far.

    Parameters
    ----------
    small, large : DataFrame, Table or Campaign
        Runs at each scale, one row (or run) each. Excluded readings, and those known by a limit
        only, do not count.
    response : str
        Column, or quantity of a campaign.
    margin : float
        Largest difference that does not matter, above zero: in the unit of the response, or with
        `relative` a share of the small scale's value (0.1 for 10 %).
    factors : sequence of str
        What was varied at both scales: levels or numbers. Only conditions run at both are judged.
    relative : bool
        Judge ratios instead of differences; the response must be above zero.
    at : float, optional [h]
        With campaigns: when; the last measurement of each run by default.
    draws : int
    random_seed : int

    Returns
    -------
    Equivalence

    Raises
    ------
    DataError
        If a scale has no runs, the response or a factor is missing, no condition was run at both
        scales, there are too few runs to know their scatter, or the margin is not above zero.
    UnitError
        If the response has another unit at the other scale.

    Notes
    -----
    At each scale y = condition mean + e, with main effects of the factors (levels, or linear) and a
    flat prior on effects and log scatter: the posterior is exact, a multivariate t (Gelman et al.
    2013, section 14.2, ISBN 9781439840955). Each draw is one of four cases. With d the differences
    large - small and d' what is left after their mean: predictive, all |d| within the margin;
    offset, all |d'| within it; different effects, some |d'| beyond it, but the deviations of the
    conditions from their mean agree between the scales with a concordance above one half (Lin
    1989, doi:10.2307/2532051); not predictive, otherwise.

    Examples
    --------
    ``equivalence(bench, plant, response="titer", factors=["clone"], margin=0.1, relative=True)``
    """
    check_margin(margin)
    tables, units, warnings = {}, {}, []
    for name, given in (("small", small), ("large", large)):
        tables[name], units[name], left_out = runs_of(given, response, factors, at=at, scale=name)
        warnings += left_out
    if units["small"] and units["large"] and units["small"] != units["large"]:
        raise UnitError(
            f"{response!r} is in {units['small']} at the small scale and in {units['large']} at "
            "the large one. Convert one of them: the margin needs one unit."
        )
    if relative:
        for name, table in tables.items():
            lowest = float(table[response].min())
            if lowest <= 0:
                raise DataError(
                    f"The {name} scale has {response} = {lowest:g}; a relative margin needs values "
                    "above zero. Use relative=False with a margin in the unit of the response."
                )
    conditions = common_conditions(tables, factors)
    labels = tuple(
        ", ".join(f"{factor} {short(value)}" for factor, value in zip(factors, row, strict=True))
        or "all runs"
        for row in conditions
    )
    levels = {
        factor: sorted({str(value) for table in tables.values() for value in table[factor]})
        for factor in factors
        if not all(pd.api.types.is_numeric_dtype(table[factor]) for table in tables.values())
    }
    asked = design(pd.DataFrame(conditions, columns=list(factors)), levels, factors)
    fits = {}
    for name, table in tables.items():
        values = np.asarray(table[response], dtype=float)
        fits[name] = least_squares(
            design(table, levels, factors), np.log(values) if relative else values, asked, name
        )
    freedom = {name: fit.freedom for name, fit in fits.items()}
    shared = min(freedom.values()) < FEW
    if sum(freedom.values()) < 1:
        raise DataError(
            f"{len(tables['small'])} and {len(tables['large'])} runs for {len(asked)} conditions "
            "leave nothing to judge scatter by; give at least one replicate at one scale, three "
            "runs of each condition if possible."
        )
    rng = np.random.default_rng(random_seed)
    pooled = None
    if shared:
        total, of = sum(fit.squares for fit in fits.values()), sum(freedom.values())
        pooled = total / rng.chisquare(of, size=draws)
    drawn = {}
    for name, fit in fits.items():
        variance = (
            fit.squares / rng.chisquare(fit.freedom, size=draws) if pooled is None else pooled
        )
        normal = rng.standard_normal((draws, fit.root.shape[1]))
        drawn[name] = fit.mean + np.sqrt(variance)[:, None] * normal @ fit.root.T
    runs = tuple(
        (
            int(matching(tables["small"], factors, row).sum()),
            int(matching(tables["large"], factors, row).sum()),
        )
        for row in conditions
    )
    return Equivalence(
        response=response,
        unit=units["small"] or units["large"],
        margin=float(margin),
        relative=relative,
        conditions=labels,
        small=drawn["small"],
        large=drawn["large"],
        runs=runs,
        shared_variance=shared,
        factors=tuple(factors),
        data=pd.concat(
            [table.assign(scale=name) for name, table in tables.items()], ignore_index=True
        ),
        random_seed=random_seed,
        data_warnings=tuple(warnings),
    )
