"""The posterior of a network against closed forms, numerical integration and simulation."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

import bayesbio
from bayesbio.data import Table, TableColumn
from bayesbio.errors import DataError, ModelError
from bayesbio.inference.mcmc.sampling import sample
from bayesbio.network import (
    NetworkPosterior,
    Node,
    NodePrior,
    ProcessNetwork,
    edge_support,
    fit_network,
    log_likelihood,
)
from bayesbio.network.learning.conjugate import NormalInverseGamma, log_marginal_likelihood
from bayesbio.network.learning.mcmc import build_network_model, predictive_parameters
from bayesbio.network.learning.standardising import node_priors, standardise

PAIR = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
RNG = np.random.default_rng(7)
FEED = RNG.normal(5.0, 1.0, 30)
ROWS = pd.DataFrame({"feed": FEED, "titer": 1.0 + 0.4 * FEED + RNG.normal(0, 0.2, 30)})


def known_pair():
    return NetworkPosterior.from_parameters(
        PAIR,
        intercept={"feed": 5.0, "titer": 1.0},
        coefficients={("feed", "titer"): 0.4},
        variance={"feed": 1.0, "titer": 0.04},
    )


def test_evidence_is_the_integral_of_the_likelihood_over_the_prior():
    prior = NormalInverseGamma(np.array([0.3]), np.array([[2.0]]), 1.5, 0.8)
    values = np.array([0.1, 0.9, -0.4])

    mean = np.linspace(-12.0, 12.0, 2001)[:, None]
    size = np.linspace(-6.0, 12.0, 1801)
    variance = np.exp(size)
    density = np.exp(
        stats.norm.logpdf(values[:, None, None], mean, np.sqrt(variance)).sum(axis=0)
        + stats.norm.logpdf(mean, 0.3, np.sqrt(variance / 2.0))
        + stats.invgamma.logpdf(variance, 1.5, scale=0.8)
        + size
    )
    total = integrate.simpson(integrate.simpson(density, mean[:, 0], axis=0), size)
    assert_allclose(
        np.exp(log_marginal_likelihood(prior, np.ones((3, 1)), values)), total, rtol=1e-6
    )


def test_evidence_is_that_of_a_multivariate_t():
    prior = NormalInverseGamma(np.array([0.2, -0.1]), np.diag([0.5, 2.0]), 2.0, 0.7)
    design = np.column_stack([np.ones(6), RNG.normal(size=6)])
    values = RNG.normal(size=6)
    shape = 0.7 / 2.0 * (np.eye(6) + design @ np.linalg.inv(prior.precision) @ design.T)
    exact = stats.multivariate_t(design @ prior.mean, shape, df=4.0).logpdf(values)
    assert_allclose(log_marginal_likelihood(prior, design, values), exact, rtol=1e-12)


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


def test_bayes_factors_speak_for_edges_that_exist():
    network = ProcessNetwork(["feed", "noise", "titer"], [("feed", "titer"), ("noise", "titer")])
    support = edge_support(network, ROWS.assign(noise=RNG.normal(size=30)))
    assert support.loc[("feed", "titer"), "log_bayes_factor"] > 5.0
    assert support.loc[("noise", "titer"), "log_bayes_factor"] < 0.0


def test_a_bayes_factor_is_the_ratio_of_two_fits():
    support = edge_support(PAIR, ROWS)["log_bayes_factor"].iloc[0]
    without = fit_network(PAIR.without_edges([("feed", "titer")]), ROWS).log_evidence["titer"]
    assert_allclose(support, fit_network(PAIR, ROWS).log_evidence["titer"] - without, rtol=1e-10)


def test_likelihood_with_a_missing_cell_is_that_of_the_margin():
    rows = pd.DataFrame({"feed": [5.5, np.nan, 4.0], "titer": [3.1, 2.7, np.nan]})
    told = log_likelihood(known_pair(), rows)[0]
    both = stats.multivariate_normal([5.0, 3.0], [[1.0, 0.4], [0.4, 0.2]])
    exact = [
        both.logpdf([5.5, 3.1]),
        stats.norm.logpdf(2.7, 3.0, np.sqrt(0.2)),
        stats.norm.logpdf(4.0, 5.0, 1.0),
    ]
    assert_allclose(told, exact, rtol=1e-10)


def test_cells_missing_at_random_cost_precision_but_no_truth():
    rng = np.random.default_rng(3)
    feed = rng.normal(size=150)
    rows = pd.DataFrame({"feed": feed, "titer": 0.7 * feed + rng.normal(0, 0.5, 150)})
    holed = rows.mask(rng.uniform(size=rows.shape) < 0.2)
    fitted = fit_network(PAIR, holed, draws=300, tune=100, chains=2, random_seed=4)
    assert fitted.method == "augmentation"
    row = fitted.effects().iloc[0]
    assert row["eti_5"] < 0.7 < row["eti_95"]
    assert fitted.check()["R-hat"].value < 1.05


def test_a_missing_child_adds_nothing_to_its_own_regression():
    holed = pd.concat([ROWS, pd.DataFrame({"feed": [5.0] * 5, "titer": [np.nan] * 5})])
    plain = fit_network(PAIR, ROWS, random_seed=1).effects().iloc[0]
    fitted = fit_network(PAIR, holed, draws=1000, tune=200, random_seed=1).effects().iloc[0]
    assert_allclose(fitted["mean"], plain["mean"], atol=0.15 * plain["sd"])
    assert_allclose(fitted["sd"], plain["sd"], rtol=0.1)


def test_censored_cells_pull_less_than_their_limit_taken_as_read():
    rng = np.random.default_rng(5)
    feed = rng.normal(size=120)
    titer = feed + rng.normal(0, 0.5, 120)
    low = titer < -0.5
    frame = pd.DataFrame({"feed": feed, "titer": np.where(low, -0.5, titer)})
    columns = [TableColumn("feed", "response"), TableColumn("titer", "response")]
    flags = pd.DataFrame({"titer": np.where(low, "below", "")})
    table = Table(frame, columns, flags)
    naive = fit_network(PAIR, frame, random_seed=1).effects().iloc[0]
    honest = fit_network(PAIR, table, draws=300, tune=200, chains=2, random_seed=1)
    row = honest.effects().iloc[0]
    assert naive["eti_95"] < 0.95
    assert row["eti_5"] < 1.0 < row["eti_95"]


def interval_table(half, where):
    columns = [TableColumn("feed", "response"), TableColumn("titer", "response")]
    flags = pd.DataFrame({"titer": np.where(where, "between", "")})
    low = ROWS.assign(titer=ROWS["titer"] - half * where)
    return Table(low, columns, flags, uppers=pd.DataFrame({"titer": ROWS["titer"] + half}))


def test_a_narrow_interval_is_a_reading_and_a_wide_one_a_missing_cell():
    where = np.arange(len(ROWS)) % 3 == 0
    exact = fit_network(PAIR, ROWS, random_seed=1).effects().iloc[0]
    narrow = fit_network(PAIR, interval_table(1e-6, where), draws=1000, tune=200, random_seed=1)
    assert_allclose(narrow.effects().iloc[0]["mean"], exact["mean"], atol=0.1 * exact["sd"])
    assert_allclose(narrow.effects().iloc[0]["sd"], exact["sd"], rtol=0.1)
    holed = ROWS.assign(titer=ROWS["titer"].mask(where))
    missing = fit_network(PAIR, holed, draws=1000, tune=200, random_seed=1).effects().iloc[0]
    wide = fit_network(PAIR, interval_table(1e3, where), draws=1000, tune=200, random_seed=1)
    assert_allclose(wide.effects().iloc[0]["mean"], missing["mean"], atol=0.15 * missing["sd"])


def test_an_interval_without_its_upper_limit_is_asked_for():
    table = interval_table(0.1, np.arange(len(ROWS)) == 2)
    with pytest.raises(DataError, match="'between' without its upper limit"):
        PAIR.fit(Table(table.frame, table.columns, table.flags))
    with pytest.raises(DataError, match="give the lower limit first"):
        table.replace(uppers=table.uppers - 10.0)


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


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (ROWS[["feed"]], "'titer' has no data: the table has no such column"),
        (ROWS.assign(titer=np.nan), "every cell of its column is missing"),
        (ROWS.assign(feed=3.0), "'feed' has the same value in all 30 rows"),
        (ROWS.iloc[:2], "'titer' has 2 readings for 2 unknowns"),
        (ROWS.assign(feed="high"), "needs numbers"),
        (ROWS.assign(feed=np.inf), "infinite value"),
    ],
)
def test_tables_that_cannot_be_fitted_say_why(rows, sentence):
    with pytest.raises(DataError, match=sentence):
        fit_network(PAIR, rows)


def test_parameters_that_are_not_all_given_are_asked_for():
    with pytest.raises(ModelError, match="coefficient lacks"):
        NetworkPosterior.from_parameters(
            PAIR, intercept={"feed": 0, "titer": 0}, coefficients={},
            variance={"feed": 1, "titer": 1},
        )  # fmt: skip


def test_a_posterior_is_loaded_as_it_was_saved(tmp_path):
    fitted = fit_network(PAIR, ROWS, draws=50, random_seed=1)
    again = bayesbio.load(fitted.save(tmp_path / "network.nc"))
    assert again.hash == fitted.hash
    assert again.effect.tobytes() == fitted.effect.tobytes()
    assert again.log_evidence == fitted.log_evidence
    assert again.network.edges == fitted.network.edges


def test_the_same_seed_gives_the_same_draws():
    first, second = (fit_network(PAIR, ROWS, random_seed=9).effect for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_sites_and_odd_readings_are_sampled_in_one_model():
    rng = np.random.default_rng(11)
    site = np.repeat(np.arange(6), 10)
    feed = rng.normal(size=60)
    titer = 0.8 * feed + rng.normal(0, 0.8, 6)[site] + rng.normal(0, 0.2, 60)
    titer[3] += 6.0
    feed[[5, 20]] = np.nan
    low = titer < np.quantile(titer, 0.1)
    rows = pd.DataFrame({"site": site.astype(str), "feed": feed, "titer": titer})
    rows["titer"] = rows["titer"].clip(lower=titer[~low].min())
    columns = [
        TableColumn("site", "group", levels=tuple("012345")),
        *(TableColumn(name, "response") for name in ("feed", "titer")),
    ]
    table = Table(rows, columns, pd.DataFrame({"titer": np.where(low, "below", "")}))
    fitted = PAIR.fit(
        table, group="site", robust=True, draws=300, tune=300, chains=2, random_seed=2
    )
    row = fitted.effects().iloc[0]
    assert abs(row["mean"] - 0.8) < 0.15
    assert fitted.check()["divergences"].passed
    place = fitted.index("titer")
    between = fitted.sampled["posterior"]["group_sd"].to_numpy()[..., place] * fitted.spread[place]
    assert 0.3 < np.median(between) < 2.0


@pytest.mark.slow
def test_the_sampler_and_the_closed_form_agree_with_a_prior_and_with_gaps():
    prior = NodePrior(("feed",), np.array([1.5, 0.3]), np.array([[1, 5], [5, 26.0]]), 0.05, 4.0)
    network = PAIR.replace(priors={"titer": prior})
    for rows in (ROWS, ROWS.assign(titer=ROWS["titer"].mask(np.arange(30) < 6))):
        data = standardise(network, Table.of(rows))
        priors = {name: each[0] for name, each in node_priors(network, data).items()}
        model = build_network_model(network, data, priors, group=None, robust=False)
        told = predictive_parameters(sample(model, draws=1500, tune=500, chains=4, random_seed=3))
        exact = network.fit(rows, draws=2000, random_seed=4)
        for name in ("intercept", "effect", "variance"):
            first, second = told[name], getattr(exact, name)
            assert_allclose(first.mean(0), second.mean(0), atol=0.06 * second.std(0).max())
            assert_allclose(first.std(0), second.std(0), rtol=0.08)


def test_file_and_posterior_keep_what_was_asked_and_fitted(tmp_path):
    frame = ROWS.assign(note=np.arange(30.0), site=["A", "B"] * 15)
    fitted = fit_network(PAIR, frame, draws=50, random_seed=3)
    again = bayesbio.load(fitted.save(tmp_path / "network.nc"))
    assert again.options == fitted.options
    assert again.options["robust"] is False and again.options["random_seed"] == 3
    assert again.data_hash == fitted.data_hash and again.model.edges == PAIR.edges
    assert type(again.network) is ProcessNetwork
    assert "not used: note, site" in " ".join(again.warnings)
    assert again.summary().attrs["verdict"] == "passed"
    assert again.require() is again


def test_a_table_in_another_unit_is_refused():
    columns = [TableColumn("feed", "factor", "g/L"), TableColumn("titer", "response", "mg/L")]
    network = ProcessNetwork(["feed", Node("titer", unit="g/L")], [("feed", "titer")])
    with pytest.raises(DataError, match="'titer' has the unit 'g/L', but its values come in"):
        network.fit(Table(ROWS, columns))
