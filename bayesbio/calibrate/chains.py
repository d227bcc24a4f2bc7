"""Chains of one calibration on an executor: each in a worker of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.calibrate.coordinates.starts import CompiledProblem, Start
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest, Tolerances
from bayesbio.inference import map_jobs, sample
from bayesbio.inference.mcmc.sampling import join_chains


@dataclasses.dataclass(frozen=True, eq=False)
class ChainJob:
    """One chain, by description, nothing compiled; mode and coordinates at it are of all chains."""

    request: FitRequest
    tolerances: Tolerances
    start: Start
    settings: Mapping[str, Any]
    random_seed: int
    chain: int
    chains: int


def chains_on(executor: Any, job: ChainJob, *, progress: Any = None) -> xr.DataTree:
    """Draw all chains of a job where an executor says, as `bayesbio.inference.sample` does here."""
    jobs = {f"chain {chain}": dataclasses.replace(job, chain=chain) for chain in range(job.chains)}
    made = map_jobs(one_chain, jobs, executor=executor, stage="sampling", progress=progress)
    trees = list(made.results.values())
    whole = [tree for tree in trees if not tree["posterior"].attrs["partial"]]
    used = whole or trees[:1]
    joined = {
        group: join_chains([tree[group].to_dataset() for tree in used], combine_attrs="override")
        for group in ("posterior", "sample_stats")
    }
    attributes = [tree["posterior"].attrs for tree in used]
    joined["posterior"].attrs.update(
        random_seed=job.random_seed,
        partial=len(whole) < job.chains,
        attempts=max(each["attempts"] for each in attributes),
        target_accept=max(each["target_accept"] for each in attributes),
        sampling_time=max(each["sampling_time"] for each in attributes),
    )
    return xr.DataTree.from_dict(joined)


def one_chain(job: ChainJob) -> xr.DataTree:
    """Compile, and run one chain from its own point near the mode."""
    problem = CompiledProblem.of(formulate(job.request), job.tolerances)
    problem.density.set_data(job.start.data)
    seeds = np.random.SeedSequence(job.random_seed).generate_state(job.chains)
    settings = dict(job.settings)
    checkpoint = settings.pop("checkpoint")
    return sample(
        problem.density,
        start=job.start.mode,
        chains=1,
        random_seed=int(seeds[job.chain]),
        checkpoint=checkpoint
        and dataclasses.replace(checkpoint, path=Path(checkpoint.path) / f"chain_{job.chain}"),
        **settings,
    )
