"""What a reader should know of the runs that a monitor learned from, and of one it judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesbio.data import Campaign, Run
from bayesbio.monitoring.references.historical_reference import DayPredictive

if TYPE_CHECKING:
    from bayesbio.monitoring.monitor import Monitor

FEW_RUNS = 10


def noticed_of_good_runs(monitor: Monitor, campaign: Campaign) -> tuple[str, ...]:
    """Tell what a reader should know of the good runs."""
    said = []
    count = len(monitor.held_out)
    if monitor.is_learned and count < FEW_RUNS:
        said.append(
            f"Only {count} good runs: limits allow for that, and small faults stay hidden. "
            "Fifteen or more tell them apart."
        )
    theirs = {name for run in campaign for name in (*run.quantities, *run.profiles)}
    left = sorted(theirs - set(monitor.quantities))
    if left:
        said.append(f"Not watched, as it never differs or was not asked for: {', '.join(left)}.")
    odd = monitor.held_out[monitor.held_out > monitor.limit]
    said += [
        f"Good run {name} would have alarmed, had it been left out: look whether it was good."
        for name in odd.index
    ]
    return tuple(said)


def noticed_in_run(monitor: Monitor, run: Run) -> tuple[str, ...]:
    """Tell what of a run was not judged."""
    theirs = {*run.quantities, *run.profiles}
    said = []
    missing = sorted(set(monitor.quantities) - theirs)
    if missing:
        said.append(f"Never read in run {run.name}: {', '.join(missing)}.")
    unknown = sorted(theirs - set(monitor.quantities))
    if unknown:
        said.append(f"Not watched: {', '.join(unknown)}.")
    if isinstance(monitor.usual, DayPredictive):
        clock, times = monitor.usual.alignment, run.times()
        if max(times, default=clock.last) > clock.last:
            said.append(f"After {clock.last:g} h there is nothing to compare run {run.name} with.")
        if min(times, default=clock.first) < clock.first:
            said.append(
                f"Before {clock.first:g} h there is nothing to compare run {run.name} with."
            )
    return tuple(said)
