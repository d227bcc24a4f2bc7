"""Chains in workers: joined in order, stopped ones left out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import xarray as xr

from bayesbio.calibrate import chains
from bayesbio.calibrate.chains import ChainJob, chains_on


def one_chain(job):
    """Three draws, all of them the chain's number; the second chain was stopped."""
    values = (("chain", "draw"), np.full((1, 3), float(job.chain)))
    tree = xr.DataTree.from_dict(
        {name: xr.Dataset({"rate": values}) for name in ("posterior", "sample_stats")}
    )
    tree["posterior"].attrs |= {
        "partial": job.chain == 1, "attempts": 1 + job.chain, "target_accept": 0.9,
        "sampling_time": 2.0 * job.chain,
    }  # fmt: skip
    return tree


def test_whole_chains_are_put_beside_each_other_and_the_rest_is_said(monkeypatch):
    monkeypatch.setattr(chains, "one_chain", one_chain)
    job = ChainJob(None, None, None, {}, 5, 0, 3)
    with ThreadPoolExecutor(1) as pool:
        tree = chains_on(pool, job)
    assert tree["posterior"]["rate"].to_numpy()[:, 0].tolist() == [0.0, 2.0]
    attributes = tree["posterior"].attrs
    assert attributes["partial"] and attributes["random_seed"] == 5
    assert (attributes["attempts"], attributes["sampling_time"]) == (3, 4.0)
