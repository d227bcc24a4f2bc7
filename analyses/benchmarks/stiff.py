"""
How fast are stiff runs beside SciPy, SUNDIALS and diffrax, at equal accuracy?

Robertson, HIRES and a runaway reactor. Every solver gets compiled right sides, and exact Jacobians
where it takes them; errors are against a solution at tolerance 1e-12. Needs the `bench` extra.
"""

# %%
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import diffrax
import jax
import jax.numpy as jnp
import numba
import numpy as np
import sympy
from scipy.integrate import solve_ivp
from sksundae.cvode import CVODE

sys.path.insert(0, str(Path(__file__).parent))
from measuring import curve, ratios, write_case
from stiff_problems import CASES, StiffCase, right_hand_side

from bayesbio.ode import simulate

jax.config.update("jax_enable_x64", True)

DRAWS = 40  # our call solves as many trajectories at once, on one core
CHOSEN = ("robertson", "hires", "runaway")
ERRORS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


# %%
def compiled(case: StiffCase):
    """Right side and Jacobian of a case as numba functions, and the right side for JAX."""
    symbols = sympy.symbols(f"y:{len(case.start)}", real=True)
    slopes = [sympy.sympify(v) for v in right_hand_side(case)(sympy.Symbol("t"), symbols)]
    shared, reduced = sympy.cse(slopes)
    jacobian = sympy.Matrix(slopes).jacobian(symbols)
    shared_jacobian, entries = sympy.cse(list(jacobian))
    size = len(symbols)

    def source(name, target, lines, values, places):
        text = [f"def {name}(y, {target}):"]
        text += [f"    {symbol} = y[{i}]" for i, symbol in enumerate(symbols)]
        text += [f"    {symbol} = {sympy.pycode(value)}" for symbol, value in lines]
        text += [
            f"    {target}[{place}] = {sympy.pycode(value)}"
            for place, value in zip(places, values, strict=True)
        ]
        return "\n".join(text)

    space: dict = {"math": __import__("math")}
    exec(source("slope", "out", shared, reduced, range(size)), space)
    where = [f"{i}, {j}" for i in range(size) for j in range(size)]
    exec(source("jacobian", "out", shared_jacobian, entries, where), space)
    fast = numba.njit(space["slope"]), numba.njit(space["jacobian"])
    in_jax = sympy.lambdify([symbols], slopes, modules=jnp, cse=True)
    return (*fast, in_jax)


def peers_of(case: StiffCase):
    """Solvers of a case: name, and a function of the tolerance that gives (time, state) values."""
    slope, jacobian, in_jax = compiled(case)
    start, times = np.array(list(case.start.values()), float), np.array(case.times)
    scale = np.array(case.scale)
    size = len(start)
    jacobian(start, np.zeros((size, size)))

    def scipy_solver(method):
        def right(t, y):
            out = np.empty(size)
            slope(y, out)
            return out

        def derivative(t, y):
            out = np.empty((size, size))
            jacobian(y, out)
            return out

        def solve(tolerance):
            found = solve_ivp(
                right, (0.0, times[-1]), start, method=method, t_eval=times, jac=derivative,
                rtol=tolerance, atol=1e-3 * tolerance * scale,
            )  # fmt: skip
            if not found.success:
                raise RuntimeError(found.message)
            return found.y.T

        return solve

    def cvode(tolerance):
        solver = CVODE(
            lambda t, y, out: slope(y, out), jacfn=lambda t, y, yp, out: jacobian(y, out),
            rtol=tolerance, atol=1e-3 * tolerance * scale, max_num_steps=1_000_000,
        )  # fmt: skip
        found = solver.solve(np.concatenate([[0.0], times]), start)
        if not found.success:
            raise RuntimeError(found.message)
        return found.y[1:]

    term = diffrax.ODETerm(lambda t, y, args: jnp.stack(in_jax(y)))

    @jax.jit
    def kvaerno(tolerance):
        controller = diffrax.PIDController(rtol=tolerance, atol=1e-3 * tolerance * scale)
        found = diffrax.diffeqsolve(
            term, diffrax.Kvaerno5(), 0.0, times[-1], None, jnp.array(start),
            saveat=diffrax.SaveAt(ts=times), stepsize_controller=controller, max_steps=100_000,
        )  # fmt: skip
        return found.ys

    return {
        "scipy_bdf": scipy_solver("BDF"),
        "scipy_radau": scipy_solver("Radau"),
        "cvode": cvode,
        "diffrax_kvaerno5": lambda tolerance: np.asarray(kvaerno(tolerance)),
    }


def ours_of(case: StiffCase):
    """Our solver: DRAWS trajectories in one call, so that labelling them costs next to nothing."""
    size = np.array(case.scale)
    parameters = {name: np.full((1, DRAWS), value) for name, value in case.parameters.items()}

    def solve(tolerance):
        course = simulate(
            case.model, parameters=parameters, settings=case.settings, profiles=case.profiles,
            times=case.times, rtol=tolerance, atol=1e-3 * tolerance * float(size.min()),
            method="implicit",
        )  # fmt: skip
        return np.stack([course[name].values[0, 0, 0] for name in case.start], axis=-1)

    return solve


# %%
def main(quick: bool, chosen: tuple[str, ...] = CHOSEN) -> None:
    """Measure the chosen cases and write the rows."""
    tolerances = [10.0**-k for k in ((4, 6) if quick else (2, 3, 4, 5, 6, 7, 8))]
    for name in chosen[:1] if quick else chosen:
        case = CASES[name]
        start = list(case.start.values())
        exact = solve_ivp(
            right_hand_side(case), (0.0, case.times[-1]), start, method="Radau", rtol=1e-12,
            atol=1e-18 * np.array(case.scale), t_eval=case.times,
        ).y.T  # fmt: skip
        floor = 1e-6 * np.abs(exact).max(axis=0)

        def error_of(values, exact=exact, floor=floor):
            return float(np.max(np.abs(values - exact) / (np.abs(exact) + floor)))

        print(f"{name}: ours")
        ours = curve(ours_of(case), tolerances, error_of, repeats=DRAWS, budget=0.2)
        peers = {}
        for peer, solve in peers_of(case).items():
            print(f"{name}: {peer}")
            peers[peer] = curve(solve, tolerances, error_of, budget=0.2)
        found = {
            f"stiff.{name}.ratio_to_{peer}": value
            for peer, value in ratios(ours, peers, ERRORS).items()
        }
        if not quick:
            curves = {name: {"bayesbio": ours, **peers}}
            write_case("stiff", found, errors=list(ERRORS), curves=curves)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one case, two tolerances, no file")
    parser.add_argument("--cases", nargs="+", default=CHOSEN, choices=CHOSEN)
    options = parser.parse_args()
    main(options.quick, tuple(options.cases))
