import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from bayesbio.network import (
    Node,
    NodePrior,
    ProcessNetwork,
    fit_network,
)
from bayesbio.network.learning.conjugate import NormalInverseGamma

PAIR = ProcessNetwork(["feed", "titer"], [("feed", "titer")])


RNG = np.random.default_rng(7)


FEED = RNG.normal(5.0, 1.0, 30)


ROWS = pd.DataFrame({"feed": FEED, "titer": 1.0 + 0.4 * FEED + RNG.normal(0, 0.2, 30)})


def test_draws_have_the_moments_of_the_closed_form():
    design = np.column_stack([np.ones(30), (FEED - FEED.mean()) / FEED.std(ddof=1)])
    titer = ROWS["titer"].to_numpy(copy=True)
    values = (titer - titer.mean()) / titer.std(ddof=1)
    exact = NormalInverseGamma.default_prior(1).updated(design, values)
    fitted = fit_network(PAIR, ROWS, draws=10_000, random_seed=1)
    k = fitted.index("titer")
    effect = fitted.effect[:, 0]
    sd = np.sqrt(exact.rate / (exact.shape - 1.0) * np.linalg.inv(exact.precision)[1, 1])
    assert_allclose(effect.mean(), exact.mean[1], atol=5 * sd / np.sqrt(len(effect)))
    assert_allclose(effect.std(), sd, rtol=0.03)
    expected = exact.rate / (exact.shape - 1.0)
    assert_allclose(fitted.variance[:, k].mean(), expected, rtol=0.01)


def test_units_down_to_1e_7_change_nothing():
    small = ROWS.assign(titer=ROWS["titer"] * 1e-7)
    plain = fit_network(PAIR, ROWS, random_seed=1).summary()
    scaled = fit_network(PAIR, small, random_seed=1).summary()
    of_titer = ["feed -> titer", "residual sd of titer", "intercept of titer"]
    for column in ("mean", "sd", "eti_5", "eti_95"):
        told, expected = scaled.loc[of_titer, column], plain.loc[of_titer, column] * 1e-7
        assert_allclose(told, expected, rtol=1e-8)


def test_evidence_on_the_scale_of_the_node_follows_its_unit():
    small = ROWS.assign(titer=ROWS["titer"] * 1e-3)
    plain, scaled = (fit_network(PAIR, rows).log_evidence["titer"] for rows in (ROWS, small))
    assert_allclose(scaled, plain + 30 * np.log(1e3), rtol=1e-10)


def test_a_prior_worth_many_batches_wins_over_few_runs():
    gram = np.array([[1.0, 5.0], [5.0, 26.0]])
    prior = NodePrior(["feed"], np.array([0.0, 2.0]), gram, 0.01, strength=1e4)
    network = PAIR.replace(priors={"titer": prior})
    assert_allclose(fit_network(network, ROWS).effects()["mean"].iloc[0], 2.0, rtol=0.02)


def test_evidence_turns_down_a_prior_that_contradicts_the_data():
    gram = np.array([[1.0, 5.0], [5.0, 26.0]])
    wrong = NodePrior(["feed"], np.array([0.0, 3.0]), gram, 0.01, 10.0, discounts=(0.0, 1.0))
    fitted = fit_network(PAIR.replace(priors={"titer": wrong}), ROWS)
    plain = fit_network(PAIR, ROWS).effects()["mean"].iloc[0]
    assert_allclose(fitted.effects()["mean"].iloc[0], plain, rtol=0.02)


def test_nodes_that_state_how_they_will_vary_do():
    network = ProcessNetwork([Node("feed", distribution=(7.0, 0.1)), "titer"], [("feed", "titer")])
    mean, covariance = fit_network(network, ROWS).moments(["feed"])
    assert_allclose(mean, 7.0, rtol=1e-12)
    assert_allclose(covariance[:, 0, 0], 0.01, rtol=1e-10)


def test_the_same_seed_gives_the_same_draws():
    first, second = (fit_network(PAIR, ROWS, random_seed=9).effect for _ in range(2))
    assert first.tobytes() == second.tobytes()
