"""Conditioning, intervening and risk against closed forms."""

import time

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.data import Specification
from bayesbio.errors import DataError, ModelError
from bayesbio.network import (
    NetworkPosterior,
    Node,
    ProcessNetwork,
    fit_network,
    leave_one_out,
)
from bayesbio.network.queries.normal_probability import box_probability

LIMITS = {
    "y": Specification("y", lower=-1.0, upper=2.0),
    "z": Specification("z", upper=1.5),
}
NODES = ["u", "x", Node("y", specification=LIMITS["y"]), Node("z", specification=LIMITS["z"])]
EDGES = [("u", "x"), ("u", "y"), ("x", "y"), ("y", "z"), ("x", "z")]
EFFECTS = dict(zip(EDGES, (0.9, -1.2, 0.7, 0.5, -0.3), strict=True))
START = {"u": 0.2, "x": -0.1, "y": 0.4, "z": 0.0}
TINY = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 3.0, 5.0, 4.1]})
NOISE = {"u": 1.0, "x": 0.5, "y": 0.3, "z": 0.2}


def known(scale=1.0):
    """One network in any unit: every node times the scale."""
    nodes = [
        Node(
            name,
            specification=Specification(
                name,
                lower=None if limit.lower is None else limit.lower * scale,
                upper=limit.upper * scale,
            )
            if (limit := LIMITS.get(name))
            else None,
        )
        for name in "uxyz"
    ]
    return NetworkPosterior.from_parameters(
        ProcessNetwork(nodes, EDGES),
        intercept={name: value * scale for name, value in START.items()},
        coefficients=EFFECTS,
        variance={name: value * scale**2 for name, value in NOISE.items()},
    )


def by_matrices(held=None):
    """Mean and covariance from (I - B)^-1, in the order u, x, y, z."""
    held = held or {}
    names = "uxyz"
    effects = np.zeros((4, 4))
    for (parent, child), value in EFFECTS.items():
        if child not in held:
            effects[names.index(child), names.index(parent)] = value
    total = np.linalg.inv(np.eye(4) - effects)
    start = np.array([held.get(name, START[name]) for name in names])
    noise = np.diag([0.0 if name in held else NOISE[name] for name in names])
    return total @ start, total @ noise @ total.T


def test_the_joint_distribution_is_that_of_the_equations():
    mean, covariance = known().moments(list("uxyz"))
    exact_mean, exact_covariance = by_matrices()
    assert_allclose(mean[0], exact_mean, rtol=1e-12)
    assert_allclose(covariance[0], exact_covariance, rtol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e-7, 1e6])
