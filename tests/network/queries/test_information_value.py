"""What learning is worth, and what a process model says, against closed forms."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.data import Specification
from bayesbio.errors import ModelError
from bayesbio.network import (
    Node,
    ProcessNetwork,
    expected_value_of_learning,
    expected_value_of_perfect_information,
    fit_network,
)


def fitted():
    rng = np.random.default_rng(4)
    feed = rng.normal(size=14)
    growth = 0.5 * feed + rng.normal(0, 0.5, 14)
    rows = pd.DataFrame({"feed": feed, "growth": growth})
    rows["titer"] = growth + rng.normal(0, 0.2, 14)
    limit = Specification("titer", lower=-0.4)
    network = ProcessNetwork(
        ["feed", "growth", Node("titer", specification=limit)],
        [("feed", "growth"), ("growth", "titer")],
    )
    return fit_network(network, rows, random_seed=5)


def test_perfect_information_is_worth_the_unit_normal_loss():
    rng = np.random.default_rng(1)
    mean, sd = 0.3, 1.2
    gain = rng.normal(mean, sd, 200_000)
    told, error = expected_value_of_perfect_information(np.column_stack([0 * gain, gain]))
    ratio = mean / sd
    exact = sd * (stats.norm.pdf(ratio) - ratio * stats.norm.sf(ratio))
    assert_allclose(told, exact, atol=5 * error)


def test_learning_one_of_two_parameters_is_worth_its_part():
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(100_000, 2)) * [0.6, 0.8]
    values = np.column_stack([np.zeros(len(theta)), theta.sum(axis=1)])
    told, error = expected_value_of_learning(values, theta[:, :1])
    assert_allclose(told, 0.6 / np.sqrt(2 * np.pi), atol=5 * error)


def test_data_are_worth_what_their_posterior_mean_moves():
    rng = np.random.default_rng(3)
    theta = rng.normal(size=100_000)
    message = (theta + rng.normal(size=theta.size) / 2.0) / (1.0 + 0.25)  # four readings
    values = np.column_stack([np.zeros_like(theta), theta])
    told, error = expected_value_of_learning(values, message)
    assert_allclose(told, np.sqrt(0.8) / np.sqrt(2 * np.pi), atol=5 * error)


def test_knowing_everything_is_worth_most_and_data_less_than_what_they_tell_of():
    actions = {"as now": {}, "rich": {"feed": 1.0}, "poor": {"feed": -1.0}}
    told = fitted().value_of_information(actions, costs={"rich": 0.25}, runs=5, random_seed=1)
    assert told.best in actions
    slack = 4 * told.perfect_error + 1e-3
    assert told.perfect >= 0.0
    assert (told.nodes["partial"] <= told.perfect + slack).all()
    assert (told.nodes["sample"] <= told.nodes["partial"] + slack).all()
    assert 0.0 <= told.runs <= told.perfect + slack


def test_choices_without_alternatives_are_refused():
    with pytest.raises(ModelError, match="at least two actions"):
        fitted().value_of_information({"as now": {}})
    with pytest.raises(ModelError, match="which is no action"):
        fitted().value_of_information({"a": {}, "b": {"feed": 1.0}}, costs={"c": 1.0})
