"""Columns of terms, and what a term says of itself."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.titer import Ordered, Saturating, TiterModel
from bayesbio.titer.factors.factor_coding import Coding, FactorCode

GRADE = FactorCode("grade", levels=("low", "mid", "high"), with_missing=True)


def test_a_missing_level_lies_in_the_middle_of_an_order_with_an_effect_of_its_own():
    term, coding = Ordered("grade"), Coding((GRADE,))
    cells = coding.cells({"grade": ["low", "mid", "high", None]})
    rank, missing = term.columns(cells, coding, {"steps_grade": np.array([[0.25, 0.75]])})
    assert rank.tolist() == [[-1.0, -0.5, 1.0, 0.0]]
    assert missing.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert term.labels(coding) == ("grade", "grade[(not recorded)]")


def test_a_level_may_be_called_like_the_missing_ones():
    code = FactorCode("grade", levels=("(not recorded)", "low"), with_missing=True)
    assert code.encode(["(not recorded)", "low", np.nan, "new"]).tolist() == [0, 1, 2, -1]


@pytest.mark.slow
def test_a_missing_grade_is_not_fitted_above_the_highest():
    rng = np.random.default_rng(0)
    grades = ["low", "mid", "high"]
    frame = pd.DataFrame({"grade": pd.Categorical(grades * 8, grades, ordered=True)})
    frame["titer"] = [1.0, 2.0, 3.0] * 8 + rng.normal(0.0, 0.05, 24)
    frame.loc[0, "grade"] = np.nan
    model = TiterModel(transform="identity", terms=[Ordered("grade")])
    fitted = model.fit(frame, draws=100, tune=200, chains=2, random_seed=1)
    typical = fitted.predict({"grade": [*grades, None]}, noise=False)["titer"]
    assert float(typical[:, :, 3].median()) < 2.0 < 2.9 < float(typical[:, :, 2].median())


def test_shapes_have_units():
    coding = Coding((FactorCode("glucose", "g/L", low=0.0, high=10.0),))
    assert Saturating("glucose").shape_units(coding) == {"half_saturation_glucose": "g/L"}
