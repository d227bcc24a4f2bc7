import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesbio
from bayesbio.data import Table, TableColumn
from bayesbio.errors import DataError, ModelError
from bayesbio.inference import coverage
from bayesbio.titer import (
    R2D2,
    Gaussian,
    Horseshoe,
    Hurdle,
    Linear,
    Monotone,
    Nominal,
    Ordered,
    Saturating,
    StudentT,
    TiterModel,
    Varying,
)


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


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_errors_in_variables_undo_the_flattening_of_a_slope(seed):
    rng = np.random.default_rng(seed)
    true = rng.normal(size=120)
    y = 5.0 + 1.0 * true + 0.2 * rng.normal(size=120)
    read = true + 0.6 * rng.normal(size=120)
    frame = pd.DataFrame({"od": read, "titer": y})
    terms = [Linear("od")]
    plain = TiterModel("titer", transform="identity", terms=terms)
    aware = TiterModel("titer", transform="identity", terms=terms, factor_error={"od": 0.6})
    slope = {}
    for name, model in (("plain", plain), ("aware", aware)):
        found = model.fit(frame, draws=1000, tune=500, random_seed=seed)
        assert found.check().passed, str(found.check())
        slope[name] = found.flat["effect"][:, 0] / found.design.coding["od"].spread
    assert np.quantile(slope["plain"], 0.95) < 0.95
    low, high = np.quantile(slope["aware"], [0.025, 0.975])
    assert low < 1.0 < high


@pytest.mark.slow
def test_missing_cells_are_modelled_and_cost_little():
    rng = np.random.default_rng(4)
    a = rng.normal(size=80)
    b = 0.8 * a + 0.6 * rng.normal(size=80)
    frame = pd.DataFrame({"a": a, "b": b, "titer": 5.0 + a - 0.5 * b + 0.1 * rng.normal(size=80)})
    frame.loc[rng.choice(80, 20, replace=False), "b"] = np.nan
    model = TiterModel("titer", transform="identity", terms=[Linear("a"), Linear("b")])
    found = model.fit(frame, draws=500, tune=500, random_seed=4)
    assert found.check().passed, str(found.check())
    assert "missing in 20 of 80 rows" in " ".join(found.warnings)
    slope = found.flat["effect"][:, 1] / found.design.coding["b"].spread
    low, high = np.quantile(slope, [0.025, 0.975])
    assert low < -0.5 < high and high - low < 0.2


@pytest.mark.slow
def test_saturation_levels_and_order_are_found_through_outliers():
    rng = np.random.default_rng(6)
    glucose = rng.uniform(0.2, 10.0, 150)
    dose = rng.choice(["low", "middle", "high"], 150)
    step = np.select([dose == "middle", dose == "high"], [0.6, 0.7], 0.0)
    y = 2.0 + 3.0 * glucose / (1.0 + glucose) + step + 0.1 * rng.normal(size=150)
    y[:6] += 3.0
    frame = pd.DataFrame(
        {
            "glucose": glucose,
            "dose": pd.Categorical(dose, ["low", "middle", "high"], ordered=True),
            "titer": y,
        }
    )
    model = TiterModel(
        "titer",
        transform="identity",
        terms=[Saturating("glucose"), Ordered("dose")],
        likelihood=StudentT(),
    )
    found = model.fit(frame, draws=500, tune=500, random_seed=6)
    assert found.check().passed, str(found.check())
    low, high = np.quantile(found.flat["half_saturation_glucose"], [0.025, 0.975])
    assert low < 1.0 < high
    steps = found.flat["steps_dose"].mean(axis=0)
    assert_allclose(steps, [6 / 7, 1 / 7], atol=0.1)
    assert found.flat["noise"].mean() < 0.15
    with pytest.raises(DataError, match="only the levels that were fitted: low, middle, high"):
        found.predict({"glucose": 1.0, "dose": "huge"})


