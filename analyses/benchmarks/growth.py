"""
How does the cost of value and gradient grow with runs, and with states and parameters?

Runs: the mammalian fed-batch, copied. Parameters: a chain of n first-order steps with n
rate constants, so that a gradient by forward sensitivities would cost n times the value. States: a
packed bed on finer and finer grids, implicit, with 8 parameters.
"""

# %%
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from measuring import best_seconds, write_case
from problems import TRUTH, eight_runs

from bayesbio.data import Profile, Run
from bayesbio.mechanistic import PackedBed
from bayesbio.mechanistic.process_model import record
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.schedule.dynamic_events import problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.schedule.failures import new_failure_log
from bayesbio.ode.schedule.segments import Options
from bayesbio.ode.simulation import METHODS


class Chain:
    """Species 1 -> 2 -> ... -> n, each step with a rate constant of its own."""

    def __init__(self, steps: int) -> None:
        species = tuple(f"species_{i}" for i in range(steps))
        constants = tuple(f"rate_{i}" for i in range(steps))
        self.State, self.Parameters = record("State", species), record("Parameters", constants)
        self.units = dict.fromkeys(species, "mol/L") | dict.fromkeys(constants, "1/h")
        self.inputs = self.settings = ()
        self.defaults: dict[str, Any] = {}

    def rates(self, time, state, parameters, inputs, settings):
        """Rates of the steps."""
        return {
            name: constant * amount
            for name, constant, amount in zip(parameters._fields, parameters, state, strict=True)
        }

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        """Balances."""
        flows = [0.0, *rates.values()]
        return self.State(*(flows[i] - flows[i + 1] for i in range(len(state))))


def calls(
    compiled: Any, plans: list[Plan], theta: np.ndarray, method: str = "auto"
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Functions that compute the value, and value and gradient, of the kernels alone."""
    problem = problem_of(compiled.trace, plans)[0]
    log = new_failure_log(compiled.trace)

    def value(keep: bool = False):
        options = Options(1e-6, 1e-9, METHODS.index(method), keep)
        return compiled.module.solve(theta, problem, options, log)

    def gradient():
        stored, *solution = value(keep=True)
        return compiled.module.pull(theta, problem, np.ones_like(stored), *solution)

    return value, gradient


def seconds_of(
    compiled: Any, plans: list[Plan], theta: np.ndarray, method: str = "auto"
) -> tuple[float, float]:
    """Seconds of the value, and of value and gradient."""
    value, gradient = calls(compiled, plans, theta, method)
    clock = time.process_time
    value_seconds = best_seconds(value, budget=0.5, clock=clock)
    return value_seconds, best_seconds(gradient, budget=1.0, clock=clock)


def at_truth(compiled: Any, runs: list[Run]) -> tuple[list[Plan], np.ndarray]:
    """Plans and parameters of mammalian runs."""
    plans = [Plan(run.name, run.times(), run.profiles, run.events) for run in runs]
    theta = [[TRUTH.get(n, run.settings.get(n)) for n in compiled.trace.names] for run in runs]
    return plans, np.array(theta, float)


def slope(rows: list[tuple[int, float, float]], column: int) -> float:
    """Slope of the logarithm of a column over that of the size."""
    table = np.log(np.array(rows))
    return float(np.polyfit(table[:, 0], table[:, column], 1)[0])


# %%
def by_runs(counts: tuple[int, ...]) -> list[tuple[int, float, float]]:
    """Count of runs, seconds of the value, of value and gradient."""
    problem = eight_runs()
    compiled = kernels(problem.model)
    runs = list(problem.campaign)
    rows = []
    for count in counts:
        chosen = [runs[place % 8] for place in range(count)]
        rows.append((count, *seconds_of(compiled, *at_truth(compiled, chosen))))
        print("runs", rows[-1], flush=True)
    return rows


def by_parameters(counts: tuple[int, ...]) -> list[tuple[int, float, float]]:
    """Count of rate constants, seconds of the value, of value and gradient."""
    rows = []
    for steps in counts:
        made = kernels(Chain(steps))
        theta = np.concatenate([np.linspace(0.3, 0.6, steps), np.eye(steps)[0]])[None]
        plans = [Plan("chain", np.array([10.0, 40.0]), {}, ())]
        rows.append((steps, *seconds_of(made, plans, theta)))
        print("parameters", rows[-1], flush=True)
    return rows


def by_states(grids: tuple[tuple[int, int], ...]) -> list[tuple[int, float, float]]:
    """Count of states, seconds of the value, of value and gradient."""
    values = dict(velocity=1.0, axial_dispersion=1e-3, column_porosity=0.4, uptake_rate=20.0,
                  release_rate=10.0, maximum_reaction_rate=3.0, half_saturation=0.5,
                  decay_rate=0.3)  # fmt: skip
    rows = []
    for elements, degree in grids:
        compiled = kernels(PackedBed(elements=elements, degree=degree))
        traced = compiled.trace
        states = len(traced.states)
        theta = np.array([[*(values[n] for n in traced.parameters), *np.zeros(states)]])
        pulse = Profile([(0.0, 1.0), (0.05, 0.0)], "step")
        plans = [Plan("pulse", np.linspace(0.05, 1.0, 20), {"inlet_concentration": pulse}, ())]
        rows.append((states, *seconds_of(compiled, plans, theta, "implicit")))
        print("states", rows[-1], flush=True)
    return rows


def main(quick: bool) -> None:
    """Measure each growth and write the slopes as they come."""
    rows = by_runs((1, 8, 64) if quick else (1, 2, 4, 8, 16, 32, 64, 128, 256))
    if quick:
        print(f"slope in runs {slope(rows, 2):.3f}")
        return
    write_case("growth", {}, slope_in_runs=slope(rows, 2), runs_value_gradient_seconds=rows)
    rows = by_states(((1, 1), (5, 4), (75, 4)))
    write_case("growth", {}, slope_in_states=slope(rows, 2), states_value_gradient_seconds=rows)
    rows = by_parameters((5, 20, 50, 100))
    relative = [(count, value, gradient / value) for count, value, gradient in rows]
    write_case(
        "growth",
        {},
        slope_of_gradient_over_value_in_parameters=slope(relative, 2),
        parameters_value_gradient_seconds=rows,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few runs, no file")
    main(parser.parse_args().quick)
