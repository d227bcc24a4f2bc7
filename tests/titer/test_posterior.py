"""A posterior: predictions, questions, its file and its verdict."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesbio
from bayesbio.errors import DataError
from bayesbio.inference import coverage
from bayesbio.titer import (
    R2D2,
    Varying,
)


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


def test_what_was_put_in_is_found_again(fitted):
    told = fitted.summary()
    assert fitted.check().passed, str(fitted.check())
    feed = fitted.design.coding["feed"].spread
    for name, true in (("effect[feed]", 0.15 * feed), ("noise", 0.08)):
        assert told.loc[name, "eti_5"] - 0.02 < true < told.loc[name, "eti_95"] + 0.02
    clone = [told.loc[f"effect[clone[{level}]]", "eti_50"] for level in "ABC"]
    assert_allclose(clone[1] - np.mean([clone[0], clone[2]]), 0.3, atol=0.06)
    site = fitted.flat["by_site"].mean(axis=0)
    levels = fitted.regression.levels[Varying("site")]
    south = levels.index("south")
    assert_allclose(site[south] - np.delete(site, south).mean(), 0.2, atol=0.06)


def test_intervals_of_new_cultures_cover_what_they_claim(fitted, cultures):
    new = cultures(300, seed=8)
    seen = new.flag("titer") == ""
    drawn = fitted.predict(new, random_seed=2)["titer"]
    assert drawn.dims == ("chain", "draw", "run") and drawn.attrs["units"] == "g/L"
    samples = drawn.to_numpy().reshape(-1, 300)
    assert 0.84 <= coverage(samples[:, seen], new["titer"][seen]) <= 0.96
    again = fitted.predict(new, random_seed=2)["titer"]
    assert again.equals(drawn)


def test_a_saved_posterior_predicts_the_same(fitted, cultures, tmp_path):
    again = bayesbio.load(fitted.save(tmp_path / "titer.nc"))
    new = cultures(5, seed=9)
    assert again.hash == fitted.hash and again.data_hash == fitted.data_hash
    assert again.predict(new).equals(fitted.predict(new))
    assert again.check().to_dict() == fitted.check().to_dict()


def test_unseen_levels_are_drawn_from_their_distribution_and_said(fitted, cultures):
    row = {"ph": 7.0, "feed": 3.0, "clone": "A", "site": "north"}
    known = fitted.predict(row, noise=False)
    new = fitted.predict({**row, "clone": "Z", "site": "east"}, noise=False)
    assert known.attrs["warnings"] == []
    assert "clone Z was not fitted" in new.attrs["warnings"][0]
    assert "site east was not fitted" in new.attrs["warnings"][1]
    assert float(new["titer"].std()) > 3.0 * float(known["titer"].std())


def test_a_missing_factor_widens_the_prediction(fitted):
    row = {"ph": 7.0, "feed": 3.0, "clone": "A", "site": "north"}
    known = fitted.predict(row, noise=False)["titer"]
    missing = fitted.predict({**row, "feed": np.nan}, noise=False)["titer"]
    assert float(missing.std()) > 3.0 * float(known.std())


def test_chains_that_disagree_on_the_shape_of_a_term_are_judged(fitted):
    posterior = fitted.posterior["posterior"]
    chain = posterior["intercept"].copy(
        data=np.indices(posterior["intercept"].shape)[0].astype(float)
    )
    tree = fitted.posterior.copy()
    tree["posterior"]["steps_grade"] = chain
    broken = dataclasses.replace(fitted, posterior=tree)
    assert broken.check()["R-hat"].value > fitted.check()["R-hat"].value + 1.0
