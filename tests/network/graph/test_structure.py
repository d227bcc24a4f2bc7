"""The graph of a process, and what it refuses."""

import pytest

from bayesbio.errors import ModelError
from bayesbio.network import (
    Node,
    ProcessNetwork,
)


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


def test_edges_can_be_dropped_and_only_those_that_exist():
    network = ProcessNetwork(["a", "b"], [("a", "b")])
    assert network.without_edges([("a", "b")]).edges == ()
    with pytest.raises(ModelError, match="no edge 'b' -> 'a'"):
        network.without_edges([("b", "a")])
