"""
How does the cost of value and gradient grow with runs, and with states and parameters?

Runs: the mammalian fed-batch, copied. States and parameters: a chain of n first-order steps with n
rate constants, so that a gradient by forward sensitivities would cost n times the value.
"""

# %%
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from measuring import best_seconds, write_case
from problems import TRUTH, eight_runs

from bayesbio.mechanistic.process_model import record
from bayesbio.ode.cache import kernels
from bayesbio.ode.events import Plan, schedule
from bayesbio.ode.failures import new_board
from bayesbio.ode.movable import movable_events


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


def seconds_of(compiled: Any, plans: list[Plan], theta: np.ndarray) -> tuple[float, float]:
    """Seconds of the value, and of value and gradient."""
    segments = schedule(compiled.trace, plans)
    movable, openings = movable_events(compiled.trace, plans, segments)
    opened = segments, movable, openings.moments, openings.sizes
    board = new_board(compiled.trace)

    def value(keep: bool = False):
        return compiled.module.solve(theta, *opened, board, 1e-6, 1e-9, 0, keep)

    def gradient():
        found = value(keep=True)
        return compiled.module.pull(theta, *opened, np.ones_like(found[0]), *found[1:])

    return best_seconds(value, budget=0.5), best_seconds(gradient, budget=1.0)


# %%
def main(quick: bool) -> None:
    """Measure both growths and write the slopes."""
    problem = eight_runs()
    compiled = kernels(problem.model)
    runs = list(problem.campaign)
    by_runs = []
    for count in (1, 8, 64) if quick else (1, 2, 4, 8, 16, 32, 64, 128, 256):
        chosen = [runs[place % 8] for place in range(count)]
        plans = [Plan(run.name, run.times(), run.profiles, run.events) for run in chosen]
        theta = np.array(
            [[TRUTH.get(n, run.settings.get(n)) for n in compiled.trace.names] for run in chosen],
            float,
        )
        by_runs.append((count, *seconds_of(compiled, plans, theta)))
        print(by_runs[-1], flush=True)
    by_size = []
    for steps in (5,) if quick else (5, 20, 50, 100):
        made = kernels(Chain(steps))
        theta = np.concatenate([np.linspace(0.3, 0.6, steps), np.eye(steps)[0]])[None]
        plans = [Plan("chain", np.array([10.0, 40.0]), {}, ())]
        by_size.append((steps, *seconds_of(made, plans, theta)))
        print(by_size[-1], flush=True)
    table = np.array(by_runs)
    slope = float(np.polyfit(np.log(table[:, 0]), np.log(table[:, 2]), 1)[0])
    print(f"slope in runs {slope:.3f}")
    if quick:
        return
    size = np.array(by_size)
    ratio = size[:, 2] / size[:, 1]
    ratio_slope = float(np.polyfit(np.log(size[:, 0]), np.log(ratio), 1)[0])
    write_case(
        "growth",
        {},
        slope_in_runs=slope,
        runs_value_gradient_seconds=by_runs,
        slope_of_gradient_over_value_in_parameters=ratio_slope,
        parameters_value_gradient_seconds=by_size,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few sizes, no file")
    main(parser.parse_args().quick)
