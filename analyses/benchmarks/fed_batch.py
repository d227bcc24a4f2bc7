"""
How fast are value and gradient of a fed-batch run beside diffrax and PyMC's own class?

Eight mammalian fed-batch runs of 14 days whose feed changes every day, in one call on one core:
the sum of all states at 14 daily looks, and its gradient by 16 parameters, 2 settings and 8 initial
states of each run. Times are those of one run. Every solver gets the same equations; errors of the
gradient are against one at tolerance 1e-12. Needs the `bench` extra.
"""

# %%
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt

sys.path.insert(0, str(Path(__file__).parent))
from measuring import best_seconds, curve, ratios, write_case
from problems import HOURS, TRUTH, eight_runs, slopes_of

from bayesbio.data import Profile
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.schedule.dynamic_events import problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.schedule.failures import new_failure_log
from bayesbio.ode.schedule.segments import Options

jax.config.update("jax_enable_x64", True)

DAYS = HOURS * np.arange(1.0, 15.0)
FEED = [(HOURS * day, 0.0 if day < 3 else (0.02 + 0.001 * day) / HOURS) for day in range(14)]
ERRORS = (1e-4, 1e-5, 1e-6, 1e-7)
RUNS = 8  # in one call, so that what a call costs from Python does not count


# %%
def one_run() -> tuple[Any, np.ndarray]:
    """Kernels, and the values of parameters, settings and initial states of the first run."""
    problem = eight_runs()
    compiled = kernels(problem.model)
    settings = problem.campaign["R1"].settings
    return compiled, np.array([TRUTH.get(n, settings.get(n)) for n in compiled.trace.names], float)


def ours(compiled: Any, feed: Profile):
    """Value and gradient by the engine, as the log density calls them."""
    plans = [Plan(f"R{run}", DAYS, {"feed_rate": feed}, ()) for run in range(RUNS)]
    problem = problem_of(compiled.trace, plans)[0]
    log, states = new_failure_log(compiled.trace), len(compiled.trace.states)
    weights = np.zeros((RUNS * len(DAYS), len(compiled.trace.observed)))
    weights[:, :states] = 1.0

    def call(theta: np.ndarray, tolerance: float):
        options = Options(tolerance, 1e-3 * tolerance, 0, True)
        stored, *solution = compiled.module.solve(theta, problem, options, log)
        gradients = compiled.module.pull(theta, problem, weights, *solution)
        return stored[:, :states].sum(), gradients.theta

    return call


def by_diffrax(compiled: Any):
    """Value and gradient by diffrax: Tsit5, steps that land on every change of the feed."""
    slopes = slopes_of(compiled, "jax")
    starts, rates = (jnp.array(part) for part in zip(*FEED, strict=True))
    states = len(compiled.trace.states)

    def right(t, y, p):
        feed = rates[jnp.searchsorted(starts, t, side="right") - 1]
        return jnp.stack([jnp.asarray(v, float) for v in slopes(t, y, p, [feed])])

    def of_one(p, tolerance):
        control = diffrax.ClipStepSizeController(
            diffrax.PIDController(rtol=tolerance, atol=1e-3 * tolerance), jump_ts=starts[1:]
        )
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(right), diffrax.Tsit5(), 0.0, DAYS[-1], None, p[-states:], args=p,
            saveat=diffrax.SaveAt(ts=jnp.array(DAYS)), stepsize_controller=control,
            max_steps=4096,
        )  # fmt: skip
        return solution.ys.sum()

    def value(theta, tolerance):
        # one after the other: side by side (vmap) every run takes as many steps as the slowest
        return jax.lax.map(lambda p: of_one(p, tolerance), theta).sum()

    compiled_value = jax.jit(jax.value_and_grad(value))

    def call(theta: np.ndarray, tolerance: float):
        found, gradient = compiled_value(theta, tolerance)
        return float(found), np.asarray(gradient)

    return call


def by_pymc(compiled: Any, feed: float):
    """Value and gradient by `pymc.ode.DifferentialEquation`, for one constant feed."""
    slopes = slopes_of(compiled, [{"exp": pt.exp, "log": pt.log, "sqrt": pt.sqrt}, "math"])
    traced = compiled.trace
    states, width = len(traced.states), len(traced.p) - len(traced.states)
    solver = pm.ode.DifferentialEquation(
        func=lambda y, t, p: slopes(t, [y[i] for i in range(states)],
                                    [p[i] for i in range(width)] + [0.0] * states, [feed]),
        times=DAYS.tolist(), n_states=states, n_theta=width, t0=0.0,
    )  # fmt: skip
    theta = pt.dvector("theta")
    total = solver(y0=theta[width:], theta=theta[:width]).sum()
    return pytensor.function([theta], [total, pytensor.grad(total, theta)])


# %%
def main(quick: bool, budget: float, pymc_too: bool) -> None:
    """Measure every solver in one process and write the ratios."""
    compiled, first = one_run()
    theta = np.tile(first, (RUNS, 1))
    theta[:, 0] *= np.linspace(0.9, 1.1, RUNS)  # growth differs between runs
    feed = Profile(FEED, "step")
    solvers = {"bayesbio": ours(compiled, feed), "diffrax": by_diffrax(compiled)}
    exact = solvers["bayesbio"](theta, 1e-12)[1]
    floor = 1e-3 * np.abs(exact * theta).max()

    def error_of(found: tuple[float, np.ndarray]) -> float:
        difference = (found[1] - exact) * theta
        return float(np.max(np.abs(difference) / (np.abs(exact * theta) + floor)))

    print(f"diffrax at 1e-10 agrees to {error_of(solvers['diffrax'](theta, 1e-10)):.1e}")
    tolerances = [1e-4, 1e-6] if quick else [1e-4, 1e-5, 1e-6, 1e-7, 1e-8]
    rows = {
        name: curve(
            lambda at, solve=solve: solve(theta, at),
            tolerances,
            error_of,
            repeats=RUNS,
            budget=budget,
        )
        for name, solve in solvers.items()
    }
    found = {
        f"fed_batch.gradient.ratio_to_{peer}": value
        for peer, value in ratios(rows["bayesbio"], {"diffrax": rows["diffrax"]}, ERRORS).items()
    }
    constant: dict[str, float] = {}
    if pymc_too and not quick:
        feed_rate = FEED[5][1]
        pymc = by_pymc(compiled, feed_rate)
        plain = ours(compiled, Profile([(0.0, feed_rate)], "step"))
        constant["bayesbio"] = best_seconds(lambda: plain(theta, 1e-6)) / RUNS
        constant["pymc_ode"] = best_seconds(lambda: pymc(first), least=3)
        apart = np.max(np.abs(pymc(first)[1] / plain(np.tile(first, (RUNS, 1)), 1e-8)[1][0] - 1.0))
        print(f"pymc.ode: gradient apart {apart:.1e}")
        found["fed_batch.gradient.ratio_to_pymc_ode"] = constant["bayesbio"] / constant["pymc_ode"]
    print(found)
    if not quick:
        write_case("fed_batch", found, errors=list(ERRORS), curves=rows, one_constant_feed=constant)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two tolerances, no file")
    parser.add_argument("--budget", type=float, default=1.5, help="seconds a measured point")
    parser.add_argument("--without-pymc", action="store_true", help="it takes a minute to build")
    chosen = parser.parse_args()
    main(chosen.quick, chosen.budget, not chosen.without_pymc)
