"""Monitor: multivariate EWMA and change-point evidence of one-step-ahead innovations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.calibrate import Calibration
from bayesbio.data import Campaign
from bayesbio.inference.parallel.threads import thread_policy
from bayesbio.monitoring.fitted_monitor import FEW_RUNS, FittedMonitor, MonitorSpecification
from bayesbio.monitoring.references.historical_reference import HistoricalReference
from bayesbio.monitoring.references.mechanistic_reference import MechanisticReference
from bayesbio.monitoring.statistics.alarm_limit import MaximumScoreDistribution
from bayesbio.monitoring.statistics.innovation_tails import InnovationTails
from bayesbio.monitoring.statistics.innovations import RunPredictive, innovations_of
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

    @thread_policy()
    def fit(self, good: Any, *, random_seed: int = 0) -> FittedMonitor:
        """
        Learn the reference and the alarm limit.

        Parameters
        ----------
        good : Campaign, Table, DataFrame, runs or Calibration
            Good runs (three at least; missing readings and different times are welcome), or a
            calibrated process model, whose predictive of a new run takes their place.
        random_seed : int
            Of the runs drawn for the limit.

        Returns
        -------
        FittedMonitor

        Raises
        ------
        DataError
            Too few runs, or a quantity that was never read.
        """
        reference: HistoricalReference | MechanisticReference
        simulated: dict[str, list[RunPredictive]] = {}
        if isinstance(good, Calibration):
            campaign = good.campaign
            reference = MechanisticReference.of(good, self.quantities)
            pairs = {run.name: reference.with_simulated(run) for run in campaign}
            held_out = {name: own for name, (own, _) in pairs.items() if len(own.reading)}
            simulated = {name: pairs[name][1] for name in held_out}
        else:
            campaign = Campaign.of(good)
            reference, held_out = HistoricalReference.of(campaign, self.quantities)
        rng = np.random.default_rng(random_seed)
        raw = {name: innovations_of(each) for name, each in held_out.items()}
        new = {name: [innovations_of(one) for one in runs] for name, runs in simulated.items()}
        width = len(reference.quantities)
        sources = [one for runs in new.values() for one in runs] or list(raw.values())
        tails = InnovationTails.of(sources, width)
        draws = -(-SIMULATED_RUNS // max(len(held_out), 1))
        highest, drawn = {}, []
        for name, expected in held_out.items():
            found = tails.normal(raw[name])
            if reference.from_runs:
                scores = simulated_innovations(found, draws, rng)
            else:  # the model draws runs: their scores give the limit, whatever their distribution
                scores = np.array([_joined(tails.normal(one)) for one in new[name]])
            scores = np.concatenate([_joined(found)[None], scores])
            top = run_scores(scores, found, expected, reference, self.ewma_weight)
            top = top.max(axis=1, initial=0.0)
            highest[name] = float(top[0])
            drawn.append(top[1:])
        scores_of_good = pd.Series(highest, dtype=float).rename_axis("run")
        fitted = FittedMonitor(
            model=dataclasses.replace(self, quantities=reference.quantities),
            reference=reference,
            tails=tails,
            maximum_score=MaximumScoreDistribution.of(
                np.concatenate(drawn), scores_of_good.to_numpy(float), left_out=reference.from_runs
            ),
            held_out=scores_of_good,
            units={name: campaign.units.get(name, "1") for name in reference.quantities},
            data_hash=campaign.hash,
            options={"random_seed": int(random_seed)},
        )
        return dataclasses.replace(fitted, warnings=_warnings(fitted, campaign))


def _joined(found: Iterable[Any]) -> np.ndarray:
    """All innovations of a run, shape (readings,)."""
    return np.concatenate([each.size for each in found] or [np.zeros(0)])


def _warnings(fitted: FittedMonitor, campaign: Campaign) -> tuple[str, ...]:
    """Sentences about the good runs."""
    found = []
    count = len(fitted.held_out)
    if fitted.reference.from_runs and count < FEW_RUNS:
        found.append(
            f"Only {count} good runs: limits allow for that, and small faults are not detected. "
            "Fifteen or more detect them."
        )
    read = {name for run in campaign for name in (*run.quantities, *run.profiles)}
    unwatched = sorted(read - set(fitted.quantities))
    if unwatched:
        found.append(
            f"Not watched, as it never differs or was not asked for: {', '.join(unwatched)}."
        )
    unused = [name for name in campaign.names if name not in fitted.held_out.index]
    if unused:
        found.append(f"Without readings of what is watched: {', '.join(unused)}.")
    odd = fitted.held_out[fitted.held_out > fitted.limit]
    found += [
        f"Good run {name} would have alarmed, had it been left out: check whether it was good."
        for name in odd.index
    ]
    return tuple(found)
