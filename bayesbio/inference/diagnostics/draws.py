"""Flat views of a posterior: every scalar with its label, and the summary table over them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.base import array_stats

from bayesbio.inference.diagnostics.verdict import Verdict

_SAMPLE_DIMS = ("chain", "draw")
QUANTILES = {"eti_5": 0.05, "eti_50": 0.5, "eti_95": 0.95}


@dataclass(frozen=True, eq=False)
class FlatDraws:
    """
    Scalars of a posterior side by side.

    Attributes
    ----------
    labels : tuple of str
        "rate", "rate_by_run[R07]", ...
    names : tuple of str
        The variable that each scalar belongs to: "rate", "rate_by_run", ...
    values : array, (chain, draw, scalars)
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    values: np.ndarray

    def select(self, keep: np.ndarray) -> FlatDraws:
        """Choose some of the scalars, by a mask or by numbers."""
        chosen = np.arange(len(self.labels))[keep]
        return FlatDraws(
            tuple(self.labels[i] for i in chosen),
            tuple(self.names[i] for i in chosen),
            self.values[..., chosen],
        )

    @property
    def varying(self) -> FlatDraws:
        """Without the scalars that are the same in every draw."""
        first = self.values[:1, :1]
        return self.select(~np.all(self.values == first, axis=(0, 1)))


def flat_draws(posterior: xr.Dataset, names: Iterable[str] | None = None) -> FlatDraws:
    """
    Lay every scalar of a posterior side by side.

    Parameters
    ----------
    posterior : Dataset, dims (chain, draw, ...)
        Draws.
    names : iterable of str, optional
        Variables to take; all numeric ones by default.

    Returns
    -------
    FlatDraws

    Examples
    --------
    >>> draws = xr.Dataset({"rate": (("chain", "draw", "run"), np.arange(4.0).reshape(1, 2, 2))},
    ...                    coords={"run": ["R1", "R2"]})
    >>> flat_draws(draws).labels
    ('rate[R1]', 'rate[R2]')
    """
    labels: list[str] = []
    owners: list[str] = []
    columns = [np.empty((posterior.sizes["chain"], posterior.sizes["draw"], 0))]
    for name in map(str, posterior.data_vars if names is None else names):
        variable = posterior[name].transpose(*_SAMPLE_DIMS, ...)
        if names is None and variable.dtype.kind not in "bifu":
            continue
        values = variable.to_numpy().astype(float)
        shape, dims = values.shape[2:], variable.dims[2:]
        labels += [scalar_label(name, variable, dims, index) for index in np.ndindex(shape)]
        owners += [name] * int(np.prod(shape))
        columns.append(values.reshape(*values.shape[:2], -1))
    return FlatDraws(tuple(labels), tuple(owners), np.concatenate(columns, axis=-1))


