"""The posterior of a network against closed forms, numerical integration and simulation."""

import numpy as np
import pandas as pd

import bayesbio
from bayesbio.network import (
    ProcessNetwork,
    fit_network,
)

PAIR = ProcessNetwork(["feed", "titer"], [("feed", "titer")])


RNG = np.random.default_rng(7)


FEED = RNG.normal(5.0, 1.0, 30)


ROWS = pd.DataFrame({"feed": FEED, "titer": 1.0 + 0.4 * FEED + RNG.normal(0, 0.2, 30)})


def test_a_posterior_is_loaded_as_it_was_saved(tmp_path):
    fitted = fit_network(PAIR, ROWS, draws=50, random_seed=1)
    again = bayesbio.load(fitted.save(tmp_path / "network.nc"))
    assert again.hash == fitted.hash
    assert again.effect.tobytes() == fitted.effect.tobytes()
    assert again.log_evidence == fitted.log_evidence
    assert again.network.edges == fitted.network.edges


def test_file_and_posterior_keep_what_was_asked_and_fitted(tmp_path):
    frame = ROWS.assign(note=np.arange(30.0), site=["A", "B"] * 15)
    fitted = fit_network(PAIR, frame, draws=50, random_seed=3)
    again = bayesbio.load(fitted.save(tmp_path / "network.nc"))
    assert again.options == fitted.options
    assert again.options["robust"] is False and again.options["random_seed"] == 3
    assert again.data_hash == fitted.data_hash and again.model.edges == PAIR.edges
    assert type(again.network) is ProcessNetwork
    assert "not used: note, site" in " ".join(again.warnings)
    assert again.summary().attrs["verdict"] == "passed"
    assert again.require() is again
