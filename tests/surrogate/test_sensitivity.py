import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.errors import ModelError
from bayesbio.surrogate import global_sensitivity

# Ishigami and Homma (1990), doi:10.1109/ISUMA.1990.151285, with a = 7 and b = 0.1
ISHIGAMI = {
    "first_order": [0.31391, 0.44241, 0.0],
    "total": [0.55759, 0.44241, 0.24368],
    "shapley": [0.43575, 0.44241, 0.12184],
}
ANGLES = {name: stats.uniform(-np.pi, 2.0 * np.pi) for name in ("x1", "x2", "x3")}


def ishigami(x1, x2, x3):
    return np.sin(x1) + 7.0 * np.sin(x2) ** 2 + 0.1 * x3**4 * np.sin(x1)


# Sobol' g-function, doi:10.1016/S0378-4754(00)00270-6: kinks, and interactions of every order
WEIGHTS = np.array([0.0, 1.0, 4.5, 9.0])
UNIT = {f"x{place}": stats.uniform() for place in range(4)}


def g_function(**values):
    factors = [
        (np.abs(4.0 * x - 2.0) + a) / (1.0 + a)
        for x, a in zip(values.values(), WEIGHTS, strict=True)
    ]
    return np.prod(factors, axis=0)


def g_truth():
    single = 1.0 / (3.0 * (1.0 + WEIGHTS) ** 2)
    variance = np.prod(1.0 + single) - 1.0
    others = [np.prod(1.0 + np.delete(single, place)) for place in range(4)]
    shapley = np.zeros(4)
    for code in range(1, 16):
        members = [place for place in range(4) if code >> place & 1]
        shapley[members] += np.prod(single[members]) / len(members)
    return {
        "first_order": single / variance,
        "total": single * others / variance,
        "shapley": shapley / variance,
    }


def test_polynomial_chaos_finds_the_ishigami_indices_from_a_thousand_runs():
    shares = global_sensitivity(ishigami, ANGLES, n=1000)
    for name, truth in ISHIGAMI.items():
        assert_allclose(shares[name], truth, atol=1e-5)
    assert shares.attrs["leave_one_out_q2"] > 1.0 - 1e-10
    assert shares.attrs["caution"] == ""
    assert_allclose(
        shares.attrs["variance"],
        3.5**2 / 2 + 0.5 + 0.1 * np.pi**4 / 5 + 0.01 * np.pi**8 / 18,
        rtol=1e-3,
    )


def test_two_hundred_runs_are_enough_for_a_thousandth_or_so():
    shares = global_sensitivity(ishigami, ANGLES, n=200, random_seed=4)
    for name, truth in ISHIGAMI.items():
        assert_allclose(shares[name], truth, atol=5e-3)


def test_the_sobol_sequence_finds_the_ishigami_indices():
    shares = global_sensitivity(ishigami, ANGLES, method="sobol", n=2**16, draws=200)
    for name, tolerance in (("first_order", 2e-3), ("total", 2e-3), ("shapley", 1e-2)):
        assert_allclose(shares[name], ISHIGAMI[name], atol=tolerance)
        low, high = shares[f"{name}_interval"].values
        assert np.all((low <= ISHIGAMI[name]) & (ISHIGAMI[name] <= high))


def test_both_roads_agree_on_the_g_function_and_hold_the_truth():
    chaos = global_sensitivity(g_function, UNIT, n=500)
    plain = global_sensitivity(g_function, UNIT, method="sobol", n=2**16, draws=200)
    for name, truth in g_truth().items():
        assert_allclose(chaos[name], truth, atol=0.012)
        assert_allclose(plain[name], truth, atol=0.012)
        low, high = plain[f"{name}_interval"].values
        assert np.all((low <= truth) & (truth <= high))


def test_intervals_of_polynomial_chaos_hold_the_truth_about_as_often_as_they_claim():
    held = []
    for seed in range(20):
        shares = global_sensitivity(g_function, UNIT, n=150, random_seed=seed, draws=300)
        for name, truth in g_truth().items():
            low, high = shares[f"{name}_interval"].values
            held.append((low <= truth) & (truth <= high))
    assert np.mean(held) > 0.85


def test_shares_of_a_linear_gaussian_function_are_squared_effects():
    inputs = {"a": stats.norm(1.0, 2.0), "b": stats.norm(5.0, 1.0), "c": stats.norm(0.0, 3.0)}
    truth = np.array([16.0, 9.0, 9.0]) / 34.0

    def linear(a, b, c):
        return 2.0 * a - 3.0 * b + c

    exact = global_sensitivity(linear, inputs, n=50)
    plain = global_sensitivity(linear, inputs, method="sobol", n=2**15)
    for name in ("first_order", "total", "shapley"):
        assert_allclose(exact[name], truth, rtol=1e-6)
        assert_allclose(plain[name], truth, atol=0.01)
    assert_allclose(exact.attrs["variance"], 34.0, rtol=0.02)


@pytest.mark.parametrize(("method", "n"), [("polynomial_chaos", 200), ("sobol", 2**10)])
def test_shapley_shares_add_up_to_one(method, n):
    shares = global_sensitivity(g_function, UNIT, method=method, n=n, draws=50)
    assert_allclose(shares["shapley"].sum(), 1.0, rtol=1e-9)
    assert dict(shares.sizes) == {"input": 4, "bound": 2}


def test_a_function_may_take_one_table_and_one_point_at_a_time_is_vectorised():
    by_name = global_sensitivity(ishigami, ANGLES, n=100)
    by_table = global_sensitivity(lambda t: ishigami(t["x1"], t["x2"], t["x3"]), ANGLES, n=100)
    one_by_one = global_sensitivity(np.vectorize(ishigami), ANGLES, n=100)
    assert_allclose(by_table["total"], by_name["total"], rtol=1e-12)
    assert_allclose(one_by_one["total"], by_name["total"], rtol=1e-7)


def test_the_same_seed_gives_the_same_indices():
    one, other = (global_sensitivity(g_function, UNIT, n=60, random_seed=7) for _ in range(2))
    assert one.identical(other)


def test_too_few_runs_are_a_caution_in_the_result():
    shares = global_sensitivity(ishigami, ANGLES, n=40, random_seed=1)
    assert "Q2 = " in shares.attrs["caution"]
    low, high = shares["total_interval"].values
    assert np.max(high - low) > 0.15
    assert (
        "more runs" in global_sensitivity(ishigami, ANGLES, method="sobol", n=600).attrs["caution"]
    )


def test_what_cannot_be_asked_is_said():
    with pytest.raises(ModelError, match="one of 'polynomial_chaos', 'sobol'"):
        global_sensitivity(ishigami, ANGLES, method="morris")
    with pytest.raises(ModelError, match="at least 448 runs"):
        global_sensitivity(ishigami, ANGLES, method="sobol", n=100)
    with pytest.raises(ModelError, match="probability is 90"):
        global_sensitivity(ishigami, ANGLES, probability=90)
    with pytest.raises(ModelError, match="does not vary"):
        global_sensitivity(lambda x1, x2, x3: 0.0 * x1, ANGLES, method="sobol", n=1000)
    with pytest.raises(ModelError, match="scipy.stats.norm"):
        global_sensitivity(ishigami, {"x1": (0.0, 1.0)})
