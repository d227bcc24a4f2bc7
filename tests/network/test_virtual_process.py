"""The virtual process of data/: its truth is recovered."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Specification
from bayesbio.network import NetworkPosterior, Node, ProcessNetwork, criticality

DATA = Path(__file__).parents[2] / "data"
TRUTH = json.loads((DATA / "process_network_truth.json").read_text(encoding="utf-8"))
ROWS = pd.read_csv(DATA / "process_network.csv")


def network():
    limits = {name: Specification(name, **limit) for name, limit in TRUTH["limits"].items()}
    nodes = [
        Node(
            name,
            role=row["role"],
            unit_operation=row["unit_operation"],
            link=row["scale"],
            unit=row["unit"],
            specification=limits.get(name),
        )
        for name, row in TRUTH["nodes"].items()
    ]
    edges = [(parent, child) for child, row in TRUTH["effects"].items() for parent in row]
    return ProcessNetwork(nodes, edges)


def truth():
    process, nodes = network(), TRUTH["nodes"]
    return NetworkPosterior(
        process,
        centre=np.array([nodes[name]["centre"] for name in process.order]),
        spread=np.array([nodes[name]["spread"] for name in process.order]),
        intercept=np.zeros((1, 20)),
        effect=np.array([[TRUTH["effects"][child][parent] for parent, child in process.edges]]),
        variance=np.array([[TRUTH["scatter"].get(name, 1.0) ** 2 for name in process.order]]),
    )


@pytest.fixture(scope="module")
def fitted():
    return network().fit(ROWS, draws=250, tune=150, chains=2, random_seed=1)


def test_the_virtual_process_is_as_its_card_says():
    process = network()
    assert (len(process), len(process.edges)) == (20, 44)
    assert process.unit_operations == ("seed", "production", "capture", "polish")


def test_intervals_cover_the_true_effects_as_often_as_they_claim(fitted):
    told, exact = fitted.effects(), truth().effects()["mean"]
    covered = (told["eti_5"] < exact) & (exact < told["eti_95"])
    assert covered.mean() >= 0.8
    assert fitted.method == "augmentation"


def test_the_most_critical_input_is_found(fitted):
    exact = criticality(truth(), "final_impurity").summary()
    told = criticality(fitted, "final_impurity").summary()
    assert told.index[0] in exact.index[:3]
    inside = (told["eti_5"] < exact["mean"][told.index]) & (
        exact["mean"][told.index] < told["eti_95"]
    )
    assert inside.mean() >= 0.7


def test_the_true_risk_lies_within_what_is_not_known(fitted):
    exact = truth().probability_out_of_specification().total
    risk = fitted.probability_out_of_specification().summary()
    for name in ("purity", "final_impurity", "any"):
        row = risk.loc[name]
        assert row["eti_5"] - 0.05 < float(exact[name]) < row["eti_95"] + 0.05
