"""A verdict passes sound draws and names what is wrong with others."""

import json

import arviz as az
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.stats import norm

from bayesbio.errors import CalibrationError
from bayesbio.inference import Gate, Verdict, VerdictItem, verdict_of

RUNS = np.repeat(["R1", "R2", "R3", "R4"], 30)
HOURS = np.tile(np.arange(30.0), 4)


def build(*, rate=None, sd=1.0, stats=None, observed=None, flag=None, prior=None):
    """Draws, statistics, predictions and data of a model in which all is well, with one change."""
    rng = np.random.default_rng(3)
    sizes = (4, 1000)
    if rate is None:
        rate = 0.04 + 0.002 * rng.standard_normal(sizes)
    if observed is None:
        observed = rng.standard_normal(120)
    mean = 0.05 * rng.standard_normal(sizes)[..., None] * np.ones(120)
    predicted = mean + sd * rng.standard_normal((*sizes, 120))
    plain = {
        "diverging": np.zeros(sizes, bool),
        "non_finite": np.zeros(sizes, bool),
        "energy": rng.normal(10.0, 2.0, sizes),
    }
    draw, row = ("chain", "draw"), ("chain", "draw", "glucose_row")
    rows = {"run": ("glucose_row", RUNS), "time_h": ("glucose_row", HOURS)}
    if flag is not None:
        rows["glucose_flag"] = ("glucose_row", flag)
    groups = {
        "posterior": xr.Dataset(
            {
                "growth_rate": (draw, rate),
                "growth_rate_by_run": ((*draw, "run"), rng.standard_normal((*sizes, 2))),
                "constant": (draw, np.ones(sizes)),
            },
            coords={"run": ["R1", "R2"]},
        ),
        "sample_stats": xr.Dataset({k: (draw, v) for k, v in (plain | (stats or {})).items()}),
        "posterior_predictive": xr.Dataset({"glucose": (row, predicted)}, coords=rows),
        "log_likelihood": xr.Dataset({"glucose": (row, norm(mean, sd).logpdf(observed))}),
        "observed_data": xr.Dataset({"glucose": ("glucose_row", observed)}, coords=rows),
    }
    if prior is not None:
        groups["prior"] = xr.Dataset({"growth_rate": (draw, prior[None])})
    return xr.DataTree.from_dict(groups)


def test_sound_draws_pass_every_check():
    verdict = verdict_of(build(prior=np.random.default_rng(1).normal(0.05, 0.02, 500)))
    assert verdict.passed
    assert verdict.names == (
        *("R-hat", "bulk ESS", "tail ESS", "divergences", "failed evaluations", "energy"),
        *("coverage", "Pareto k", "LOO-PIT", "predictive p-values", "prior-data conflict"),
        "outside the prior",
    )
    assert verdict.remedies() == ()
    assert str(verdict).startswith("Passed: 12 checks.\nComputation sound: 6 of 6 checks")
    assert_allclose(verdict["R-hat"].value, 1.0, atol=0.01)
    assert verdict["bulk ESS"].value > 3000
    assert_allclose([verdict["coverage"].value, verdict["LOO-PIT"].value], 0.9, atol=0.06)


def test_a_chain_elsewhere_is_named_with_a_remedy():
    rate = 0.04 + 0.002 * np.random.default_rng(1).standard_normal((4, 1000))
    rate[2] += 0.01
    verdict = verdict_of(build(rate=rate))
    assert not verdict.passed
    assert verdict["R-hat"].value > 1.5
    assert "disagree about growth_rate: R-hat" in verdict["R-hat"].sentence
    assert any("fix or pool growth_rate" in remedy for remedy in verdict.remedies())
    assert len(verdict.remedies()) <= 3
    text = str(verdict)
    assert text.startswith("FAILED: 3 of 10 checks (R-hat, bulk ESS, tail ESS).")
    assert "Remedies:\n  1. Run longer" in text


def test_chains_that_never_move_fail():
    rate = np.repeat([[0.03], [0.04], [0.05], [0.06]], 1000, axis=1)
    verdict = verdict_of(build(rate=rate))
    assert not verdict["R-hat"].passed
    assert not verdict["bulk ESS"].passed
    assert verdict.to_dict()["items"][0]["value"] is None


