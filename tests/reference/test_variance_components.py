"""
Variance components of Davies' and of Box and Tiao's tables, nested and crossed.

Published (restricted likelihood, as in the cards of the tables): Dyestuff 1527.5; 42.00; 49.51.
Pastes 60.05; 1.287, 2.904; 0.823. Penicillin assay 22.97; 0.847, 1.932; 0.550. Dyestuff2 5.666; 0;
3.716. Under flat priors the posterior of the standard deviations, with mean and effects integrated
out, is the restricted likelihood, and its mode is the published estimate. Everything else is normal
in these models, so the integral is exact.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from bayesbio.calibrate import build_model
from bayesbio.data import Campaign, Run
from bayesbio.inference import normal

DATA = Path(__file__).parents[2] / "data"


class Constant:
    """Something that stays as it is, as a user would write it."""

    class State(NamedTuple):
        response: float

    class Parameters(NamedTuple):
        level: float

    units = {"response": "1", "level": "1"}
    inputs = ()
    settings = ()
    defaults = {}

    def solution(self, time, parameters, settings):
        return self.State(response=parameters.level)


def campaign_of(table, groups, value):
    """One run for each combination of groups; its readings are replicates."""
    runs = []
    for key, rows in table.groupby(list(groups), sort=False):
        frame = pd.DataFrame({"time_h": 0.0, "quantity": "response", "value": rows[value]})
        frame["replicate"] = np.arange(len(frame)) + 1
        names = {name: str(each) for name, each in zip(groups, key, strict=True)}
        runs.append(
            Run(
                "-".join(names.values()),
                frame.reset_index(drop=True),
                names | {"initial_response": 0},
            )
        )
    return Campaign(runs, units={"response": "1"})


class Restricted:
    """Restricted log likelihood of standard deviations in a model that is normal beside them."""

    def __init__(self, model, sds):
        self.sds = sds
        values = {variable.name: model.rvs_to_values[variable] for variable in model.free_RVs}
        self.places = [name for name in values if name not in sds]
        self.sizes = {
            name: int(np.prod(model.initial_point()[values[name].name].shape)) for name in values
        }
        # Densities of standard deviations themselves, and of the coordinates of everything else.
        plain = [variable for variable in model.basic_RVs if variable.name in sds]
        rest = [variable for variable in model.basic_RVs if variable.name not in sds]
        terms = model.logp(plain, sum=False, jacobian=False) + model.logp(rest, sum=False)
        total = sum(term.sum() for term in terms)
        others = [values[name] for name in self.places]
        inputs = [values[name] for name in sds] + others
        gradient = pytensor.grad(total, others)
        self.compute = pytensor.function(inputs, [total, *gradient], mode="FAST_COMPILE")
        self.model = model
        self.shapes = [model.initial_point()[values[name].name].shape for name in self.places]

    def at(self, logs, flat):
        """Log density and its gradient by mean and effects."""
        parts, start = [], 0
        for shape in self.shapes:
            size = int(np.prod(shape))
            parts.append(np.reshape(flat[start : start + size], shape))
            start += size
        total, *gradient = self.compute(*logs, *parts)
        return total, np.concatenate([np.ravel(part) for part in gradient])

    def __call__(self, logs):
        size = sum(self.sizes[name] for name in self.places)
        _, slope = self.at(logs, np.zeros(size))
        hessian = np.stack([self.at(logs, unit)[1] - slope for unit in np.eye(size)])
        top = np.linalg.solve(-hessian, slope)
        total, rest = self.at(logs, top)
        assert np.max(np.abs(rest)) < 1e-5 * np.max(np.abs(slope))
        half_log_det = 0.5 * np.linalg.slogdet(-hessian)[1]
        return total + 0.5 * size * np.log(2.0 * np.pi) - half_log_det, top

    def best(self, start):
        """Standard deviations at the highest point, and the mean there."""
        found = minimize(
            lambda logs: -self(logs)[0],
            np.log(start),
            method="L-BFGS-B",
            options={"eps": 1e-5, "ftol": 1e-12, "gtol": 1e-5},
        )
        return np.exp(found.x), self(found.x)[1][0]


def estimates(table, groups, levels, value, start):
    """Most probable standard deviations (levels, then residual) and the mean, under flat priors."""
    campaign = campaign_of(table, groups, value)
    wide = 1e3 * float(np.std(table[value]))
    model = build_model(
        campaign,
        Constant(),
        vary={"level": levels},
        noise=normal(pm.HalfNormal.dist(wide)),
        priors={
            "level": pm.Normal.dist(float(np.mean(table[value])), wide),
            **{f"level_sd_{level}": pm.HalfNormal.dist(wide) for level in levels},
        },
    )
    restricted = Restricted(model, [*(f"level_sd_{level}" for level in levels), "noise_response"])
    assert restricted.places[0] == "level"
    return restricted.best(start)


def test_dyestuff_one_level():
    table = pd.read_csv(DATA / "davies_dyestuff.csv")
    sds, mean = estimates(table, ["batch"], ("batch",), "yield_g", [30.0, 60.0])
    assert_allclose(sds, [42.00, 49.51], atol=0.006)
    assert_allclose(mean, 1527.5, atol=0.05)


def test_pastes_casks_within_batches():
    table = pd.read_csv(DATA / "davies_pastes.csv")
    levels = ("batch", "batch:cask")
    sds, mean = estimates(table, ["batch", "cask"], levels, "strength", [2.0, 2.0, 1.0])
    assert_allclose(sds, [1.287, 2.904, 0.823], atol=6e-4)
    assert_allclose(mean, 60.05, atol=0.006)


def test_penicillin_plates_crossed_with_samples():
    table = pd.read_csv(DATA / "davies_penicillin_assay.csv")
    groups = ("plate", "sample")
    sds, mean = estimates(table, groups, groups, "zone_diameter_mm", [1.5, 1.0, 0.7])
    assert_allclose(sds, [0.8467, 1.9316, 0.5499], atol=6e-4)
    assert_allclose(mean, 22.97, atol=0.006)


def test_dyestuff2_has_its_mode_at_no_variation_between_batches():
    table = pd.read_csv(DATA / "boxtiao_dyestuff2.csv")
    value = next(name for name in table if pd.api.types.is_float_dtype(table[name]))
    sds, mean = estimates(table, ["batch"], ("batch",), value, [1.0, 4.0])
    assert sds[0] < 0.05
    assert_allclose(sds[1], 3.716, atol=6e-4)
    assert_allclose(mean, 5.666, atol=6e-4)
