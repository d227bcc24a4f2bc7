"""Leave-group-out cross-validation: PSIS weights, exact refits where Pareto k is too large."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.baselines import baseline_scores
from bayesbio.calibrate.calibration import Calibration
from bayesbio.calibrate.checks.held_out import (
    INTERVAL,
    Predicted,
    RefitJob,
    refit_each,
    rows_to_score,
    score_predictions,
)
from bayesbio.calibrate.completion import options_of
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.calibrate.requests import split_options
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference import Fold, Progress, pool_scores, psis_weights
from bayesbio.inference import folds as folds_of
from bayesbio.inference.validation.psis import REFIT, WEIGHTS


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """
    How a calibration predicts each of its runs or groups without having seen it.

    Made by `leave_out`.

    Attributes
    ----------
    name : str
        Of the mechanism, as in the tables.
    by : str
        What was left out: "run", or the setting that groups the runs.
    groups : DataFrame
        One row a group. Columns runs, readings, elpd (sum of the log predictive densities of its
        readings), pareto_k (of the weights that would leave it out), method ("importance weights"
        or "exact refit"), r_hat and divergences (of the draws that predicted it).
    readings : DataFrame
        One row a reading: group, run, time_h, quantity, value, unit, flag, horizon, mean, eti_5,
        eti_95, crps, elpd, pit.
    scores : DataFrame
        By model, quantity, run and horizon, as from `bayesbio.inference.score_table`; the
        baselines on the same folds are among the models.
    data_hash : str
        Of the campaign.
    random_seed : int
    left_undone : tuple of str
        Refits that are missing because the work was stopped.
    """

    name: str
    by: str
    groups: pd.DataFrame
    readings: pd.DataFrame
    scores: pd.DataFrame
    data_hash: str
    random_seed: int
    left_undone: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether groups are missing because the work was stopped."""
        return bool(self.left_undone)

    @property
    def elpd(self) -> float:
        """Expected log predictive density: the sum over all readings."""
        return float(self.readings["elpd"].sum())

    def coverage(self, quantity: str | None = None) -> float:
        """Share of the quantified readings inside their central 90 % interval."""
        rows = self.readings[self.readings["flag"] == ""]
        if quantity is not None:
            rows = rows[rows["quantity"] == quantity]
        return float(rows["pit"].between(*INTERVAL).mean())

    def summary(self) -> pd.DataFrame:
        """
        Scores by quantity, horizon and model, beside the baselines; see `pool_scores`.

        Returns
        -------
        DataFrame
        """
        return pool_scores(self.scores)

    def __str__(self) -> str:
        """Summarise in a few lines what was left out, by which method, and how it was predicted."""
        methods = self.groups["method"].value_counts()
        lines = [
            f"{self.name}, each {self.by} left out: "
            + ", ".join(f"{count} by {method}" for method, count in methods.items())
            + f"; {self.coverage():.0%} of the readings in their 90 % intervals, elpd "
            f"{self.elpd:.1f}.",
            self.summary().round(3).to_string(),
        ]
        if self.partial:
            lines.insert(0, f"PARTIAL: stopped before {', '.join(self.left_undone)}.")
        return "\n".join(lines)


