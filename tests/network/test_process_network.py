import time

import numpy as np
import pandas as pd
import pytest

from bayesbio.errors import DataError, ModelError
from bayesbio.network import (
    NetworkPosterior,
    ProcessNetwork,
    fit_network,
)

TINY = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 3.0, 5.0, 4.1]})


def test_a_network_of_216_nodes_is_fitted_and_asked_in_seconds():
    quantities = "abcdef"
    names = [f"{name}@{hour}" for hour in range(36) for name in quantities]
    edges = [
        (f"{parent}@{hour - 1}", f"{child}@{hour}")
        for hour in range(1, 36)
        for parent in quantities
        for child in quantities
    ]
    rows = pd.DataFrame(np.random.default_rng(1).normal(size=(30, 216)), columns=names)
    start = time.perf_counter()
    fitted = fit_network(ProcessNetwork(names, edges), rows, draws=100, random_seed=1)
    early = dict.fromkeys(names[:108], 0.1)
    told = fitted.predict(early, targets=["a@35"], random_seed=1)
    assert fitted.criticality("a@35", method="total_effect").shares.shape[0] == 400
    assert time.perf_counter() - start < 10.0
    assert np.isfinite(told["a@35"]).all()


def test_what_is_no_number_is_named():
    fitted = fit_network(pair := ProcessNetwork(["x", "y"], [("x", "y")]), TINY)
    for ask in (lambda: fitted.predict({"x": "a"}), lambda: fitted.intervene({"x": "a"})):
        with pytest.raises(DataError, match="Node 'x' was given 'a'; expected numbers"):
            ask()
    with pytest.raises(DataError, match="A dict came"):
        pair.fit({"x": [1.0, 2.0]})
    with pytest.raises(ModelError, match="'xy' is no edge"):
        ProcessNetwork(["x", "y"], ["xy"])
    with pytest.raises(ModelError, match="draws is 0"):
        pair.fit(TINY, draws=0)
    with pytest.raises(ModelError, match="intercept of 'x' is nan"):
        NetworkPosterior.from_parameters(
            pair, intercept={"x": np.nan, "y": 0}, coefficients={("x", "y"): 1},
            variance={"x": 1, "y": 1},
        )  # fmt: skip