def stack_draws(posterior: xr.Dataset, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """
    Draws of each variable with all chains in a row.

    Parameters
    ----------
    posterior : Dataset, dims (chain, draw, ...)
    names : iterable of str, optional
        Variables to take; all by default.

    Returns
    -------
    dict
        Name -> array of shape (samples, ...), chain after chain.

    Examples
    --------
    >>> draws = xr.Dataset({"rate": (("chain", "draw"), [[1.0, 2.0], [3.0, 4.0]])})
    >>> stack_draws(draws)
    {'rate': array([1., 2., 3., 4.])}
    """
    stacked = {}
    for name in map(str, posterior.data_vars if names is None else names):
        values = posterior[name].transpose(*_SAMPLE_DIMS, ...).to_numpy()
        stacked[name] = values.reshape(-1, *values.shape[2:])
    return stacked


def scalar_label(
    name: str, variable: xr.DataArray, dims: Sequence[Hashable], index: Sequence[int]
) -> str:
    """Label of one number of a variable, "rate_by_run[R07]", by its coordinates."""
    where = ", ".join(
        str(variable[dim].to_numpy()[i]) if dim in variable.coords else str(i)
        for dim, i in zip(dims, index, strict=True)
    )
    return f"{name}[{where}]" if where else name


def summary_table(
    posterior: xr.DataTree | xr.Dataset | FlatDraws,
    unit_of: Callable[[str, str], str] | None = None,
    *,
    verdict: Verdict | None = None,
    names: Iterable[str] | None = None,
    index_name: str = "parameter",
) -> pd.DataFrame:
    """
    Posterior of each scalar: mean, standard deviation, equal-tailed interval, R-hat, ESS.

    Parameters
    ----------
    posterior : DataTree with a group posterior, Dataset or FlatDraws
        Draws.
    unit_of : callable, optional
        Unit of a scalar from the name of its variable and its label. By default the attribute
        "units" of its variable, else the empty text.
    verdict : Verdict, optional
        Kept as text in ``attrs["verdict"]``: "passed", or the whole verdict where it is failed.
    names : iterable of str, optional
        Variables to take; all numeric ones by default.
    index_name : str

    Returns
    -------
    DataFrame
        One row a scalar. Columns unit, mean, sd, eti_5, eti_50, eti_95, r_hat, ess_bulk, ess_tail;
        the last three are NaN where a scalar never changes.

    Examples
    --------
    >>> rate = xr.DataArray(np.random.default_rng(1).normal(2.0, 0.1, (4, 500)),
    ...                     dims=("chain", "draw"), attrs={"units": "1/h"})
    >>> table = summary_table(xr.Dataset({"rate": rate}))
    >>> table.loc["rate", "unit"], float(table.loc["rate", "eti_50"].round(1))
    ('1/h', 2.0)
    """
    units: dict[str, str] = {}
    if isinstance(posterior, FlatDraws):
        flat = posterior
    else:
        dataset = (
            posterior["posterior"].to_dataset() if isinstance(posterior, xr.DataTree) else posterior
        )
        flat = flat_draws(dataset, names)
        units = {str(name): dataset[name].attrs.get("units", "") for name in flat.names}
    low, middle, high = np.quantile(flat.values, list(QUANTILES.values()), axis=(0, 1))
    varying = ~np.all(flat.values == flat.values[:1, :1], axis=(0, 1))
    table = pd.DataFrame(
        {
            "unit": [
                units.get(name, "") if unit_of is None else unit_of(name, label)
                for name, label in zip(flat.names, flat.labels, strict=True)
            ],
            "mean": flat.values.mean(axis=(0, 1)),
            "sd": flat.values.std(axis=(0, 1)),
            "eti_5": low,
            "eti_50": middle,
            "eti_95": high,
        },
        index=pd.Index(flat.labels, name=index_name, dtype=object),
    )
    for column, values in convergence_statistics(flat.values[..., varying]).items():
        table[column] = np.nan
        table.loc[varying, column] = values
    if verdict is not None:
        table.attrs["verdict"] = "passed" if verdict.passed else str(verdict)
    return table


def convergence_statistics(values: np.ndarray) -> dict[str, np.ndarray]:
    """
    Rank-normalised R-hat with bulk and tail effective sample size.

    Vehtari et al. (2021), doi:10.1214/20-BA1221; the tail is that of the 5 % and 95 % quantiles.

    Parameters
    ----------
    values : array, (chain, draw, scalars)

    Returns
    -------
    dict
        r_hat, ess_bulk, ess_tail: arrays, (scalars,). Values that are not finite stay NaN.
    """
    if not values.shape[-1]:
        return dict.fromkeys(("r_hat", "ess_bulk", "ess_tail"), np.empty(0))
    along = {"chain_axis": 0, "draw_axis": 1}
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "r_hat": np.asarray(array_stats.rhat(values, **along)),
            "ess_bulk": np.asarray(array_stats.ess(values, method="bulk", **along)),
            "ess_tail": np.asarray(
                array_stats.ess(values, method="tail", prob=(0.05, 0.95), **along)
            ),
        }
