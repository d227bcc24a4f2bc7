"""
How fast are value and gradient of a fed-batch run beside diffrax and PyMC's own class?

One mammalian fed-batch run of 14 days whose feed changes every day: the sum of all states at 14
daily looks, and its gradient by 16 parameters, 2 settings and 8 initial states. Every solver gets
the same equations; errors of the gradient are against one at tolerance 1e-12. Needs the `bench`
extra.
"""

# %%
from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import sympy

sys.path.insert(0, str(Path(__file__).parent))
from measuring import best_seconds, curve, ratios, write_case
from problems import HOURS, TRUTH, eight_runs

from bayesbio.data import Profile
from bayesbio.ode.cache import kernels
from bayesbio.ode.events import Plan, schedule
from bayesbio.ode.failures import new_board
from bayesbio.ode.movable import movable_events

jax.config.update("jax_enable_x64", True)

DAYS = HOURS * np.arange(1.0, 15.0)
FEED = [(HOURS * day, 0.0 if day < 3 else (0.02 + 0.001 * day) / HOURS) for day in range(14)]
ERRORS = (1e-4, 1e-5, 1e-6, 1e-7)


# %%
def one_run() -> tuple[Any, np.ndarray]:
    """Kernels, and the values of parameters, settings and initial states of the first run."""
    problem = eight_runs()
    compiled = kernels(problem.model)
    settings = problem.campaign["R1"].settings
    return compiled, np.array([TRUTH.get(n, settings.get(n)) for n in compiled.trace.names], float)


def ours(compiled: Any, feed: Profile):
    """Value and gradient by the engine, as the log density calls them."""
    plans = [Plan("one", DAYS, {"feed_rate": feed}, ())]
    segments = schedule(compiled.trace, plans)
    movable, openings = movable_events(compiled.trace, plans, segments)
    opened = segments, movable, openings.moments, openings.sizes
    board, states = new_board(compiled.trace), len(compiled.trace.states)
    weights = np.zeros((len(DAYS), len(compiled.trace.observed)))
    weights[:, :states] = 1.0

    def call(theta: np.ndarray, tolerance: float):
        found = compiled.module.solve(theta, *opened, board, tolerance, 1e-3 * tolerance, 0, True)
        return found[0][:, :states].sum(), compiled.module.pull(
            theta, *opened, weights, *found[1:]
        )[0]

    return call


def slopes_of(compiled: Any, modules: Any):
    """Right-hand side of the traced equations: (t, y, p, feed) -> list."""
    traced = compiled.trace
    function = sympy.lambdify(
        [traced.time, traced.y, traced.p, traced.u], traced.derivatives, modules=modules, cse=True
    )
    return lambda t, y, p, feed: function(t, y, p, [feed])


def by_diffrax(compiled: Any):
    """Value and gradient by diffrax: Tsit5, steps that land on every change of the feed."""
    slopes = slopes_of(compiled, "jax")
    starts, rates = (jnp.array(part) for part in zip(*FEED, strict=True))
    states = len(compiled.trace.states)

    def right(t, y, p):
        feed = rates[jnp.searchsorted(starts, t, side="right") - 1]
        return jnp.stack([jnp.asarray(v, float) for v in slopes(t, y, p, feed)])

    def value(p, tolerance):
        control = diffrax.ClipStepSizeController(
            diffrax.PIDController(rtol=tolerance, atol=1e-3 * tolerance), jump_ts=starts[1:]
        )
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(right), diffrax.Tsit5(), 0.0, DAYS[-1], None, p[-states:], args=p,
            saveat=diffrax.SaveAt(ts=jnp.array(DAYS)), stepsize_controller=control,
            max_steps=4096,
        )  # fmt: skip
        return solution.ys.sum()

    compiled_value = jax.jit(jax.value_and_grad(value))

    def call(p: np.ndarray, tolerance: float):
        found, gradient = compiled_value(p, tolerance)
        return float(found), np.asarray(gradient)

    return call


def by_pymc(compiled: Any, feed: float):
    """Value and gradient by `pymc.ode.DifferentialEquation`, for one constant feed."""
    slopes = slopes_of(compiled, [{"exp": pt.exp, "log": pt.log, "sqrt": pt.sqrt}, "math"])
    traced = compiled.trace
    states, width = len(traced.states), len(traced.p) - len(traced.states)
    solver = pm.ode.DifferentialEquation(
        func=lambda y, t, p: slopes(t, [y[i] for i in range(states)],
                                    [p[i] for i in range(width)] + [0.0] * states, feed),
        times=DAYS.tolist(), n_states=states, n_theta=width, t0=0.0,
    )  # fmt: skip
    theta = pt.dvector("theta")
    total = solver(y0=theta[width:], theta=theta[:width]).sum()
    return pytensor.function([theta], [total, pytensor.grad(total, theta)])


# %%
def main(quick: bool) -> None:
    """Measure every solver in one process and write the ratios."""
    compiled, theta = one_run()
    feed = Profile(FEED, "step")
    solvers = {"bayesbio": ours(compiled, feed), "diffrax": by_diffrax(compiled)}
    solvers["bayesbio"](theta[None], 1e-6)
    exact = solvers["bayesbio"](theta[None], 1e-12)[1][0]
    apart = solvers["diffrax"](theta, 1e-10)[1]
    floor = 1e-3 * np.abs(exact * theta).max()

    def error_of(found: tuple[float, np.ndarray]) -> float:
        difference = (np.ravel(found[1]) - exact) * theta
        return float(np.max(np.abs(difference) / (np.abs(exact * theta) + floor)))

    print(f"diffrax at 1e-10 agrees to {error_of((0.0, apart)):.1e}")
    tolerances = [1e-4, 1e-6] if quick else [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8]
    rows = {
        name: curve(
            lambda at, solve=solve, x=theta[None] if name == "bayesbio" else theta: solve(x, at),
            tolerances,
            error_of,
            budget=0.3 if quick else 1.5,
        )
        for name, solve in solvers.items()
    }
    found = {
        f"fed_batch.gradient.ratio_to_{peer}": value
        for peer, value in ratios(rows["bayesbio"], {"diffrax": rows["diffrax"]}, ERRORS).items()
    }
    if not quick:
        constant = FEED[5][1]
        began = time.process_time()
        pymc = by_pymc(compiled, constant)
        plain = ours(compiled, Profile([(0.0, constant)], "step"))
        mine = best_seconds(lambda: plain(theta[None], 1e-6))
        theirs = best_seconds(lambda: pymc(theta), least=3)
        agree = np.max(np.abs(pymc(theta)[1] / plain(theta[None], 1e-8)[1][0] - 1.0))
        print(f"pymc.ode built in {time.process_time() - began:.0f} s, gradient apart {agree:.1e}")
        found["fed_batch.gradient.ratio_to_pymc_ode"] = mine / theirs
        write_case("fed_batch", found, errors=list(ERRORS), curves=rows,
                   one_constant_feed={"bayesbio": mine, "pymc_ode": theirs})  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two tolerances, no file")
    main(parser.parse_args().quick)
