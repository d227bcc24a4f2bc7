"""Leave-one-run-out forecasts of a network, from observations up to several times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.table import Table
from bayesbio.inference.validation.scores import crps
from bayesbio.network.graph.structure import ProcessGraph
from bayesbio.network.learning.fitting import fit_network
from bayesbio.network.posterior import NetworkPosterior

COLUMNS = ("run", "target", "until", "observed", "eti_5", "eti_50", "eti_95", "covered", "crps")


def leave_one_out(
    network: ProcessGraph,
    data: Any,
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
    Predict each run by a network that was fitted without it, from its values up to several times.

    Parameters
    ----------
    network : ProcessNetwork
    data : Table or DataFrame
    targets : sequence of str
        What is predicted; never among the observations.
    until : sequence of float or None [h]
        Values up to then are observed; None for every node but the targets.
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
        One row per run, target and time: observed, eti_5, eti_50, eti_95, covered (by the 90 %
        interval), crps. Flagged and missing values are not scored.

    Notes
    -----
    Continuous ranked probability score: Gneiting and Raftery (2007),
    doi:10.1198/016214506000001437.
    """
    table = Table.of(data)
    wanted = [targets] if isinstance(targets, str) else list(targets)
    known = [n for n in table if n == "run" or (n in network.names and n not in wanted)]
    labels = [str(v) for v in table["run"]] if "run" in table else [
        f"run {k + 1}" for k in range(len(table))
    ]  # fmt: skip
    results = []
    for run in range(len(table)) if runs is None else runs:
        rest = np.setdiff1d(np.arange(len(table)), [run])
        fitted = fit_network(
            network, table.select(rest), draws=draws, random_seed=random_seed, **options
        )
        process = fitted if through is None else through(fitted)
        row = table.select(np.array([run]))
        for time in until:
            forecast = process.predict(
                row.select(columns=known), targets=wanted, until=time, random_seed=random_seed + 1
            )
            for name in wanted:
                observed = float(row[name][0])
                if row.flag(name)[0] or not np.isfinite(observed):
                    continue
                values = forecast[name].to_numpy().ravel()
                low, middle, high = np.quantile(values, [0.05, 0.5, 0.95]).tolist()
                score = float(np.squeeze(crps(values[:, None], np.array([observed]))))
                covered = low <= observed <= high
                results.append(
                    (labels[run], name, time, observed, low, middle, high, covered, score)
                )
    return pd.DataFrame(results, columns=list(COLUMNS))
