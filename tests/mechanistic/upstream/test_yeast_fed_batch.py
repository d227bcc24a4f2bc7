"""Baker's yeast: diauxic growth on glucose, then on its ethanol."""

import numpy as np

from bayesbio.mechanistic import YeastFedBatch
from bayesbio.ode import simulate


def test_growth_is_diauxic():
    """Ethanol peaks when glucose is gone; biomass goes on growing while ethanol is used."""
    model = YeastFedBatch()
    given = {name: (each.low * each.high) ** 0.5 for name, each in model.defaults.items()}
    times = np.linspace(0.0, 60.0, 121)
    course = simulate(
        model,
        parameters=given,
        settings={
            "initial_biomass": 0.3,
            "initial_glucose": 20.0,
            "initial_ethanol": 0.0,
            "initial_volume": 1.0,
            "feed_glucose": 400.0,
        },
        times=times,
    ).squeeze()
    peak = int(np.argmax(course["ethanol"].to_numpy()))
    assert float(course["glucose"][peak]) < 0.05 * 20.0
    assert float(course["ethanol"][peak]) > 4.0 and float(course["ethanol"][-1]) < 0.1
    assert float(course["biomass"][-1] / course["biomass"][peak]) > 1.5
