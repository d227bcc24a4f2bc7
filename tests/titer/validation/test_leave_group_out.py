"""Groups left out by weights: closed forms, and refits."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.baselines import table_scores
from bayesbio.data import TableColumn
from bayesbio.errors import ModelError
from bayesbio.inference import table_folds
from bayesbio.titer import Hurdle, Varying, leave_out, titer_forecast
from tests.titer.validation.replicated_media import BETWEEN, MODEL, WITHIN, posterior_of, replicates


def test_left_out_media_are_predicted_as_the_closed_form_says():
    table = replicates()
    problem = MODEL.formulate(table)
    x = problem.cells["x"]
    columns = np.column_stack([np.ones(len(x)), x - problem.design.offset[0]])
    y, numbers = table["titer"], problem.levels[Varying("medium")].index
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
        intercept_score=(drawn[:, 0] - problem.response.centre) / problem.response.spread,
        effect_score=drawn[:, 1:] / problem.response.spread,
        noise_score=np.full(draws, WITHIN / problem.response.spread),
        sd_medium_score=np.full(draws, BETWEEN / problem.response.spread),
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
