import numpy as np
import pytest

from bayesbio.data import Specification
from bayesbio.errors import DataError


def test_limits_are_inclusive_and_missing_values_fail():
    limits = Specification("purity", lower=0.9, upper=0.95)
    assert limits.met([0.9, 0.95, 0.96, np.nan]).tolist() == [True, True, False, False]
    assert str(Specification("titer", lower=1.0, at=96.0)) == "1 <= titer at 96 h"


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({}, "has no limit"),
        ({"lower": 2.0, "upper": 1.0}, "exchange the two"),
        ({"upper": np.inf}, "expected a finite number"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits, sentence):
    with pytest.raises(DataError, match=sentence):
        Specification("titer", **limits)
