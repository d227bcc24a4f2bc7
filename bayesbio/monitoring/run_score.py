"""Score of a run against good ones: moment by moment, contributions, onset of a drift."""

from __future__ import annotations

import dataclasses

import pandas as pd

RAREST = 1e-4  # how small a probability is told; forty good runs say little about rarer ones


@dataclasses.dataclass(frozen=True, eq=False)
class RunScore:
    """
    How a run compares with good ones.

    Attributes
    ----------
    run : str
    course : DataFrame
        One row a time: time_h, score, limit, alarm (of that moment), quantity (that contributes
        most to recent innovations). The score is log10 evidence, of
        unlikely recent innovations and of a lasting change; it depends only on readings up to then.
    contributions : DataFrame
        Index time_h, one column a quantity: shares of the squared distance, which add up to it.
    readings : DataFrame
        One row a reading: time_h, quantity, value, expected, lower, upper (central 90 % of what
        good runs would read there given everything before), innovation (standard normal when good).
    limit : float
        A good run stays below it, but for the false-alarm rate.
    false_alarm_rate : float
        Share of good runs that alarm at any time.
    p_value : float
        Probability that a good run is as unusual at any time, by the end of a whole run.
    onset_estimate_h : float [h], optional
        Posterior median of when the quantity that raised the alarm began to change, from the
        readings up to the alarm.
    warnings : tuple of str
        What was left out or cannot be judged.
    """

    run: str
    course: pd.DataFrame
    contributions: pd.DataFrame
    readings: pd.DataFrame
    limit: float
    false_alarm_rate: float
    p_value: float
    onset_estimate_h: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        """Batch score: the highest so far; at the end of a run, the score of the batch."""
        return float(self.course["score"].max())

    @property
    def alarm(self) -> bool:
        """Whether the limit was passed at any time."""
        return bool(self.course["alarm"].any())

    @property
    def alarm_time(self) -> float | None:
        """When the limit was first passed [h], or None."""
        return (
            float(self.course.loc[self.course["alarm"], "time_h"].iloc[0]) if self.alarm else None
        )

    @property
    def quantity(self) -> str | None:
        """What contributed most when the limit was first passed; None without an alarm."""
        return (
            str(self.course.loc[self.course["alarm"], "quantity"].iloc[0]) if self.alarm else None
        )

    @property
    def sentence(self) -> str:
        """Say which run, from which hour, in which quantity."""
        if not self.alarm:
            return (
                f"Run {self.run}: no alarm until {self.course['time_h'].iloc[-1]:g} h; the highest "
                f"score is {self.score:.1f}, the limit {self.limit:.1f}."
            )
        began = (
            ""
            if self.onset_estimate_h is None
            else f", changed since about {self.onset_estimate_h:g} h"
        )
        return (
            f"Run {self.run}: alarm at {self.alarm_time:g} h, mostly in "
            f"{str(self.quantity).replace('_', ' ')}{began}. {_how_rare(self.p_value)}"
        )

    def __str__(self) -> str:
        """Sentence, then what was noticed."""
        return "\n".join([self.sentence, *self.warnings])


def _how_rare(p_value: float) -> str:
    """Say how often good runs look as unusual, no finer than a tail can be known."""
    if p_value < RAREST:
        return f"Fewer than one good run in {1.0 / RAREST:,.0f} looks as unusual."
    return f"One good run in {1.0 / p_value:,.0f} looks as unusual."
