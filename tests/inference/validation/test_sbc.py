"""The engine of simulation-based calibration: resumed, in parts, and never of another study."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from bayesbio.inference import simulation_based_calibration
from bayesbio.inference.validation import sbc


def simulate(seed):
    truth, error = np.random.default_rng(seed).standard_normal(2)
    return {"mean": truth}, truth + error


def refit(reading, seed):
    noise = np.random.default_rng(seed).standard_normal(49)
    return {"mean": reading / 2 + noise / np.sqrt(2), "remarks": {"effective_draws": 49.0}}


def run(path=None, *, replications=5, random_seed=1, prior="N(0, 1)", fit=refit):
    return simulation_based_calibration(
        simulate,
        fit,
        replications=replications,
        random_seed=random_seed,
        checkpoint=path,
        identity={"prior": prior},
    )


def never(reading, seed):
    raise AssertionError("a replication that was done is done again")


def test_what_a_checkpoint_holds_is_not_done_again(tmp_path):
    first = run(tmp_path / "ranks.csv")
    again = run(tmp_path / "ranks.csv", fit=never)
    pd.testing.assert_frame_equal(again.table, first.table)
    assert len(run(tmp_path / "ranks.csv", replications=8).table) == 8
    assert len(run(tmp_path / "ranks.csv", replications=3, fit=never).table) == 3


@pytest.mark.parametrize("change", [{"random_seed": 2}, {"prior": "N(0, 9)"}])
def test_ranks_of_another_study_are_set_aside_and_do_not_come_back(tmp_path, change, caplog):
    first = run(tmp_path / "ranks.csv")
    other = run(tmp_path / "ranks.csv", **change)
    pd.testing.assert_frame_equal(other.table, run(**change).table)
    assert "set aside as ranks.1.csv" in caplog.text
    pd.testing.assert_frame_equal(run(tmp_path / "ranks.1.csv", fit=never).table, first.table)


def test_ranks_without_their_card_or_of_other_versions_are_set_aside(tmp_path, monkeypatch):
    run(tmp_path / "ranks.csv")
    with monkeypatch.context() as other:
        other.setattr(sbc, "versions", lambda: {"pymc": "7"})
        run(tmp_path / "ranks.csv")
    assert (tmp_path / "ranks.1.csv").exists()
    sbc.card_of(tmp_path / "ranks.csv").unlink()
    run(tmp_path / "ranks.csv")
    assert (tmp_path / "ranks.2.csv").exists()


def test_parts_on_an_executor_give_the_same_ranks_as_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(sbc, "PART", 2)
    with ThreadPoolExecutor(2) as pool:
        there = sbc.run_replications(
            lambda: (simulate, refit),
            replications=5,
            random_seed=1,
            checkpoint=tmp_path / "ranks.csv",
            identity={"prior": "N(0, 1)"},
            executor=pool,
        )
    here = run(tmp_path / "ranks.csv", fit=never)
    pd.testing.assert_frame_equal(here.table, run().table)
    pd.testing.assert_frame_equal(there.table, run().table)
