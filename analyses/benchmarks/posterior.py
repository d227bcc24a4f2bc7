"""How many effective draws a second does the engine give, against a plain sampler?"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import nutpie
import xarray as xr

sys.path.insert(0, str(Path(__file__).parent))
from measuring import write_case
from problems import Problem, eight_runs

from bayesbio.calibrate.fitting import density_and_mode
from bayesbio.calibrate.formulation import formulate
from bayesbio.calibrate.model import is_coordinate, model_of
from bayesbio.inference import LogDensity, sample

TOLERANCES = {"rtol": 1e-6, "atol": 1e-9}


def judged(posterior: xr.Dataset, stats: xr.Dataset, seconds: float) -> dict[str, Any]:
    """Effective draws of the worst textbook parameter, and what they cost."""
    names = [str(name) for name in posterior.data_vars if not is_coordinate(str(name))]
    sizes = az.ess(posterior[names])
    worst = {name: float(sizes[name].min()) for name in names}
    name = min(worst, key=worst.__getitem__)
    return {
        "least_effective_draws": worst[name],
        "of": name,
        "processor_seconds": seconds,
        "effective_draws_a_second": worst[name] / seconds,
        "effective_draws_a_thousand_gradients": 1e3 * worst[name] / float(stats["n_steps"].sum()),
        "leapfrogs_a_draw": float(stats["n_steps"].mean()),
        "divergences": int(stats["diverging"].sum()),
    }


def ours(problem: Problem, *, draws: int, tune: int, chains: int, seed: int) -> dict[str, Any]:
    """Sample as `fit` does."""
    formulation = formulate(problem.campaign, problem.model, **problem.arguments())
    density, mode = density_and_mode(formulation, random_seed=seed, **TOLERANCES)
    began = time.process_time()
    tree = sample(density, start=mode, draws=draws, tune=tune, chains=chains, random_seed=seed)
    seconds = time.process_time() - began
    posterior = tree["posterior"].to_dataset()
    found = judged(posterior, tree["sample_stats"].to_dataset(), seconds)
    return {**found, "means": means(posterior)}


def plain(problem: Problem, *, draws: int, tune: int, chains: int, seed: int) -> dict[str, Any]:
    """Sample the same model non-centred in its textbook parameters, with a diagonal metric."""
    formulation = formulate(problem.campaign, problem.model, **problem.arguments())
    standardised = {name: {level: False} for name, level in problem.vary.items()}
    made = model_of(formulation, centred=standardised, reference=False, **TOLERANCES)
    compiled = LogDensity(made).compiled
    began = time.process_time()
    tree = nutpie.sample(
        compiled,
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
        progress_bar=False,
        save_warmup=False,
    )
    seconds = time.process_time() - began
    posterior = tree["posterior"].to_dataset()
    kept = [name for name in posterior.data_vars if str(name) in formulation_names(formulation)]
    found = judged(posterior[kept], tree["sample_stats"].to_dataset(), seconds)
    return {**found, "means": means(posterior[kept])}


def formulation_names(formulation: Any) -> set[str]:
    """Names of the unknowns, with their spreads and effects."""
    names = set()
    for unknown in formulation.unknowns:
        names.add(unknown.name)
        for level in unknown.levels:
            names |= {f"{unknown.name}_sd_{level}", f"{unknown.name}_by_{level}"}
    return names | {f"noise_{quantity}" for quantity in formulation.noise}


def means(posterior: xr.Dataset) -> dict[str, list[float]]:
    """Mean and standard error of the mean of every scalar of the posterior."""
    errors = az.mcse(posterior)
    return {
        str(name): [float(values.mean()), float(errors[name])]
        for name, values in posterior.data_vars.items()
        if values.ndim == 2
    }


def differences(one: dict[str, list[float]], other: dict[str, list[float]]) -> dict[str, float]:
    """Differences of means, in their standard errors."""
    return {
        name: float((one[name][0] - other[name][0]) / np.hypot(one[name][1], other[name][1]))
        for name in one
        if name in other
    }


PROBLEMS = {"eight_runs": eight_runs}


def main() -> None:
    """Run one problem both ways, in one process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--seed", type=int, default=1)
    for name, number in (("draws", 800), ("chains", 4), ("plain-draws", 400), ("plain-chains", 2)):
        parser.add_argument(f"--{name}", type=int, default=number)
    chosen = parser.parse_args()
    problem = PROBLEMS[chosen.problem]()
    mine = ours(
        problem, draws=chosen.draws, tune=chosen.draws, chains=chosen.chains, seed=chosen.seed
    )
    print("ours", mine, flush=True)
    theirs = plain(
        problem,
        draws=chosen.plain_draws,
        tune=chosen.plain_draws,
        chains=chosen.plain_chains,
        seed=chosen.seed,
    )
    print("plain", theirs, flush=True)
    apart = differences(mine.pop("means"), theirs.pop("means"))
    ratio = mine["effective_draws_a_second"] / theirs["effective_draws_a_second"]
    case = f"posterior_{chosen.problem}"
    write_case(
        case,
        {f"{case}.seconds_per_effective_draw.ratio_to_plain": 1.0 / ratio},
        seed=chosen.seed,
        ours=mine,
        plain=theirs,
        largest_difference_of_means_in_standard_errors=max(map(abs, apart.values())),
    )


if __name__ == "__main__":
    main()
