"""
How many effective draws a second does the engine give, against plain samplers and peers?

One run of a problem: the engine as `fit` uses it; the same density in textbook parameters, effects
standardised, with a diagonal metric (plain: nutpie, which is what `pm.sample` takes by default);
the same density by PyMC's own sampler in Python; numpyro with diffrax; Stan (a process of its own,
see `stan_peer`). Ours tunes as `fit` does by default, the others as many draws as they keep.
Seconds are processor seconds of sampling, tuning and our search for the mode included, compiling
left out. A sampler that would take hours keeps few draws, so
that its number of effective draws is rough; ``gradients`` times ``seconds_a_gradient`` says the
same without. Needs the `bench` extra.
"""

from __future__ import annotations

import argparse
import inspect
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import nutpie
import pymc as pm
import xarray as xr

sys.path.insert(0, str(Path(__file__).parent))
from measuring import write_case
from problems import DATA, INOCULA, Problem, batch_reactor, eight_runs, lynx_hare, toy

from bayesbio.calibrate.coordinates.starts import CompiledProblem
from bayesbio.calibrate.fitting import fit, usual_acceptance
from bayesbio.calibrate.model import statistical_model
from bayesbio.calibrate.problem.formulation import Formulation, formulate
from bayesbio.calibrate.requests import FitRequest, Tolerances
from bayesbio.inference import LogDensity, NoUTurn, sample

TOLERANCES = {"rtol": 1e-6, "atol": 1e-9}
Found = dict[str, Any]


def judged(
    posterior: xr.Dataset, stats: xr.Dataset, seconds: float, seconds_a_gradient: float
) -> Found:
    """Effective draws of the worst textbook parameter, and what they cost."""
    kept = [str(name) for name in posterior.data_vars]
    sizes = az.ess(posterior[kept])
    worst = {name: float(sizes[name].min()) for name in kept}
    name = min(worst, key=worst.__getitem__)
    return {
        "least_effective_draws": worst[name],
        "of": name,
        "draws": int(posterior.sizes["draw"]),
        "chains": int(posterior.sizes["chain"]),
        "processor_seconds": seconds,
        "seconds_a_gradient": seconds_a_gradient,
        "effective_draws_a_second": worst[name] / seconds,
        "effective_draws_a_thousand_gradients": 1e3 * worst[name] / float(stats["n_steps"].sum()),
        "leapfrogs_a_draw": float(stats["n_steps"].mean()),
        "divergences": int(stats["diverging"].sum()),
        "means": means(posterior[kept]),
    }


def means(posterior: xr.Dataset) -> dict[str, list[float]]:
    """Mean and standard error of the mean of every scalar of the posterior."""
    errors = az.mcse(posterior)
    return {
        str(name): [float(values.mean()), float(errors[name])]
        for name, values in posterior.data_vars.items()
        if values.ndim == 2
    }


def gradient_seconds(density: LogDensity, point: np.ndarray) -> float:
    """Shortest of repeated calls of the compiled density."""
    times = []
    for _ in range(200):
        began = time.perf_counter()
        density.value_and_gradient(point)
        times.append(time.perf_counter() - began)
    return min(times)


def ours(problem: Problem, *, draws: int, chains: int, seed: int) -> Found:
    """Sample as `fit` does, with as many tuning draws as it takes by default."""
    tune = inspect.signature(fit).parameters["tune"].default
    formulation = formulation_of(problem)
    compiled = CompiledProblem.of(formulation, Tolerances(**TOLERANCES))
    density, mode = compiled.density, compiled.start(random_seed=seed).mode
    began = time.process_time()
    tree = sample(
        density, start=mode, draws=draws, tune=tune, chains=chains, random_seed=seed,
        sampler=NoUTurn(usual_acceptance(formulation)),
    )  # fmt: skip
    seconds = time.process_time() - began
    gradient = gradient_seconds(density, mode.point)
    seconds += mode.evaluations * gradient  # the search for the mode
    stats = tree["sample_stats"].to_dataset()
    posterior = tree["posterior"].to_dataset()
    posterior = posterior[compiled.parameter_names(map(str, posterior.data_vars))]
    return judged(posterior, stats, seconds, gradient)


def formulation_of(problem: Problem) -> Formulation:
    """Resolve a problem as `fit` does."""
    return formulate(FitRequest(problem.campaign, problem.model, **problem.arguments()))