def leave_out(
    calibration: Calibration,
    *,
    by: str = "run",
    quantities: Iterable[str] | None = None,
    horizons: int | Iterable[float] | None = 3,
    known_until: float | None = None,
    baselines: Iterable[str] | None = (
        "mean trajectory",
        "Gaussian process",
        "ridge",
        "partial least squares",
    ),
    largest_pareto_k: float = 0.7,
    executor: Any = None,
    progress: Callable[[Progress], None] | bool | None = None,
    **options: Any,
) -> LeftOut:
    """
    Leave each run or group out in turn and score how it is predicted, beside methods from data.

    Where importance weights of the draws can leave a group out, they do; where they cannot (Pareto
    k above 0.7), the model is fitted again without it, with the noise and the priors of starts that
    all readings suggested, so that both estimate the same. Runs with effects mostly need the refit.
    What is left out is predicted as a new run: from its settings, events, profiles and first
    readings.

    Parameters
    ----------
    calibration : Calibration
    by : str
        ``"run"``, or a setting such as ``"clone"`` or ``"site"`` whose groups are left out whole.
    quantities : iterable of str, optional
        What to score; by default everything that was calibrated on.
    horizons : int or sequence of float [h], optional
        Score so many equal parts of each run apart, or parts divided at these hours.
    known_until : float, optional [h]
        Predict the rest of each run from its readings up to this hour; always by refit. The
        baselines know these readings of no other use than as further training data.
    baselines : iterable of str, optional
        Names from `bayesbio.baselines.BASELINES`; none where None.
    largest_pareto_k : float
        Up to where weights replace a refit; ``-numpy.inf`` refits every group.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where the refits run; by default on one process for each core.
    progress : callable or bool, optional
        True shows a bar with the remaining time.
    **options
        For the refits, instead of what the calibration was made with: ``draws=500, chains=2``, or
        the priors that a loaded calibration holds as text only; ``random_seed`` (same seed, same
        result, whatever the executor) and whatever else `fit` takes.

    Returns
    -------
    LeftOut
        Stopped by Ctrl-C it holds what was done until then, marked partial.

    Raises
    ------
    DataError
        There are not two groups, a run lacks the setting, or a baseline is unknown.
    CalibrationError
        A refit is needed, and the calibration was loaded from a file, in which priors that are not
        the model's own are text.

    Notes
    -----
    Pareto-smoothed importance sampling: Vehtari et al. (2024), JMLR 25:72. The weights leave out
    all readings of a group together; elpd adds the readings up one by one.

    Examples
    --------
    >>> import bayesbio
    >>> calibration = bayesbio.load("posterior.nc")  # doctest: +SKIP
    >>> print(leave_out(calibration, by="clone"))  # doctest: +SKIP
    """
    draws = calibration.draws
    starts = tuple(
        str(name).removeprefix("initial_")
        for name in draws.data_vars
        if str(name).startswith("initial_") and "run" in draws[name].dims
    )
    divided = [
        dataclasses.replace(fold, starts_known=starts)
        for fold in folds_of(calibration.campaign, by, known_until=known_until)
    ]
    wanted = None if quantities is None else tuple(quantities)
    parts = horizons if horizons is None or isinstance(horizons, int) else tuple(horizons)
    seed = int(options.pop("random_seed", calibration.random_seed))
    named = {_label(fold, calibration, by): fold for fold in divided}
    found: dict[str, Predicted] = {}
    shapes: dict[str, float] = {}
    again: dict[str, Fold] = {}
    for name, fold in named.items():
        rows = rows_to_score(fold, calibration, wanted, parts)
        weights, shapes[name] = _weights(fold, calibration)
        by_weights = shapes[name] <= largest_pareto_k and np.isfinite(shapes[name])
        if known_until is None and by_weights:
            found[name] = _by_weights(rows, calibration, weights)
        else:
            again[name] = fold
    weighted = set(found)
    left: tuple[str, ...] = ()
    if again:
        job = RefitJob(
            calibration.model, wanted, parts, seed, *_refit_options(calibration, options)
        )
        made = refit_each(again.values(), job, executor=executor, progress=progress)
        of_job = {"without " + ", ".join(fold.held_out): name for name, fold in again.items()}
        found |= {of_job[job]: result for job, result in made.results.items()}
        left = tuple(of_job[job] for job in made.left_undone)
    done = {name: fold for name, fold in named.items() if name in found}
    scores = [found[name].scores for name in done]
    own = pd.concat(scores, ignore_index=True)
    own.insert(0, "model", type(calibration.model).__name__)
    tables = [own]
    if baselines is not None:
        tables.append(
            baseline_scores(
                calibration.campaign,
                own["quantity"].unique(),
                done.values(),
                models=baselines,
                horizons=parts,
                random_seed=seed,
            )
        )
    readings = pd.concat(
        [found[name].readings.assign(group=name) for name in done], ignore_index=True
    )
    return LeftOut(
        name=type(calibration.model).__name__,
        by=by,
        groups=pd.DataFrame.from_dict(
            {
                name: {
                    "runs": ", ".join(fold.held_out),
                    "readings": len(found[name].readings),
                    "elpd": float(found[name].readings["elpd"].sum()),
                    "pareto_k": shapes[name],
                    "method": WEIGHTS if name in weighted else REFIT,
                    "r_hat": found[name].r_hat,
                    "divergences": found[name].divergences,
                }
                for name, fold in done.items()
            },
            orient="index",
        ),
        readings=readings[["group", *readings.columns.drop("group")]],
        scores=pd.concat(tables, ignore_index=True),
        data_hash=calibration.campaign.hash,
        random_seed=seed,
        left_undone=left,
    )


