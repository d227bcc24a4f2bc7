"""The graph of a process, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Campaign, Profile, Run, Specification
from bayesbio.errors import DataError, ModelError
from bayesbio.mechanistic import GrowthCurve
from bayesbio.network import (
    Node,
    ProcessNetwork,
    UnitOperation,
    dependencies,
    slice_campaign,
)


def campaign():
    rows = [(0.0, "biomass", 0.1), (24.0, "biomass", 2.0), (24.4, "titer", 1.0), (48.0, "titer", 3)]
    frame = pd.DataFrame(rows, columns=["time_h", "quantity", "value"])
    return Campaign([Run(name, frame, settings={"temperature": 310.0}) for name in "AB"])


def test_parents_come_before_children_whatever_the_order_of_writing():
    network = ProcessNetwork(["c", "b", "a"], [("a", "b"), ("b", "c"), ("a", "c")])
    assert network.order == ("a", "b", "c")
    assert network.parents("c") == ("b", "a")
    assert network.ancestors("c") == ("a", "b")
    assert network.descendants("a") == ("b", "c")
    assert network.roots == ("a",)


def test_tiers_follow_unit_operation_time_and_role():
    nodes = [
        Node("purity", role="CQA", unit_operation="capture"),
        Node("titer@48", unit_operation="production"),
        Node("titer@24", unit_operation="production"),
        Node("pH", role="CPP", unit_operation="production"),
    ]
    edges = [("pH", "titer@24"), ("titer@24", "titer@48"), ("titer@48", "purity")]
    network = ProcessNetwork(nodes, edges, unit_operations=["production", "capture"])
    assert network.tiers == (("pH",), ("titer@24",), ("titer@48",), ("purity",))


def test_a_cycle_is_named():
    with pytest.raises(ModelError, match=r"circle: .*(b -> c -> a|a -> b -> c|c -> a -> b)"):
        ProcessNetwork(["a", "b", "c", "d"], [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")])


@pytest.mark.parametrize(
    ("nodes", "edges", "sentence"),
    [
        (["titer", "feed"], [("fed", "titer")], "Did you mean 'feed'"),
        (["a", "a"], [], "Two nodes are named 'a'"),
        ([Node("purity", role="CQA")], [], "Nothing feeds the CQA 'purity'"),
        (["a@48", "a@24"], [("a@48", "a@24")], "back in time, from 48 h to 24 h"),
        (["a", Node("b", distribution=(0, 1))], [("a", "b")], "distribution of its own"),
        ([], [], "needs nodes"),
    ],
)
def test_what_cannot_be_a_process_is_refused(nodes, edges, sentence):
    with pytest.raises(ModelError, match=sentence):
        ProcessNetwork(nodes, edges)


def test_an_edge_against_the_unit_operations_is_refused():
    nodes = [Node("a", unit_operation="harvest"), Node("b", unit_operation="seed")]
    with pytest.raises(ModelError, match="runs from harvest back to seed"):
        ProcessNetwork(nodes, [("a", "b")], unit_operations=["seed", "harvest"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (dict(role="input"), "role 'input'"),
        (dict(link="ln"), "link 'ln'"),
        (dict(distribution=(0.0, -1.0)), "standard deviation of zero or more"),
        (dict(specification=Specification("titer", lower=1)), "specification of 'titer'"),
        (dict(time=24.0), "given the time 24 h"),
    ],
)
def test_a_node_that_contradicts_itself_is_refused(options, sentence):
    with pytest.raises(ModelError, match=sentence):
        Node("glucose@12", **options)


def test_limits_reversed_are_refused():
    with pytest.raises(DataError, match="above its upper limit"):
        Node("titer", specification=Specification("titer", lower=2.0, upper=1.0))


@pytest.mark.parametrize("link", ["identity", "log", "logit"])
def test_links_have_inverses(link):
    values = np.array([1e-7, 0.3, 0.999])
    node = Node("x", link=link)
    assert_allclose(node.from_link(node.to_link(values)), values, rtol=1e-12)


def test_values_outside_the_domain_of_the_link_are_refused():
    with pytest.raises(DataError, match="log link but the value 0"):
        Node("x", link="log").to_link([1.0, 0.0])


def test_limits_beyond_the_scale_bind_nothing():
    limit = Specification("x", lower=0.0, upper=1.0)
    assert Node("x", link="logit", specification=limit).limits() == (-np.inf, np.inf)


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


def test_a_quantity_that_was_not_measured_is_named():
    with pytest.raises(DataError, match="Did you mean 'titer'"):
        ProcessNetwork.from_campaign(campaign(), ["titre"], [24.0])


def test_a_closed_form_has_no_dependencies_to_read():
    with pytest.raises(ModelError, match="formula in time"):
        dependencies(GrowthCurve())


def test_tiers_feed_each_other_and_a_setting_feeds_its_own():
    load = Node("load", role="CPP")
    network = ProcessNetwork.from_tiers([["pH"], ["titer"], [load, Node("purity", role="CQA")]])
    assert network.edges == (("pH", "titer"), ("titer", "purity"), ("load", "purity"))


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


def test_edges_can_be_dropped_and_only_those_that_exist():
    network = ProcessNetwork(["a", "b"], [("a", "b")])
    assert network.without_edges([("a", "b")]).edges == ()
    with pytest.raises(ModelError, match="no edge 'b' -> 'a'"):
        network.without_edges([("b", "a")])


@pytest.mark.parametrize("name", ["run", "any", "outside", "chain"])
def test_names_of_dimensions_are_no_names_of_nodes(name):
    with pytest.raises(ModelError, match=f"cannot be named '{name}'"):
        Node(name)


def test_replicates_below_and_above_a_limit_of_detection_leave_an_interval():
    rows = pd.DataFrame({
        "time_h": 24.0, "quantity": "titer", "value": [0.2, 0.4], "flag": ["below", ""],
    })  # fmt: skip
    network = ProcessNetwork(["a", "titer@24"], [("a", "titer@24")])
    table = slice_campaign(Campaign([Run("A", rows, settings={"a": 1.0})]), network)
    assert table.flag("titer@24").tolist() == ["between"]
    assert (table["titer@24"][0], table.upper("titer@24")[0]) == pytest.approx((0.2, 0.3))
