"""Leave-one-run-out forecasts of a network, from observations up to several times."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.baselines.cross_validation import HERE, Forecast, cross_validate
from bayesbio.data.table import Table
from bayesbio.inference.parallel.progress import Progress
from bayesbio.inference.validation.cross_validation_folds import TableFold
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
    executor: Any = None,
    progress: Callable[[Progress], None] | bool | None = None,
    **options: Any,
) -> pd.DataFrame:
    """
    Predict each run by a network that was fitted without it, from its values up to several times.

    Parameters
    ----------
    network : ProcessNetwork
    data : Table or DataFrame
        A column "run", if there is one, names the rows: each name once.
    targets : sequence of str
        What is predicted; never among the observations.
    until : sequence of float or None [h]
        Values up to then are observed; None for every node but the targets.
    runs : sequence of int, optional
        Rows to leave out, one after the other; all by default.
    through : function of a NetworkPosterior, optional
        Gives what predicts, such as ``lambda fitted: fitted.with_process_model(...)``; by default
        the fitted network itself.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where; by default here, one run after the other, as most fits take less than a second.
    progress : callable or bool, optional
        True shows a bar of the runs.
    **options
        Of `fit_network`, such as cores; 250 draws and random_seed 0 by default.

    Returns
    -------
    DataFrame
        One row per run, target and time: observed, eti_5, eti_50, eti_95, covered (by the 90 %
        interval), crps. Flagged and missing values are not scored.

    Raises
    ------
    DataError
        Two rows of one name; as `fit_network`, with the run that was left out.

    Notes
    -----
    Continuous ranked probability score: Gneiting and Raftery (2007),
    doi:10.1198/016214506000001437.
    """
    table = Table.of(data)
    positions = np.arange(len(table))
    labels = table["run"] if "run" in table else [f"run {k + 1}" for k in positions]
    folds = [
        TableFold(str(labels[k]), table.select(positions != k), table.select(positions == k))
        for k in (positions if runs is None else runs)
    ]
    wanted = (targets,) if isinstance(targets, str) else tuple(targets)
    options = {"draws": 250, "random_seed": 0, **options}
    forecaster = _Forecaster(network, wanted, tuple(until), through, options)
    validation = cross_validate(
        {"network": forecaster}, folds, executor=executor or HERE, progress=progress
    )
    scored = validation.readings.rename(columns={"quantity": "target", "value": "observed"})
    if scored.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    scored = scored[scored["flag"] == ""].reset_index(drop=True)
    covered = scored["observed"].between(scored["eti_5"], scored["eti_95"])
    return scored.assign(covered=covered)[list(COLUMNS)]


@dataclasses.dataclass(frozen=True)
class _Forecaster:
    """Fit a network without a run, and predict its targets from what is known at each time."""

    network: ProcessGraph
    targets: tuple[str, ...]
    until: tuple[float | None, ...]
    through: Callable[[NetworkPosterior], Any] | None
    options: Mapping[str, Any]

    def __call__(self, fold: TableFold) -> Forecast:
        fitted: Any = fit_network(self.network, fold.train, **self.options)
        process = fitted if self.through is None else self.through(fitted)
        names = [*self.network.names, "run"]
        known = fold.test.select(
            columns=[n for n in fold.test if n in names and n not in self.targets]
        )
        rows, columns = [], []
        for time in self.until:
            forecast = process.predict(
                known,
                targets=list(self.targets),
                until=time,
                random_seed=self.options["random_seed"] + 1,
            )
            for name in self.targets:
                value = float(fold.test[name][0])
                flag = fold.test.flag(name)[0] if np.isfinite(value) else "excluded"
                rows.append((fold.name, name, value, flag, time))
                columns.append(forecast[name].to_numpy().ravel())
        frame = pd.DataFrame(rows, columns=["run", "quantity", "value", "flag", "until"])
        return Forecast(frame.astype({"until": object}), np.stack(columns, axis=1))
