import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesbio
from bayesbio.errors import DataError
from bayesbio.titer import R2D2, Mixture, TiterModel, key_factors, second_order


def test_key_factors_are_those_that_act_and_the_pure_pair_is_among_them(screened_out, truth):
    told = screened_out.key_factors("10 %")
    assert set(truth.active) <= set(told.index[told["key"]])
    assert told["influence"].is_monotonic_decreasing
    pair = list(truth.pure_interaction)
    assert (told.loc[pair, "influence"] > 3.0 * told.loc[pair, "effect"].abs()).all()
    assert told.attrs["unit"] == "g/L" and told.attrs["size"] > 0.0
    assert_allclose(told["probability_first"].sum(), 1.0)
    assert_allclose([sum(p) for p in told.attrs["rank_probability"].values()], 1.0)


@pytest.mark.slow
def test_with_150_cultures_the_key_factors_are_exactly_those_that_act(truth):
    table = truth.table(150, random_seed=21)
    found = TiterModel("titer", transform="log").fit(table, random_seed=5)
    assert found.check().passed, str(found.check())
    told = found.key_factors("10 %")
    assert set(told.index[told["key"]]) == set(truth.active)


def test_the_pure_interaction_leads_the_pairs(screened_out, truth):
    told = screened_out.interactions("10 %")
    first = set(told.index[0]), set(told.index[1])
    assert set(truth.pure_interaction) in first
    assert told["probability_matters"].iloc[0] > 0.9


def test_effects_are_measured_in_the_unit_of_the_titer(fitted):
    told = fitted.key_factors()
    curve = fitted.partial_effect("feed", points=201)
    low, high = told.loc["feed", ["low", "high"]].to_numpy(float)
    along = np.interp([low, high], curve["feed"], curve["eti_50"])
    assert_allclose(told.loc["feed", "effect"], along[1] - along[0], rtol=0.02)
    assert np.isnan(told.loc["clone", "effect"]) and told.loc["clone", "influence"] > 0.3
    assert told.loc["feed", "probability_positive"] > 0.99


def test_contributions_add_up_to_the_prediction(fitted):
    row = {"ph": 6.7, "feed": 4.5, "clone": "B", "site": "south"}
    parts = fitted.explain(row)
    assert list(parts.index[[0, -1]]) == ["average culture", "prediction"]
    assert {"ph", "feed", "clone", "ph x feed", "site"} < set(parts.index)
    assert_allclose(parts["mean"].iloc[:-1].sum(), parts["mean"].iloc[-1], rtol=1e-9)
    predicted = fitted.predict(row, noise=False)["titer"]
    assert_allclose(parts["mean"].iloc[-1], float(predicted.mean()), rtol=1e-9)
    assert parts.loc["clone", "eti_5"] > 0.0 > parts.loc["ph", "eti_95"]


def test_contributions_add_up_where_a_level_and_a_cell_are_unknown(fitted):
    parts = fitted.explain({"ph": np.nan, "feed": 4.5, "clone": "Q", "site": "moon"})
    assert_allclose(parts["mean"].iloc[:-1].sum(), parts["mean"].iloc[-1], rtol=1e-9)


def test_on_the_log_scale_a_contribution_is_the_logarithmic_mean_times_the_effect(fitted):
    row = {"ph": 7.0, "feed": 5.0, "clone": "A", "site": "west"}
    parts = fitted.explain(row)
    code = fitted.design.coding["feed"]
    effect = fitted.flat["effect"][:, fitted.design.labels.index("feed")]
    start = fitted.flat["intercept"]
    at = np.log(fitted.predict(row, noise=False)["titer"].to_numpy().ravel())
    between = (np.exp(at) - np.exp(start)) / (at - start)
    expected = between * effect * (5.0 - code.centre) / code.spread
    assert_allclose(parts.loc["feed", "mean"], expected.mean(), rtol=1e-4)


def test_a_surface_agrees_with_a_curve_on_its_edge(fitted):
    surface = fitted.interaction_surface("ph", "feed", points=5)
    curve = fitted.partial_effect("ph", at={"feed": float(surface["feed"][-1])}, points=5)
    assert surface["eti_50"].dims == ("ph", "feed")
    assert_allclose(surface["eti_50"][:, -1], curve["eti_50"], rtol=0.01)
    assert (surface["eti_95"] > surface["eti_5"]).all()


def test_suggestions_go_where_the_titer_is_high_and_keep_the_constraints(fitted):
    found = fitted.suggest(3, {"feed": (1.0, 4.0)}, where=lambda rows: rows["ph"] < 7.2)
    assert len(found) == 3
    assert found["feed"].between(1.0, 4.0).all() and (found["ph"] < 7.2).all()
    assert found["clone"].iloc[0] == "B" and found["feed"].iloc[0] > 3.5
    assert found["expected_improvement"].is_monotonic_increasing
    assert (found["eti_5"] < found["eti_95"]).all()
    held = fitted.suggest(1, {"clone": "A", "ph": 7.0}, target=3.0)
    assert held["clone"].tolist() == ["A"] and held["ph"].tolist() == [7.0]
    assert 0.0 <= held["probability_above_target"].iloc[0] <= 1.0
    again = fitted.suggest(1, {"clone": "A", "ph": 7.0}, target=3.0)
    assert again.equals(held)


