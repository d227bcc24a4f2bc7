"""
How fast is a packed bed of 498 states, with gradients by 8 parameters, beside SUNDIALS?

A pulse of three minutes travels through the bed, adsorbs, reacts and leaves. Our value and gradient
are set against the plain forward solve of CVODE with banded Jacobian and a compiled right side, at
equal error of the outlet. Needs the `bench` extra.
"""

# %%
from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
from sksundae.cvode import CVODE

sys.path.insert(0, str(Path(__file__).parent))
from measuring import ratios, write_case

from bayesbio.data import Campaign, Profile, Run
from bayesbio.mechanistic import PackedBed
from bayesbio.ode import simulate, trajectories

TIMES = np.linspace(0.05, 1.0, 20)
PARAMETERS = {
    "velocity": 1.0,
    "axial_dispersion": 1e-3,
    "column_porosity": 0.4,
    "uptake_rate": 20.0,
    "release_rate": 10.0,
    "maximum_reaction_rate": 3.0,
    "half_saturation": 0.5,
    "decay_rate": 0.3,
}
INLET = ((0.0, 1.0), (0.05, 0.0))
ERRORS = (3e-4, 1e-4, 3e-5, 1e-5)


# %%
def ours(bed: PackedBed, tolerance: float):
    """Compiled functions of the parameters: outlet alone, and outlet with its gradients."""
    readings = pd.DataFrame({"time_h": TIMES, "quantity": "outlet_concentration", "value": 1.0})
    feed = Profile(INLET, "step")
    campaign = Campaign([Run("pulse", readings, profiles={"inlet_concentration": feed})])
    values = pt.dvector("values")
    given = {name: values[place] for place, name in enumerate(PARAMETERS)}
    outlet = trajectories(
        bed, campaign, given, rtol=tolerance, atol=1e-2 * tolerance, method="implicit"
    )["outlet_concentration"]
    weights = pt.as_tensor(np.linspace(1.0, 2.0, len(TIMES)))
    gradient = pytensor.grad((weights * outlet).sum(), values)
    forward = pytensor.function([values], outlet, mode="NUMBA", trust_input=True)
    both = pytensor.function([values], [outlet, gradient], mode="NUMBA", trust_input=True)
    return forward, both


def cvode(bed: PackedBed):
    """CVODE's forward solve as a function of the tolerance; states interleaved, a narrow band."""
    p, grid = PARAMETERS, bed.grid
    matrix = p["velocity"] * grid.advection.values + p["axial_dispersion"] * grid.dispersion.values
    count = len(grid.nodes)
    rows, columns = np.nonzero(matrix)
    band = 2 * int(np.abs(rows - columns).max())
    values = matrix[rows, columns]
    starts = np.searchsorted(rows, np.arange(count + 1))
    inflow = p["velocity"] * grid.inflow.values[0]
    phases = (1 - p["column_porosity"]) / p["column_porosity"]
    on, off = p["uptake_rate"], p["release_rate"]
    fastest, half, decay = p["maximum_reaction_rate"], p["half_saturation"], p["decay_rate"]

    @numba.njit(error_model="numpy", fastmath=True)
    def slope(y, inlet, out):
        for i in range(count):
            total = 0.0
            for e in range(starts[i], starts[i + 1]):
                total += values[e] * y[2 * columns[e]]
            c, q = y[2 * i], y[2 * i + 1]
            uptake = on * c - off * q
            out[2 * i] = total - phases * uptake - fastest * c / (half + c) - decay * c
            out[2 * i + 1] = uptake
        out[0] += inflow * inlet

    def fed(inlet):
        return lambda t, y, out: slope(y, inlet, out)

    def solve(tolerance):
        y, found = np.zeros(2 * count), []
        for (begin, inlet), (end, _) in zip(INLET, (*INLET[1:], (TIMES[-1], 0.0)), strict=True):
            looks = [hour for hour in TIMES.tolist() if begin < hour <= end]
            solver = CVODE(
                fed(inlet), linsolver="band",
                lband=band, uband=band, rtol=tolerance, atol=1e-2 * tolerance,
                max_num_steps=1_000_000,
            )  # fmt: skip
            part = solver.solve(np.unique([begin, *looks, end]), y)
            y = part.y[-1]
            found += part.y[1:, 2 * count - 2].tolist()[: len(looks)]
        return np.array(found)

    return solve


def alternating(calls, budget):
    """Shortest time of each of several calls, made in turn, so that all see the same machine."""
    best = dict.fromkeys(calls, np.inf)
    for call in calls.values():
        call()
    stop = time.perf_counter() + budget
    while time.perf_counter() < stop:
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


# %%
def main(quick: bool) -> None:
    """Measure and write the rows."""
    bed = PackedBed(elements=4 if quick else 62, degree=4)
    values = np.array(list(PARAMETERS.values()))
    feed = {"inlet_concentration": Profile(INLET, "step")}
    exact = simulate(
        bed, parameters=PARAMETERS, profiles=feed, times=TIMES, rtol=1e-10, atol=1e-12,
        method="implicit",
    )["outlet_concentration"].to_numpy().ravel()  # fmt: skip
    peer = cvode(bed)
    tolerances = (1e-3,) if quick else (1e-2, 1e-3, 1e-4)
    calls, errors = {}, {}
    for tolerance in tolerances:
        forward, both = ours(bed, tolerance)
        calls["forward", tolerance] = lambda f=forward: f(values)
        calls["gradient", tolerance] = lambda f=both: f(values)
        errors["forward", tolerance] = np.abs(forward(values) - exact).max()
        errors["gradient", tolerance] = errors["forward", tolerance]
    for tolerance in tolerances if quick else (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
        calls["cvode", tolerance] = lambda t=tolerance: peer(t)
        errors["cvode", tolerance] = np.abs(peer(tolerance) - exact).max()
    seconds = alternating(calls, 3.0 if quick else 60.0)
    curves = {}
    for name, tolerance in calls:
        row = (tolerance, float(errors[name, tolerance]), seconds[name, tolerance])
        curves.setdefault(name, []).append(row)
        print(f"{name} {row[0]:.0e}: error {row[1]:.1e}, {1e3 * row[2]:.2f} ms")
    found = {
        f"transport_reaction.{what}.ratio_to_cvode": value
        for what in ("forward", "gradient")
        for value in ratios(curves[what], {"cvode": curves["cvode"]}, ERRORS).values()
    }
    found["transport_reaction.gradient.ratio_to_own_forward"] = float(
        np.mean([seconds["gradient", t] / seconds["forward", t] for t in tolerances])
    )
    print(found)
    if not quick:
        states = 2 * len(bed.grid.nodes)
        write_case(
            "transport_reaction", found, states=states, parameters=len(PARAMETERS),
            errors=list(ERRORS), curves=curves,
        )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short bed, one tolerance, no file")
    main(parser.parse_args().quick)
