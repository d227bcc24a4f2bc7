"""A calibration with known draws: what the report reads, made without sampling."""

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesbio.data.campaign import Campaign
from bayesbio.data.findings import Finding
from bayesbio.data.run import Run
from bayesbio.inference import Verdict, VerdictItem
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.mechanistic import BatchReactor

TIMES = np.arange(0.0, 337.0, 24.0)
UNITS = {"viable_cell_density": "1e6 cells/mL", "glucose": "g/L", "viability": "1"}
PARAMETER_UNITS = {"maximum_growth_rate": "1/h", "cell_yield_on_glucose": "1e9 cells/g"}


def curve(quantity, growth, time):
    density = 0.4 * np.exp(growth * time) / (1 + 0.4 * (np.exp(growth * time) - 1) / 14)
    return {
        "viable_cell_density": density,
        "glucose": 6.5 - 0.42 * density + 0 * time,
        "viability": 0.985 - 0.25 / (1 + np.exp(-(time - 280) / 30)) + 0 * density,
    }[quantity]


SPREAD = {"viable_cell_density": 0.5, "glucose": 0.2, "viability": 0.01}


def campaign_of(names, seed=3):
    rng = np.random.default_rng(seed)
    runs = []
    for place, name in enumerate(names):
        rows = []
        for quantity in UNITS:
            for time in TIMES:
                value = curve(quantity, 0.030 + 0.001 * (place % 5), time)
                value, flag = float(value + SPREAD[quantity] * rng.normal()), ""
                if quantity == "glucose" and value < 0.8:
                    value, flag = 0.8, "below"
                elif place == 1 and quantity == "glucose" and time == 48.0:
                    flag = "excluded"
                rows.append((time, quantity, value, flag))
        measured = pd.DataFrame(rows, columns=["time_h", "quantity", "value", "flag"])
        runs.append(Run(name, measured, settings={"volume": 2.0, "clone": "AB"[place % 2]}))
    odd = Finding(
        "warning",
        names[0],
        96.0,
        "Glucose rises without a feed.",
        "Add the feed to the events, or flag the value 'excluded'.",
    )
    return Campaign(runs, findings=[odd])


