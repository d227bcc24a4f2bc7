"""Is this run unusual, since when, and in what? Learned from good runs or a calibrated model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayesbio.calibrate import Calibration
from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError
from bayesbio.inference import Verdict, VerdictItem
from bayesbio.monitoring.noticing import FEW_RUNS, noticed_in_run, noticed_of_good_runs
from bayesbio.monitoring.references.historical_reference import DayPredictive
from bayesbio.monitoring.references.mechanistic_reference import MechanisticPredictive
from bayesbio.monitoring.run_score import RunScore
from bayesbio.monitoring.runs_given import campaign_from
from bayesbio.monitoring.statistics.alarm_limit import Chance
from bayesbio.monitoring.statistics.change_detection import Sustained
from bayesbio.monitoring.statistics.innovation_tails import Marginals
from bayesbio.monitoring.statistics.innovations import (
    Accumulated,
    Expected,
    Surprise,
    accumulate,
    surprises,
)
from bayesbio.monitoring.statistics.run_statistic import by_chance, scored

CHANCE_DRAWS = 8000  # runs drawn from the predictive, in all
CONTRADICTED = 0.01  # probability below which held-out alarms contradict the stated rate


class Monitor:
    """
    Tell unusual runs from usual ones, as their readings arrive.

    One-step-ahead surprises (what a reading adds to everything read before it, under the
    predictive of a new run) are weighed in two ways, once each quantity's heavy tails are allowed
    for: recent ones by a multivariate exponentially weighted moving average, all of them by the
    Bayes factor of a change that lasts, from an hour nobody knows. The limit is passed by the
    stated share of good runs at any time of a whole run: it comes from runs drawn from the
    predictive, corrected by how good runs fared that were left out.

    Parameters
    ----------
    reference : Campaign, Table, DataFrame, runs or Calibration
        Good runs (three at least; missing readings and times of their own are welcome), or a
        calibrated process model, whose predictive of a new run takes their place.
    quantities : iterable of str, optional
        What to watch. By default everything measured or controlled that differs between readings,
        or everything that the calibration was fitted to.
    false_alarm_rate : float
        Share of good runs that may alarm, per run.
    smoothing : float
        Weight of the newest surprise: 1 sees sudden faults only, 0.1 slow drifts best.
    random_seed : int
        Of the runs drawn for the limit.

    Raises
    ------
    DataError
        Too few runs, a quantity that nobody read, a rate that is no probability.

    Notes
    -----
    From good runs: matrix-t predictive of days by quantities, see `DayPredictive`. From a
    calibration: draws of a new run with its own effects, see `MechanisticPredictive`; other draws,
    scored like runs that come, give the limit, so that the stated rate holds whatever their law. A
    lasting change is weighed as in `Sustained`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> times = np.arange(0.0, 96.0, 12.0)
    >>> def run(name, growth=0.04):
    ...     cells = np.exp(rng.normal(growth, 0.001) * times + rng.normal(0.0, 0.03, 8))
    ...     return Run(name, pd.DataFrame({"time_h": times, "quantity": "biomass", "value": cells}))
    >>> monitor = Monitor([run(f"good {n}") for n in range(12)])
    >>> print(monitor.score(run("slow", growth=0.03)).sentence.split(" h,")[0])
    Run slow: alarm at 24
    """

    def __init__(
        self,
        reference: Any,
        *,
        quantities: Iterable[str] | None = None,
        false_alarm_rate: float = 0.05,
        smoothing: float = 0.3,
        random_seed: int = 0,
    ) -> None:
        if not 0.0 < false_alarm_rate < 1.0:
            raise DataError(
                f"false_alarm_rate is {false_alarm_rate!r}; expected a share of good runs between "
                "0 and 1, such as 0.05."
            )
        if not 0.0 < smoothing <= 1.0:
            raise DataError(f"smoothing is {smoothing!r}; expected a weight above 0, up to 1.")
        if isinstance(quantities, str):
            quantities = [quantities]
        usual: DayPredictive | MechanisticPredictive
        drawn: list[list[Expected]]
        if isinstance(reference, Calibration):
            campaign = reference.campaign
            usual = MechanisticPredictive.of(reference, quantities)
            each = [usual.beside_usual(run) for run in campaign]
            held_out, drawn = [own for own, _ in each], [runs for _, runs in each]
        else:
            campaign = campaign_from(reference)
            usual, held_out = DayPredictive.of(campaign, quantities)
            drawn = []
        self.usual = usual
        self.false_alarm_rate, self.smoothing = float(false_alarm_rate), float(smoothing)
        self.random_seed = int(random_seed)
        self.data_hash = campaign.hash
        self.units = {name: campaign.units.get(name, "1") for name in usual.quantities}
        self._judge(campaign, held_out, drawn)

    def _judge(
        self, campaign: Campaign, held: Sequence[Expected], drawn: Sequence[Sequence[Expected]]
    ) -> None:
        """Score good runs as if they were new, and find the limit."""
        rng = np.random.default_rng(self.random_seed)
        width = len(self.usual.quantities)
        raw = [surprises(expected) for expected in held]
        usual = [[surprises(expected) for expected in runs] for runs in drawn]
        self.marginals = Marginals.of([one for runs in usual for one in runs] or raw, width)
        each = -(-CHANCE_DRAWS // max(len(held), 1))
        highest, chance = [], []
        for place, (expected, one) in enumerate(zip(held, raw, strict=True)):
            found = self.marginals.normal(one)
            if self.is_learned:
                sizes = by_chance(found, each, rng)
            else:  # the model draws runs: their scores tell the limit, whatever their law
                sizes = np.array([_sizes(self.marginals.normal(new)) for new in usual[place]])
            sizes = np.concatenate([_sizes(found)[None], sizes])
            top = self._scores(sizes, found, expected).max(axis=1, initial=0.0)
            highest.append(top[0])
            chance.append(top[1:])
        read = [run.name for run in campaign if set(run.quantities) | set(run.profiles)]
        self.held_out = pd.Series(highest, index=pd.Index(read[: len(highest)], name="run"))
        self.chance = Chance.of(
            np.concatenate(chance), self.held_out.to_numpy(float), own=self.is_learned
        )
        self.noticed = noticed_of_good_runs(self, campaign)

    def _scores(
        self, sizes: np.ndarray, found: Sequence[Surprise], expected: Expected
    ) -> np.ndarray:
        """Scores of runs read like this one, shape (runs, moments)."""
        width = len(self.usual.quantities)
        sustained = Sustained.of(expected, width, duration=self.usual.duration)
        return scored(sizes, found, sustained, width, self.smoothing)

    @property
    def is_learned(self) -> bool:
        """Whether it learned from good runs, rather than from a calibrated model."""
        return isinstance(self.usual, DayPredictive)

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is watched."""
        return self.usual.quantities

    @property
    def limit(self) -> float:
        """Score that the stated share of good runs passes at any time of a whole run."""
        return self.chance.score(self.false_alarm_rate)

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
        given = campaign_from(run)
        if len(given) != 1:
            raise DataError(
                f"{len(given)} runs came ({', '.join(given.names[:4])}); score takes one. Use "
                "screen(...) for several."
            )
        (one,) = given
        expected = self.usual.expected(one, until=until)
        self._require_readings(one, len(expected.reading), until)
        found = self.marginals.normal(surprises(expected))
        steps = accumulate(found, len(self.quantities), self.smoothing)
        scores = self._scores(_sizes(found)[None], found, expected)[0]
        limit = self.limit
        names = np.array(self.quantities)
        course = pd.DataFrame(
            {
                "time_h": [step.time for step in steps],
                "score": scores,
                "limit": limit,
                "alarm": scores > limit,
                "quantity": [str(names[np.argmax(step.contribution)]) for step in steps],
            }
        )
        contributions = pd.DataFrame(
            [step.contribution for step in steps],
            index=pd.Index(course["time_h"], name="time_h"),
            columns=list(names),
        )
        since = None
        if course["alarm"].any():
            first = int(course["alarm"].to_numpy().argmax())
            place = self.quantities.index(course["quantity"].iloc[first])
            since = _drift_began(steps[: first + 1], place)
        return RunScore(
            one.name,
            course,
            contributions,
            self._readings(found),
            limit,
            self.false_alarm_rate,
            self.chance.probability(float(course["score"].max())),
            since,
            noticed_in_run(self, one),
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
            Index run; columns score (of the batch), limit, p_value, alarm, alarm_time_h, since_h,
            quantity; the most unusual first.
        """
        found = [self.score(run) for run in campaign_from(runs)]
        table = pd.DataFrame(
            {
                "score": [each.score for each in found],
                "limit": [each.limit for each in found],
                "p_value": [each.p_value for each in found],
                "alarm": [each.alarm for each in found],
                "alarm_time_h": [each.alarm_time for each in found],
                "since_h": [each.since for each in found],
                "quantity": [each.quantity for each in found],
            },
            index=pd.Index([each.run for each in found], name="run"),
        ).astype({"alarm_time_h": float, "since_h": float})
        return table.sort_values("score", ascending=False, kind="stable")

    def _require_readings(self, run: Run, number: int, until: float | None) -> None:
        if number:
            return
        times = run.times()
        theirs = set(run.quantities) | set(run.profiles)
        if not theirs & set(self.quantities):
            raise DataError(
                f"Run {run.name!r} has readings of {', '.join(sorted(theirs)) or 'nothing'}; "
                f"watched are {', '.join(self.quantities)}. Check the names of its columns."
            )
        first = f"{times[0]:g} h" if len(times) else "never"
        raise DataError(
            f"Run {run.name!r} was first read at {first}, and nothing that can be compared came "
            f"until {'its end' if until is None else f'{until:g} h'}. Score it once its first "
            "sample is there."
        )

    def _readings(self, found: Sequence[Surprise]) -> pd.DataFrame:
        """Put what was read beside what was expected of it, in house units."""
        time = np.concatenate([np.full(len(each.places), each.time) for each in found])
        place, read, expected, spread, size = (
            np.concatenate([getattr(each, name) for each in found])
            for name in ("places", "reading", "expected", "spread", "size")
        )
        reach = self.marginals.reach(0.05)[place] * spread
        columns: dict[str, Any] = {"time_h": time, "quantity": np.array(self.quantities)[place]}
        for name, scaled in (
            ("value", read),
            ("expected", expected),
            ("lower", expected - reach),
            ("upper", expected + reach),
        ):
            values = np.empty(len(time))
            for one in np.unique(place):
                own = place == one
                values[own] = self.usual.value(int(one), time[own], scaled[own])
            columns[name] = values
        return pd.DataFrame({**columns, "surprise": size})

    def check(self) -> Verdict:
        """
        Whether good runs that were left out alarm as seldom as stated.

        Returns
        -------
        Verdict
        """
        count = len(self.held_out)
        alarms = int((self.held_out > self.limit).sum())
        low, high = stats.beta(alarms + 0.5, count - alarms + 0.5).ppf([0.05, 0.95])
        chance = float(stats.binom.sf(alarms - 1, count, self.false_alarm_rate))
        how = "left out of what they are compared with" if self.is_learned else "taken as new runs"
        fair = VerdictItem(
            "false alarms",
            alarms / max(count, 1),
            f"about {self.false_alarm_rate:g}",
            chance > CONTRADICTED,
            f"{alarms} of {count} good runs alarm when {how} (90 % interval of the rate "
            f"{low:.3f} to {high:.3f}; stated {self.false_alarm_rate:g}).",
            "Look at the good runs that alarm (monitor.held_out): a bad run among them, or two "
            "kinds of runs that want a monitor each.",
        )
        enough = VerdictItem(
            "good runs",
            float(count),
            f">= {FEW_RUNS}",
            count >= FEW_RUNS or not self.is_learned,
            f"It rests on {count} runs.",
            "Add good runs.",
            advisory=True,
        )
        items = [fair, enough]
        if isinstance(self.usual, MechanisticPredictive):
            items += self.usual.calibration.check().items
        return Verdict(tuple(items))

    def summary(self) -> pd.DataFrame:
        """
        Tell what good runs read, by quantity and day.

        Returns
        -------
        DataFrame
            Index parameter ("glucose at 48 h"); columns unit, eti_5, eti_50, eti_95.
        """
        return self.usual.summary(self.units)

    @property
    def posterior(self) -> xr.DataTree:
        """
        Draws of a good run, for ArviZ: dims chain, draw, time, by quantity.

        Of the parameters of the model, where it watches by a calibration.
        """
        return self.usual.posterior(self.units, random_seed=self.random_seed)

    @property
    def hash(self) -> str:
        """Hash of what it was learned from, and how."""
        told = [self.data_hash, self.quantities, self.false_alarm_rate, self.smoothing]
        found = hashlib.sha256(repr([*told, self.random_seed]).encode())
        found.update(np.ascontiguousarray(self.chance.highest).tobytes())
        return found.hexdigest()

    def save(self, path: str | Path) -> Path:
        """
        Save as one ``.nc`` file that `bayesbio.load` reads.

        Parameters
        ----------
        path : path

        Returns
        -------
        Path
        """
        from bayesbio.monitoring.monitor_archive import write_monitor

        return write_monitor(self, path)


def _sizes(found: Sequence[Surprise]) -> np.ndarray:
    """All surprises of a run, shape (readings,)."""
    return np.concatenate([each.size for each in found] or [np.zeros(0)])


def _drift_began(steps: Sequence[Accumulated], place: int) -> float | None:
    """First reading after the weighted surprise of a quantity last changed its sign."""
    averages = np.array([step.average[place] for step in steps])
    opposed = np.flatnonzero(~(averages * averages[-1] > 0.0))
    first = int(opposed[-1]) + 1 if len(opposed) else 0
    return steps[first].time if first < len(steps) else None
