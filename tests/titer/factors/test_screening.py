"""Screening of interactions."""

import numpy as np
import pandas as pd

from bayesbio.titer import (
    TiterModel,
)


def test_many_factors_are_screened_for_interactions():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(120, 17))
    y = 3.0 + x[:, 0] + x[:, 1] + 0.8 * x[:, 0] * x[:, 2] + 0.2 * rng.normal(size=120)
    frame = pd.DataFrame(x, columns=[f"f{k}" for k in range(17)]).assign(titer=y)
    problem = TiterModel(transform="identity").formulate(frame)
    labels = [term.label for term in problem.design.terms if term.kind == "interaction"]
    assert len(labels) == 30 and labels[0] == "f0 x f2"
    assert "136 pairs" in " ".join(problem.warnings)
