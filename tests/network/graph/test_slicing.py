import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Campaign, Profile, Run, Specification
from bayesbio.errors import DataError, ModelError
from bayesbio.mechanistic import GrowthCurve
from bayesbio.network import (
    ProcessNetwork,
    dependencies,
    slice_campaign,
)


def campaign():
    rows = [(0.0, "biomass", 0.1), (24.0, "biomass", 2.0), (24.4, "titer", 1.0), (48.0, "titer", 3)]
    frame = pd.DataFrame(rows, columns=["time_h", "quantity", "value"])
    return Campaign([Run(name, frame, settings={"temperature": 310.0}) for name in "AB"])


def test_a_campaign_is_sliced_at_sampling_times():
    limit = Specification("titer", lower=2.0)
    network = ProcessNetwork.from_campaign(
        campaign(),
        ["biomass", "titer"],
        [24.0, 48.0],
        settings=["temperature"],
        parents={"titer": ["biomass"], "biomass": ["temperature"]},
        specifications=[limit],
    )
    assert set(network.parents("titer@48")) == {"biomass@24", "titer@24"}
    assert set(network.parents("biomass@48")) == {"temperature", "biomass@24"}
    assert network["titer@48"].role == "CQA"
    assert network["titer@48"].unit == "g/L"
    table = slice_campaign(campaign(), network)
    assert table["titer@24"].tolist() == [1.0, 1.0]
    assert np.isnan(table["biomass@48"]).all()
    assert table["temperature"].tolist() == [310.0, 310.0]


def test_a_closed_form_has_no_dependencies_to_read():
    with pytest.raises(ModelError, match="formula in time"):
        dependencies(GrowthCurve())


def test_a_profile_is_sliced_like_a_quantity():
    oil = Profile([(0.0, 30.0), (48.0, 6.0)])
    fed = Campaign([run.replace(profiles={"residual_oil": oil}) for run in campaign()])
    network = ProcessNetwork.from_campaign(fed, ["residual_oil", "titer"], [24.0, 48.0])
    assert slice_campaign(fed, network)["residual_oil@24"].tolist() == [18.0, 18.0]


def test_a_setting_that_is_no_number_is_named():
    named = Campaign([run.replace(settings={"clone": "A"}) for run in campaign()])
    network = ProcessNetwork.from_campaign(named, ["titer"], [24.0], settings=["clone"])
    with pytest.raises(DataError, match="'clone' of run .* needs a number"):
        slice_campaign(named, network)


def test_replicates_below_and_above_a_limit_of_detection_leave_an_interval():
    rows = pd.DataFrame({
        "time_h": 24.0, "quantity": "titer", "value": [0.2, 0.4], "flag": ["below", ""],
    })  # fmt: skip
    network = ProcessNetwork(["a", "titer@24"], [("a", "titer@24")])
    table = slice_campaign(Campaign([Run("A", rows, settings={"a": 1.0})]), network)
    assert table.flag("titer@24").tolist() == ["between"]
    assert (table["titer@24"][0], table.upper("titer@24")[0]) == pytest.approx((0.2, 0.3))
