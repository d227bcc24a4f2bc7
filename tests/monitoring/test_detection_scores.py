"""Detection rate, delay and false alarms, counted by hand."""

from types import SimpleNamespace

import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Run
from bayesbio.errors import DataError
from bayesbio.monitoring import area_under_roc, monitoring_scores

SCORES = {"g1": (1.0, None), "g2": (3.0, 10.0), "b1": (4.0, 30.0), "b2": (2.0, None)}


class Stated:
    """A monitor whose scores and alarm times are stated."""

    def score(self, run):
        value, when = SCORES[run.name]
        return SimpleNamespace(score=value, alarm=when is not None, alarm_time=when)


def scored(faults, onsets, good=("g1", "g2")):
    runs = [[Run(name) for name in names] for names in (good, ("b1", "b2"))]
    return monitoring_scores({"stated": Stated()}, *runs, faults=faults, onsets=onsets)


def test_ties_count_half():
    assert area_under_roc([1.0, 2.0], [2.0]) == 0.75


def test_detection_delay_and_false_alarms_are_counted():
    table = scored({"b1": "leak", "b2": "leak"}, {"b1": 24.0, "b2": 24.0})
    whole = table.loc[("stated", "all")]
    assert (whole["auroc"], whole["detection"], whole["delay_h"]) == (0.75, 0.5, 6.0)
    assert_allclose([whole["false_alarms"], whole["detection_at_rate"]], [0.5, 0.5])
    assert whole["false_alarms_5"] < 0.5 < whole["false_alarms_95"]


def test_an_alarm_before_the_onset_detects_nothing():
    table = scored({"b1": "leak", "b2": "drift"}, {"b1": 36.0, "b2": 24.0})
    assert table.loc[("stated", "leak"), "detection"] == 0.0


def test_what_cannot_be_counted_is_said():
    with pytest.raises(DataError, match="'b2' has no fault or no onset"):
        scored({"b1": "leak"}, {"b1": 24.0, "b2": 24.0})
    with pytest.raises(DataError, match="No good runs"):
        scored({}, {}, good=())