def test_conditioning_is_exact_in_any_unit(scale):
    mean, covariance = by_matrices()
    seen, asked, values = [1, 3], [0, 2], np.array([0.5, -0.7])
    gain = covariance[np.ix_(asked, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
    exact = mean[asked] + gain @ (values - mean[seen])
    told = known(scale).predict({"x": 0.5 * scale, "z": -0.7 * scale}, noise=False)
    assert_allclose([float(told[n].squeeze()) for n in "uy"], exact * scale, rtol=1e-8)


def test_predictions_scatter_as_the_conditional_distribution():
    mean, covariance = by_matrices()
    many = known().replace(
        **{
            name: np.repeat(getattr(known(), name), 40_000, axis=0)
            for name in ("intercept", "effect", "variance")
        }
    )
    told = many.predict({"z": 1.0}, random_seed=3)
    exact = mean[0] + covariance[0, 3] / covariance[3, 3] * (1.0 - mean[3])
    spread = np.sqrt(covariance[0, 0] - covariance[0, 3] ** 2 / covariance[3, 3])
    assert_allclose(told["u"].mean(), exact, atol=5 * spread / 200)
    assert_allclose(told["u"].std(), spread, rtol=0.02)


def test_holding_a_node_is_not_seeing_it():
    exact, covariance = by_matrices({"x": 1.0})
    held = known().with_intervention({"x": 1.0})
    mean, spread = held.moments(list("uxyz"))
    assert_allclose(mean[0], exact, rtol=1e-12)
    assert_allclose(spread[0], covariance, rtol=1e-12, atol=1e-15)
    seen = float(known().predict({"x": 1.0}, noise=False)["y"].squeeze())
    assert abs(seen - exact[2]) > 0.3


def test_a_soft_intervention_carries_its_scatter_downstream():
    _, covariance = known().with_intervention({"x": (1.0, 2.0)}).moments("z")
    effect = -0.3 + 0.7 * 0.5
    _, hard = known().with_intervention({"x": 1.0}).moments("z")
    assert_allclose(covariance, hard + effect**2 * 4.0, rtol=1e-12)


def test_a_grid_agrees_with_its_points():
    grid = known().intervene({"x": [0.0, 1.0], "u": [2.0, 3.0, 4.0]}, targets=["z"], noise=False)
    assert grid["z"].dims == ("chain", "draw", "x", "u")
    for x in (0.0, 1.0):
        for u in (2.0, 3.0, 4.0):
            mean, _ = known().with_intervention({"x": x, "u": u}).moments("z")
            assert_allclose(grid["z"].sel(x=x, u=u).squeeze(), mean.squeeze(), rtol=1e-10)


def test_risk_is_the_normal_probability():
    mean, covariance = by_matrices()
    risk = known().probability_out_of_specification()
    distribution = stats.norm(mean[2], np.sqrt(covariance[2, 2]))
    exact = distribution.cdf(-1.0) + distribution.sf(2.0)
    assert_allclose(risk.total["y"], exact, rtol=1e-10)
    both = stats.multivariate_normal(mean[2:], covariance[2:, 2:])
    inside = both.cdf([2.0, 1.5], lower_limit=[-1.0, -np.inf])
    assert_allclose(risk.total["any"], 1.0 - inside, rtol=1e-4)


def test_risk_given_readings_and_under_an_intervention_combine():
    risk = known().probability_out_of_specification(
        "z", observations={"u": [0.5, 1.0]}, do={"x": 1.0}
    )
    exact, covariance = by_matrices({"x": 1.0})
    gain = covariance[3, 0] / covariance[0, 0]
    spread = np.sqrt(covariance[3, 3] - gain * covariance[0, 3])
    for place, u in enumerate((0.5, 1.0)):
        middle = exact[3] + gain * (u - exact[0])
        told = risk.total["z"].isel(run=place)
        assert_allclose(told, stats.norm.sf(1.5, middle, spread), rtol=1e-9)


def test_risk_on_a_grid_agrees_with_its_points():
    risk = known().probability_out_of_specification(do={"x": [0.0, 1.0, 2.0]}).total
    for x in (0.0, 1.0, 2.0):
        point = known().probability_out_of_specification(do={"x": x}).total
        assert_allclose(risk["y"].sel(x=x), point["y"], rtol=1e-10)
        assert_allclose(risk["any"].sel(x=x), point["any"], atol=1e-6)


def test_boxes_of_three_dimensions_agree_with_scipy():
    covariance = np.array([[1.0, 0.4, 0.2], [0.4, 1.0, -0.3], [0.2, -0.3, 1.0]])
    low, high = np.array([-1.0, -np.inf, -0.5]), np.array([1.0, 0.8, np.inf])
    told = box_probability(np.zeros((1, 1, 3)), covariance[None], low, high, points=4096)
    exact = stats.multivariate_normal(np.zeros(3), covariance).cdf(high, lower_limit=low)
    assert_allclose(told[0, 0], exact, rtol=1e-3)


def test_epistemic_and_total_risk_differ_when_parameters_are_unsure():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"u": rng.normal(size=12)})
    rows["y"] = rows["u"] + rng.normal(0, 0.5, 12)
    network = ProcessNetwork(["u", Node("y", specification=LIMITS["y"])], [("u", "y")])
    risk = fit_network(network, rows, random_seed=1).probability_out_of_specification()
    row = risk.summary().loc["y"]
    assert row["eti_5"] < row["probability"] < row["eti_95"]
    assert row["error"] < 0.01


def test_readings_beyond_what_was_seen_are_flagged():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"u": rng.uniform(0, 1, 12), "y": rng.normal(size=12)})
    fitted = fit_network(ProcessNetwork(["u", "y"], [("u", "y")]), rows)
    assert fitted.predict({"u": 0.5}).attrs["warnings"] == []
    told = fitted.predict({"u": [0.5, 3.0]})
    assert told["outside"].values.tolist() == [False, True]
    assert "u of run 2 = 3 is outside the observed range" in told.attrs["warnings"][0]
    with pytest.raises(ModelError, match="u of new = 3 is outside"):
        fitted.predict({"u": 3.0}, outside="refuse")
    assert fitted.intervene({"u": [0.5, 4.0]}).attrs["warnings"]


