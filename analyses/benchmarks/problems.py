"""The problems that the benchmarks share: models, readings, priors."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pymc as pm
import sympy

from bayesbio.data import Campaign, Profile, Run, quantity, read_campaign
from bayesbio.inference import lognormal
from bayesbio.mechanistic import BatchReactor, MammalianFedBatch
from bayesbio.ode import simulate

DATA = Path(__file__).parents[2] / "data"
HOURS = 24.0

# Truth of data/mammalian_8runs.csv in its own units (days, mmol): see the card beside the table.
GLUCOSE, GLUTAMINE, LACTATE, AMMONIUM = (
    quantity(name).molar_mass / 1000.0 for name in ("glucose", "glutamine", "lactate", "ammonium")
)  # g/mmol
TRUTH = {
    "maximum_growth_rate": 1.2 / HOURS,
    "glucose_monod_constant": 0.5 * GLUCOSE,
    "glutamine_monod_constant": 0.06 * GLUTAMINE,
    "lactate_inhibition_constant": 140.0 * LACTATE,
    "ammonium_inhibition_constant": 12.0 * AMMONIUM,
    "maximum_death_rate": 0.30 / HOURS,
    "ammonium_death_constant": 6.0 * AMMONIUM,
    "cell_yield_on_glucose": 0.45 / GLUCOSE,
    "glucose_maintenance": 0.35 * GLUCOSE / HOURS,
    "cell_yield_on_glutamine": 3.0 / GLUTAMINE,
    "glutamine_degradation_rate": 0.05 / HOURS,
    "lactate_yield_on_glucose": 1.4 * LACTATE / GLUCOSE,
    "ammonium_yield_on_glutamine": 0.6 * AMMONIUM / GLUTAMINE,
    "specific_productivity": 0.02 / HOURS,
}
INOCULA = (0.338698, 0.321944, 0.342930, 0.334868, 0.304709, 0.348781, 0.338057, 0.339303)


def slopes_of(compiled: Any, modules: Any) -> Any:
    """Right-hand side of the traced equations, for a peer: (t, y, p, inputs) -> list."""
    traced = compiled.trace
    return sympy.lambdify(
        [traced.time, traced.y, traced.p, traced.u], traced.derivatives, modules=modules, cse=True
    )


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is handed to `fit`: a campaign, a model, priors, what varies, and the noise."""

    campaign: Campaign
    model: Any
    priors: dict[str, Any] = dataclasses.field(default_factory=dict)
    vary: dict[str, str] = dataclasses.field(default_factory=dict)
    noise: Any = None

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `fit`."""
        return {"priors": self.priors, "vary": self.vary, "noise": self.noise}


def eight_runs() -> Problem:
    """Eight virtual mammalian fed-batch runs, 14 parameters, 38 dimensions."""
    table = pd.read_csv(DATA / "mammalian_8runs.csv")
    factors = {
        "viable_cell_density": ("viable_cell_density_1e6_per_mL", 1.0),
        "glucose": ("glucose_mM", GLUCOSE),
        "glutamine": ("glutamine_mM", GLUTAMINE),
        "lactate": ("lactate_mM", LACTATE),
        "ammonium": ("ammonium_mM", AMMONIUM),
        "titer": ("titer_g_L", 1.0),
    }
    runs = []
    for place, (name, rows) in enumerate(table.groupby("run")):
        readings = pd.concat(
            [
                pd.DataFrame(
                    {
                        "time_h": HOURS * rows["time_d"].to_numpy(float),
                        "quantity": quantity_name,
                        "value": factor * rows[column].to_numpy(float),
                    }
                )
                for quantity_name, (column, factor) in factors.items()
            ]
        )
        settings = {
            "initial_viable_cell_density": INOCULA[place],
            "initial_dead_cell_density": 0.01,
            "initial_glucose": 30.0 * GLUCOSE,
            "initial_glutamine": 5.0 * GLUTAMINE,
            "initial_lactate": 1.0 * LACTATE,
            "initial_ammonium": 1.0 * AMMONIUM,
            "initial_titer": 0.01,
            "initial_volume": 1.0,
            "feed_glucose": 400.0 * GLUCOSE,
            "feed_glutamine": 40.0 * GLUTAMINE,
        }
        feed = Profile([(0.0, 0.0), (3.0 * HOURS, (0.020 + 0.004 * place) / HOURS)], "step")
        runs.append(Run(str(name), readings, settings, profiles={"feed_rate": feed}))
    return Problem(
        Campaign(runs),
        MammalianFedBatch(),
        priors={name: pm.LogNormal.dist(math.log(value), 0.3) for name, value in TRUTH.items()},
        vary={"maximum_growth_rate": "run", "specific_productivity": "run"},
        noise="lognormal",
    )


class LotkaVolterra:
    """Prey that grow, predators that live on them."""

    class State(NamedTuple):
        """Populations."""

        hare: float
        lynx: float

    class Parameters(NamedTuple):
        """Rate constants, per year."""

        hare_growth: float
        predation: float
        lynx_decline: float
        lynx_growth: float

    units = dict.fromkeys((*State._fields, *Parameters._fields), "1")
    inputs = settings = ()
    defaults: ClassVar[dict[str, Any]] = {}

    def rates(self, time, state, parameters, inputs, settings):
        """Encounters."""
        return {"encounters": state.hare * state.lynx}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        """Balances."""
        hare, lynx, eaten = state.hare, state.lynx, rates["encounters"]
        return self.State(
            hare=parameters.hare_growth * hare - parameters.predation * eaten,
            lynx=parameters.lynx_growth * eaten - parameters.lynx_decline * lynx,
        )


def lynx_hare() -> Problem:
    """Pelts of 21 years with the priors of the published reference posterior, 8 dimensions."""
    model = LotkaVolterra()
    columns = {"hare_thousands": "hare", "lynx_thousands": "lynx"}
    campaign = read_campaign(DATA / "hudson_lynx_hare.csv", time="t", columns=columns, model=model)
    rate = pm.TruncatedNormal.dist(1.0, 0.5, lower=0.0)
    per_encounter = pm.TruncatedNormal.dist(0.05, 0.05, lower=0.0)
    initial = pm.LogNormal.dist(math.log(10.0), 1.0)
    priors = {"hare_growth": rate, "lynx_decline": rate, "initial_hare": initial}
    priors |= {"predation": per_encounter, "lynx_growth": per_encounter, "initial_lynx": initial}
    return Problem(campaign, model, priors, noise=lognormal(pm.LogNormal.dist(-1.0, 1.0)))


def batch_reactor() -> Problem:
    """Eight runs of A -> B -> C with heat, as in `analyses/batch_reactor.py`."""
    model = BatchReactor()
    campaign = read_campaign(DATA / "batch_reactor.csv", model=model)
    heat_capacity = {"heat_capacity": 1800.0}
    return Problem(campaign, model, heat_capacity, {"rate_constant_1": "run"}, noise="normal")


def toy() -> Problem:
    """Read A -> B -> C at one temperature eight times: three unknowns."""
    model = BatchReactor(isothermal=True)
    settings = {"initial_concentration_a": 1.0}
    times = np.arange(0.5, 8.5)
    truth = {"rate_constant_1": 0.5, "rate_constant_2": 0.15}
    course = simulate(model, parameters=truth, settings=settings, times=times)
    noise = np.random.default_rng(20260401).normal(0.0, 0.02, len(times))
    value = course["concentration_b"].squeeze().to_numpy() + noise
    readings = pd.DataFrame({"time_h": times, "quantity": "concentration_b", "value": value})
    return Problem(Campaign([Run("R1", readings, settings)]), model, noise="normal")
