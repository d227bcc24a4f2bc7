import dataclasses

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import optimize, stats

from bayesbio.data.specification import Specification
from bayesbio.decide import optimal_stop
from bayesbio.errors import DataError


def course_of(times, *, units="g/L", runs=("R1",), **quantities):
    """Trajectories; each quantity an array (chain, draw, run, time)."""
    dims = ("chain", "draw", "run", "time")
    variables = {
        name: (dims, np.asarray(values, dtype=float), {"units": units})
        for name, values in quantities.items()
    }
    return xr.Dataset(variables, coords={"time": np.asarray(times, float), "run": list(runs)})


def intermediate(k1, k2, times, start=0.8):
    """B of A -> B -> C, isothermal, in closed form; one chain, one draw per rate constant."""
    k1, k2 = (np.asarray(k, dtype=float).reshape(1, -1, 1, 1) for k in (k1, k2))
    return start * k1 / (k2 - k1) * (np.exp(-k1 * times) - np.exp(-k2 * times))


TIMES = np.linspace(0.0, 40.0, 4001)
# Value of stopping after 1, 2 and 3 h, in two equally likely cases.
TWO_POINTS = course_of([1, 2, 3], profit=[[[[4.0, 3.0, 0.0]]], [[[0.0, 3.5, 5.0]]]])


@pytest.mark.parametrize(("k1", "k2"), [(0.5, 0.05), (0.2, 0.7), (1.1, 1.0)])
def test_known_rates_give_the_closed_form_of_consecutive_reactions(k1, k2):
    course = course_of(TIMES, concentration_b=intermediate(k1, k2, TIMES))
    decision = optimal_stop(course, value="concentration_b")
    assert_allclose(decision.best_time, np.log(k1 / k2) / (k1 - k2), atol=0.5 * 0.01)
    assert_allclose(decision.expected_value, 0.8 * (k1 / k2) ** (k2 / (k2 - k1)), rtol=1e-5)
    assert decision.plug_in_time == decision.best_time
    assert decision.perfect_information == 0.0


def test_uncertain_rates_give_the_maximum_of_the_mean_and_the_mean_of_the_maxima():
    k1, k2 = np.array([0.3, 0.5, 0.9, 0.6]), np.array([0.05, 0.1, 0.02, 0.3])
    course = course_of(TIMES, concentration_b=intermediate(k1, k2, TIMES))
    decision = optimal_stop(course, value="concentration_b")
    best = optimize.minimize_scalar(
        lambda t: -np.mean(intermediate(k1, k2, t)), bounds=(0, 40), options={"xatol": 1e-9}
    )
    maxima = 0.8 * (k1 / k2) ** (k2 / (k2 - k1))
    assert_allclose(decision.best_time, best.x, atol=0.5 * 0.01)
    assert_allclose(decision.expected_value, -best.fun, rtol=1e-5)
    assert_allclose(decision.perfect_information, maxima.mean() + best.fun, rtol=1e-4)


def test_plugging_in_mean_rates_is_worse_than_the_optimum_under_the_posterior():
    rng = np.random.default_rng(7)
    k1, k2 = 0.5 * np.exp(0.6 * rng.normal(size=400)), 0.05 * np.exp(0.8 * rng.normal(size=400))
    course = course_of(TIMES, concentration_b=intermediate(k1, k2, TIMES))
    at_means = course_of(TIMES, concentration_b=intermediate(k1.mean(), k2.mean(), TIMES))
    decision = optimal_stop(course, value="concentration_b", plug_in=at_means)
    expected = np.log(k1.mean() / k2.mean()) / (k1.mean() - k2.mean())
    assert_allclose(decision.plug_in_time, expected, atol=0.005)
    assert decision.plug_in_claim > decision.plug_in_value
    assert decision.plug_in_value < decision.expected_value


def test_a_posterior_of_two_points_is_worked_by_hand():
    at_some_parameters = course_of([1, 2, 3], profit=[[[[1.0, 2.0, 9.0]]]])
    decision = optimal_stop(TWO_POINTS, value="profit", plug_in=at_some_parameters)
    assert_allclose(decision.expected, [2.0, 3.25, 2.5])
    assert (decision.best_time, decision.expected_value) == (2.0, 3.25)
    assert decision.perfect_information == (4.0 + 5.0) / 2 - 3.25
    # The two gains are 1 and 1.5: sd sqrt(1/8), over sqrt(2).
    assert_allclose(decision.perfect_information_error, 0.25)
    assert (decision.plug_in_time, decision.plug_in_claim) == (3.0, 9.0)
    assert decision.plug_in_value == 2.5
    # One half chooses 1 h (4 there, 0 in the other half), the other 3 h (5 against 0).
    assert decision.optimism == 4.5
    assert_allclose(decision.value_interval, [3.025, 3.475])


