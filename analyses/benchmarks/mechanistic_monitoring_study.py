"""
Four runs and a fitted model: what monitoring by a calibration finds that four runs alone cannot.

Run as a script it writes reports/titer_monitoring/mechanistic.csv.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from bayesbio.calibrate import fit
from bayesbio.data import Campaign, Profile, Run
from bayesbio.inference import between, lognormal
from bayesbio.mechanistic import FedBatchCulture
from bayesbio.monitoring import Monitor, monitoring_scores
from bayesbio.ode import simulate

STUDY = Path(__file__).parents[2] / "reports" / "titer_monitoring" / "mechanistic.csv"
TIMES = np.arange(0.0, 31.0, 3.0)
KINETICS = {"maximum_growth_rate": 0.30, "substrate_monod_constant": 0.1, "cell_yield": 0.45}
BETWEEN = {"maximum_growth_rate": 0.05, "cell_yield": 0.04}
FAULTS = {"cell_yield": -0.20, "maximum_growth_rate": -0.40, "feed": -0.30, "biomass": 0.25}
START = {
    "initial_biomass": 0.5,
    "initial_substrate": 8.0,
    "initial_volume": 1.0,
    "feed_substrate": 400.0,
}


def fed_batch(rng, name, fault="", size=0.0, onset=12.0):
    """Make a run at times of its own, a fifth of its readings missing, its feed as planned."""
    drawn = {key: v * np.exp(rng.normal(0.0, BETWEEN.get(key, 0.0))) for key, v in KINETICS.items()}
    times = TIMES + rng.uniform(-0.4, 0.4, len(TIMES)) * (TIMES > 0)
    grid = np.unique(np.concatenate([np.arange(0.0, 31.01, 0.5), times, [onset]]))
    flow = np.minimum(0.0035 * np.exp(0.09 * np.maximum(grid - 8.0, 0.0)), 0.015)
    flow = np.where(grid < 8.0, 0.0, flow)
    states = ("biomass", "substrate", "volume")

    def solved(parameters, settings, at, rate):
        course = simulate(
            FedBatchCulture(),
            parameters=parameters,
            settings=settings,
            profiles={"feed_rate": Profile(list(zip(at - at[0], rate, strict=True)))},
            times=at - at[0],
        ).squeeze()
        return {state: course[state].to_numpy().copy() for state in states}

    found = solved(drawn, START, grid, flow)
    if fault in drawn or fault == "feed":
        late = grid >= onset
        first = int(np.argmax(late))
        changed = {key: v * (1.0 + size * (key == fault)) for key, v in drawn.items()}
        again = START | {f"initial_{state}": found[state][first] for state in states}
        given = flow[late] * (1.0 + size * (fault == "feed"))
        for state, values in solved(changed, again, grid[late], given).items():
            found[state][late] = values
    rows = []
    for quantity in ("biomass", "substrate"):
        values = np.interp(times, grid, found[quantity])
        values *= 1.0 + size * (times >= onset) * (quantity == fault)
        values *= np.exp(rng.normal(0.0, 0.05, len(times)))
        kept = rng.uniform(size=len(times)) > 0.2
        rows.append(pd.DataFrame({"time_h": times, "quantity": quantity, "value": values})[kept])
    planned = {"feed_rate": Profile(list(zip(grid, flow, strict=True)))}
    return Run(name, pd.concat(rows), settings=START, profiles=planned)


def study():
    """Both monitors on the same runs; what earlier campaigns say of the spreads is given."""
    rng = np.random.default_rng(6)
    runs = Campaign([fed_batch(rng, f"R{n}") for n in range(4)])
    calibration = fit(
        runs,
        FedBatchCulture(),
        priors={
            "maximum_growth_rate": between(0.1, 0.6),
            "substrate_monod_constant": between(0.02, 0.5),
            "cell_yield": between(0.2, 0.8),
            "maximum_growth_rate_sd_run": between(0.02, 0.12),
            "cell_yield_sd_run": between(0.02, 0.12),
        },
        vary={"maximum_growth_rate": "run", "cell_yield": "run"},
        noise={"biomass": lognormal(), "substrate": lognormal()},
        draws=400,
        tune=400,
        random_seed=1,
    )
    rng = np.random.default_rng(106)
    good = [fed_batch(rng, f"good {n}") for n in range(100)]
    bad, faults, onsets = [], {}, {}
    for fault, most in FAULTS.items():
        for number in range(6):
            onset = float(rng.choice([9.0, 12.0, 15.0, 18.0]))
            name = f"{fault} {number}"
            bad.append(fed_batch(rng, name, fault, most * rng.uniform(0.6, 1.0), onset))
            faults[name], onsets[name] = fault, onset
    monitors = {"model and 4 runs": Monitor().fit(calibration), "4 runs alone": Monitor().fit(runs)}
    table = monitoring_scores(monitors, good, bad, faults=faults, onsets=onsets)
    return table


if __name__ == "__main__":
    STUDY.parent.mkdir(parents=True, exist_ok=True)
    study().reset_index().round(4).to_csv(STUDY, index=False)
