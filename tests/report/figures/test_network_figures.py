"""What the figures of a network show is what the network says."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import FancyArrowPatch

from bayesbio.data import Specification
from bayesbio.network import NetworkPosterior, Node, ProcessNetwork
from bayesbio.report import draw_criticality, draw_forecasts, draw_network, draw_risk

LIMIT = Specification("purity", lower=0.0)
NETWORK = ProcessNetwork(
    [
        Node("seed_ph", role="CPP", unit_operation="seed"),
        Node("density", unit_operation="seed"),
        Node("load", role="CPP", unit_operation="capture", unit="g/L"),
        Node("purity", role="CQA", unit_operation="capture", specification=LIMIT),
    ],
    [("seed_ph", "density"), ("density", "purity"), ("load", "purity")],
)
KNOWN = NetworkPosterior.from_parameters(
    NETWORK,
    intercept=dict(seed_ph=0.0, density=0.0, load=0.0, purity=1.0),
    coefficients=dict(zip(NETWORK.edges, (1.0, 0.2, -0.8), strict=True)),
    variance=dict(seed_ph=1.0, density=0.5, load=1.0, purity=0.3),
)


def texts(panel):
    return [text.get_text() for text in panel.texts]


def test_every_node_and_edge_is_drawn_and_wider_where_the_effect_is_larger():
    panel = draw_network(KNOWN).axes[0]
    arrows = [patch for patch in panel.patches if isinstance(patch, FancyArrowPatch)]
    widths = [arrow.get_linewidth() for arrow in arrows]
    assert np.argsort(widths).tolist() == np.argsort(np.abs(KNOWN.effect[0])).tolist()
    assert arrows[1].get_facecolor() != arrows[2].get_facecolor()  # raises, lowers
    assert {"Seed pH", "Density", "Load", "Purity", "seed", "capture"} <= set(texts(panel))


def test_unit_operations_stand_in_their_order_from_left_to_right():
    panel = draw_network(KNOWN).axes[0]
    place = {text.get_text(): text.get_position() for text in panel.texts}
    assert place["seed"][0] < place["capture"][0]
    assert place["Seed pH"][0] < place["Load"][0]
    assert len({tuple(np.round(position, 3)) for position in place.values()}) == len(place)


def test_bars_are_sorted_and_say_how_often_an_input_is_first():
    figure = draw_criticality(KNOWN.criticality("purity"))
    panel = figure.axes[0]
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert names == ["Load", "Seed pH"]
    assert "first: 100 %" in texts(panel)
    assert panel.patches[0].get_width() == pytest.approx(
        100.0 * KNOWN.criticality("purity").shares[0].max()
    )


def test_the_risk_curve_is_the_risk_in_per_cent_and_marks_what_was_not_seen():
    loads = np.linspace(-2.0, 2.0, 9)
    risk = KNOWN.probability_out_of_specification(do={"load": loads})
    figure = draw_risk(risk, setting="load", unit="g/L", observed=(-1.0, 3.0), now=0.2)
    panel = figure.axes[0]
    assert panel.lines[0].get_ydata() == pytest.approx(100.0 * risk.total["purity"].to_numpy())
    assert panel.get_xlabel() == "Load [g/L]"
    assert texts(panel).count("not seen") == 1


def test_forecasts_stand_run_by_run_and_time_by_time():
    rows = pd.DataFrame(
        {
            "run": ["A", "B"] * 2, "target": "titer@48", "until": [12.0, 12.0, 24.0, 24.0],
            "observed": 1.0, "eti_50": 1.1, "eti_5": 0.5, "eti_95": 2.0,
        }
    )  # fmt: skip
    figure = draw_forecasts(rows, unit="g/L", limit=0.8)
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        "Seen up to 12 h", "Seen up to 24 h",
    ]  # fmt: skip
    assert figure.get_supxlabel() == "Titer [g/L] at 48 h"
