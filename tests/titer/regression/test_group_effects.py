"""Groups: their names, levels, and when they are centred."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Table, TableColumn
from bayesbio.errors import DataError
from bayesbio.titer import Varying
from bayesbio.titer.regression.group_effects import GroupLevels, differ_clearly

TABLE = Table(
    pd.DataFrame({"site": ["west", "east", "west"], "titer": [1.0, 2.0, 3.0]}),
    [TableColumn("site", "group", levels=("east", "west")), TableColumn("titer", "response")],
)


def test_levels_are_those_that_occur_in_the_order_of_the_rows():
    levels = GroupLevels.of_table(TABLE, "site")
    assert levels.names == ("west", "east") and levels.index.tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="no column 'sites' to vary by.*Did you mean 'site'"):
        GroupLevels.of_table(TABLE, "sites")


def test_a_slope_multiplies_its_factor_and_has_a_name_of_its_own():
    varying = Varying("site", slope="ph")
    assert varying.name == "site_ph"
    assert varying.times(np.full(2, 3.0), {"ph": np.array([1.0, -1.0])}).tolist() == [3.0, -3.0]


def test_groups_that_differ_more_than_their_rows_differ_clearly():
    index = np.repeat(np.arange(4), 3)
    within = np.tile([-0.1, 0.0, 0.1], 4)
    assert differ_clearly(np.arange(4.0)[index] + within, index)
    assert not differ_clearly(np.tile([-1.0, 0.0, 1.0], 4), index)
    assert not differ_clearly(np.arange(4.0), np.arange(4))  # single rows say nothing
