"""Virtual campaigns with effects at three nested levels, calibrated and compared with truth."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.calibrate import Calibration, fit
from bayesbio.data import Campaign, Profile, Run
from bayesbio.mechanistic import BatchCulture, GrowthCurve, MammalianFedBatch, ProcessModel
from bayesbio.ode import simulate

RESULTS = Path(__file__).parents[2] / "reports" / "levels"
LEVELS = ("molecule", "campaign", "run")
GROWTH = "maximum_growth_rate"
PRODUCTIVITY = "specific_productivity"
YIELD = "growth_associated_yield"
# Of a fed-batch of mammalian cells; what a first campaign cannot tell is taken as known.
FED_BATCH = {
    "maximum_growth_rate": 0.040,
    "lactate_inhibition_constant": 8.0,
    "maximum_death_rate": 0.008,
    "ammonium_death_constant": 0.25,
    "cell_yield_on_glucose": 2.2,
    "glucose_maintenance": 0.0008,
    "cell_yield_on_glutamine": 14.0,
    "lactate_yield_on_glucose": 0.28,
    "ammonium_yield_on_glutamine": 0.06,
    "specific_productivity": 0.0012,
}
KNOWN = {
    "glucose_monod_constant": 0.10,
    "glutamine_monod_constant": 0.015,
    "ammonium_inhibition_constant": 0.16,
    "glutamine_degradation_rate": 0.0015,
}
BATCH = {
    "maximum_growth_rate": 0.30,
    "substrate_monod_constant": 0.15,
    "cell_yield": 0.45,
    "maintenance": 0.02,
    "growth_associated_yield": 0.40,
    "non_growth_associated_rate": 0.01,
    "product_inhibition_constant": 12.0,
}
Spreads = dict[str, tuple[float, float, float]]  # parameter -> of each level


def nested_runs(sizes: tuple[int, int, int]) -> pd.DataFrame:
    """Molecules, campaigns of each, runs of each, as a table of runs."""
    rows = [
        {
            "molecule": f"M{m + 1}",
            "campaign": f"M{m + 1}-C{c + 1}",
            "run": f"M{m + 1}-C{c + 1}-{r + 1}",
        }
        for m in range(sizes[0])
        for c in range(sizes[1])
        for r in range(sizes[2])
    ]
    return pd.DataFrame(rows).set_index("run", drop=False)


def effects(table: pd.DataFrame, sds: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    """Sum of the effects of all levels for each run."""
    total = np.zeros(len(table))
    for level, sd in sds.items():
        drawn = {group: sd * rng.standard_normal() for group in table[level].unique()}
        total += table[level].map(drawn).to_numpy(float)
    return total


def sixty_runs(
    model: ProcessModel,
    truth: dict[str, float],
    spreads: Spreads,
    noise: dict[str, tuple[float, float]],
    conditions: Callable[[np.random.Generator], dict[str, Any]],
    times: np.ndarray,
) -> Campaign:
    """Five molecules, four campaigns of each, three runs of each; noise is constant, relative."""
    rng = np.random.default_rng(20260401)
    table = nested_runs((5, 4, 3))
    varied = {
        name: effects(table, dict(zip(LEVELS, sds, strict=True)), rng)
        for name, sds in spreads.items()
    }
    runs = []
    for place, (name, row) in enumerate(table.iterrows()):
        given = conditions(rng)
        own = {
            key: value * np.exp(varied[key][place]) if key in varied else value
            for key, value in truth.items()
        }
        course = simulate(model, parameters=own, times=times, **given)
        parts = []
        for quantity, (constant, fraction) in noise.items():
            mean = course[quantity].squeeze().to_numpy()
            value = mean + np.hypot(constant, fraction * mean) * rng.standard_normal(len(times))
            value = np.clip(value, 0.0, 1.0 if quantity == "viability" else None)
            parts.append(pd.DataFrame({"time_h": times, "quantity": quantity, "value": value}))
        labels = {"molecule": row["molecule"], "campaign": row["campaign"]}
        given = {**given, "settings": {**given["settings"], **labels}}
        runs.append(Run(str(name), pd.concat(parts), **given))
    return Campaign(runs)


def fed_batches() -> tuple[Calibration, dict[str, float], float]:
    """Sixty fed-batches, ten kinetic parameters; calibration, truth, seconds of the processor."""

    def conditions(rng: np.random.Generator) -> dict[str, Any]:
        settings = {
            "initial_viable_cell_density": float(rng.uniform(0.3, 0.5)),
            "initial_dead_cell_density": 0.012,
            "initial_volume": 2.0,
            "initial_glucose": 6.0,
            "initial_glutamine": 0.6,
            "initial_lactate": 0.1,
            "initial_ammonium": 0.012,
            "initial_titer": 0.0,
            "feed_glucose": 80.0,
            "feed_glutamine": 10.0,
        }
        feed = Profile([(0.0, 0.0), (72.0, float(rng.uniform(0.0015, 0.004)))], "step")
        return {"settings": settings, "profiles": {"feed_rate": feed}}

    spreads = {GROWTH: (0.12, 0.08, 0.05), PRODUCTIVITY: (0.30, 0.12, 0.08)}
    noise = {
        "viable_cell_density": (0.0, 0.08),
        "viability": (0.005, 0.0),
        "glucose": (0.05, 0.04),
        "lactate": (0.0, 0.05),
        "ammonium": (0.0, 0.05),
        "titer": (0.01, 0.04),
    }
    model, days = MammalianFedBatch(), 24.0 * np.arange(0, 15, 2)
    campaign = sixty_runs(model, {**FED_BATCH, **KNOWN}, spreads, noise, conditions, days)
    read = {
        "viable_cell_density": "lognormal",
        "viability": "normal",
        "glucose": "combined",
        "lactate": "lognormal",
        "ammonium": "lognormal",
        "titer": "combined",
    }
    return _fitted(campaign, model, FED_BATCH, spreads, priors=KNOWN, noise=read)


def batch_cultures() -> tuple[Calibration, dict[str, float], float]:
    """Sixty batch cultures whose Monod constant is hardly known: a bent, one-sided posterior."""

    def conditions(rng: np.random.Generator) -> dict[str, Any]:
        settings = {
            "initial_biomass": float(rng.uniform(0.2, 0.5)),
            "initial_substrate": float(rng.uniform(15.0, 30.0)),
            "initial_product": 0.0,
        }
        return {"settings": settings}

    spreads = {GROWTH: (0.20, 0.10, 0.06), YIELD: (0.25, 0.12, 0.08)}
    noise = {"biomass": (0.01, 0.04), "substrate": (0.10, 0.04), "product": (0.01, 0.05)}
    model = BatchCulture(maintenance=True, product=True, product_inhibition="hyperbolic")
    times = np.array([0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 24.0])
    campaign = sixty_runs(model, BATCH, spreads, noise, conditions, times)
    return _fitted(campaign, model, BATCH, spreads, noise=dict.fromkeys(noise, "combined"))


def _fitted(
    campaign: Campaign,
    model: ProcessModel,
    truth: dict[str, float],
    spreads: Spreads,
    **asked: Any,
) -> tuple[Calibration, dict[str, float], float]:
    began = time.process_time()
    calibration = fit(campaign, model, vary=dict.fromkeys(spreads, LEVELS), random_seed=1, **asked)
    seconds = time.process_time() - began
    known = {
        f"{name}_sd_{level}": sd
        for name, sds in spreads.items()
        for level, sd in zip(LEVELS, sds, strict=True)
    }
    return calibration, {**truth, **known}, seconds


def small_campaign(seed: int) -> tuple[Campaign, GrowthCurve, dict[str, float]]:
    """Sixteen growth curves with spreads drawn from their priors."""
    rng = np.random.default_rng(seed)
    model = GrowthCurve(form="logistic")
    sds = {level: float(abs(0.3 * rng.standard_normal())) for level in LEVELS}
    truth = {GROWTH: 0.25, "plateau": 12.0}
    table = nested_runs((4, 2, 2))
    rates = truth[GROWTH] * np.exp(effects(table, sds, rng))
    times = np.array([0.0, 4.0, 8.0, 12.0, 16.0, 24.0])
    runs = []
    for rate, (name, row) in zip(rates, table.iterrows(), strict=True):
        settings = {"initial_biomass": 0.3}
        course = simulate(model, parameters={**truth, GROWTH: rate}, settings=settings, times=times)
        value = course["biomass"].squeeze().to_numpy() * np.exp(0.05 * rng.standard_normal(6))
        frame = pd.DataFrame({"time_h": times, "quantity": "biomass", "value": value})
        labels = {"molecule": row["molecule"], "campaign": row["campaign"]}
        runs.append(Run(str(name), frame, {**settings, **labels}))
    return (
        Campaign(runs),
        model,
        {**truth, **{f"{GROWTH}_sd_{level}": sd for level, sd in sds.items()}},
    )


def small_fit(seed: int) -> pd.DataFrame:
    """Truth, quantiles and rank of the truth of each unknown in one small campaign."""
    campaign, model, truth = small_campaign(seed)
    calibration = fit(
        campaign,
        model,
        vary={GROWTH: LEVELS},
        noise="lognormal",
        draws=400,
        tune=500,
        random_seed=seed,
    )
    return compared(calibration, truth).assign(seed=seed)


def compared(calibration: Calibration, truth: dict[str, float]) -> pd.DataFrame:
    """Truth beside the quantiles of the posterior."""
    draws, verdict = calibration.draws, calibration.check()
    rows = [
        {
            "name": name,
            "truth": value,
            **{
                f"q{100 * level:g}": float(draws[name].quantile(level))
                for level in (0.005, 0.05, 0.5, 0.95, 0.995)
            },
            "share_below": float((draws[name] < value).mean()),
        }
        for name, value in truth.items()
    ]
    return pd.DataFrame(rows).assign(
        r_hat=verdict["R-hat"].value, divergences=verdict["divergences"].value
    )
