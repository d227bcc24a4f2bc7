import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import DataError, ModelError
from bayesbio.surrogate.points import Domain, as_points, check_choice, prediction_of


def test_columns_are_put_in_order_and_arrays_are_named():
    table = as_points({"pH": [7.0], "feed": [1]}, names=("feed", "pH"))
    assert table.columns.tolist() == ["feed", "pH"] and table["feed"].dtype == float
    assert as_points([1.0, 2.0]).columns.tolist() == ["x1"]


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ({"ph": [7.0]}, "of plant have the columns ph; 'pH' is missing"),
        ([[1.0, 2.0]], "2 columns where 1 were expected"),
        (np.zeros((1, 1, 1)), r"shape \(1, 1, 1\)"),
        ({"pH": ["a"]}, "not all numbers"),
        ({"pH": [7.0, np.nan]}, "'pH' of plant is nan in row 1"),
    ],
)
def test_points_that_cannot_be_used_are_refused(points, sentence):
    with pytest.raises(DataError, match=sentence):
        as_points(points, names=("pH",), what="plant")


def test_a_domain_runs_from_minus_to_plus_one_half():
    domain = Domain.of(pd.DataFrame({"a": [1.0, 3.0], "b": [0.0, 1.0]}), {"b": (0.0, 2.0)})
    table = pd.DataFrame({"b": [0.0, 2.0], "a": [1.0, 2.0]})
    assert_allclose(domain.standardised(table), [[-0.5, -0.5], [0.0, 0.5]])
    assert_allclose(domain.widths, [2.0, 2.0])


def test_points_beyond_a_domain_are_marked_or_refused():
    domain = Domain(("a",), np.array([0.0]), np.array([1.0]))
    table = pd.DataFrame({"a": [0.0, 1.0 + 1e-12, 1.1, -0.1]})
    assert domain.outside(table, outside="flag").tolist() == [False, False, True, True]
    with pytest.raises(ModelError, match="a = 1.1 lies outside what was learned from, 0 to 1"):
        domain.outside(table, outside="refuse")


def test_a_domain_holds_its_points():
    points = pd.DataFrame({"a": [0.0, 1.0], "b": [2.0, 2.0]})
    for given, sentence in [
        ({"a": (0.5, 1.0)}, "its readings span 0 to 1"),
        ({"c": (0.0, 1.0)}, "the inputs are a, b"),
        ({}, "'b' is the same in every row"),
    ]:
        with pytest.raises(DataError, match=sentence):
            Domain.of(points, given)


def test_a_prediction_has_units_on_every_variable():
    prediction = prediction_of(np.zeros((1, 2, 3)), outside=np.zeros(3, bool), unit="g/L")
    assert prediction["outcome"].dims == ("chain", "draw", "point")
    assert {each.attrs["units"] for each in prediction.values()} == {"g/L", "1"}


def test_a_choice_is_one_of_those_allowed():
    with pytest.raises(ModelError, match="link is 'probit'; it is one of 'identity', 'log'"):
        check_choice("link", "probit", ("identity", "log"))
