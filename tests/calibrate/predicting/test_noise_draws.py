"""Readings scattered around courses."""

import numpy as np
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.calibrate.predicting.noise_draws import add_noise, noise_parameters
from bayesbio.inference import normal

DIMS = ("chain", "draw")
DRAWS = xr.Dataset({"noise_titer": (DIMS, np.repeat([[0.1], [0.4]], 2000, axis=1))})


def test_every_draw_scatters_with_its_own_noise():
    course = xr.Dataset(
        {name: ((*DIMS, "run", "time"), np.full((2, 2000, 1, 1), 5.0)) for name in ("titer", "ph")},
        {"run": ["R1"], "time": [1.0]},
    )
    rng = np.random.default_rng(1)
    found = add_noise(course, DRAWS, {"titer": normal()}, rng, known=[True])
    assert_allclose(found["titer"].std("draw").squeeze(), [0.1, 0.4], rtol=0.1)
    assert (found["ph"] == 5.0).all()


def test_parameters_gain_an_axis_for_the_readings():
    assert noise_parameters(DRAWS, "titer", normal(), wide=False)["noise_titer"].shape == (2, 2000)
    wide = noise_parameters(DRAWS, "titer", normal(), wide=True)["noise_titer"]
    assert wide.shape == (2, 2000, 1)
