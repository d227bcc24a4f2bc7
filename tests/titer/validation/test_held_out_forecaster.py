"""A titer model beside baselines: it learns from the training rows alone."""

from types import SimpleNamespace

import numpy as np

from bayesbio.titer import titer_forecast
from tests.titer.validation.replicated_media import replicates


def test_a_forecast_fits_the_training_rows_and_draws_the_others():
    table, calls = replicates(4), []

    class Model:
        def fit(self, train, **sampler):
            calls.append((train, sampler))
            return SimpleNamespace(
                predicted=lambda frame, rng, noise: np.full((2, len(frame)), noise)
            )

    forecast = titer_forecast(Model(), random_seed=7, draws=10)
    train, test = table.select(np.arange(12) < 9), table.select(np.arange(12) >= 9)
    assert forecast(train, test).shape == (2, 3)
    assert calls == [(train, {"random_seed": 7, "draws": 10})]