def test_the_standard_error_of_perfect_information_is_right_for_independent_draws():
    found = []
    for seed in range(200):
        slopes = np.random.default_rng(seed).normal(size=(2, 50, 1, 1))
        decision = optimal_stop(course_of([0, 1], v=slopes * np.array([0.0, 1.0])), value="v")
        found.append((decision.perfect_information, decision.perfect_information_error))
    values, errors = np.array(found).T
    # E max(0, z) = 1/sqrt(2 pi), less E max(0, mean of 100).
    truth = (1.0 - 0.1) / np.sqrt(2 * np.pi)
    assert_allclose(values.mean(), truth, atol=4 * values.std() / np.sqrt(200))
    assert 0.7 * values.std() < errors.mean() < 1.4 * values.std()


def test_the_probability_of_a_specification_is_the_normal_closed_form():
    draws = stats.norm.ppf((np.arange(4000) + 0.5) / 4000).reshape(2, 2000, 1, 1)
    times = np.array([10.0, 20.0, 30.0])
    course = course_of(times, titer=0.1 * times + 0.5 * draws)
    limits = [Specification("titer", lower=2.0), Specification("titer", upper=2.5)]
    decision = optimal_stop(course, value="titer", specifications=limits)
    above = stats.norm.sf(2.0, 0.1 * times, 0.5)
    below = stats.norm.cdf(2.5, 0.1 * times, 0.5)
    assert_allclose(decision.probabilities, [above, below], atol=3e-4)
    assert_allclose(decision.joint_probabilities, above + below - 1, atol=6e-4)
    assert decision.probability_of_all == decision.joint_probabilities[2]


def test_a_chance_constraint_moves_the_time():
    draws = stats.norm.ppf((np.arange(1000) + 0.5) / 1000).reshape(1, 1000, 1, 1)
    times = np.linspace(0.0, 100.0, 101)
    course = course_of(times, titer=times + 0 * draws, viability=100 - 0.5 * times + 5 * draws)
    limit = [Specification("viability", lower=70.0)]
    free = optimal_stop(course, value="titer", specifications=limit)
    bound = optimal_stop(course, value="titer", specifications=limit, minimum_probability=0.95)
    assert free.best_time == 100.0 and free.at_the_edge
    assert bound.best_time == np.floor(2 * (30 - stats.norm.ppf(0.95) * 5))
    assert bound.feasible and bound.probability_of_all >= 0.95
    # Somebody who trusts the mean course goes to the limit itself and meets it half the time.
    assert bound.plug_in_time == 60.0
    assert_allclose(bound.plug_in_probability_of_all, 0.5)


def test_a_constraint_that_cannot_be_kept_gives_the_most_probable_time_and_says_so():
    course = course_of([0, 1, 2], titer=[[[[1.0, 2.0, 3.0]], [[1.0, 0.0, 0.0]]]])
    limits = [Specification("titer", lower=1.5)]
    decision = optimal_stop(course, value="titer", specifications=limits, minimum_probability=0.9)
    assert not decision.feasible
    assert (decision.best_time, decision.probability_of_all) == (2.0, 0.5)
    assert "No time reaches the required 0.9" in str(decision)


def test_a_specification_at_an_hour_is_asked_of_runs_that_get_so_far():
    course = course_of([0, 2, 4], titer=[[[[0.0, 1.0, 9.0]], [[0.0, 3.0, 9.0]]]])
    limits = [Specification("titer", lower=1.0, at=1.0)]
    decision = optimal_stop(course, value="titer", specifications=limits)
    assert_allclose(decision.probabilities, [[1.0, 0.5, 0.5]])


def test_one_time_is_chosen_for_several_runs_unless_one_is_picked():
    course = course_of([1, 2, 3], runs=("R1", "R2"), v=[[[[4.0, 3.0, 0.0], [0.0, 3.5, 5.0]]]])
    assert optimal_stop(course, value="v").best_time == 2.0
    assert optimal_stop(course, value="v", run="R1").best_time == 1.0
    assert optimal_stop(course, value="v", run="R2").best_time == 3.0


@pytest.mark.parametrize("cost", [1.5, lambda hours: 1.5 * hours], ids=["per hour", "function"])
def test_time_has_a_cost(cost):
    decision = optimal_stop(TWO_POINTS, value="profit", cost=cost)
    assert_allclose(decision.expected, [2.0 - 1.5, 3.25 - 3.0, 2.5 - 4.5])
    assert decision.best_time == 1.0


def test_value_can_be_any_function_of_the_prediction():
    course = course_of([1, 2], titer=[[[[1.0, 3.0]]]], volume=[[[[2.0, 1.0]]]])

    def product(course):
        return (course["titer"] * course["volume"]).rename("mass of product")

    decision = optimal_stop(course, value=product)
    assert (decision.best_time, decision.expected_value) == (2.0, 3.0)
    assert decision.value_name == "mass of product"


def test_between_predicted_times_trajectories_are_interpolated():
    decision = optimal_stop(TWO_POINTS, value="profit", times=[1.5, 2.5])
    assert_allclose(decision.expected, [(2.0 + 3.25) / 2, (3.25 + 2.5) / 2])
    assert_allclose(decision.times, [1.5, 2.5])


