"""Marginal likelihood of held-out rows: closed form and brute force."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.titer import Hurdle, StudentT, Varying
from bayesbio.titer.validation.held_out_likelihood import density_of_rows
from tests.titer.validation.replicated_media import MODEL, posterior_of, replicates


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
    found = density_of_rows(problem, fitted, rows) - 3.0 * np.log(problem.response.spread)
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
        chosen = {name: values[[draw]] for name, values in fitted.flat.items()}
        rows = problem.table.to_frame().iloc[place]
        x = fitted.design.coding["x"].encode(rows["x"])
        times = x if one.slope else 1.0
        shift = chosen[f"sd_{one.name}"] * rng.standard_normal((many, 1)) * times
        location = chosen["intercept"] + chosen["effect"][0, 0] * x + shift
        location = (location - problem.response.centre) / problem.response.spread
        noise = chosen["noise"][0] / problem.response.spread
        family = (
            stats.t(chosen["degrees_of_freedom"][0])
            if "degrees_of_freedom" in chosen
            else (stats.norm)
        )
        flag, value = problem.response.readings.flag[place], problem.response.readings.value[place]
        total = np.zeros(many)
        logit = None
        if problem.production_design is not None:
            logit = chosen["production_intercept"] + chosen["production_effect"][0, 0] * x
            logit = logit + chosen["production_sd_medium"] * rng.standard_normal((many, 1))
        for row in range(3):
            score = (value[row] - location[:, row]) / noise
            density = family.pdf(score) / noise
            under = family.cdf(score)
            if logit is not None:
                makes = 1.0 / (1.0 + np.exp(-logit[:, row]))
                zero = -problem.response.centre / problem.response.spread
                nothing = (zero - location[:, row]) / noise
                above, nothing = family.sf(nothing), family.cdf(nothing)
                density = makes * density / above
                under = 1.0 - makes + makes * (under - nothing) / above
            likely = {"": density, "below": under, "zero": 0.0 if logit is None else 1.0 - makes}
            total += np.log(np.maximum(likely[str(flag[row])], 1e-300))
        likely = np.exp(total - total.max())
        told = np.log(likely.mean()) + total.max()
        error = likely.std() / likely.mean() / np.sqrt(many)
        assert error < 0.05 and abs(found[draw] - told) < 4.0 * error