@pytest.mark.parametrize(
    ("memory", "remedy"), [(0.84, "Ask for more draws: draws="), (0.999, "More draws alone")]
)
def test_slow_chains_ask_for_more_draws_or_a_better_model(memory, remedy):
    rng = np.random.default_rng(2)
    steps = rng.standard_normal((4, 1000))
    for i in range(1, 1000):
        steps[:, i] += memory * steps[:, i - 1]
    verdict = verdict_of(build(rate=steps))
    assert verdict["bulk ESS"].value < 400
    assert remedy in verdict["bulk ESS"].remedy


def test_divergences_are_counted_apart_from_failed_densities_and_placed():
    rate = 0.04 + 0.002 * np.random.default_rng(1).standard_normal((4, 1000))
    bent, failed = rate < np.quantile(rate, 0.002), rate > np.quantile(rate, 0.99)
    verdict = verdict_of(build(rate=rate, stats={"diverging": bent | failed, "non_finite": failed}))
    assert (verdict["divergences"].value, verdict["failed evaluations"].value) == (8, 40)
    assert "around growth_rate = 0.03" in verdict["divergences"].sentence
    assert "where the model cannot be computed" in verdict["failed evaluations"].sentence
    assert [item.name for item in verdict.failures] == ["divergences", "failed evaluations"]
    lenient = verdict_of(build(rate=rate, stats={"diverging": bent}), gate=Gate(divergences=10))
    assert lenient.passed


def test_why_solutions_were_given_up_is_said_where_it_is_known():
    rate = 0.04 + 0.002 * np.random.default_rng(1).standard_normal((4, 1000))
    tree = build(rate=rate, stats={"diverging": np.zeros(rate.shape, dtype=bool)})
    assert "given up" not in verdict_of(tree)["failed evaluations"].sentence
    tree["sample_stats"].attrs["failures"] = "3 solutions of a run were given up: too small a step"
    said = verdict_of(tree)["failed evaluations"]
    assert said.passed
    assert said.sentence.endswith("3 solutions of a run were given up: too small a step.")
    tree["sample_stats"].attrs["stiff"] = "Stiff, hence solved implicitly in part: R2"
    assert verdict_of(tree)["failed evaluations"].sentence.endswith("in part: R2.")


def test_low_energy_is_said_but_does_not_fail():
    walk = np.cumsum(np.random.default_rng(1).standard_normal((4, 1000)), axis=1)
    verdict = verdict_of(build(stats={"energy": walk}))
    assert verdict.passed
    assert [item.name for item in verdict.advice] == ["energy"]
    assert "Worth a look:" in str(verdict)


@pytest.mark.parametrize(
    ("sd", "share", "sentence"), [(0.5, 0.69, "too narrow"), (3.0, 1.0, "too wide")]
)
def test_intervals_of_the_wrong_width_fail(sd, share, sentence):
    verdict = verdict_of(build(sd=sd))
    assert not verdict["coverage"].passed
    assert_allclose(verdict["coverage"].value, share, atol=0.06)
    assert sentence in verdict["coverage"].remedy
    assert not verdict["LOO-PIT"].passed


def test_few_measurements_are_not_held_to_a_share_they_cannot_show():
    tree = build(sd=1.6)
    few = tree.isel(glucose_row=slice(10))
    assert verdict_of(few)["coverage"].value == 1.0
    assert verdict_of(few)["coverage"].passed


def test_censored_rows_have_no_place_in_an_interval():
    observed = np.random.default_rng(3).standard_normal(120)
    observed[:60] = 50.0
    assert not verdict_of(build(observed=observed)).passed
    flag = np.repeat(["below", ""], 60)
    verdict = verdict_of(build(observed=observed, flag=flag))
    assert "of 60 measurements" in verdict["coverage"].sentence
    assert verdict["coverage"].passed


def test_an_outlier_is_found_by_its_run_and_time():
    observed = np.random.default_rng(3).standard_normal(120)
    observed[95] = 100.0
    verdict = verdict_of(build(observed=observed))
    assert [badge.state for badge in verdict.badges] == ["passed", "failed"]
    assert verdict["Pareto k"].value > 0.7
    assert "glucose (run R4, time_h 5.0)" in verdict["Pareto k"].sentence
    assert "largest value of glucose is larger" in verdict["predictive p-values"].sentence


def test_a_posterior_in_the_tail_of_its_prior_is_said():
    prior = np.random.default_rng(1).normal(0.1, 0.01, 1000)
    verdict = verdict_of(build(prior=prior))
    assert verdict.passed
    assert "pull growth_rate away from its prior" in verdict["prior-data conflict"].sentence


