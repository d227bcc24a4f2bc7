"""Which run belongs to which group."""

from __future__ import annotations

import pandas as pd
import pytest

from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.problem.grouping import groups_of, label_of
from bayesbio.calibrate.requests import FitRequest
from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError
from bayesbio.mechanistic import BatchCulture

GROWTH = "maximum_growth_rate"


@pytest.fixture(scope="module")
def campaign():
    """Two clones at two sites, four runs."""
    frame = pd.DataFrame({"time_h": [0.0, 4.0, 8.0], "quantity": "biomass", "value": [0.3, 0.9, 2]})
    return Campaign(
        [
            Run(f"R{i}", frame, {"clone": c, "site": s, "initial_substrate": 20.0})
            for i, (c, s) in enumerate(zip("AABB", "XYXY", strict=True))
        ]
    )


def test_levels_are_ordered_from_the_widest_and_joined_where_names_count_anew(campaign):
    found = formulate(
        FitRequest(campaign, BatchCulture(), vary={GROWTH: ("run", "clone:site", "clone")})
    )
    levels = {unknown.name: unknown.levels for unknown in found.unknowns}[GROWTH]
    assert levels[0] == "clone" and set(levels[1:]) == {"run", "clone:site"}
    assert groups_of(campaign, "clone:site", GROWTH)[1] == ("A:X", "A:Y", "B:X", "B:Y")


def test_groups_are_numbered_in_the_order_of_the_runs(campaign):
    index, names = groups_of(campaign, "site", GROWTH)
    assert index.tolist() == [0, 1, 0, 1] and names == ("X", "Y")
    assert groups_of(campaign, "run", GROWTH)[1] == tuple(campaign.names)


def test_a_run_that_does_not_say_its_group_has_none_and_is_refused(campaign):
    stranger = Run("S", settings={"clone": "A"})
    assert label_of(stranger, "clone") == "A" and label_of(stranger, "clone:site") is None
    with pytest.raises(DataError, match="run 'S' has no 'site'"):
        groups_of(Campaign([*campaign, stranger]), "clone:site", GROWTH)
