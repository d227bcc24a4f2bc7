import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.errors import ModelError
from bayesbio.surrogate.simulator_runs import (
    checked_inputs,
    quantiles,
    run_simulator,
    sobol_points,
)

TABLE = pd.DataFrame({"feed": [1.0, 2.0], "pH": [7.0, 7.2]})


def test_sobol_points_fill_every_stratum_once_and_stay_inside():
    points = sobol_points(64, 3, random_seed=5)
    assert points.min() > 0.0 and points.max() < 1.0
    for column in points.T:
        assert sorted(np.floor(64 * column)) == list(range(64))
    assert np.array_equal(points, sobol_points(64, 3, random_seed=5))
    assert sobol_points(10, 3, random_seed=5).shape == (10, 3)


def test_quantiles_carry_uniform_points_to_the_distributions():
    table = quantiles(np.array([[0.5, 0.25]]), {"a": stats.norm(3.0, 1.0), "b": stats.uniform()})
    assert_allclose(table.to_numpy(), [[3.0, 0.25]])


@pytest.mark.parametrize(
    "simulator",
    [
        lambda feed, pH: feed * pH,
        lambda **inputs: inputs["feed"] * inputs["pH"],
        lambda table: table["feed"] * table["pH"],
    ],
    ids=["by name", "any names", "table"],
)
def test_a_simulator_takes_inputs_by_name_or_as_a_table(simulator):
    assert_allclose(run_simulator(simulator, TABLE), [7.0, 14.4])


def test_a_simulator_that_changes_its_inputs_leaves_the_table_as_it_was():
    def simulator(feed, pH):
        feed *= 0.0
        return feed + pH

    run_simulator(simulator, TABLE)
    assert TABLE["feed"].tolist() == [1.0, 2.0]


def test_answers_that_cannot_be_used_name_the_point():
    with pytest.raises(ModelError, match="inf at feed = 2, pH = 7.2"):
        run_simulator(lambda feed, pH: np.where(feed > 1.5, np.inf, feed), TABLE)
    with pytest.raises(ModelError, match="numpy.vectorize"):
        run_simulator(lambda feed, pH: 1.0, TABLE)


def test_inputs_are_named_distributions():
    with pytest.raises(ModelError, match="a mapping from the name"):
        checked_inputs({})
    with pytest.raises(ModelError, match="'feed' is 3.0; a frozen continuous SciPy"):
        checked_inputs({"feed": 3.0})
