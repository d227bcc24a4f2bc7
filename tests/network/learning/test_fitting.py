import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.network import (
    Node,
    NodePrior,
    ProcessNetwork,
    fit_network,
)

PAIR = ProcessNetwork(["feed", "titer"], [("feed", "titer")])


RNG = np.random.default_rng(7)


FEED = RNG.normal(5.0, 1.0, 30)


ROWS = pd.DataFrame({"feed": FEED, "titer": 1.0 + 0.4 * FEED + RNG.normal(0, 0.2, 30)})


def test_predictions_cover_as_often_as_they_claim_where_the_parent_explains_nearly_all():
    # 400 readings, 90 % intervals: limits five standard errors away (0.015 each).
    covered = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        feed = rng.normal(size=40)
        titer = feed + np.sqrt(1.0 / 0.99 - 1.0) * rng.normal(size=40)
        rows = pd.DataFrame({"feed": feed, "titer": titer})
        fitted = fit_network(PAIR, rows[:30], draws=400, chains=1, random_seed=seed)
        drawn = fitted.predict({"feed": feed[30:]}, random_seed=1)["titer"].squeeze()
        low, high = drawn.quantile([0.05, 0.95], dim="draw").to_numpy()
        covered.append((low <= titer[30:]) & (titer[30:] <= high))
    assert abs(np.mean(covered) - 0.9) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("rows", [8, 30, 600])
@pytest.mark.parametrize("r_squared", [0.5, 0.9, 0.99, 0.999])
def test_coverage_holds_for_every_scatter_and_number_of_rows(rows, r_squared):
    hits = []
    for seed in range(400):
        rng = np.random.default_rng([seed, rows])
        feed = rng.normal(size=rows + 20)
        titer = feed + np.sqrt(1.0 / r_squared - 1.0) * rng.normal(size=rows + 20)
        table = pd.DataFrame({"feed": feed, "titer": titer})
        fitted = fit_network(PAIR, table[:rows], draws=1000, chains=1, random_seed=seed)
        drawn = fitted.predict({"feed": feed[rows:]}, random_seed=1)["titer"].squeeze()
        low, high = drawn.quantile([0.05, 0.95], dim="draw").to_numpy()
        hits.append(np.mean((low <= titer[rows:]) & (titer[rows:] <= high)))
    assert 0.85 <= np.mean(hits) <= 0.95


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
