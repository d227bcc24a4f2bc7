import pandas as pd
import pytest

from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError
from bayesbio.network import (
    Node,
    ProcessNetwork,
    UnitOperation,
)


def campaign():
    rows = [(0.0, "biomass", 0.1), (24.0, "biomass", 2.0), (24.4, "titer", 1.0), (48.0, "titer", 3)]
    frame = pd.DataFrame(rows, columns=["time_h", "quantity", "value"])
    return Campaign([Run(name, frame, settings={"temperature": 310.0}) for name in "AB"])


def test_unit_operations_chain():
    network = ProcessNetwork.from_unit_operations(
        [
            UnitOperation("seed", [], ["density"]),
            UnitOperation("production", ["pH"], [Node("titer", link="log"), "impurity"]),
            UnitOperation("capture", ["load"], ["purity"]),
        ]
    )
    assert network.unit_operations == ("seed", "production", "capture")
    assert network["purity"].role == "CQA"
    assert network["titer"].link == "log"
    assert set(network.parents("titer")) == {"density", "pH"}
    assert set(network.parents("purity")) == {"titer", "impurity", "load"}


def test_a_quantity_that_was_not_measured_is_named():
    with pytest.raises(DataError, match="Did you mean 'titer'"):
        ProcessNetwork.from_campaign(campaign(), ["titre"], [24.0])


def test_tiers_feed_each_other_and_a_setting_feeds_its_own():
    load = Node("load", role="CPP")
    network = ProcessNetwork.from_tiers([["pH"], ["titer"], [load, Node("purity", role="CQA")]])
    assert network.edges == (("pH", "titer"), ("titer", "purity"), ("load", "purity"))
