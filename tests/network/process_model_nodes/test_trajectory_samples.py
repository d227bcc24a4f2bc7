from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.calibrate import Calibration
from bayesbio.data import Campaign, Run
from bayesbio.errors import ModelError
from bayesbio.network import NetworkPosterior, Node, ProcessNetwork


class Filling:
    """A vessel that fills as the feed says."""

    class State(NamedTuple):
        volume: Any

    class Parameters(NamedTuple):
        leak: Any

    units = {"volume": "L", "leak": "L/h", "feed_rate": "L/h"}
    inputs = ("feed_rate",)
    settings = ()
    defaults: dict = {}

    def rates(self, time, state, parameters, inputs, settings):
        return {}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        return self.State(volume=inputs.feed_rate - parameters.leak)


def calibrated(model, draws, noise):
    """Stand in for a fit: draws that are known."""
    posterior = xr.Dataset({name: (("chain", "draw"), values) for name, values in draws.items()})
    options = dict(given={}, vary={}, positive={}, rtol=1e-8, atol=1e-10, random_seed=0)
    tree = xr.DataTree.from_dict({"posterior": posterior})
    return Calibration(model, Campaign([Run("A")]), tree, noise, options)


def test_an_input_goes_through_its_slices_and_then_holds():
    nodes = [Node("feed_rate@0", role="CPP"), Node("feed_rate@10", role="CPP"), "volume@20"]
    edges = [("feed_rate@0", "volume@20"), ("feed_rate@10", "volume@20")]
    known = NetworkPosterior.from_parameters(
        ProcessNetwork(nodes, edges),
        intercept={"feed_rate@0": 2.0, "feed_rate@10": 3.0, "volume@20": 0.0},
        coefficients=dict.fromkeys(edges, 1.0),
        variance={"feed_rate@0": 0.1, "feed_rate@10": 0.2, "volume@20": 1.0},
    )
    draws = dict(leak=np.full((1, 50), 0.5), initial_volume=np.full((1, 50), 7.0))
    forward = known.with_process_model(calibrated(Filling(), draws, {}), ["volume@20"])
    told = forward.predict(samples=50, random_seed=5)
    first, second = (told[name].to_numpy() for name in ("feed_rate@0", "feed_rate@10"))
    expected = 7.0 - 10.0 + 5.0 * (first + second) + 10.0 * second
    assert_allclose(told["volume@20"], expected, rtol=1e-6)
    with pytest.raises(ModelError, match="never measured in the calibration"):
        forward.predict(pd.DataFrame({"volume@20": [30.0]}))
