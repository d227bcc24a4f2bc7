"""Shares of a whole."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import DataError, ModelError
from bayesbio.titer import (
    Mixture,
    TiterModel,
)
from tests.titer.validation.replicated_media import posterior_of


def test_the_components_of_a_mixture_make_room_for_each_other():
    rng = np.random.default_rng(2)
    share = rng.dirichlet([2.0, 2.0, 2.0], size=60)
    frame = pd.DataFrame(share, columns=["glucose", "xylose", "glycerol"])
    frame["titer"] = 2.0 + 3.0 * share[:, 0] + 4.0 * share[:, 0] * share[:, 1]
    frame["titer"] += 0.05 * rng.normal(size=60)
    whole = Mixture(["glucose", "xylose", "glycerol"], total=1.0)
    problem = TiterModel(transform="identity", mixtures=[whole]).formulate(frame)
    assert not any("squared" in label for label in problem.design.labels)
    columns = np.column_stack(problem.design.columns(problem.cells, {}))
    effects = np.linalg.lstsq(columns, problem.response.readings.value)[0]
    posterior = posterior_of(
        problem,
        50,
        effect_score=effects + 0.01 * rng.normal(size=(50, len(effects))),
        intercept_score=0.01 * rng.normal(size=50),
    )
    best = posterior.suggest(1)
    assert_allclose(best[["glucose", "xylose", "glycerol"]].sum(axis=1), 1.0)
    # The best of the rule is at 0.875 glucose; the richest mixture that was tried has 0.66.
    assert best["glucose"].iloc[0] > 0.98 * frame["glucose"].max()
    curve = posterior.partial_effect("glycerol", points=5)
    assert curve["eti_50"].iloc[0] > curve["eti_50"].iloc[-1]
    with pytest.raises(DataError, match="Row 1"):
        TiterModel(transform="identity", mixtures=[whole]).formulate(frame.assign(glucose=0.9))


def test_a_component_is_exchanged_for_the_others_in_their_proportions():
    mixture = Mixture(["a", "b", "c"], total=1.0)
    rows = pd.DataFrame({"a": [0.5, 1.0], "b": [0.3, 0.0], "c": [0.2, 0.0]})
    moved = mixture.moved(rows, "a", 0.75)
    assert_allclose(moved.to_numpy(), [[0.75, 0.15, 0.1], [0.75, 0.125, 0.125]])
    assert_allclose(mixture.closed(2.0 * rows).to_numpy(), rows.to_numpy())
    with pytest.raises(ModelError, match="two factors or more"):
        Mixture(["a"])
