"""Cells that are not known exactly are sampled as the titer of their row tells them."""

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
from numpy.testing import assert_allclose
from pytensor.gradient import jacobian

from bayesbio.titer import Hurdle, Linear, TiterModel
from bayesbio.titer.factors.missing_factor_transform import StandardisedGivenTiter

ROW = np.array([0, 0, 1, 2])  # of each cell
SLOPE = np.array([0.8, -0.5, 1.2, 0.0])
RESIDUAL, SPREAD = np.array([0.9, -0.4, 0.0]), np.array([0.3, 0.01, 0.2])
QUICK = "FAST_COMPILE"


def told():
    """Mean and covariance of the cells, given the titer of their row."""
    across = np.equal.outer(np.arange(3), ROW) * SLOPE
    covered = across @ across.T + np.diag(SPREAD**2)
    gain = np.linalg.solve(covered, across).T
    return gain @ RESIDUAL, np.eye(4) - gain @ across


def test_standard_normal_coordinates_are_cells_given_a_linear_titer():
    transform, z = StandardisedGivenTiter(ROW), pt.vector("z")
    cells = transform.backward(z, SLOPE, RESIDUAL, SPREAD)
    again = transform.forward(cells, SLOPE, RESIDUAL, SPREAD)
    volume = transform.log_jac_det(z, SLOPE, RESIDUAL, SPREAD)
    all_of_it = pytensor.function([z], [cells, jacobian(cells, z), again, volume], mode=QUICK)
    mean, covariance = told()
    assert_allclose(all_of_it(np.zeros(4))[0], mean, atol=1e-5)
    at = np.array([0.3, -1.2, 2.0, 0.7])
    there, root, back, size = all_of_it(at)
    assert_allclose(root @ root.T, covariance, atol=1e-12)
    assert_allclose(size, np.linalg.slogdet(root)[1])
    assert_allclose(back, at)
    assert there[3] == at[3]


def test_cells_stay_inside_where_a_titer_is_far_from_all_they_explain():
    transform = StandardisedGivenTiter(np.array([0]))
    cell = transform.backward(np.zeros(1), np.array([0.01]), np.array([40.0]), np.array([1e-3]))
    assert 4.9 < cell.eval(mode=QUICK)[0] < 5.0


def frame():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 12))
    titer = 6.0 + 0.6 * a - 0.3 * b + 0.1 * rng.normal(size=12)
    b[[2, 5]] = np.nan
    return pd.DataFrame({"a": a, "b": b, "titer": titer})


def points(model, noise):
    """Some place of the unconstrained coordinates."""
    rng = np.random.default_rng(1)
    start = model.initial_point()
    point = {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in start.items()}
    return {**point, "noise_score_log__": np.array(noise)}


def test_a_regression_on_lines_leaves_its_cells_standard_normal(monkeypatch):
    monkeypatch.setattr("bayesbio.titer.factors.missing_factor_transform.FARTHEST", 1e9)
    terms = [Linear("a"), Linear("b")]
    regression = TiterModel("titer", transform="identity", terms=terms, factor_error={"a": 0.5})
    model = regression.build_model(frame())
    value = model.rvs_to_values[model["missing_cell_raw"]]
    gradient = model.compile_dlogp([model["missing_cell_raw"]], mode=QUICK)
    for noise in (-0.5, -4.0):
        point = points(model, noise)
        assert_allclose(gradient(point), -point[value.name], atol=1e-6)


def test_rows_without_product_keep_the_coordinates_of_their_readings():
    cultures = frame()
    cultures.loc[[2], "titer"] = 0.0
    regression = TiterModel(
        "titer",
        transform="identity",
        terms=[Linear("a"), Linear("b")],
        factor_error={"a": 0.5},
        likelihood=Hurdle(),
    )
    model = regression.build_model(cultures)
    value = model.rvs_to_values[model["missing_cell_raw"]]
    [raw] = model.replace_rvs_by_values([model["missing_cell_raw"]])
    both = pytensor.function(
        model.value_vars, [model.logp(), raw], mode=QUICK, on_unused_input="ignore"
    )
    point = points(model, -1.0)
    density, cells = both(**point)
    assert np.isfinite(density)
    same = np.isclose(cells, point[value.name], rtol=1e-12)
    assert np.flatnonzero(same).tolist() == [2, 3]  # both cells of the third row
