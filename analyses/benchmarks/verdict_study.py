"""
Does the verdict see a wrong model, and does it leave a right one alone?

Synthetic campaigns of a mammalian fed-batch with known truth: some from the very model that is
fitted (how often does each check alarm: size), others with one of ten planted misfits (how often
is it called: power). Each is fitted by a short NUTS run with one compiled density.
"""

import time
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pandas as pd

from bayesbio.calibrate.checks.replicator import Replicator
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest, Tolerances
from bayesbio.data import Campaign, Event, Run
from bayesbio.errors import CalibrationError
from bayesbio.inference import lognormal, normal, verdict_of
from bayesbio.mechanistic import MammalianFedBatch
from bayesbio.mechanistic.functions import exp
from bayesbio.mechanistic.kinetics.rates import hyperbolic_inhibition
from bayesbio.ode import simulate

arguments = ArgumentParser(description=__doc__)
arguments.add_argument("--quick", action="store_true", help="two campaigns of each kind")
arguments.add_argument("--out", type=Path, default=Path("reports"), help="folder of the reports")
arguments.add_argument("--null", type=int, default=200, help="campaigns without a misfit")
arguments.add_argument("--each", type=int, default=50, help="campaigns of each misfit")
options, _ = arguments.parse_known_args()
folder = options.out / "verdict"
folder.mkdir(parents=True, exist_ok=True)
NULL, EACH = (2, 2) if options.quick else (options.null, options.each)
SAMPLING = dict(draws=150, thin=2, tune=250, chains=2, target_accept=0.9, kept=300)

# %% The design: six runs of fourteen days with boluses of glucose, read once a day
RUNS = [f"R{i}" for i in range(1, 7)]
HOURS = np.arange(0.0, 15.0) * 24.0
NOISE = {  # relative; viability in absolute terms
    "viable_cell_density": 0.07,
    "viability": 0.01,
    "glucose": 0.04,
    "lactate": 0.05,
    "ammonium": 0.06,
    "titer": 0.05,
}
TRUTH = {
    "maximum_growth_rate": 0.032,
    "glucose_monod_constant": 0.07,
    "lactate_inhibition_constant": 9.0,
    "ammonium_inhibition_constant": 0.15,
    "maximum_death_rate": 0.008,
    "ammonium_death_constant": 0.09,
    "cell_yield_on_glucose": 1.7,
    "glucose_maintenance": 0.0015,
    "lactate_yield_on_glucose": 0.3,
    "ammonium_yield_on_cells": 0.006,
    "specific_productivity": 6e-4,
}
START = {
    "initial_viable_cell_density": 0.5,
    "initial_dead_cell_density": 0.01,
    "initial_glucose": 6.0,
    "initial_lactate": 0.15,
    "initial_ammonium": 0.01,
    "initial_volume": 2.0,
}


class InhibitedByProduct(MammalianFedBatch):
    """The same culture, whose product inhibits growth."""

    def rates(self, time, state, parameters, inputs, settings):
        """Rates with hyperbolic inhibition by 0.4 g/L of product."""
        rates = super().rates(time, state, parameters, inputs, settings)
        share = hyperbolic_inhibition(state.titer, inhibition_constant=0.4)
        return rates | {"growth": rates["growth"] * share}


class Lagging(MammalianFedBatch):
    """The same culture, whose cells start to grow after 30 hours."""

    def rates(self, time, state, parameters, inputs, settings):
        """Rates with growth switched on late."""
        rates = super().rates(time, state, parameters, inputs, settings)
        return rates | {"growth": rates["growth"] / (1 + exp(30.0 - time))}


def design(unlisted: float = 0.0) -> Campaign:
    """Plan boluses on every second day, and one of `unlisted` g in the last two runs."""
    runs = []
    for number, name in enumerate(RUNS):
        feeds = [(24.0 * day, 4.0 + 2.0 * number) for day in (3, 5, 7, 9, 11)]
        if unlisted and number >= 4:
            feeds = sorted([*feeds, (193.0, unlisted)])
        events = [Event(when, "bolus", "glucose", amount) for when, amount in feeds]
        runs.append(Run(name, settings=dict(START), events=events))
    return Campaign(runs)


def courses(model, campaign, **changes):
    """Noise-free courses of the truth: quantity to array, (run, time)."""
    given = {name: (TRUTH | changes)[name] for name in model.Parameters._fields}
    course = simulate(model, parameters=given, campaign=campaign, times=HOURS)
    return {name: course[name].isel(chain=0, draw=0).to_numpy() for name in NOISE}


def in_run(number, changed):
    """Courses of one run from other courses, those of all others from the fitted model."""
    return {
        name: np.where((np.arange(len(RUNS)) == number)[:, None], changed[name], values)
        for name, values in plain.items()
    }


def scaled(quantity, factor, number=None):
    """Courses with one quantity multiplied, in one run or in all."""
    changed = plain | {quantity: plain[quantity] * factor}
    return changed if number is None else in_run(number, changed)


