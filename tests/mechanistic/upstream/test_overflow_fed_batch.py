"""Escherichia coli with acetate: a fed batch that overflows first and reuses acetate later."""

from bayesbio.mechanistic import OverflowFedBatch
from bayesbio.ode import simulate


def test_acetate_rises_in_the_batch_and_is_gone_after_it():
    model = OverflowFedBatch()
    given = {name: (each.low * each.high) ** 0.5 for name, each in model.defaults.items()}
    course = simulate(
        model,
        parameters=given,
        settings={
            "initial_biomass": 0.5,
            "initial_glucose": 15.0,
            "initial_acetate": 0.0,
            "initial_volume": 1.0,
            "feed_glucose": 400.0,
        },
        times=[0.0, 3.0, 6.0, 9.0, 12.0, 24.0, 48.0],
    ).squeeze()
    acetate = course["acetate"].to_numpy()
    assert acetate.max() > 0.5 and acetate[-1] < 0.05 * acetate.max()
    assert float(course["glucose"][-1]) < 1e-3 and float(course["biomass"][-1]) > 5.0
