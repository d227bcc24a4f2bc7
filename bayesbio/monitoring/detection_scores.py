"""How well a way of monitoring finds faults, and how often it cries wolf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError


def area_under_roc(good: Any, faulty: Any) -> float:
    """
    Probability that a faulty run scores higher than a good one.

    Parameters
    ----------
    good, faulty : array
        Scores; the higher, the more unusual. Ties count half.

    Returns
    -------
    float [1]

    Examples
    --------
    >>> area_under_roc([1.0, 2.0, 3.0], [2.5, 4.0])
    0.8333333333333334
    """
    good, faulty = np.asarray(good, float), np.asarray(faulty, float)
    ranks = stats.rankdata(np.concatenate([good, faulty]))[len(good) :]
    return float((ranks.sum() - len(faulty) * (len(faulty) + 1) / 2) / (len(good) * len(faulty)))


def monitoring_scores(
    monitors: Mapping[str, Any],
    good: Campaign | Iterable[Run],
    faulty: Campaign | Iterable[Run],
    *,
    faults: Mapping[str, str],
    onsets: Mapping[str, float],
) -> pd.DataFrame:
    """
    Judge good and faulty runs by several monitors.

    Parameters
    ----------
    monitors : mapping of name to Monitor or fitted baseline
        Anything whose ``score(run)`` has score, alarm and alarm_time.
    good, faulty : Campaign or runs
        None of which a monitor has learned from.
    faults : mapping of run to fault
        What is wrong with each faulty run.
    onsets : mapping of run to float [h]
        Since when.

    Returns
    -------
    DataFrame
        Index method, fault; the fault "all" is the mean over faults. Columns auroc, detection
        (share that alarms after the onset), delay_h (median, from onset to alarm, of those found),
        false_alarms (share of good runs) with its 90 % interval, false_alarms_5 and
        false_alarms_95, and detection_at_rate: the share that scores higher than 95 % of the good
        runs, which compares methods whose own limits keep different rates.

    Raises
    ------
    DataError
        If a faulty run has no fault or onset, or there are no good runs.

    Examples
    --------
    ``monitoring_scores({"monitor": monitor}, new, bad, faults=faults, onsets=onsets)``
    """
    good, faulty = list(good), list(faulty)
    if not good:
        raise DataError("No good runs came to count false alarms on.")
    for run in faulty:
        if run.name not in faults or run.name not in onsets:
            raise DataError(f"Run {run.name!r} has no fault or no onset; name both for every run.")
    kind = np.array([faults[run.name] for run in faulty])
    onset = np.array([onsets[run.name] for run in faulty], float)
    rows = {}
    for name, monitor in monitors.items():
        usual, odd = [monitor.score(run) for run in good], [monitor.score(run) for run in faulty]
        base = np.array([each.score for each in usual])
        score = np.array([each.score for each in odd])
        alarms = sum(each.alarm for each in usual)
        rate = stats.beta(alarms + 0.5, len(usual) - alarms + 0.5)
        when = np.array([np.nan if each.alarm_time is None else each.alarm_time for each in odd])
        found = when >= onset
        level = np.quantile(base, 0.95)
        parts = []
        for fault in dict.fromkeys(kind):
            own = kind == fault
            delay = (when - onset)[own & found]
            parts.append(
                {
                    "auroc": area_under_roc(base, score[own]),
                    "detection": found[own].mean(),
                    "delay_h": np.median(delay) if len(delay) else np.nan,
                    "detection_at_rate": (score[own] > level).mean(),
                }
            )
            rows[name, str(fault)] = parts[-1]
        delay = (when - onset)[found]
        rows[name, "all"] = {
            "auroc": np.mean([part["auroc"] for part in parts]),
            "detection": np.mean([part["detection"] for part in parts]),
            "delay_h": np.median(delay) if len(delay) else np.nan,
            "detection_at_rate": np.mean([part["detection_at_rate"] for part in parts]),
            "false_alarms": alarms / len(usual),
            "false_alarms_5": rate.ppf(0.05),
            "false_alarms_95": rate.ppf(0.95),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["method", "fault"])
    return table