@pytest.mark.slow
def test_a_hurdle_tells_zeros_from_small_titers():
    rng = np.random.default_rng(7)
    x, z = rng.normal(size=(2, 200))
    makes = rng.uniform(size=200) < 1.0 / (1.0 + np.exp(-2.0 * x))
    titer = np.where(makes, np.exp(1.0 + 0.4 * z + 0.1 * rng.normal(size=200)), 0.0)
    frame = pd.DataFrame({"x": x, "z": z, "titer": titer})
    terms = [Linear("x"), Linear("z")]
    found = TiterModel("titer", transform="log", terms=terms, likelihood=Hurdle()).fit(
        frame, draws=500, tune=500, random_seed=7
    )
    assert found.check().passed, str(found.check())
    told = found.summary()
    assert told.loc["production_effect[x]", "eti_5"] > 1.0
    assert abs(told.loc["production_effect[z]", "eti_50"]) < 0.4
    assert_allclose(told.loc["effect[z]", "eti_50"], 0.4, atol=0.04)
    drawn = found.predict({"x": 0.0, "z": 0.0})["titer"].to_numpy()
    assert 0.4 < (drawn == 0.0).mean() < 0.6
    parts = found.explain({"x": 1.0, "z": 1.0})
    assert_allclose(parts["mean"].iloc[:-1].sum(), parts["mean"].iloc[-1], rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior", [Horseshoe(heredity="strong"), Horseshoe(heredity="weak"), R2D2()]
)
def test_every_prior_finds_the_factors_that_act(truth, prior):
    table = truth.table(100, random_seed=2)
    found = TiterModel("titer", transform="log", prior=prior).fit(
        table, draws=500, tune=700, random_seed=2
    )
    keys = found.key_factors("10 %")
    alone = set(truth.active) - set(truth.pure_interaction)
    assert alone <= set(keys.index[keys["key"]])


@pytest.mark.slow
def test_a_monotone_term_never_turns_back():
    rng = np.random.default_rng(8)
    dose = rng.uniform(0.0, 10.0, 80)
    y = 1.0 + 2.0 * (dose > 5.0) + 0.2 * rng.normal(size=80)
    frame = pd.DataFrame({"dose": dose, "titer": y})
    found = TiterModel("titer", transform="identity", terms=[Monotone("dose", pieces=5)]).fit(
        frame, draws=500, tune=500, random_seed=8
    )
    curve = found.partial_effect("dose", points=21)["eti_50"].to_numpy()
    assert (np.diff(curve) >= -1e-9).all()
    assert_allclose(curve[[0, -1]], [1.0, 3.0], atol=0.25)


def frame_of(**columns):
    rng = np.random.default_rng(1)
    base = {"ph": rng.uniform(6.6, 7.4, 20), "titer": rng.uniform(1.0, 2.0, 20)}
    return pd.DataFrame(base | columns)


LEVELS = np.array(list("ABAB") * 5)


@pytest.mark.parametrize(
    "model, frame, said",
    [
        (TiterModel("titre"), frame_of(), "Did you mean 'titer'"),
        (TiterModel(), frame_of(titer=0.0), "zero in all 20 rows"),
        (TiterModel(), frame_of(titer=1.5), "do not vary"),
        (TiterModel(), frame_of(titer=np.nan), "reading in 0 of 20 rows"),
        (TiterModel(), frame_of(ph=7.0), "None of the factors"),
        (
            TiterModel(transform="log"),
            frame_of(titer=np.r_[0.0, np.linspace(1, 2, 19)]),
            "no logarithm",
        ),
        (TiterModel(likelihood=Hurdle()), frame_of(), "needs zeros"),
        (TiterModel(varying=["site"]), frame_of(), "no column 'site' to vary by"),
        (TiterModel(terms=[Linear("pH")]), frame_of(), "no column 'pH'"),
        (TiterModel(), [1.0, 2.0], "expected a Table"),
        (TiterModel(likelihood=Gaussian(assay="sd")), frame_of(), "no column 'sd'"),
    ],
)
def test_a_table_that_says_nothing_is_answered_with_a_sentence(model, frame, said):
    with pytest.raises(DataError, match=said):
        model.formulate(frame)


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: TiterModel(transform="ln"), "expected 'log'"),
        (lambda: TiterModel(detection_limit=0.0), "above zero"),
        (lambda: Horseshoe(heredity="both"), "'weak' or 'strong'"),
        (lambda: R2D2(mean=1.5), "between 0 and 1"),
        (lambda: Gaussian(assay=-1.0), "zero or more"),
        (
            lambda: TiterModel(terms=[Linear("clone")]).formulate(frame_of(clone=LEVELS)),
            "Use Nominal or Ordered",
        ),
        (lambda: TiterModel(terms=[Nominal("ph")]).formulate(frame_of()), "needs levels"),
        (
            lambda: TiterModel(terms=[Saturating("x")]).formulate(frame_of(x=np.arange(20) - 5.0)),
            "zero or more",
        ),
    ],
)
def test_an_impossible_model_is_answered_with_a_sentence(make, said):
    with pytest.raises(ModelError, match=said):
        make()


