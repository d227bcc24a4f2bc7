"""What to expect of a run, given what was seen of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.data.table import Table
from bayesbio.inference.validation.scores import crps
from bayesbio.network.graph.structure import ProcessNetwork
from bayesbio.network.learning.fitting import fit_network
from bayesbio.network.posterior import NetworkPosterior
from bayesbio.network.queries.conditioning import conditioned
from bayesbio.network.queries.observations import draw_coords, outside_observed_range, scored

# Numbers held in memory at once.
_BLOCK = 2_000_000


def predict(
    posterior: NetworkPosterior,
    evidence: Any = None,
    *,
    targets: Sequence[str] | str | None = None,
    until: float | None = None,
    noise: bool = True,
    random_seed: int = 0,
) -> xr.Dataset:
    """
    Predict nodes given readings of any others.

    Parameters
    ----------
    posterior : NetworkPosterior
    evidence : mapping of node to value or values, DataFrame or Table, optional [units of the nodes]
        One or more runs; a missing value is not known for that run, nor is a censored one.
    targets : sequence of str, optional
        By default every node without a reading in any run.
    until : float, optional [h]
        Use readings up to then only: prediction from the middle of a batch.
    noise : bool
        Whether runs scatter; else the median of each draw of the parameters.
    random_seed : int

    Returns
    -------
    Dataset
        One variable per target, dims (chain, draw, run), units in attrs; the attribute
        ``outside_observed_range`` tells which readings ask the network beyond what it has seen.

    Raises
    ------
    ModelError, DataError
        An unknown node, a value that does not fit its scale, lengths that differ.

    Notes
    -----
    Exact conditioning by Matheron's rule: Wilson et al. (2020), arXiv:2002.09309.

    Examples
    --------
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> float(predict(known, {"titer": 6.0}, noise=False)["feed"].squeeze())  # 2 (6 - 1) / 5
    2.0
    """
    scores, runs = scored(posterior, evidence, until)
    wanted = posterior.places(targets)
    if targets is None:
        wanted = np.array([k for k in wanted if not np.isfinite(scores[:, k]).any()], int)
    rng = np.random.default_rng(random_seed)
    drawn = np.empty((len(wanted), posterior.draws, len(runs)))
    patterns, member = np.unique(np.isfinite(scores), axis=0, return_inverse=True)
    for number, read in enumerate(patterns):
        rows, places = np.flatnonzero(member.ravel() == number), np.flatnonzero(read)
        step = max(1, _BLOCK // (len(read) * (len(rows) + len(places))))
        for start in range(0, posterior.draws, step):
            part = slice(start, start + step)
            given = scores[np.ix_(rows, places)]
            values = conditioned(posterior, part, given, places, noise, rng)[wanted]
            drawn[:, part, rows] = values
    shape = (posterior.chains, posterior.draws // posterior.chains, len(runs))
    coords = draw_coords(posterior) | {"run": runs}
    variables = {}
    for k, values in zip(wanted, drawn, strict=True):
        node = posterior.network[posterior.names[k]]
        variables[node.name] = xr.DataArray(
            posterior.values(node.name, values).reshape(shape),
            dims=("chain", "draw", "run"),
            attrs={"units": node.unit},
        )
    outside = outside_observed_range(posterior, scores, runs)
    return xr.Dataset(variables, coords=coords, attrs={"outside_observed_range": outside})


def leave_one_out(
    network: ProcessNetwork,
    table: Any,
    targets: Sequence[str] | str,
    *,
    until: Sequence[float | None] = (None,),
    runs: Sequence[int] | None = None,
    through: Callable[[NetworkPosterior], Any] | None = None,
    draws: int = 250,
    random_seed: int = 0,
    **options: Any,
) -> pd.DataFrame:
    """
    Predict each run by a network that has not seen it, from its readings up to several times.

    Parameters
    ----------
    network : ProcessNetwork
    table : Table or DataFrame
    targets : sequence of str
        What is predicted; never used as evidence.
    until : sequence of float or None [h]
        Readings up to then are known; None for every node that feeds a target.
    runs : sequence of int, optional
        Rows to leave out, one after the other; all by default.
    through : function of a NetworkPosterior, optional
        Gives what predicts, such as ``lambda fitted: fitted.with_process_model(...)``; by default
        the fitted network itself.
    draws : int
        Per chain.
    random_seed : int
    **options
        Of `fit_network`.

    Returns
    -------
    DataFrame
        One row per run, target and time: observed, median, low, high (90 %), covered, crps.

    Notes
    -----
    Continuous ranked probability score: Gneiting and Raftery (2007),
    doi:10.1198/016214506000001437.
    """
    wanted = [targets] if isinstance(targets, str) else list(targets)
    rows = []
    for run in range(len(table)) if runs is None else runs:
        rest = np.array([k for k in range(len(table)) if k != run])
        if isinstance(table, Table):
            seen, own = table.select(rest), table.select(np.array([run]))
        else:
            seen, own = table.iloc[rest], table.iloc[[run]]
        fitted = fit_network(network, seen, draws=draws, random_seed=random_seed, **options)
        process = fitted if through is None else through(fitted)
        known = own.to_frame() if isinstance(own, Table) else own
        read = [str(name) for name in known.columns if name not in wanted]
        given = own.select(columns=read) if isinstance(own, Table) else own[read]
        label = _runs_of(known, run)
        for time in until:
            told = process.predict(given, targets=wanted, until=time, random_seed=random_seed + 1)
            for name in wanted:
                observed = float(known[name].iloc[0])
                flagged = isinstance(own, Table) and own.flag(name)[0] != ""
                if flagged or not np.isfinite(observed):
                    continue
                values = told[name].to_numpy().ravel()
                low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
                score = float(np.squeeze(crps(values[:, None], np.array([observed]))))
                rows.append(
                    (label, name, time, observed, middle, low, high, low <= observed <= high, score)
                )
    columns = ["run", "target", "until", "observed", "median", "low", "high", "covered", "crps"]
    return pd.DataFrame(rows, columns=columns)


def _runs_of(frame: pd.DataFrame, place: int) -> str:
    return str(frame["run"].iloc[0]) if "run" in frame else f"run {place + 1}"
