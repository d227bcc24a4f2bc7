"""Groups left out by weights: closed forms, brute force, and refits."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.baselines import table_scores
from bayesbio.data import Table, TableColumn
from bayesbio.errors import ModelError
from bayesbio.inference import table_folds
from bayesbio.titer import Hurdle, Linear, StudentT, TiterModel, Varying, leave_out, titer_forecast
from bayesbio.titer.validation.held_out_likelihood import density_of_rows
from bayesbio.titer.regression.rescaling import assembled

LINE = [Linear("x")]
MODEL = TiterModel("titer", transform="identity", terms=LINE, varying=["medium"])
WITHIN, BETWEEN = 0.3, 1.0


def replicates(media=12, *, slope=2.0, level=20.0, seed=1):
    """Three cultures of each medium, which share what the medium does beside x."""
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.uniform(-1.7, 1.7, media), 3)
    shared = np.repeat(BETWEEN * rng.normal(size=media), 3)
    frame = pd.DataFrame(
        {
            "medium": np.repeat([f"M{place}" for place in range(media)], 3),
            "x": x,
            "titer": level + slope * x + shared + WITHIN * rng.normal(size=3 * media),
        }
    )
    levels = tuple(dict.fromkeys(frame["medium"]))
    columns = [
        TableColumn("medium", "group", levels=levels),
        TableColumn("x", "factor"),
        TableColumn("titer", "response", "g/L"),
    ]
    return Table(frame, columns)


def posterior_of(problem, draws, *, seed=1, **given):
    """Make a posterior of draws that were not sampled: those given, on the model's scale."""
    rng = np.random.default_rng(seed)
    made = {
        "intercept_score": 0.3 * rng.normal(size=draws),
        "effect_score": 0.5 + 0.3 * rng.normal(size=(draws, len(problem.design.labels))),
        "effect_scale_score": np.ones((draws, len(problem.design.terms))),
        "noise_score": rng.uniform(0.3, 0.6, draws),
    }
    if problem.makes is not None:
        made["production_intercept"] = rng.normal(size=draws)
        made["production_effect_score"] = rng.normal(size=(draws, len(problem.makes.labels)))
        made["production_effect_scale_score"] = np.ones((draws, len(problem.makes.terms)))
    for one, (names, _) in problem.levels.items():
        for prefix in ("", "makes_"):
            if not prefix or (problem.makes is not None and one.slope is None):
                made[f"{prefix}sd_{one.name}_score"] = rng.uniform(0.8, 1.5, draws)
                made[f"{prefix}by_{one.name}_score"] = rng.normal(size=(draws, len(names)))
    for name in problem.model.family.unknown_names[1:]:
        made[name] = rng.uniform(3.0, 9.0, draws)
    made |= given
    sampled = xr.Dataset(
        {
            name: (("chain", "draw", *[f"{name}_part"] * (values.ndim - 1)), values[None])
            for name, values in made.items()
        },
        coords={"chain": [0], "draw": np.arange(draws)},
    )
    stats_of = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((1, draws), bool))})
    tree = xr.DataTree.from_dict({"posterior": sampled, "sample_stats": stats_of})
    return assembled(problem, tree, random_seed=seed)


def test_replicates_are_as_likely_together_as_their_joint_normal_law_says():
    table = replicates()
    problem = MODEL.formulate(table)
    fitted = posterior_of(problem, 20)
    rows = np.flatnonzero(table["medium"] == "M3")
    x = fitted.design.coding["x"].encode(table["x"][rows])
    expected = [
        stats.multivariate_normal(
            fitted.flat["intercept"][draw] + fitted.flat["effect"][draw, 0] * x,
            fitted.flat["noise"][draw] ** 2 * np.eye(3) + fitted.flat["sd_medium"][draw] ** 2,
        ).logpdf(table["titer"][rows])
        for draw in range(20)
    ]
    # densities are of standardised readings
    found = density_of_rows(problem, fitted, rows) - 3.0 * np.log(problem.spread)
    assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("likelihood", ["censored", "tails", "slope", "hurdle", "limit"])
