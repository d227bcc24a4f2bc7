"""What is assumed, checked when it is made."""

import numpy as np
import pytest

from bayesbio.errors import ModelError
from bayesbio.titer import (
    R2D2,
    Gaussian,
    Horseshoe,
    Hurdle,
    Linear,
    Nominal,
    Saturating,
    StudentT,
    TiterModel,
    Varying,
)
from tests.titer.cultures import LEVELS, frame_of


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: TiterModel(transform="ln"), "expected 'log'"),
        (lambda: TiterModel(detection_limit=0.0), "above zero"),
        (lambda: Horseshoe(heredity="both"), "'weak' or 'strong'"),
        (lambda: R2D2(mean=1.5), "between 0 and 1"),
        (lambda: Gaussian(assay=-1.0), "zero or more"),
        (
            lambda: TiterModel(terms=[Linear("clone")]).formulate(frame_of(clone=LEVELS)),
            "Use Nominal or Ordered",
        ),
        (lambda: TiterModel(terms=[Nominal("ph")]).formulate(frame_of()), "needs levels"),
        (
            lambda: TiterModel(terms=[Saturating("x")]).formulate(frame_of(x=np.arange(20) - 5.0)),
            "zero or more",
        ),
    ],
)
def test_an_impossible_model_is_answered_with_a_sentence(make, said):
    with pytest.raises(ModelError, match=said):
        make()


def test_single_names_stand_for_lists_of_one():
    model = TiterModel(factors="ph", varying="site", likelihood=Hurdle(StudentT()))
    assert model.factors == ("ph",) and model.groups == (Varying("site"),)
    assert model.is_hurdle and model.family == StudentT()
