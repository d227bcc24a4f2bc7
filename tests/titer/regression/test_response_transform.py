"""Log or identity, by held-out likelihood."""

import numpy as np
import pandas as pd

from bayesbio.titer import (
    TiterModel,
)


def test_the_transform_is_the_one_under_which_held_out_readings_are_likelier():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 60))
    for transform in ("log", "identity"):
        mean = 1.0 + 0.5 * x[0] if transform == "log" else 10.0 + 2.0 * x[0]
        y = mean + 0.1 * rng.normal(size=60)
        frame = pd.DataFrame(
            {"a": x[0], "b": x[1], "titer": np.exp(y) if transform == "log" else y}
        )
        assert TiterModel().formulate(frame).transform == transform