def test_effects_of_lost_levels_are_integrated_out_as_by_brute_force(likelihood):
    table = replicates(level=4.0)
    low = table["titer"].copy()
    place = np.flatnonzero(table["medium"] == "M3")
    low[place] = [0.0, 0.4, 3.0]
    frame = table.to_frame().assign(titer=np.maximum(low, 0.0))
    table = table.replace(frame=frame)
    model = {
        "censored": dataclasses.replace(MODEL, detection_limit=1.0),
        "tails": dataclasses.replace(MODEL, likelihood=StudentT()),
        "slope": dataclasses.replace(MODEL, varying=[Varying("medium", slope="x")]),
        "hurdle": dataclasses.replace(MODEL, likelihood=Hurdle()),
        "limit": dataclasses.replace(MODEL, likelihood=Hurdle(StudentT()), detection_limit=1.0),
    }[likelihood]
    problem = model.formulate(table)
    fitted = posterior_of(problem, 3, seed=2)
    found = density_of_rows(problem, fitted, place)
    # The same density, given each of many effects drawn from their distribution.
    many, rng = 200_000, np.random.default_rng(3)
    (one,) = problem.levels
    for draw in range(3):
        chosen = {name: values[[draw]] for name, values in fitted.all_draws.items()}
        rows = problem.table.to_frame().iloc[place]
        x = fitted.design.coding["x"].encode(rows["x"])
        times = x if one.slope else 1.0
        shift = chosen[f"sd_{one.name}"] * rng.standard_normal((many, 1)) * times
        location = chosen["intercept"] + chosen["effect"][0, 0] * x + shift
        location = (location - problem.centre) / problem.spread
        noise = chosen["noise"][0] / problem.spread
        family = (
            stats.t(chosen["degrees_of_freedom"][0])
            if "degrees_of_freedom" in chosen
            else (stats.norm)
        )
        flag, value = problem.readings.flag[place], problem.readings.value[place]
        total = np.zeros(many)
        logit = None
        if problem.makes is not None:
            logit = chosen["production_intercept"] + chosen["production_effect"][0, 0] * x
            logit = logit + chosen["production_sd_medium"] * rng.standard_normal((many, 1))
        for row in range(3):
            score = (value[row] - location[:, row]) / noise
            density = family.pdf(score) / noise
            under = family.cdf(score)
            if logit is not None:
                makes = 1.0 / (1.0 + np.exp(-logit[:, row]))
                nothing = (problem.readings.floor - location[:, row]) / noise
                above, nothing = family.sf(nothing), family.cdf(nothing)
                density = makes * density / above
                under = 1.0 - makes + makes * (under - nothing) / above
            likely = {"": density, "below": under, "zero": 0.0 if logit is None else 1.0 - makes}
            total += np.log(np.maximum(likely[str(flag[row])], 1e-300))
        likely = np.exp(total - total.max())
        told = np.log(likely.mean()) + total.max()
        error = likely.std() / likely.mean() / np.sqrt(many)
        assert error < 0.05 and abs(found[draw] - told) < 4.0 * error