def test_power_scaling_finds_a_conflict_between_prior_and_data():
    """Normal prior, normal likelihood, four prior sds apart; posterior in closed form."""
    rng = np.random.default_rng(1)
    drawn = rng.normal(2.0, np.sqrt(0.5), (4, 1000))
    groups = {
        "posterior": {"rate": drawn},
        "log_prior": {"rate": norm(0.0, 1.0).logpdf(drawn)},
        "log_likelihood": {"titer": norm(drawn[..., None], 1.0).logpdf([4.0])},
    }
    tree = xr.DataTree.from_dict(
        {
            name: xr.Dataset(
                {
                    key: (("chain", "draw", "titer_row")[: values.ndim], values)
                    for key, values in group.items()
                }
            )
            for name, group in groups.items()
        }
    )
    item = verdict_of(tree)["prior-data conflict"]
    assert item.value > 0.05
    assert "rate away from its prior: power-scaling" in item.sentence


def test_a_verdict_survives_plain_data():
    verdict = verdict_of(build())
    again = Verdict.from_dict(json.loads(json.dumps(verdict.to_dict())))
    assert again == verdict
    assert Verdict((VerdictItem("x", 1.0, "", False, "", advisory=True),)).passed
    with pytest.raises(KeyError, match="'luck' was not checked"):
        verdict["luck"]


def test_nothing_to_judge_is_an_error():
    with pytest.raises(CalibrationError, match="no posterior to check"):
        verdict_of(xr.DataTree())
    still = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"rate": (("chain", "draw"), np.ones((2, 5)))})}
    )
    with pytest.raises(CalibrationError, match="every variable is constant"):
        verdict_of(still)


def test_a_censored_row_that_every_draw_is_certain_of_is_no_outlier():
    rng = np.random.default_rng(3)
    dims, rows = ("chain", "draw", "glucose_row"), ("glucose_row",)
    draws = rng.normal(1.0, 0.1, size=(4, 250, 3))
    likelihood = 0.1 * rng.normal(size=draws.shape)
    likelihood[..., 2] = 0.0  # below its limit with probability one
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"rate": (("chain", "draw"), rng.normal(size=(4, 250)))}),
            "posterior_predictive": xr.Dataset({"glucose": (dims, draws)}),
            "log_likelihood": xr.Dataset({"glucose": (dims, likelihood)}),
            "observed_data": xr.Dataset({"glucose": (rows, np.array([1.0, 1.05, 0.2]))}),
        }
    )
    assert verdict_of(tree)["Pareto k"].passed


def test_pareto_k_is_that_of_arviz():
    """Two roads: our check and az.loo, on a posterior with one far outlier."""
    rng = np.random.default_rng(5)
    values = np.append(rng.normal(size=20), 9.0)
    location = rng.normal(values.mean(), 1.0 / np.sqrt(21), size=(4, 500))
    rows, dims = ("glucose_row",), ("chain", "draw", "glucose_row")
    likelihood = norm.logpdf(values, location[..., None], 1.0)
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"location": (("chain", "draw"), location)}),
            "posterior_predictive": xr.Dataset(
                {"glucose": (dims, location[..., None] + rng.normal(size=(4, 500, 21)))}
            ),
            "log_likelihood": xr.Dataset({"glucose": (dims, likelihood)}),
            "observed_data": xr.Dataset({"glucose": (rows, values)}),
        }
    )
    expected = az.loo(tree, pointwise=True, reff=1.0).pareto_k.max()
    found = verdict_of(tree)["Pareto k"].value
    assert abs(found - float(expected)) < 0.05
    assert found > 0.2


def test_readings_of_one_run_that_lie_together_do_not_count_as_independent():
    """Forty readings of four runs, one run outside: possible with run effects, not without."""
    rng = np.random.default_rng(4)
    rows, dims = ("glucose_row",), ("chain", "draw", "glucose_row")
    runs = np.repeat(np.arange(4), 10)
    observed = np.where(runs == 0, 2.3, 0.0)

    def verdict(effect, noise):
        shared = effect * rng.normal(size=(4, 1000, 4))[..., runs]
        draws = shared + noise * rng.normal(size=(4, 1000, 40))
        groups = {
            "posterior": xr.Dataset({"rate": (dims[:2], rng.normal(size=(4, 1000)))}),
            "posterior_predictive": xr.Dataset({"glucose": (dims, draws)}),
            "observed_data": xr.Dataset({"glucose": (rows, observed)}),
        }
        return verdict_of(xr.DataTree.from_dict(groups))["coverage"]

    together, apart = verdict(1.0, 0.1), verdict(0.0, 1.0)
    assert together.value == apart.value == 0.75
    assert together.passed and not apart.passed
