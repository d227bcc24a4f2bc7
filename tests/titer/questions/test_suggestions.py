"""Next cultures: where the titer is high, within the constraints."""

import pytest

from bayesbio.errors import DataError


def test_suggestions_go_where_the_titer_is_high_and_keep_the_constraints(fitted):
    found = fitted.suggest(3, {"feed": (1.0, 4.0)}, where=lambda rows: rows["ph"] < 7.2)
    assert len(found) == 3
    assert found["feed"].between(1.0, 4.0).all() and (found["ph"] < 7.2).all()
    assert found["clone"].iloc[0] == "B" and found["feed"].iloc[0] > 3.5
    assert found["expected_improvement"].is_monotonic_increasing
    assert (found["eti_5"] < found["eti_95"]).all()
    held = fitted.suggest(1, {"clone": "A", "ph": 7.0}, target=3.0)
    assert held["clone"].tolist() == ["A"] and held["ph"].tolist() == [7.0]
    assert 0.0 <= held["probability_above_target"].iloc[0] <= 1.0
    again = fitted.suggest(1, {"clone": "A", "ph": 7.0}, target=3.0)
    assert again.equals(held)


def test_a_suggestion_keeps_to_levels_that_were_fitted(fitted):
    with pytest.raises(DataError, match="clone has no level 'b'.*Did you mean 'B'"):
        fitted.suggest(1, {"clone": "b"})
