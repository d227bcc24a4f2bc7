"""A process model as the lowest fidelity."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import ModelError
from bayesbio.mechanistic import BatchCulture
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
