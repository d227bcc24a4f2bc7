"""A model and a table against each other."""

import numpy as np
import pytest

from bayesbio.data import Table, TableColumn
from bayesbio.errors import DataError
from bayesbio.titer import (
    Gaussian,
    Hurdle,
    Linear,
    TiterModel,
)
from tests.titer.cultures import frame_of


@pytest.mark.parametrize(
    "model, frame, said",
    [
        (TiterModel("titre"), frame_of(), "Did you mean 'titer'"),
        (TiterModel(), frame_of(titer=0.0), "zero in all 20 rows"),
        (TiterModel(), frame_of(titer=1.5), "do not vary"),
        (TiterModel(), frame_of(titer=np.nan), "reading in 0 of 20 rows"),
        (TiterModel(), frame_of(ph=7.0), "None of the factors"),
        (
            TiterModel(transform="log"),
            frame_of(titer=np.r_[0.0, np.linspace(1, 2, 19)]),
            "no logarithm",
        ),
        (TiterModel(likelihood=Hurdle()), frame_of(), "needs zeros"),
        (TiterModel(varying=["site"]), frame_of(), "no column 'site' to vary by"),
        (TiterModel(terms=[Linear("pH")]), frame_of(), "no column 'pH'"),
        (TiterModel(), [1.0, 2.0], "expected a Table"),
        (TiterModel(likelihood=Gaussian(assay="sd")), frame_of(), "no column 'sd'"),
    ],
)
def test_a_table_that_says_nothing_is_answered_with_a_sentence(model, frame, said):
    with pytest.raises(DataError, match=said):
        model.formulate(frame)


def test_what_cannot_be_learned_is_said():
    rng = np.random.default_rng(2)
    frame = frame_of(constant=3.0, other=rng.normal(size=20), day=np.repeat([1.0, 2.0], 10))
    frame["copy"] = 2.0 * frame["other"] + 1.0
    columns = [
        TableColumn(name, {"titer": "response", "day": "group"}.get(name, "factor"))
        for name in frame
    ]
    problem = TiterModel().formulate(Table(frame, columns))
    said = " ".join(problem.warnings)
    assert "constant is the same in every row (3)" in said
    assert "copy is an exact copy of other" in said
    assert "The groups day are not used" in said
    assert "transformed: effects" in said
    few = TiterModel(transform="log").formulate(Table(frame.head(8), columns))
    assert "There are 9 terms for 8 rows" in " ".join(few.warnings)