fitted = MammalianFedBatch(glutamine=False, feed=False)
plain = courses(fitted, design())
order = [5, 1, 2, 3, 4, 0]
LEAN = {"glutamine": False, "feed": False}
MISFITS = {
    "lactate is consumed": courses(
        MammalianFedBatch(**LEAN, lactate_uptake=True),
        design(),
        maximum_lactate_uptake=1.2e-3,
        lactate_uptake_constant=0.3,
    ),
    "cells die late": courses(
        MammalianFedBatch(**LEAN, death="late"),
        design(),
        death_rate=0.002,
        maximum_death_rate=0.03,
        death_onset=280.0,
        death_rise_time=12.0,
    ),
    "a yield fixed at 1.6 times its value": plain,
    "an unlisted feed of 8 g in two runs": courses(fitted, design(8.0)),
    "one run starts 30 hours late": in_run(2, courses(Lagging(**LEAN), design())),
    "the glucose sensor drifts 3 % a day": scaled("glucose", 1.0 + 0.03 * HOURS / 24.0),
    "a tenfold dilution slip of one run's titer": scaled("titer", 0.1, 1),
    "the product inhibits growth": courses(InhibitedByProduct(**LEAN), design()),
    "two runs are swapped": {name: values[order] for name, values in plain.items()},
    "a second substrate runs out": courses(
        MammalianFedBatch(feed=False),
        Campaign([run.replace(settings={**run.settings, "initial_glutamine": 0.5}) for run in
                  design()]),
        glutamine_monod_constant=0.01,
        cell_yield_on_glutamine=25.0,
        glutamine_degradation_rate=1e-3,
        ammonium_yield_on_glutamine=0.1,
    ),
}  # fmt: skip
SHAPE = ("residual autocorrelation", "trend over time")
RIGHT = {  # checks that name the cause, one of which has to call
    "a yield fixed at 1.6 times its value": (*SHAPE, "noise size"),
    "an unlisted feed of 8 g in two runs": (*SHAPE, "run bias", "coverage by third"),
    "one run starts 30 hours late": (*SHAPE, "run bias"),
    "a tenfold dilution slip of one run's titer": ("run bias",),
    "two runs are swapped": (*SHAPE, "run bias"),
}


# %% One compiled density for each model that is fitted; only readings are exchanged
def readings_of(values, rows, rng):
    """Noisy readings in the order of the density's rows."""
    readings = {}
    for name, part in rows.items():
        run = [RUNS.index(each) for each in part["run"].astype(str)]
        time = np.searchsorted(HOURS, part["time_h"].to_numpy(float))
        mean, scatter = values[name][run, time], rng.standard_normal(len(part))
        noisy = mean * np.exp(NOISE[name] * scatter)
        readings[name] = mean + NOISE[name] * scatter if name == "viability" else noisy
    return readings


def measured(values) -> Campaign:
    """Give the design readings."""
    read = {name: slice(4, None, 2) if name == "titer" else slice(None) for name in NOISE}
    tables = [
        pd.DataFrame(
            {
                "time_h": HOURS[read[name]],
                "quantity": name,
                "value": values[name][number][read[name]],
            }
        )
        for name in NOISE
        for number in range(len(RUNS))
    ]
    by_run = {
        run: pd.concat(tables[number :: len(RUNS)], ignore_index=True)
        for number, run in enumerate(RUNS)
    }
    return Campaign([run.replace(measurements=by_run[run.name]) for run in design()])


def replicator(**priors):
    """Fits of readings of the design, noise as `fit` chooses it."""
    kinds = {name: lognormal() for name in NOISE} | {"viability": normal()}
    request = FitRequest(measured(plain), fitted, priors=priors, noise=kinds)
    return Replicator(formulate(request), Tolerances(), settings=SAMPLING)


fits = {
    None: replicator(),
    "a yield fixed at 1.6 times its value": replicator(
        lactate_yield_on_glucose=1.6 * TRUTH["lactate_yield_on_glucose"]
    ),
}
table, start = [], time.perf_counter()
studies = {"none": plain, **MISFITS}
for misfit, values in studies.items():
    refit = fits.get(misfit, fits[None])
    for replication in range(NULL if misfit == "none" else EACH):
        seed = 1000 * list(studies).index(misfit) + replication
        readings = readings_of(values, refit.formulation.rows, np.random.default_rng(seed))
        try:
            tree = refit.completed(refit.refit(readings, seed), readings, seed)
        except CalibrationError:  # no start with a solution
            table.append({"misfit": misfit, "replication": replication, "computed": False})
            continue
        del tree["log_likelihood"]  # single influential readings are not what is asked here
        verdict = verdict_of(tree)
        items = [item for item in verdict.items if item.question == "model"]
        states = {i.name: "passed" if i.passed else "look" if i.advisory else "failed"
                  for i in items}  # fmt: skip
        table.append({"misfit": misfit, "replication": replication, "computed": True, **states})
    pd.DataFrame(table).to_csv(folder / "campaigns.csv", index=False)
    print(f"{misfit}: {time.perf_counter() - start:.0f} s")

# %% Shares of campaigns in which each check called
found = pd.DataFrame(table).set_index(["misfit", "replication"])
found = found[found.pop("computed")]
called = (found != "passed") & found.notna()
NEW = ["predictive p-values", *SHAPE, "trend over the level", "run bias", "coverage by third",
       "noise size"]  # fmt: skip
shares = called.groupby("misfit", sort=False).mean()
right = {
    misfit: called.loc[misfit][list(RIGHT.get(misfit, SHAPE))].any(axis=1).mean()
    for misfit in MISFITS
}
shares.insert(0, "right check", pd.Series(right))
shares.insert(0, "any new check", called[NEW].any(axis=1).groupby("misfit", sort=False).mean())
shares.insert(0, "campaigns", called.groupby("misfit", sort=False).size())
shares.round(3).to_csv(folder / "size_and_power.csv")
print(shares.round(2).T.to_string())
