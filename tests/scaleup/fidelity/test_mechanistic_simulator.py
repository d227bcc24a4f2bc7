"""A process model as the lowest fidelity."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import ModelError
from bayesbio.mechanistic import BatchCulture, FedBatchCulture
from bayesbio.scaleup import MechanisticSimulator


def test_columns_become_settings_and_parameters():
    simulator = MechanisticSimulator(
        BatchCulture(), "biomass", at=6.0, settings={"initial_substrate": 1e6}
    )
    table = pd.DataFrame({"initial_biomass": [0.1, 0.2], "maximum_growth_rate": [0.2, 0.3]})
    # With substrate in plenty growth is exponential.
    assert_allclose(simulator(table), [0.1 * np.exp(1.2), 0.2 * np.exp(1.8)], rtol=1e-3)
    with pytest.raises(ModelError, match="'stirring' is no setting, parameter or input"):
        simulator(table.assign(stirring=1.0))


def test_an_input_that_nobody_gives_is_as_the_model_has_it():
    """A batch of a fed-batch model is not fed."""
    model = FedBatchCulture()
    settings = {"initial_substrate": 20.0, "initial_biomass": 0.2, "initial_volume": 1.0}
    settings |= {name: 500.0 for name in model.settings if name not in settings}
    simulator = MechanisticSimulator(model, "volume", at=10.0, settings=settings)
    (unfed,) = simulator(pd.DataFrame({"initial_biomass": [0.2]}))
    (fed,) = simulator(pd.DataFrame({"feed_rate": [0.1]}))
    assert unfed == pytest.approx(1.0)
    assert fed == pytest.approx(2.0)
