"""The recombinant-protein sheet works as it stands: read, monitored, predicted."""

import json
from pathlib import Path

import pytest

from bayesbio.data import read_campaign, read_table
from bayesbio.monitoring import Monitor

DATA = Path(__file__).parents[2] / "data"
HOUSE_NAMES = {
    "acetate", "agitation", "air_share", "dissolved_oxygen", "feed_output", "feed_rate", "gas_flow",
    "glucose", "glycerol", "oxygen_share", "ph", "phosphate", "temperature", "titer",
    "wet_cell_weight",
}  # fmt: skip

FEW = ["acetate", "feed_output", "feed_rate", "glucose", "ph", "wet_cell_weight"]


@pytest.fixture(scope="module")
def campaign():
    return read_campaign(DATA / "recombinant_protein.csv")


@pytest.fixture(scope="module")
def truth():
    return json.loads((DATA / "recombinant_protein_truth.json").read_text(encoding="utf-8"))


def test_every_column_is_understood(campaign):
    names = {name for run in campaign for name in (*run.quantities, *run.profiles)}
    assert names == HOUSE_NAMES
    assert campaign.units["feed_rate"] == "L/h"
    assert campaign["RP-01"].profiles["feed_output"].values.max() <= 1.0
    table = read_table(DATA / "recombinant_protein.csv")
    assert set(table) == HOUSE_NAMES | {"run", "time"}


@pytest.mark.parametrize("watched", [FEW, pytest.param(None, marks=pytest.mark.slow)])
def test_faults_are_found_in_ragged_half_missing_runs(campaign, truth, watched):
    good = [run for run in campaign if run.name not in truth["faults"]]
    monitor = Monitor(quantities=watched).fit(good)
    assert monitor.check().passed
    for name, fault in truth["faults"].items():
        score = monitor.score(campaign[name])
        assert score.alarm, f"{name}: {fault['fault']} was missed"
        assert score.alarm_time >= fault["onset_h"]
        assert name in score.sentence