def test_factors_that_cannot_be_told_apart_are_named():
    rng = np.random.default_rng(1)
    a = rng.normal(size=60)
    frame = pd.DataFrame({"a": a, "b": a + 0.01 * rng.normal(size=60), "c": rng.normal(size=60)})
    frame["titer"] = 5.0 + a + 0.2 * rng.normal(size=60)
    terms = second_order(
        TiterModel(transform="identity").formulate(frame).table, interactions=False
    )
    found = TiterModel(transform="identity", terms=terms).fit(
        frame, draws=200, tune=300, chains=2, random_seed=1
    )
    told = found.confounding()
    assert told[["factor", "other"]].to_numpy().tolist() == [["a", "b"]]
    assert told["probability_either"].iloc[0] > 0.95
    assert told["sentence"].iloc[0] in key_factors(found).attrs["warnings"]


def test_the_components_of_a_mixture_make_room_for_each_other():
    rng = np.random.default_rng(2)
    share = rng.dirichlet([2.0, 2.0, 2.0], size=60)
    frame = pd.DataFrame(share, columns=["glucose", "xylose", "glycerol"])
    frame["titer"] = 2.0 + 3.0 * share[:, 0] + 4.0 * share[:, 0] * share[:, 1]
    frame["titer"] += 0.05 * rng.normal(size=60)
    whole = Mixture(["glucose", "xylose", "glycerol"], total=1.0)
    found = TiterModel(transform="identity", mixtures=[whole]).fit(
        frame, draws=150, tune=300, chains=2, random_seed=2
    )
    assert not any("squared" in label for label in found.design.labels)
    best = found.suggest(1)
    assert_allclose(best[["glucose", "xylose", "glycerol"]].sum(axis=1), 1.0)
    # The best of the rule is at 0.875 glucose; the richest mixture that was tried has 0.66.
    assert best["glucose"].iloc[0] > 0.98 * frame["glucose"].max()
    curve = found.partial_effect("glycerol", points=5)
    assert curve["eti_50"].iloc[0] > curve["eti_50"].iloc[-1]
    with pytest.raises(DataError, match="Row 1"):
        TiterModel(transform="identity", mixtures=[whole]).formulate(frame.assign(glucose=0.9))


@pytest.mark.parametrize(
    "ask, said",
    [
        (lambda f: f.key_factors("much"), "'10 %'"),
        (lambda f: f.key_factors(-1.0), "above zero"),
        (lambda f: f.partial_effect("pH"), "Did you mean 'ph'"),
        (lambda f: f.interaction_surface("ph", "ph"), "given twice"),
        (lambda f: f.explain({"ph": 7.0}), "no feed"),
        (lambda f: f.explain([{"ph": 7.0, "feed": 1.0, "clone": "A"}] * 2), "2 rows came"),
        (lambda f: f.suggest(0), "one or more"),
        (lambda f: f.suggest(1, {"ph": (7.2, 7.0)}), "expected \\(low, high\\)"),
        (lambda f: f.suggest(1, where=lambda rows: rows["ph"] > 9.0), "widen them"),
        (lambda f: f.predict({"ph": 7.0}), "no feed, clone"),
    ],
)
def test_a_question_without_an_answer_gets_a_sentence(fitted, ask, said):
    with pytest.raises(DataError, match=said):
        ask(fitted)


def test_a_suggestion_keeps_to_levels_that_were_fitted(fitted):
    with pytest.raises(DataError, match="clone has no level 'b'.*Did you mean 'B'"):
        fitted.suggest(1, {"clone": "b"})


def test_a_saved_posterior_names_its_prior_and_what_was_asked(fitted, tmp_path):
    again = bayesbio.load(fitted.save(tmp_path / "titer.nc"))
    assert again.model == fitted.model and "Horseshoe(slab=0.5" in repr(again.model)
    assert again.options == {"draws": 800, "tune": 400, "chains": 4, "random_seed": 3}
    other = dataclasses.replace(fitted, model=dataclasses.replace(fitted.model, prior=R2D2()))
    assert other.hash != fitted.hash


def test_rows_outside_of_what_was_fitted_are_marked_or_refused(fitted):
    rows = {"ph": [7.0, 9.0], "feed": 3.0, "clone": "A", "site": "north"}
    rows = pd.DataFrame(rows)
    assert fitted.predict(rows)["outside"].to_numpy().tolist() == [False, True]
    with pytest.raises(DataError, match="Row 2 is outside"):
        fitted.predict(rows, outside="refuse")
