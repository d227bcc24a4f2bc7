"""Trajectories inside PyTensor: rows, gradients, no object mode, no second derivatives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from pytensor.gradient import NullTypeGradError

from bayesbio.data import Campaign, Run
from bayesbio.errors import ModelError
from bayesbio.ode import simulate, trajectories
from bayesbio.ode.trajectory import Pull, Solve


@pytest.fixture(scope="module")
def campaign(fed_batch):
    """Two ragged runs in which not everything is measured everywhere."""
    rows = [
        (24.0, "viable_cell_density"),
        (24.0, "glucose"),
        (96.0, "glucose"),
        (96.0, "glucose"),
        (240.0, "viability"),
        (336.0, "titer"),
    ]
    frame = pd.DataFrame(rows, columns=["time_h", "quantity"]).assign(value=1.0)
    frame["replicate"] = [1, 1, 1, 2, 1, 1]
    common = {"settings": fed_batch["settings"], "profiles": fed_batch["profiles"]}
    return Campaign(
        [
            Run("R1", frame, events=fed_batch["events"], **common),
            Run("R2", frame.iloc[1:4], **common),
        ]
    )


@pytest.fixture(scope="module")
def compiled(campaign, fed_batch):
    """Value and gradient of a weighted sum over all trajectories, compiled once."""
    rate, feed = pt.dvector("rate"), pt.dscalar("feed")
    values = {**fed_batch["parameters"], "maximum_growth_rate": rate, "feed_glucose": feed}
    course = trajectories(fed_batch["model"], campaign, values, rtol=1e-11, atol=1e-11)
    total = sum((place + 1) * course[name].sum() for place, name in enumerate(sorted(course)))
    gradients = pytensor.grad(total, [rate, feed])
    return course, pytensor.function([rate, feed], [total, *gradients, *course.values()])


def test_rows_are_those_of_the_frame(campaign, compiled, fed_batch):
    course, function = compiled
    start = fed_batch["parameters"]["maximum_growth_rate"]
    found = dict(zip(course, function([start, 1.1 * start], 72.0)[3:], strict=True))
    frame = campaign.to_frame()
    values = {**fed_batch["parameters"], "maximum_growth_rate": np.array([start, 1.1 * start])}
    plain = simulate(
        fed_batch["model"], parameters=values, campaign=campaign, rtol=1e-11, atol=1e-11
    )
    assert set(found) == {"glucose", "titer", "viability", "viable_cell_density"}
    for name, vector in found.items():
        rows = frame[frame["quantity"] == name]
        expected = [
            float(plain[name].sel(run=run, time=time).squeeze())
            for run, time in zip(rows["run"], rows["time_h"], strict=True)
        ]
        assert_allclose(vector, expected, rtol=1e-9)


def test_gradients_through_events_and_profiles_agree_with_differences(compiled, fed_batch):
    _, function = compiled
    rate = np.full(2, fed_batch["parameters"]["maximum_growth_rate"])
    _, by_rate, by_feed = function(rate, 72.0)[:3]
    for place in range(2):
        h = 1e-5 * rate[place]
        moved = [rate + sign * h * np.eye(2)[place] for sign in (1.0, -1.0)]
        difference = (function(moved[0], 72.0)[0] - function(moved[1], 72.0)[0]) / (2 * h)
        assert_allclose(by_rate[place], difference, rtol=1e-5)
    difference = (function(rate, 72.001)[0] - function(rate, 71.999)[0]) / 0.002
    assert_allclose(by_feed, difference, rtol=1e-5)


def test_the_graph_holds_one_solve_and_one_pull(compiled):
    nodes = [node.op for node in compiled[1].maker.fgraph.apply_nodes]
    assert sum(isinstance(op, Solve) for op in nodes) == 1
    assert sum(isinstance(op, Pull) for op in nodes) == 1


def test_second_derivatives_are_refused(campaign, fed_batch):
    rate = pt.dscalar("rate")
    values = {**fed_batch["parameters"], "maximum_growth_rate": rate}
    course = trajectories(fed_batch["model"], campaign, values)
    slope = pytensor.grad(course["titer"].sum(), rate)
    with pytest.raises(NullTypeGradError, match="second derivatives"):
        pytensor.grad(slope, rate)


def test_nothing_measured_that_the_model_has_is_refused(fed_batch):
    frame = pd.DataFrame({"time_h": [1.0], "quantity": "ph", "value": 7.0})
    with pytest.raises(ModelError, match="Nothing that was measured"):
        trajectories(fed_batch["model"], Campaign([Run("R1", frame)]), fed_batch["parameters"])
