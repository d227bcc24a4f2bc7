"""Monitor: multivariate EWMA and change-point evidence of one-step-ahead innovations."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.calibrate import Calibration
from bayesbio.data import Campaign
from bayesbio.inference.parallel.progress import Progress, progress_reporter
from bayesbio.inference.parallel.threads import thread_policy
from bayesbio.monitoring.fitted_monitor import FEW_RUNS, FittedMonitor, MonitorSpecification
from bayesbio.monitoring.references.historical_reference import HistoricalReference
from bayesbio.monitoring.references.mechanistic_reference import MechanisticReference
from bayesbio.monitoring.statistics.alarm_limit import MaximumScoreDistribution
from bayesbio.monitoring.statistics.change_detection import ChangePointEvidence
from bayesbio.monitoring.statistics.innovation_tails import InnovationTails
from bayesbio.monitoring.statistics.innovations import Innovation, innovations_of, joined_sizes
from bayesbio.monitoring.statistics.run_statistic import run_scores, simulated_innovations

SIMULATED_RUNS = 8000  # runs drawn from the predictive, in all


@dataclasses.dataclass(frozen=True)
class Monitor(MonitorSpecification):
    """
    Statistical process monitoring of runs, as their readings arrive.

    One-step-ahead innovations (the part of a reading that everything read before does not predict,
    under the predictive of a new run), transformed to normal, enter a multivariate EWMA and a
    change-point Bayes factor with unknown onset. The limit is passed by the stated share of good
    runs at any time of a whole run: it comes from runs drawn from the predictive, corrected by the
    scores of good runs that were left out.

    Parameters
    ----------
    quantities : iterable of str, optional
        What to watch. By default everything measured or controlled that differs between readings,
        or everything that the calibration was fitted to.
    false_alarm_rate : float
        Share of good runs that may alarm, per run.
    ewma_weight : float
        Weight of the newest innovation: 1 sees sudden faults only, 0.1 slow drifts best.

    Raises
    ------
    DataError
        A rate that is no probability, a weight that is none.

    Notes
    -----
    From good runs: matrix-t predictive of grid times by quantities, see `HistoricalReference`. From
    a calibration: draws of a new run with its own effects, see `MechanisticReference`; other draws,
    scored like runs that come, give the limit, so that the stated rate holds whatever their
    distribution. Lasting changes: `ChangePointEvidence`.

    Examples
    --------
    >>> from bayesbio.data import Run
    >>> rng = np.random.default_rng(1)
    >>> times = np.arange(0.0, 96.0, 12.0)
    >>> def run(name, growth=0.04):
    ...     cells = np.exp(rng.normal(growth, 0.001) * times + rng.normal(0.0, 0.03, 8))
    ...     return Run(name, pd.DataFrame({"time_h": times, "quantity": "biomass", "value": cells}))
    >>> monitor = Monitor().fit([run(f"good {n}") for n in range(12)])
    >>> print(monitor.score(run("slow", growth=0.03)).sentence.split(" h,")[0])
    Run slow: alarm at 24
    """

    def fit(
        self,
        good: Any,
        *,
        random_seed: int = 0,
        cores: int | None = None,
        progress: Callable[[Progress], None] | bool | None = None,
    ) -> FittedMonitor:
        """
        Learn the reference and the alarm limit.

        Parameters
        ----------
        good : Campaign, Table, DataFrame, runs or Calibration
            Good runs (three at least; missing readings and different times are welcome), or a
            calibrated process model, whose predictive of a new run takes their place.
        random_seed : int
            Of the runs drawn for the limit.
        cores : int, optional
            For the predictions of a calibration.
        progress : callable or bool, optional
            True shows a bar.

        Returns
        -------
        FittedMonitor

        Raises
        ------
        DataError
            Too few runs, or a quantity that was never read.
        """
        with thread_policy(cores=cores), progress_reporter(progress, counted="runs") as report:
            return self._fit(good, random_seed, report)

    def _fit(
        self, good: Any, random_seed: int, report: Callable[[Progress], None]
    ) -> FittedMonitor:
        began = time.monotonic()

        def advance(stage: str, finished: int, total: int) -> None:
            elapsed = time.monotonic() - began
            report(Progress(stage, finished=finished, total=total, elapsed=elapsed))

        reference: HistoricalReference | MechanisticReference
        simulated: dict[str, list[list[Innovation]]] = {}
        if isinstance(good, Calibration):
            campaign = good.campaign
            reference, held_out = MechanisticReference.of(good, self.quantities), {}
            for n, run in enumerate(campaign):
                advance("predicting good runs", n, len(campaign))
                own, drawn = reference.with_simulated(run)
                if len(own.reading):
                    held_out[run.name] = own
                    simulated[run.name] = [innovations_of(one) for one in drawn]
        else:
            campaign = Campaign.of(good)
            advance("learning from good runs", 0, len(campaign))
            reference, held_out = HistoricalReference.of(campaign, self.quantities)
        rng = np.random.default_rng(random_seed)
        raw = {name: innovations_of(each) for name, each in held_out.items()}
        width = len(reference.quantities)
        sources = [one for runs in simulated.values() for one in runs] or list(raw.values())
        tails = InnovationTails.of(sources, width)
        draws = -(-SIMULATED_RUNS // max(len(held_out), 1))
        highest, maxima = {}, []
        for n, (name, expected) in enumerate(held_out.items()):
            advance("scoring good runs", n, len(held_out))
            innovations = tails.normal(raw[name])
            if reference.from_runs:
                sizes = simulated_innovations(innovations, draws, rng)
            else:  # the model draws runs: their scores give the limit, whatever their distribution
                sizes = np.array([joined_sizes(tails.normal(one)) for one in simulated[name]])
            sizes = np.concatenate([joined_sizes(innovations)[None], sizes])
            changes = ChangePointEvidence.of(expected, width, duration=reference.duration)
            scores = run_scores(sizes, innovations, changes, width, self.ewma_weight)
            top = scores.max(axis=1, initial=0.0)
            highest[name] = float(top[0])
            maxima.append(top[1:])
        advance("scoring good runs", len(held_out), len(held_out))
        scores_of_good = pd.Series(highest, dtype=float).rename_axis("run")
        fitted = FittedMonitor(
            model=dataclasses.replace(self, quantities=reference.quantities),
            reference=reference,
            tails=tails,
            maximum_score=MaximumScoreDistribution.of(
                np.concatenate(maxima), scores_of_good.to_numpy(float), left_out=reference.from_runs
            ),
            held_out=scores_of_good,
            units={name: campaign.units.get(name, "1") for name in reference.quantities},
            data_hash=campaign.hash,
            options={"random_seed": int(random_seed)},
        )
        return dataclasses.replace(fitted, warnings=_warnings(fitted, campaign))


def _warnings(fitted: FittedMonitor, campaign: Campaign) -> tuple[str, ...]:
    """Sentences about the good runs."""
    warnings = []
    count = len(fitted.held_out)
    if fitted.reference.from_runs and count < FEW_RUNS:
        warnings.append(
            f"Only {count} good runs: limits allow for that, and small faults are not detected. "
            "Fifteen or more detect them."
        )
    read = {name for run in campaign for name in (*run.quantities, *run.profiles)}
    unwatched = sorted(read - set(fitted.quantities))
    if unwatched:
        warnings.append(
            f"Not watched, as it never differs or was not asked for: {', '.join(unwatched)}."
        )
    unused = [name for name in campaign.names if name not in fitted.held_out.index]
    if unused:
        warnings.append(f"Without readings of what is watched: {', '.join(unused)}.")
    odd = fitted.held_out[fitted.held_out > fitted.limit]
    warnings += [
        f"Good run {name} would have alarmed, had it been left out: check whether it was good."
        for name in odd.index
    ]
    return tuple(warnings)