def test_a_probability_needs_a_specification():
    with pytest.raises(ModelError, match="'u' has no specification"):
        known().probability_out_of_specification("u")


def test_a_node_cannot_be_held_and_seen():
    with pytest.raises(ModelError, match="'x' is both held"):
        known().probability_out_of_specification("z", observations={"x": 1.0}, do={"x": 1.0})


def test_missing_readings_of_a_run_are_not_evidence():
    told = known().predict({"x": [0.5, np.nan], "z": [-0.7, -0.7]}, targets=["u"], noise=False)
    alone = known().predict({"z": -0.7}, targets=["u"], noise=False)
    assert_allclose(told["u"].isel(run=1).squeeze(), alone["u"].squeeze(), rtol=1e-10)


def test_prediction_from_the_middle_of_a_batch_uses_what_is_known_by_then():
    rng = np.random.default_rng(2)
    first = rng.normal(size=20)
    second = first + rng.normal(0, 0.5, 20)
    rows = pd.DataFrame({"y@24": first, "y@48": second, "y@72": second + rng.normal(0, 0.1, 20)})
    network = ProcessNetwork(list(rows), [("y@24", "y@48"), ("y@48", "y@72")])
    scores = leave_one_out(network, rows, "y@72", until=[24.0, 48.0], random_seed=1)
    assert len(scores) == 40
    early, late = (scores[scores["until"] == time] for time in (24.0, 48.0))
    assert late["crps"].mean() < 0.5 * early["crps"].mean()
    assert scores["covered"].mean() > 0.75


def test_a_target_that_is_read_or_held_is_in_or_out_of_its_limits():
    seen = known().probability_out_of_specification(observations={"y": [0.0, 3.0], "u": [0.1, 0.2]})
    assert seen.total["y"].values.tolist() == [0.0, 1.0]
    assert_allclose(seen.total["any"].isel(run=0), seen.total["z"].isel(run=0), atol=1e-6)
    held = known().probability_out_of_specification(["y", "z"], do={"y": 3.0})
    assert float(held.total["y"]) == 1.0
    assert_allclose(held.total["any"], 1.0)
    assert "y" not in known().probability_out_of_specification(do={"y": 3.0}).posterior
    with pytest.raises(ModelError, match="held at several values"):
        known().probability_out_of_specification(["y"], do={"y": [0.0, 3.0]})


def test_a_network_of_216_nodes_is_fitted_and_asked_in_seconds():
    quantities = "abcdef"
    names = [f"{name}@{hour}" for hour in range(36) for name in quantities]
    edges = [
        (f"{parent}@{hour - 1}", f"{child}@{hour}")
        for hour in range(1, 36)
        for parent in quantities
        for child in quantities
    ]
    rows = pd.DataFrame(np.random.default_rng(1).normal(size=(30, 216)), columns=names)
    start = time.perf_counter()
    fitted = fit_network(ProcessNetwork(names, edges), rows, draws=250, random_seed=1)
    early = dict.fromkeys(names[:108], 0.1)
    told = fitted.predict(early, targets=["a@35"], random_seed=1)
    assert fitted.criticality("a@35", method="total_effect").shares.shape[0] == 1000
    assert time.perf_counter() - start < 10.0
    assert np.isfinite(told["a@35"]).all()


def test_what_is_no_number_is_named():
    fitted = fit_network(pair := ProcessNetwork(["x", "y"], [("x", "y")]), TINY)
    for ask in (lambda: fitted.predict({"x": "a"}), lambda: fitted.intervene({"x": "a"})):
        with pytest.raises(DataError, match="Node 'x' was given 'a'; expected numbers"):
            ask()
    with pytest.raises(DataError, match="A dict came"):
        pair.fit({"x": [1.0, 2.0]})
    with pytest.raises(ModelError, match="'xy' is no edge"):
        ProcessNetwork(["x", "y"], ["xy"])
    with pytest.raises(ModelError, match="draws is 0"):
        pair.fit(TINY, draws=0)
    with pytest.raises(ModelError, match="intercept of 'x' is nan"):
        NetworkPosterior.from_parameters(
            pair, intercept={"x": np.nan, "y": 0}, coefficients={("x", "y"): 1},
            variance={"x": 1, "y": 1},
        )  # fmt: skip