def test_a_calibration_is_asked_for_trajectories_without_noise():
    asked = {}

    class Predicts:
        def predict(self, **arguments):
            asked.update(arguments)
            return TWO_POINTS

    decision = optimal_stop(Predicts(), value="profit", times=[1.0, 2.0], random_seed=3)
    assert decision.best_time == 2.0
    assert asked == {"times": [1.0, 2.0], "noise": False, "random_seed": 3}


def test_choosing_on_noise_is_found_optimistic():
    values = np.random.default_rng(5).normal(size=(1, 100, 1, 50))
    decision = optimal_stop(course_of(np.arange(50), v=values), value="v")
    # The best of 50 means of 50 draws promises about 2.25 / sqrt(50); its true value is zero.
    assert_allclose(decision.optimism, 2.25 / np.sqrt(50), rtol=0.4)


def test_a_point_prediction_is_a_posterior_of_one_draw():
    course = xr.Dataset({"titer": ("time", [1.0, 3.0, 2.0])}, coords={"time": [0.0, 24.0, 48.0]})
    decision = optimal_stop(course, value="titer")
    assert (decision.best_time, decision.perfect_information) == (24.0, 0.0)
    assert np.isnan(decision.optimism) and np.isnan(decision.perfect_information_error)


def test_the_summary_tells_decision_probability_and_worth_of_knowing():
    limits = [Specification("profit", lower=3.2)]
    decision = optimal_stop(TWO_POINTS, value="profit", specifications=limits)
    told = str(decision)
    table = decision.summary()
    assert table.attrs["verdict"] == told and table.attrs["units"] == decision.unit
    assert table.loc["best", "time_h"] == decision.best_time
    assert table.loc["best", "eti_5"] == decision.value_interval[0]
    assert table.loc["plug-in", "promised"] == decision.plug_in_claim
    assert told == (
        "Stop at 2 h: expected profit 3.25 g/L (90 % interval 3.02 to 3.48 g/L). Probability of "
        "meeting all specifications 0.50. The plug-in choice is 2 h: it promises 3.25 g/L, of "
        "which 3.25 g/L is to be expected, with probability 0.50. Knowing the parameters exactly "
        "would add 1.25 g/L (Monte Carlo standard error 0.25). On draws not used for choosing, "
        "the value is lower by 4.5 g/L."
    )


def test_the_decision_is_written_as_one_file(tmp_path):
    limits = [Specification("profit", lower=3.2)]
    decision = optimal_stop(TWO_POINTS, value="profit", specifications=limits)
    decision.to_dataset().to_netcdf(tmp_path / "decision.nc")
    with xr.open_dataset(tmp_path / "decision.nc") as read:
        assert_allclose(read["expected_value"], decision.expected)
        assert_allclose(read["probability"].sel(specification="3.2 <= profit"), [0.5, 0.5, 0.5])
        assert read.attrs["best_time"] == 2.0 and read["expected_value"].attrs["units"] == "g/L"


def test_a_decision_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        optimal_stop(TWO_POINTS, value="profit").best_time = 1.0


GAPS = course_of([1, 2], v=[[[[1.0, np.nan]]]])


@pytest.mark.parametrize(
    ("prediction", "arguments", "sentence"),
    [
        (TWO_POINTS, {"value": "profits"}, "no 'profits'. Did you mean 'profit'?"),
        (TWO_POINTS, {"value": "profit", "run": "R7"}, "no run 'R7'; its runs are R1"),
        (TWO_POINTS, {"value": "profit", "times": [0.0, 2.0]}, "0 h lies outside .* from 1 to 3 h"),
        (
            TWO_POINTS,
            {"value": "profit", "specifications": [Specification("profit", lower=1, at=9.0)]},
            "9 h lies outside",
        ),
        (
            TWO_POINTS,
            {"value": "profit", "specifications": [Specification("titer", lower=1)]},
            "no 'titer'",
        ),
        (TWO_POINTS, {"value": "profit", "minimum_probability": 0.9}, "without specifications"),
        (
            TWO_POINTS,
            {
                "value": "profit",
                "minimum_probability": 95,
                "specifications": [Specification("profit", lower=1)],
            },
            "above 0 and up to 1",
        ),
        (GAPS, {"value": "v"}, "not finite at some time in 1 of 1 trajectories"),
        (TWO_POINTS.isel(time=0, drop=True), {"value": "profit"}, "time coordinate in hours"),
        (TWO_POINTS, {"value": lambda c: c["profit"].max("time")}, "The value has dims"),
        ([1.0, 2.0], {"value": "profit"}, "got a list; expected a Dataset"),
    ],
)
def test_what_cannot_be_decided_is_refused_in_words(prediction, arguments, sentence):
    with pytest.raises(DataError, match=sentence):
        optimal_stop(prediction, **arguments)


def test_a_calibration_without_times_is_refused():
    class Predicts:
        def predict(self, **_):
            raise AssertionError

    with pytest.raises(DataError, match="needs the candidate times"):
        optimal_stop(Predicts(), value="profit")
