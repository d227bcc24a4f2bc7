"""Chains of one calibration on an executor: each in a worker of its own."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.calibrate.coordinates.starts import density_and_mode
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.data import Campaign
from bayesbio.inference import Progress, run_each, sample
from bayesbio.inference.mcmc.sampling import join_chains
from bayesbio.mechanistic import ProcessModel


@dataclasses.dataclass(frozen=True)
class ChainJob:
    """One chain, by description: nothing compiled."""

    campaign: Campaign
    model: ProcessModel
    formulation: Mapping[str, Any]
    settings: Mapping[str, Any]
    rtol: float
    atol: float
    random_seed: int
    chain: int
    chains: int


def chains_on(
    executor: Any,
    campaign: Campaign,
    model: ProcessModel,
    *,
    formulation: Mapping[str, Any],
    settings: Mapping[str, Any],
    rtol: float,
    atol: float,
    random_seed: int,
    chains: int,
    progress: Callable[[Progress], None] | bool | None,
) -> xr.DataTree:
    """Draw chains where an executor says, as `bayesbio.inference.sample` gives them."""
    jobs = {
        f"chain {chain}": ChainJob(
            campaign, model, formulation, settings, rtol, atol, random_seed, chain, chains
        )
        for chain in range(chains)
    }
    made = run_each(one_chain, jobs, executor=executor, stage="sampling", progress=progress)
    trees = list(made.results.values())
    whole = [tree for tree in trees if not tree["posterior"].attrs["partial"]]
    kept = whole or trees[:1]
    joined = {
        group: join_chains([tree[group].to_dataset() for tree in kept], combine_attrs="override")
        for group in ("posterior", "sample_stats")
    }
    told = [tree["posterior"].attrs for tree in kept]
    joined["posterior"].attrs.update(
        random_seed=random_seed,
        partial=len(whole) < chains,
        attempts=max(each["attempts"] for each in told),
        target_accept=max(each["target_accept"] for each in told),
        sampling_time=max(each["sampling_time"] for each in told),
    )
    return xr.DataTree.from_dict(joined)


def one_chain(job: ChainJob) -> xr.DataTree:
    """Compile, find the mode, and run one chain from its own point near it."""
    formulation = formulate(job.campaign, job.model, **job.formulation)
    density, mode = density_and_mode(
        formulation, random_seed=job.random_seed, rtol=job.rtol, atol=job.atol
    )
    for board in density.boards:
        board[:] = 0.0  # the search for the mode may go anywhere
    seeds = np.random.SeedSequence(job.random_seed).generate_state(job.chains)
    settings: dict[str, Any] = dict(job.settings)
    checkpoint: str | os.PathLike[str] | None = settings.pop("checkpoint")
    return sample(
        density,
        start=mode,
        chains=1,
        random_seed=int(seeds[job.chain]),
        checkpoint=None if checkpoint is None else Path(checkpoint) / f"chain_{job.chain}",
        **settings,
    )
