import numpy as np
import pandas as pd
import pytest

from bayesbio.errors import DataError, ModelError
from bayesbio.network import Node, ProcessNetwork, challenge_structure
from bayesbio.network.learning.structure_search import _verdict

NODES = [
    Node("feed", role="CPP"),
    Node("pH", role="CPP"),
    "biomass@24",
    "biomass@48",
    Node("titer@72", role="CQA"),
]


TRUE = [
    ("feed", "biomass@24"),
    ("biomass@24", "biomass@48"),
    ("pH", "titer@72"),
    ("biomass@48", "titer@72"),
]


def batches(n, seed):
    rng = np.random.default_rng(seed)
    feed, acidity = 5.0 + rng.normal(size=n), 7.0 + 0.1 * rng.normal(size=n)
    early = 1.0 + 0.8 * feed + 0.4 * rng.normal(size=n)
    late = 2.0 * early + 0.8 * rng.normal(size=n)
    titer = 1e-7 * (late + 15.0 * (acidity - 7.0) + 0.5 * rng.normal(size=n))
    return pd.DataFrame(
        {"feed": feed, "pH": acidity, "biomass@24": early, "biomass@48": late, "titer@72": titer}
    )


def test_the_true_edges_are_agreed_with_and_a_missing_one_is_considered():
    drawn = [edge for edge in TRUE if edge != ("pH", "titer@72")] + [("feed", "titer@72")]
    told = challenge_structure(ProcessNetwork(NODES, drawn), batches(60, 1), resamples=20)
    assert told.loc[("pH", "titer@72"), "verdict"] == "consider"
    # An edge that is not there has a log Bayes factor of 10 less often than once in a million.
    assert told.loc[("feed", "titer@72"), "log_bayes_factor"] < 10.0
    assert _verdict(True, 0.3, -1.0) == "doubtful"
    for edge in drawn[:-1]:
        assert told.loc[edge, "verdict"] == "agreed"
        assert told.loc[edge, "bootstrap_support"] > 0.7
        assert told.loc[edge, "found"]
    assert list(told.index[: len(drawn)]) == drawn


def test_the_search_keeps_to_the_tiers_and_leaves_set_nodes_without_parents():
    network = ProcessNetwork(NODES, TRUE)
    told = challenge_structure(network, batches(20, 2), resamples=20)
    tier = {name: place for place, names in enumerate(network.tiers) for name in names}
    for parent, child in told.index:
        assert tier[parent] <= tier[child]
        assert child not in ("feed", "pH")


def test_the_same_seed_gives_the_same_challenge():
    network = ProcessNetwork(NODES, TRUE)
    one, other = (
        challenge_structure(network, batches(15, 4), resamples=5, random_seed=9) for _ in range(2)
    )
    pd.testing.assert_frame_equal(one, other)


def test_few_batches_are_a_caution_and_rows_with_gaps_are_left_out():
    frame = batches(12, 5)
    frame.loc[0, "biomass@48"] = np.nan
    told = challenge_structure(ProcessNetwork(NODES, TRUE), frame, resamples=3)
    assert "11 rows for 5 nodes (1 rows with missing" in told.attrs["caution"]
    assert "too few to find a structure" in told.attrs["caution"]


def test_what_cannot_be_challenged_is_said():
    network = ProcessNetwork(NODES, TRUE)
    frame = batches(12, 6)
    frame.loc[3:, "pH"] = np.where(np.arange(9) % 2 == 0, np.nan, frame.loc[3:, "pH"])
    frame.loc[:4, "feed"] = np.nan
    with pytest.raises(DataError, match="a search needs at least 5"):
        challenge_structure(network, frame)
    with pytest.raises(ModelError, match="resamples is 0"):
        challenge_structure(network, batches(12, 6), resamples=0)