def _label(fold: Fold, calibration: Calibration, by: str) -> str:
    """Name of what a fold leaves out."""
    run = fold.held_out[0]
    return run if by == "run" else str(calibration.campaign[run].settings[by])


def _weights(fold: Fold, calibration: Calibration) -> tuple[np.ndarray, float]:
    """Find PSIS weights that leave a fold out, and their Pareto k."""
    densities = calibration.posterior["log_likelihood"].to_dataset()
    total: Any = 0.0
    for name in map(str, densities.data_vars):
        values = densities[name].transpose("chain", "draw", ...).to_numpy()
        mine = np.isin(densities[f"{name}_run"].to_numpy().astype(str), fold.held_out)
        if name in fold.starts_known:
            mine &= densities[f"{name}_time"].to_numpy() > 0.0
        total = total + values[..., mine].sum(axis=-1)
    return psis_weights(total)


def _by_weights(rows: pd.DataFrame, calibration: Calibration, weights: np.ndarray) -> Predicted:
    """Score a fold from the draws that the calibration holds, weighted to leave it out."""
    tree = calibration.posterior
    predictive = tree["posterior_predictive"].to_dataset()
    densities = tree["log_likelihood"].to_dataset()
    parts = []
    for name, own in rows.groupby("quantity", sort=False):
        quantity = str(name)
        key = pd.MultiIndex.from_arrays(
            [
                predictive[f"{quantity}_run"].to_numpy().astype(str),
                predictive[f"{quantity}_time"].to_numpy(),
                _repeats(predictive[f"{quantity}_run"], predictive[f"{quantity}_time"]),
            ]
        )
        place = key.get_indexer(
            pd.MultiIndex.from_arrays(
                [own["run"].astype(str), own["time_h"], _repeats(own["run"], own["time_h"])]
            )
        )
        flat = [
            group[quantity].transpose("chain", "draw", ...).to_numpy()[..., place]
            for group in (predictive, densities)
        ]
        samples, density = (values.reshape(-1, len(own)) for values in flat)
        parts.append(score_predictions(own, samples, density, weights))
    verdict = calibration.check()
    return Predicted(
        scores=pd.concat([scores for scores, _ in parts], ignore_index=True),
        readings=pd.concat([readings for _, readings in parts], ignore_index=True),
        r_hat=float(verdict["R-hat"].value),
        divergences=int(verdict["divergences"].value),
    )


def _repeats(run: Any, time: Any) -> np.ndarray:
    """Count the readings of one moment, which tells replicates apart."""
    moments = pd.DataFrame({"run": np.asarray(run).astype(str), "time": np.asarray(time, float)})
    return moments.groupby(["run", "time"]).cumcount().to_numpy()


def _refit_options(
    calibration: Calibration, changed: Mapping[str, Any]
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """
    Repeat what `fit` was asked for, with what is to be changed, and the priors of starts.

    Noise and starts keep the priors that all readings suggested: one target for weights and refits.
    """
    noise = {"noise": dict(calibration.noise)}
    if calibration.fit_arguments is not None:
        repeated = {**calibration.fit_arguments, **noise, **changed}
        return repeated, calibration.start_priors or {}
    structure = ParameterStructure.from_options(calibration.options)
    repeated = {"priors": dict(structure.given), **structure.arguments(), **noise, **changed}
    request, tolerances, _ = split_options(calibration.campaign, calibration.model, repeated)
    described: Mapping[str, str] = {}
    try:
        formulation = formulate(request)
        described = options_of(formulation, tolerances, random_seed=0)["priors"]
    except ModelError:  # one has no default
        if "priors" in changed:
            raise
    known = calibration.options["priors"]
    other = [name for name, prior in known.items() if described.get(name) != prior]
    if other and "priors" not in changed:
        raise CalibrationError(
            "Runs have to be fitted again, and a calibration that was loaded from a file holds "
            f"its priors as text: {other[0]} has {known[other[0]]}. Give all of them again: "
            f"leave_out(calibration, priors={{{other[0]!r}: ...}})."
        )
    return repeated, formulation.start_priors