def test_left_out_media_are_predicted_as_the_closed_form_says():
    table = replicates()
    problem = MODEL.formulate(table)
    x = problem.cells["x"]
    columns = np.column_stack([np.ones(len(x)), x - problem.design.offset[0]])
    y, numbers = table["titer"], problem.levels[Varying("medium")][1]
    cover = WITHIN**2 * np.eye(len(y)) + BETWEEN**2 * (numbers[:, None] == numbers)

    def exact(kept):
        """Mean and covariance of intercept and slope under a flat prior."""
        weighted = np.linalg.solve(cover[np.ix_(kept, kept)], columns[kept])
        covariance = np.linalg.inv(columns[kept].T @ weighted)
        return covariance @ weighted.T @ y[kept], covariance

    mean, covariance = exact(np.arange(len(y)))
    rng = np.random.default_rng(4)
    draws = 8000
    drawn = rng.multivariate_normal(mean, covariance, draws)
    fitted = posterior_of(
        problem,
        draws,
        intercept_score=(drawn[:, 0] - problem.centre) / problem.spread,
        effect_score=drawn[:, 1:] / problem.spread,
        noise_score=np.full(draws, WITHIN / problem.spread),
        sd_medium_score=np.full(draws, BETWEEN / problem.spread),
    )
    found = leave_out(MODEL, table, fitted, by="medium")
    assert set(found.groups["method"]) == {"importance weights"}
    for place, group in enumerate(found.groups.index):
        rows = np.flatnonzero(numbers == place)
        mean, covariance = exact(np.flatnonzero(numbers != place))
        at = columns[rows[0]]
        centre, spread = at @ mean, np.sqrt(at @ covariance @ at + WITHIN**2 + BETWEEN**2)
        told = found.readings[found.readings["group"] == group]
        assert_allclose(told["mean"], centre, atol=0.06)
        assert_allclose(told["eti_5"], centre - 1.645 * spread, atol=0.12)
        assert_allclose(told["eti_95"], centre + 1.645 * spread, atol=0.12)
    assert found.summary().loc[("titer", "TiterModel"), "readings"] == len(table)
    assert "12 by importance weights" in str(found)


def test_where_weights_do_not_do_a_group_is_fitted_again(monkeypatch):
    table = replicates()
    fitted = posterior_of(MODEL.formulate(table), 200)
    asked = []

    def stand_in(model, *, random_seed, **options):
        def forecast(train, test):
            asked.append((len(train), set(test["medium"]), options))
            return np.full((5, len(test)), 7.0)

        return forecast

    monkeypatch.setattr("bayesbio.titer.validation.leave_group_out.titer_forecast", stand_in)
    found = leave_out(MODEL, table, fitted, by="medium", largest_pareto_k=-np.inf, draws=60)
    assert asked == [(33, {f"M{place}"}, {"draws": 60}) for place in range(12)]
    assert set(found.groups["method"]) == {"exact refit"}
    assert (found.readings["mean"] == 7.0).all()
    # Levels of two groups would be lost at once: no weights forget both.
    nested = table.replace(
        frame=table.to_frame().assign(round=np.repeat(["A", "B"], 18)),
        columns=[*table.columns, TableColumn("round", "group", levels=("A", "B"))],
    )
    model = dataclasses.replace(MODEL, varying=["medium", "round"])
    fitted = posterior_of(model.formulate(nested), 200)
    found = leave_out(model, nested, fitted, by="round")
    assert found.groups["pareto_k"].tolist() == [np.inf, np.inf]


def test_a_posterior_of_another_table_is_refused():
    fitted = posterior_of(MODEL.formulate(replicates(seed=1)), 20)
    with pytest.raises(ModelError, match="of another table"):
        leave_out(MODEL, replicates(seed=2), fitted, by="medium")


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["censored", "hurdle"])
def test_weights_and_refits_predict_left_out_media_alike(likelihood):
    table = replicates(30, level=1.0)
    frame = table.to_frame()
    frame["titer"] = np.maximum(frame["titer"], 0.0)
    table = table.replace(frame=frame)
    model = dataclasses.replace(MODEL, detection_limit=0.2)
    if likelihood == "hurdle":
        model = dataclasses.replace(MODEL, likelihood=Hurdle())
    fitted = model.fit(table, draws=2000, tune=700, random_seed=5)
    assert fitted.check().passed, str(fitted.check())
    found = leave_out(model, table, fitted, by="medium", largest_pareto_k=np.inf)
    folds = table_folds(table, by="medium", number=0)[::8]
    again = titer_forecast(model, random_seed=6, draws=2000, tune=700)
    refits = table_scores(table, "titer", {"refit": again}, folds=folds).set_index("run")
    weighted = found.scores.set_index("run").loc[refits.index]
    assert (found.groups.loc[refits.index, "pareto_k"] < 0.7).all()
    assert_allclose(weighted["crps"], refits["crps"], rtol=0.1, atol=0.02)
    # of media that nearly never give product, an end of the interval is a far tail
    assert_allclose(weighted["width_90"], refits["width_90"], rtol=0.05, atol=0.1 * BETWEEN)