class Plain:
    """The same model non-centred in its textbook parameters, for peers with a diagonal metric."""

    def __init__(self, problem: Problem) -> None:
        formulation = formulation_of(problem)
        self.model = statistical_model(formulation, Tolerances(**TOLERANCES))
        self.names = {f"noise_{quantity}" for quantity in formulation.noise}
        for unknown in formulation.unknowns:
            self.names |= {unknown.name, *(f"{unknown.name}_sd_{of}" for of in unknown.levels)}
            self.names |= {f"{unknown.name}_by_{of}" for of in unknown.levels}

    def nutpie(self, *, draws: int, chains: int, seed: int) -> Found:
        """Sample by nutpie's default."""
        density = LogDensity(self.model)
        began = time.process_time()
        tree = nutpie.sample(
            density.compiled, draws=draws, tune=draws, chains=chains, seed=seed,
            progress_bar=False, save_warmup=False,
        )  # fmt: skip
        return self._judged(tree, time.process_time() - began, density)

    def pymc(self, *, draws: int, chains: int, seed: int) -> Found:
        """Sample by PyMC's own sampler, with its defaults."""
        density = LogDensity(self.model)
        began = time.process_time()
        tree = pm.sample(
            draws=draws, tune=draws, chains=chains, cores=1, random_seed=seed, model=self.model,
            nuts_sampler="pymc", progressbar=False, compute_convergence_checks=False,
        )  # fmt: skip
        return self._judged(tree, time.process_time() - began, density)

    def _judged(self, tree: xr.DataTree, seconds: float, density: LogDensity) -> Found:
        posterior = tree["posterior"].to_dataset()
        kept = posterior[[name for name in posterior.data_vars if str(name) in self.names]]
        stats = tree["sample_stats"].to_dataset()
        return judged(kept, stats, seconds, gradient_seconds(density, density.default_point()))


def by_numpyro(problem: Problem, **settings: int) -> Found:
    """Sample by numpyro, trajectories by diffrax."""
    from posterior_numpyro import sampled

    posterior, stats, seconds, gradient = sampled(problem, **settings, **TOLERANCES)
    return judged(posterior, stats, seconds, gradient)


