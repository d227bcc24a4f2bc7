"""What learning is worth, and what a process model says, against closed forms."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.data import Campaign, Run, Specification
from bayesbio.errors import ModelError
from bayesbio.network import (
    Node,
    ProcessNetwork,
    add_mechanistic_prior,
    check_linearity,
    expected_value_of_learning,
    expected_value_of_perfect_information,
    fit_network,
)


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


def test_knowing_everything_is_worth_most_and_data_less_than_what_they_tell_of():
    actions = {"as now": {}, "rich": {"feed": 1.0}, "poor": {"feed": -1.0}}
    told = fitted().value_of_information(actions, costs={"rich": 0.25}, runs=5, random_seed=1)
    assert told.best in actions
    slack = 4 * told.perfect_error + 1e-3
    assert told.perfect >= 0.0
    assert (told.nodes["partial"] <= told.perfect + slack).all()
    assert (told.nodes["sample"] <= told.nodes["partial"] + slack).all()
    assert 0.0 <= told.runs <= told.perfect + slack


def test_model_risk_names_the_node_that_matters():
    told = fitted().model_risk("titer", random_seed=1)
    assert_allclose(told["share"].sum(), 1.0, rtol=1e-9)
    assert told.index[0] == "growth"
    assert told.attrs["sd"] > 0.0
    risk = fitted().model_risk("titer", measure="probability", random_seed=1)
    assert_allclose(risk["share"].sum(), 1.0, rtol=1e-9)


def test_choices_without_alternatives_are_refused():
    with pytest.raises(ModelError, match="at least two actions"):
        fitted().value_of_information({"as now": {}})
    with pytest.raises(ModelError, match="which is no action"):
        fitted().value_of_information({"a": {}, "b": {"feed": 1.0}}, costs={"c": 1.0})


def calibration(power):
    """Stand in for a calibration: biomass doubles, titer follows it by a power."""
    rng = np.random.default_rng(6)
    names = [f"R{k}" for k in range(8)]
    start = rng.lognormal(0.0, 1.0, (2, 50, 8, 1))

    def predict(*, times, noise, random_seed):
        course = np.concatenate([start, 2.0 * start**power], axis=3)
        if noise:
            course = course * np.random.default_rng(random_seed).lognormal(0, 0.05, course.shape)
        return xr.Dataset(
            {"biomass": (("chain", "draw", "run", "time"), course)},
            coords={"time": times, "run": names},
        )

    campaign = Campaign([Run(name) for name in names])
    model = SimpleNamespace(State=SimpleNamespace(_fields=("biomass",)), inputs=())
    passed = SimpleNamespace(passed=True)
    return SimpleNamespace(model=model, campaign=campaign, predict=predict, check=lambda: passed)


def pair(link):
    names = ("biomass@0", "biomass@24")
    return ProcessNetwork([Node(name, link=link) for name in names], [names])


def test_trajectories_become_the_prior_of_a_node():
    network = add_mechanistic_prior(pair("log"), calibration(1.5), strength=6.0)
    prior = network.priors["biomass@24"]
    assert_allclose(prior.mean, [np.log(2.0), 1.5], atol=0.05)
    assert prior.variance < 0.02
    # Three runs were too few without it.
    rows = pd.DataFrame({"biomass@0": [0.5, 1.0, 2.0], "biomass@24": [0.7, 2.1, 5.5]})
    two = rows.iloc[:2]
    told = network.replace(priors=network.priors).fit(rows).effects()["mean"].iloc[0]
    assert abs(told - 1.5) < 0.15
    with pytest.raises(Exception, match="2 readings for 2 unknowns"):
        pair("log").fit(two)
    assert network.fit(rows).check().passed


def test_a_bent_law_is_straight_on_the_right_scale_only():
    assert check_linearity(pair("log"), calibration(3.0))["r_squared"].iloc[0] > 0.999
    bent = check_linearity(pair("identity"), calibration(3.0))
    assert bent["r_squared"].iloc[0] < 0.9
    assert "link" in bent["remedy"].iloc[0]
    with pytest.raises(ModelError, match="Remedies: give the node"):
        add_mechanistic_prior(pair("identity"), calibration(3.0), nodes=["biomass@24"])
    assert add_mechanistic_prior(pair("identity"), calibration(3.0)).priors == {}


def test_a_node_the_model_does_not_know_is_named():
    network = ProcessNetwork(["biomass@0", "titer@24"], [("biomass@0", "titer@24")])
    with pytest.raises(ModelError, match="lacks titer@24"):
        add_mechanistic_prior(network, calibration(1.0), nodes=["titer@24"])
