"""Checks of a scale-up fit on stated law probabilities."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bayesbio.errors import DataError
from bayesbio.scaleup.curves.scale_fit import FEWEST_EFFECTIVE, _effective_draws


@pytest.mark.parametrize(("weak", "passed"), [(0.3, True), (0.02, True), (0.0005, False)])
def test_each_law_needs_enough_draws_that_speak_for_it(weak, passed):
    """All draws alike give Kish's number 2000; a law that few draws hold gets few."""
    probabilities = np.full((2000, 2), 0.5)
    if not passed:
        probabilities[:, 1] = 0.0
        probabilities[: int(2000 * weak * 100), 1] = 1.0
        probabilities[:, 0] = 1.0 - probabilities[:, 1]
    else:
        probabilities[:, 1] = weak
        probabilities[:, 0] = 1.0 - weak
    item = _effective_draws(SimpleNamespace(law_probabilities=probabilities), ("power", "plateau"))
    assert item.passed is passed and item.question == "model"
    assert item.value == pytest.approx(2000.0 if passed else 100.0)
    assert FEWEST_EFFECTIVE == 200.0


def test_rows_of_a_table_are_predicted_as_runs_at_their_volumes(fitted):
    rows = fitted.evidence().predict(pd.DataFrame({"volume": [1000.0, 20000.0]}), random_seed=3)
    alone = fitted.predict(20000.0, random_seed=3)
    name = next(iter(alone.data_vars))
    assert rows["run"].to_numpy().tolist() == ["1 (1000 L)", "2 (20000 L)"]
    np.testing.assert_array_equal(rows[name].isel(run=1), alone[name].isel(run=0))


def test_rows_without_a_volume_are_a_sentence(fitted):
    with pytest.raises(DataError, match="expected a column 'volume"):
        fitted.evidence().predict(pd.DataFrame({"size": [1.0]}))