class StubCalibration:
    """As much of a Calibration as a report reads."""

    hash = "ab" * 32
    random_seed = 20260101
    groups = {"maximum_growth_rate": ("run",)}

    def __init__(self, *, runs=4, model, passed=True, draws=200):
        rng = np.random.default_rng(11)
        self.campaign = campaign_of([f"R{n + 1:02d}" for n in range(runs)])
        self.model = model
        self.passed = passed
        self.options = {
            "random_seed": 20260101,
            "rtol": 1e-6,
            "priors": {"maximum_growth_rate": "LogNormal, 90 % in 0.01 to 0.06"},
            "sources": {"maximum_growth_rate": "doi:10.1002/bit.20000"},
            "given": {},
            "vary": {"maximum_growth_rate": ["run"]},
            "noise": {"glucose": "normal"},
        }
        self.noise = {}
        self.warnings = ["There are fewer observations than parameters."]
        names = list(self.campaign.names)
        shape = (4, draws)
        posterior = {
            "maximum_growth_rate": rng.lognormal(np.log(0.032), 0.05, shape),
            "cell_yield_on_glucose": rng.lognormal(np.log(2.4), 0.1, shape),
            "maximum_growth_rate_sd_run": np.abs(rng.normal(0.05, 0.01, shape)),
            "maximum_growth_rate_by_run": rng.lognormal(np.log(0.032), 0.05, (*shape, runs)),
            "noise_viable_cell_density": np.abs(rng.normal(0.5, 0.05, shape)),
        }
        prior = {
            "maximum_growth_rate": rng.lognormal(np.log(0.03), 0.4, (1, 500)),
            "cell_yield_on_glucose": rng.lognormal(np.log(2), 0.5, (1, 500)),
            "maximum_growth_rate_sd_run": np.abs(rng.normal(0, 0.2, (1, 500))),
            "noise_viable_cell_density": np.abs(rng.normal(0, 2, (1, 500))),
        }
        frame = self.campaign.to_frame()
        observed, predicted, likelihood, dims, coords = {}, {}, {}, {}, {"run": names}
        for quantity in UNITS:
            rows = frame[(frame["quantity"] == quantity) & (frame["flag"] == "")]
            growth = 0.030 + 0.001 * (rows["run"].map(names.index).to_numpy() % 5)
            mean = curve(quantity, growth, rows["time_h"].to_numpy(float, copy=True))
            dims[quantity] = [f"{quantity}_row"]
            coords[f"{quantity}_row"] = np.arange(len(rows))
            observed[quantity] = rows["value"].to_numpy(float, copy=True)
            spread = SPREAD[quantity]
            predicted[quantity] = mean + spread * rng.normal(size=(*shape, len(rows)))
            centre = mean + 0.05 * spread * rng.normal(size=(*shape, len(rows)))
            likelihood[quantity] = -0.5 * ((observed[quantity] - centre) / spread) ** 2
        dims["maximum_growth_rate_by_run"] = ["run"]
        stats = {
            "energy": rng.normal(100, 3, shape),
            "diverging": np.zeros(shape, bool),
            "n_steps": np.full(shape, 15),
            "step_size": np.full(shape, 0.3),
        }
        groups = {
            "posterior": posterior,
            "prior": prior,
            "sample_stats": stats,
            "posterior_predictive": predicted,
            "log_likelihood": likelihood,
            "observed_data": observed,
        }
        self.posterior = az.from_dict(groups, dims=dims, coords=coords)

    @property
    def data(self):
        return self.campaign

    def evidence(self):
        return Evidence(self, "A stub", headlines=("maximum_growth_rate",), calibration=self)

    def thinned(self, draws):
        return self

    def shrinkage(self):
        return pd.DataFrame({"shrinkage": [0.1]}, index=["maximum_growth_rate_sd_run"])

    def unit(self, name):
        return PARAMETER_UNITS.get(name.split("_by_")[0], "1")

    def check(self):
        agree = VerdictItem("R-hat", 1.004, "<= 1.01", True, "The chains agree: R-hat is 1.004.")
        disagree = VerdictItem(
            "R-hat",
            1.31,
            "<= 1.01",
            False,
            "The chains disagree about cell_yield_on_glucose: R-hat is 1.31.",
            "Fix cell_yield_on_glucose, or add an assay.",
        )
        advice = VerdictItem(
            "prior-data conflict",
            0.09,
            "<= 0.05",
            False,
            "The prior of cell_yield_on_glucose pulls against the data.",
            "Widen it, or say why it is right.",
            advisory=True,
        )
        bulk = VerdictItem("bulk ESS", 1500.0, ">= 400", True, "At least 1500 effective draws.")
        return Verdict((agree if self.passed else disagree, bulk, advice))

    def summary(self):
        posterior = self.posterior["posterior"].to_dataset()
        prior = self.posterior["prior"].to_dataset()
        rows = {}
        for name, values in posterior.data_vars.items():
            if values.ndim > 2:  # one row a run, as az.summary names them
                for run in values["run"].to_numpy():
                    rows[f"{name}[{run}]"] = {"unit": "1/h", "eti_50": 0.03}
                continue
            q = np.quantile(values, [0.05, 0.5, 0.95])
            p = np.quantile(prior[name], [0.05, 0.95])
            rows[name] = {
                "unit": PARAMETER_UNITS.get(name, "1"),
                "mean": float(values.mean()),
                "sd": float(values.std()),
                "eti_5": q[0],
                "eti_50": q[1],
                "eti_95": q[2],
                "r_hat": 1.002,
                "ess_bulk": 1500.0,
                "ess_tail": 1200.0,
                "prior_5": p[0],
                "prior_95": p[1],
            }
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.attrs["verdict"] = "passed"
        return frame

    def predict(self, runs=None, *, times=None, until=None, noise=True, random_seed=0, **_):
        rng = np.random.default_rng(random_seed)
        times = TIMES if times is None else np.asarray(times, float)
        names = list(self.campaign.names)
        variables = {}
        for quantity, unit in UNITS.items():
            draws = np.stack(
                [
                    curve(quantity, rng.normal(0.030 + 0.001 * (n % 5), 5e-4, (300, 1)), times)
                    for n in range(len(names))
                ],
                axis=1,
            )
            draws = np.broadcast_to(draws, (1, 300, len(names), len(times)))
            draws = draws + noise * SPREAD[quantity] * rng.normal(size=draws.shape)
            dims = ("chain", "draw", "run", "time")
            variables[quantity] = (dims, draws, {"units": unit})
        return xr.Dataset(variables, coords={"run": names, "time": times})


@pytest.fixture(scope="session")
def calibration():
    return StubCalibration(model=BatchReactor(isothermal=True))


@pytest.fixture(scope="session")
def failed_calibration():
    return StubCalibration(passed=False, model=BatchReactor(isothermal=True))


@pytest.fixture(scope="session")
def many_runs():
    return StubCalibration(runs=60, model=BatchReactor(isothermal=True))
