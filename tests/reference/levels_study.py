"""Virtual campaigns with effects at three nested levels, calibrated and compared with truth."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from bayesbio.calibrate import Calibration, fit
from bayesbio.data import Campaign, Run
from bayesbio.inference import combined
from bayesbio.mechanistic import BatchCulture, GrowthCurve
from bayesbio.ode import simulate

RESULTS = Path(__file__).parents[2] / "reports" / "levels"
LEVELS = ("molecule", "campaign", "run")
GROWTH = "maximum_growth_rate"
TRUTH = (0.30, 0.15, 0.45, 0.02, 0.40, 0.01, 12.0)  # in the order of the parameters


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


def sixty_runs(seed: int = 20260401) -> tuple[Campaign, BatchCulture, dict[str, float]]:
    """Sixty batch cultures: seven kinetic parameters, two of which vary at three levels."""
    rng = np.random.default_rng(seed)
    model = BatchCulture(maintenance=True, product=True, product_inhibition="hyperbolic")
    truth = dict(zip(model.Parameters._fields, TRUTH, strict=True))
    spreads = {
        GROWTH: dict(zip(LEVELS, (0.20, 0.10, 0.06), strict=True)),
        "growth_associated_yield": dict(zip(LEVELS, (0.25, 0.12, 0.08), strict=True)),
    }
    noise = {"biomass": (0.01, 0.04), "substrate": (0.10, 0.04), "product": (0.01, 0.05)}
    table = nested_runs((5, 4, 3))
    varied = {name: effects(table, sds, rng) for name, sds in spreads.items()}
    times = np.array([0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 24.0])
    runs = []
    for place, (name, row) in enumerate(table.iterrows()):
        settings = {
            "initial_biomass": float(rng.uniform(0.2, 0.5)),
            "initial_substrate": float(rng.uniform(15.0, 30.0)),
            "initial_product": 0.0,
        }
        own = {
            key: value * np.exp(varied[key][place]) if key in varied else value
            for key, value in truth.items()
        }
        course = simulate(model, parameters=own, settings=settings, times=times)
        parts = []
        for quantity, (constant, fraction) in noise.items():
            mean = course[quantity].squeeze().to_numpy()
            value = mean + np.hypot(constant, fraction * mean) * rng.standard_normal(len(times))
            parts.append(
                pd.DataFrame(
                    {"time_h": times, "quantity": quantity, "value": np.maximum(value, 0.0)}
                )
            )
        labels = {"molecule": row["molecule"], "campaign": row["campaign"]}
        runs.append(Run(str(name), pd.concat(parts), {**settings, **labels}))
    known = {f"{name}_sd_{level}": sd for name, sds in spreads.items() for level, sd in sds.items()}
    return Campaign(runs), model, {**truth, **known}


def fit_sixty(campaign: Campaign, model: BatchCulture) -> tuple[Calibration, float]:
    """Calibrate them; seconds of processor time it took."""
    began = time.process_time()
    calibration = fit(
        campaign,
        model,
        vary={GROWTH: LEVELS, "growth_associated_yield": LEVELS},
        noise={quantity: combined() for quantity in ("biomass", "substrate", "product")},
        random_seed=1,
    )
    return calibration, time.process_time() - began


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