def by_stan(
    python: str, name: str, problem: Problem, *, draws: int, chains: int, seed: int
) -> Found:
    """Sample by Stan where draws are asked for, else only time its gradient."""
    data, at = STAN_DATA[name](problem)
    asked = {
        "problem": name, "data": {**data, **TOLERANCES}, "at": at, "draws": draws,
        "chains": chains, "seed": seed,
    }  # fmt: skip
    script = str(Path(__file__).parent / "stan_peer.py")
    done = subprocess.run(
        [python, script], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    if not draws:
        return found
    dims = ("chain", "draw")
    posterior = xr.Dataset({n: (dims, np.array(v)) for n, v in found["posterior"].items()})
    stats = xr.Dataset({"n_steps": (dims, found["steps"]), "diverging": (dims, found["diverging"])})
    return judged(posterior, stats, found["processor_seconds"], found["seconds_a_gradient"])


def _stan_lynx_hare(problem: Problem) -> tuple[Found, list[float]]:
    frame = problem.campaign.to_frame()
    wide = frame.pivot(index="time_h", columns="quantity", values="value")[["hare", "lynx"]]
    rows = wide.to_numpy(float)
    data = {"n": len(rows) - 1, "times": wide.index[1:].tolist()}
    at = np.log([0.55, 0.028, 0.8, 0.024, 34.0, 5.9, 0.25, 0.25]).tolist()
    return {**data, "first": rows[0].tolist(), "read": rows[1:].tolist()}, at


def _stan_eight_runs(problem: Problem) -> tuple[Found, list[float]]:
    import pandas as pd

    table = pd.read_csv(DATA / "mammalian_8runs.csv")
    columns = [str(column) for column in table.columns[2:]]
    read = [rows[columns].to_numpy(float).tolist() for _, rows in table.groupby("run")]
    truth = [1.2, 0.5, 0.06, 140.0, 12.0, 0.30, 6.0, 0.45, 0.35, 3.0, 0.05, 1.4, 0.6, 0.02]
    feed = [0.020 + 0.004 * run for run in range(len(read))]
    data = {
        "runs": len(read), "inoculum": list(INOCULA), "feed": feed, "truth": truth, "read": read,
        "days": [float(day) for day in range(1, 15)],
    }  # fmt: skip
    at = [*np.log(truth), *np.log([0.1, 0.1]), *[0.0] * (2 * len(read)), *np.log([0.06] * 6)]
    return data, [float(value) for value in at]


STAN_DATA = {"lynx_hare": _stan_lynx_hare, "eight_runs": _stan_eight_runs}


def differences(one: dict[str, list[float]], other: dict[str, list[float]]) -> dict[str, float]:
    """Differences of means, in their standard errors."""
    return {
        name: float((one[name][0] - other[name][0]) / np.hypot(one[name][1], other[name][1]))
        for name in one
        if name in other
    }


PROBLEMS = {
    "eight_runs": eight_runs,
    "lynx_hare": lynx_hare,
    "batch_reactor": batch_reactor,
    "toy": toy,
}
REMARKS = {
    "eight_runs": [
        "Eight runs: plain is what pm.sample takes by default (nutpie, diagonal metric) on the "
        "density in textbook parameters with standardised effects.",
        "Eight runs: Stan and numpyro with diffrax are estimates, their measured gradient times "
        "the gradients that the plain run took, tuning included.",
    ],
    "lynx_hare": [
        "Lynx and hare: Stan's seconds are its measured gradient times its leapfrogs, tuning "
        "included.",
    ],
}
ROADS = ("plain", "pymc", "numpyro_diffrax", "stan")


def main() -> None:
    """Run one problem by every road that is asked for, in one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--more-seeds", type=int, nargs="*", default=[], help="of ours")
    parser.add_argument("--draws", type=int, default=800, help="a chain of ours")
    parser.add_argument("--chains", type=int, default=4, help="of ours")
    parser.add_argument("--peer-chains", type=int, default=2)
    parser.add_argument("--plain", type=int, default=0, help="draws a chain; 0 leaves it out")
    parser.add_argument("--pymc", type=int, default=0, help="draws a chain")
    parser.add_argument("--numpyro", type=int, default=0, help="draws a chain; the eight runs only")
    parser.add_argument("--numpyro-gradient", action="store_true", help="times its gradient only")
    parser.add_argument("--stan", type=int, default=0, help="draws a chain; lynx and hare only")
    parser.add_argument("--stan-python", help="interpreter with pystan: times its gradient")
    chosen = parser.parse_args()
    name, problem = chosen.problem, PROBLEMS[chosen.problem]()
    settings = {"chains": chosen.chains, "seed": chosen.seed}
    few = {**settings, "chains": chosen.peer_chains}
    case = f"posterior_{name}"
    mine = ours(problem, draws=chosen.draws, **settings)
    print("ours", mine, flush=True)
    found = {"ours": mine}
    expected: Found = {}
    made = Plain(problem) if chosen.plain or chosen.pymc else None
    if made is not None and chosen.plain:
        found["plain"] = made.nutpie(draws=chosen.plain, **few)
        print("plain", found["plain"], flush=True)
    if chosen.stan_python:
        theirs = by_stan(chosen.stan_python, name, problem, draws=chosen.stan, **few)
        print("stan", theirs, flush=True)
        if chosen.stan:
            found["stan"] = theirs
        else:
            expected["stan"] = {**theirs, **_expected(found["plain"], theirs["seconds_a_gradient"])}
    if made is not None and chosen.pymc:
        found["pymc"] = made.pymc(draws=chosen.pymc, **few)
        print("pymc", found["pymc"], flush=True)
    if chosen.numpyro_gradient:
        from posterior_numpyro import prepared

        _, _, cost = prepared(problem, **TOLERANCES)
        expected["numpyro_diffrax"] = _expected(found["plain"], cost)
    if chosen.numpyro:
        found["numpyro_diffrax"] = by_numpyro(problem, draws=chosen.numpyro, **few)
        print("numpyro", found["numpyro_diffrax"], flush=True)
    for seed in chosen.more_seeds:
        found[f"ours_seed_{seed}"] = ours(problem, draws=chosen.draws, **{**settings, "seed": seed})
    reference = mine.pop("means")
    for road, values in found.items():
        if road != "ours":  # other seeds of ours too
            apart = differences(reference, values.pop("means"))
            values["largest_difference_of_means_in_standard_errors"] = max(map(abs, apart.values()))
    rate = mine["effective_draws_a_second"]
    ratios = {
        f"{case}.seconds_per_effective_draw.ratio_to_{road}": values["effective_draws_a_second"]
        / rate
        for road, values in {**found, **expected}.items()
        if not road.startswith("ours")
    }
    if name == "eight_runs" and "stan" in expected:  # the density of all runs, in one run of this
        theirs = expected["stan"]["seconds_a_gradient"]
        ratios["fed_batch.gradient.ratio_to_stan"] = mine["seconds_a_gradient"] / theirs
    write_case(
        case, ratios, seed=chosen.seed, sampled=found, by_gradient_times_leapfrogs=expected,
        remarks=REMARKS.get(name, []),
    )  # fmt: skip


def _expected(plain: Found, cost: float) -> Found:
    """Expect of a sampler that it takes the plain run's gradients, tuning included."""
    rate = plain["effective_draws_a_second"] * plain["seconds_a_gradient"] / cost
    return {"seconds_a_gradient": cost, "effective_draws_a_second": rate}


if __name__ == "__main__":
    main()