def test_what_cannot_be_learned_is_said():
    rng = np.random.default_rng(2)
    frame = frame_of(constant=3.0, other=rng.normal(size=20), day=np.repeat([1.0, 2.0], 10))
    frame["copy"] = 2.0 * frame["other"] + 1.0
    columns = [
        TableColumn(name, {"titer": "response", "day": "group"}.get(name, "factor"))
        for name in frame
    ]
    problem = TiterModel().formulate(Table(frame, columns))
    said = " ".join(problem.warnings)
    assert "constant is the same in every row (3)" in said
    assert "copy is an exact copy of other" in said
    assert "The groups day are not used" in said
    assert "transformed: effects" in said
    few = TiterModel(transform="log").formulate(Table(frame.head(8), columns))
    assert "There are 9 terms for 8 rows" in " ".join(few.warnings)


def test_the_transform_is_the_one_under_which_held_out_readings_are_likelier():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 60))
    for transform in ("log", "identity"):
        mean = 1.0 + 0.5 * x[0] if transform == "log" else 10.0 + 2.0 * x[0]
        y = mean + 0.1 * rng.normal(size=60)
        frame = pd.DataFrame(
            {"a": x[0], "b": x[1], "titer": np.exp(y) if transform == "log" else y}
        )
        assert TiterModel().formulate(frame).transform == transform


def test_readings_under_the_limit_count_as_below_it():
    problem = TiterModel(detection_limit=1.3, transform="log").formulate(frame_of())
    below = problem.table.flag("titer") == "below"
    assert below.sum() == (frame_of()["titer"] < 1.3).sum()
    assert set(problem.table["titer"][below]) == {1.3}
    assert "under the detection limit of 1.3" in " ".join(problem.warnings)


def interval_readings(titer, uppers):
    """Twenty cultures of which the first few are only known to lie between two limits."""
    frame = frame_of()
    frame.loc[: len(uppers) - 1, "titer"] = titer
    columns = [TableColumn("ph", "factor"), TableColumn("titer", "response", "g/L")]
    flags = pd.DataFrame({"titer": np.where(np.arange(20) < len(uppers), "between", "")})
    upper = pd.DataFrame({"titer": [*uppers, *[np.nan] * (20 - len(uppers))]})
    return Table(frame, columns, flags, (), upper)


@pytest.mark.parametrize("family", [Gaussian(), StudentT()])
@pytest.mark.parametrize("transform", ["log", "identity"])
def test_readings_between_limits_count_with_the_probability_in_between(family, transform):
    table = interval_readings([1.0, 1.4], [1.2, 40.0])
    problem = TiterModel(transform=transform, likelihood=family).formulate(table)
    values = {"degrees_of_freedom": np.array([[5.0], [5.0]])}
    place, noise = np.array([[0.1] * 20, [-3.0] * 20]), np.array([[0.7], [0.2]])
    law = problem.response.distribution
    law = law.standardised(problem.response.centre, problem.response.spread)
    told = law.log_likelihood(problem.response.readings, place, noise, values)["between"]
    exact = stats.t(5.0) if isinstance(family, StudentT) else stats.norm
    limits = np.array([[1.0, 1.4], [1.2, 40.0]])
    limits = np.log(limits) if transform == "log" else limits
    low, high = (limits - problem.response.centre) / problem.response.spread
    expected = exact.sf((low - place[:, :2]) / noise) - exact.sf((high - place[:, :2]) / noise)
    assert_allclose(np.exp(told), expected, rtol=1e-6)
    symbols = law.log_likelihood(
        problem.response.readings,
        pt.as_tensor(place[0]),
        pt.as_tensor(0.7),
        {"degrees_of_freedom": pt.as_tensor(5.0)},
    )["between"]
    assert_allclose(symbols.eval(), told[0], rtol=1e-10)


def test_a_reading_between_nothing_and_a_limit_is_below_it():
    table = TiterModel(transform="log").formulate(interval_readings([0.0], [1.2])).table
    assert table.flag("titer")[0] == "below" and table["titer"][0] == 1.2
    with pytest.raises(DataError, match="without an upper limit"):
        TiterModel().formulate(interval_readings([1.0], [np.nan]))


def test_many_factors_are_screened_for_interactions():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(120, 17))
    y = 3.0 + x[:, 0] + x[:, 1] + 0.8 * x[:, 0] * x[:, 2] + 0.2 * rng.normal(size=120)
    frame = pd.DataFrame(x, columns=[f"f{k}" for k in range(17)]).assign(titer=y)
    problem = TiterModel(transform="identity").formulate(frame)
    labels = [term.label for term in problem.design.terms if term.kind == "interaction"]
    assert len(labels) == 30 and labels[0] == "f0 x f2"
    assert "136 pairs" in " ".join(problem.warnings)
