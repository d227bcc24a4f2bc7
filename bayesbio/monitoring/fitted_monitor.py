"""A fitted monitor: scores of runs against a reference, with an alarm limit of a stated rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayesbio.data import Campaign, Run
from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference import Verdict, VerdictItem
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.archive.results import result_hash, save_result
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.inference.parallel.threads import thread_policy
from bayesbio.monitoring.references.historical_reference import HistoricalReference
from bayesbio.monitoring.references.mechanistic_reference import MechanisticReference
from bayesbio.monitoring.run_score import RunScore
from bayesbio.monitoring.statistics.alarm_limit import MaximumScoreDistribution
from bayesbio.monitoring.statistics.change_detection import ChangePointEvidence
from bayesbio.monitoring.statistics.innovation_tails import InnovationTails
from bayesbio.monitoring.statistics.innovations import (
    Innovation,
    ewma,
    innovations_of,
    joined_sizes,
    whitened,
)
from bayesbio.monitoring.statistics.run_statistic import run_scores

KIND = "monitor"
FEW_RUNS = 10
CONTRADICTED = 0.01  # probability below which held-out alarms contradict the stated rate


@dataclasses.dataclass(frozen=True)
class MonitorSpecification:
    """What is watched, and how; see `bayesbio.monitoring.Monitor`."""

    quantities: Iterable[str] | None = None
    false_alarm_rate: float = 0.05
    ewma_weight: float = 0.3

    def __post_init__(self) -> None:
        if not 0.0 < self.false_alarm_rate < 1.0:
            raise DataError(
                f"false_alarm_rate is {self.false_alarm_rate!r}; expected a share of good runs "
                "between 0 and 1, such as 0.05."
            )
        if not 0.0 < self.ewma_weight <= 1.0:
            raise DataError(
                f"ewma_weight is {self.ewma_weight!r}; expected a weight above 0, up to 1."
            )
        if self.quantities is not None:
            given = self.quantities
            given = (given,) if isinstance(given, str) else tuple(map(str, given))
            object.__setattr__(self, "quantities", given)


@dataclasses.dataclass(frozen=True, eq=False)
class FittedMonitor:
    """
    A monitor with its reference and limit.

    Made by `Monitor.fit`, or read back by `bayesbio.load`.

    Attributes
    ----------
    model : Monitor
    reference : HistoricalReference or MechanisticReference
        Predictive distribution of a good run.
    tails : InnovationTails
    maximum_score : MaximumScoreDistribution
    held_out : Series
        Highest score of each good run when left out; index run.
    units : mapping of quantity to unit
    data_hash : str
    options : mapping
    warnings : tuple of str
    """

    model: MonitorSpecification
    reference: HistoricalReference | MechanisticReference
    tails: InnovationTails
    maximum_score: MaximumScoreDistribution
    held_out: pd.Series
    units: Mapping[str, str]
    data_hash: str
    options: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    __repr__ = short_repr

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is watched."""
        return self.reference.quantities

    @property
    def data(self) -> pd.Series:
        """Good runs that the monitor was learned from, with the highest score of each."""
        return self.held_out

    @property
    def random_seed(self) -> int:
        """Seed of the runs drawn for the limit."""
        return int(self.options["random_seed"])

    @cached_property
    def limit(self) -> float:
        """Score that the stated share of good runs passes at any time of a whole run."""
        return self.maximum_score.quantile(self.model.false_alarm_rate)

    @thread_policy()
    def score(self, run: Any, *, until: float | None = None) -> RunScore:
        """
        Compare a run with good ones, moment by moment.

        Parameters
        ----------
        run : Run, or a table, sheet or campaign with one run
            Finished or not: every moment is judged by what was read until then.
        until : float, optional [h]
            Judge only what was read until then.

        Returns
        -------
        RunScore

        Raises
        ------
        DataError
            If it has no reading that can be compared.
        """
        given = Campaign.of(run)
        if len(given) != 1:
            raise DataError(
                f"{len(given)} runs came ({', '.join(given.names[:4])}); score takes one. Use "
                "screen(...) for several."
            )
        (one,) = given
        expected = self.reference.expected(one, until=until)
        self._require_readings(one, len(expected.reading), until)
        innovations = self.tails.normal(innovations_of(expected))
        width, weight = len(self.quantities), self.model.ewma_weight
        steps = ewma(innovations, width, weight)
        sizes = joined_sizes(innovations)[None]
        changes = ChangePointEvidence.of(expected, width, duration=self.reference.duration)
        scores = run_scores(sizes, innovations, changes, width, weight)[0]
        largest = np.array([np.argmax(step.contribution) for step in steps])
        names = np.array(self.quantities)
        course = pd.DataFrame(
            {
                "time_h": [step.time for step in steps],
                "score": scores,
                "limit": self.limit,
                "alarm": scores > self.limit,
                "quantity": names[largest].astype(object),
            }
        )
        contributions = pd.DataFrame(
            [step.contribution for step in steps],
            index=pd.Index(course["time_h"], name="time_h"),
            columns=list(names),
        )
        onset = None
        if course["alarm"].any():
            first = int(course["alarm"].to_numpy().argmax())
            read = sum(len(each.size) for each in innovations[: first + 1])
            white = whitened(sizes, innovations)[0, :read]
            onset = changes.onset_of(white, int(largest[first]))
        return RunScore(
            one.name,
            course,
            contributions,
            self._readings(innovations),
            self.limit,
            self.model.false_alarm_rate,
            self.maximum_score.probability(float(course["score"].max())),
            onset,
            self._not_judged(one),
        )

    def screen(self, runs: Any) -> pd.DataFrame:
        """
        Score several runs.

        Parameters
        ----------
        runs : Campaign, Table, DataFrame or runs

        Returns
        -------
        DataFrame
            Index run; columns score (of the batch), limit, p_value, alarm, alarm_time_h,
            onset_estimate_h, quantity; the most unusual first.
        """
        scores = [self.score(run) for run in Campaign.of(runs)]
        columns = ("score", "limit", "p_value", "alarm", "alarm_time", "onset_estimate_h")
        table = pd.DataFrame(
            {name: [getattr(each, name) for each in scores] for name in (*columns, "quantity")},
            index=pd.Index([each.run for each in scores], name="run"),
        ).rename(columns={"alarm_time": "alarm_time_h"})
        table = table.astype({"alarm_time_h": float, "onset_estimate_h": float})
        return table.sort_values("score", ascending=False, kind="stable")

    def _require_readings(self, run: Run, number: int, until: float | None) -> None:
        if number:
            return
        times, read = run.times(), {*run.quantities, *run.profiles}
        if not read & set(self.quantities):
            raise DataError(
                f"Run {run.name!r} has readings of {', '.join(sorted(read)) or 'nothing'}; "
                f"watched are {', '.join(self.quantities)}. Check the names of its columns."
            )
        first = f"{times[0]:g} h" if len(times) else "never"
        raise DataError(
            f"Run {run.name!r} was first read at {first}, and nothing that can be compared came "
            f"until {'its end' if until is None else f'{until:g} h'}. Score it once its first "
            "sample is there."
        )

    def _not_judged(self, run: Run) -> tuple[str, ...]:
        """Sentences about what of a run was not judged."""
        read = {*run.quantities, *run.profiles}
        found = []
        missing, unknown = sorted({*self.quantities} - read), sorted(read - {*self.quantities})
        if missing:
            found.append(f"Never read in run {run.name}: {', '.join(missing)}.")
        if unknown:
            found.append(f"Not watched: {', '.join(unknown)}.")
        if isinstance(self.reference, HistoricalReference):
            clock, times = self.reference.alignment, run.times()
            nothing = f"there is nothing to compare run {run.name} with."
            if max(times, default=clock.last) > clock.last:
                found.append(f"After {clock.last:g} h {nothing}")
            if min(times, default=clock.first) < clock.first:
                found.append(f"Before {clock.first:g} h {nothing}")
        return tuple(found)

    def _readings(self, innovations: Sequence[Innovation]) -> pd.DataFrame:
        """Put readings beside their one-step-ahead expectation, in house units."""
        time = np.repeat(
            [each.time for each in innovations], [len(each.size) for each in innovations]
        )
        index, read, expected, spread, size = (
            np.concatenate([getattr(each, name) for each in innovations])
            for name in ("quantity_index", "reading", "expected", "spread", "size")
        )
        reach = self.tails.reach(0.05)[index] * spread
        columns: dict[str, Any] = {"time_h": time, "quantity": np.array(self.quantities)[index]}
        for name, scaled in (
            ("value", read),
            ("expected", expected),
            ("lower", expected - reach),
            ("upper", expected + reach),
        ):
            values = np.empty(len(time))
            for one in np.unique(index):
                rows = index == one
                values[rows] = self.reference.value(int(one), time[rows], scaled[rows])
            columns[name] = values
        return pd.DataFrame({**columns, "innovation": size})

    def check(self) -> Verdict:
        """Judge whether good runs that were left out alarm as seldom as stated."""
        count, rate = len(self.held_out), self.model.false_alarm_rate
        alarms = int((self.held_out > self.limit).sum())
        low, high = stats.beta(alarms + 0.5, count - alarms + 0.5).ppf([0.05, 0.95])
        p_value = float(stats.binom.sf(alarms - 1, count, rate))
        from_runs = self.reference.from_runs
        how = "left out of what they are compared with" if from_runs else "taken as new runs"
        items = [
            VerdictItem(
                "false alarms",
                alarms / max(count, 1),
                f"about {rate:g}",
                p_value > CONTRADICTED,
                f"{alarms} of {count} good runs alarm when {how} (90 % interval of the rate "
                f"{low:.3f} to {high:.3f}; stated {rate:g}).",
                "Look at the good runs that alarm (monitor.held_out): a bad run among them, or two "
                "kinds of runs that need a monitor each.",
                question="model",
            ),
            VerdictItem(
                "good runs",
                float(count),
                f">= {FEW_RUNS}",
                count >= FEW_RUNS or not from_runs,
                f"It rests on {count} runs.",
                "Add good runs.",
                advisory=True,
                question="model",
            ),
        ]
        if isinstance(self.reference, MechanisticReference):
            items += self.reference.calibration.check().items
        return Verdict(tuple(items))

    def require(self) -> FittedMonitor:
        """Give the monitor itself if its checks pass, else raise `CalibrationError`."""
        if not self.check().passed:
            raise CalibrationError(str(self.check()))
        return self

    def summary(self) -> pd.DataFrame:
        """
        Give the reference by quantity and grid time: median and 90 % interval of a good run.

        Returns
        -------
        DataFrame
            Index parameter ("glucose at 48 h"); columns unit, eti_5, eti_50, eti_95.
        """
        table = self.reference.summary(self.units)
        table.attrs["verdict"] = str(self.check())
        return table

    @property
    def posterior(self) -> xr.DataTree:
        """
        Draws of a good run, for ArviZ: dims chain, draw, time, by quantity.

        Of the parameters of the model, where the reference is a calibration.
        """
        return self.reference.posterior(self.units, random_seed=self.random_seed)

    @cached_property
    def hash(self) -> str:
        """Hash of reference, limit and options."""
        return result_hash(self)

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        count, rate = len(self.held_out), 100.0 * self.model.false_alarm_rate
        answer = f"Learned from {count} good runs; {rate:g} % of further good runs would alarm."
        instead = "It judges whole runs: monitor.score(run), or monitor.screen(campaign) for many."
        return Evidence(self, "Which run is unusual", (answer,), instead=instead)

    def save(self, path: str | Path) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        return save_result(path, self, KIND)
