"""Errors that several readings share: by sampler, by numbers, in new readings."""

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference import (
    Noise,
    assay,
    autocorrelated,
    combined,
    counts,
    draw_shared,
    lognormal,
    normal,
    register_shared,
    replicated,
    shared,
    student_t,
)
from bayesbio.inference.noise.shared_errors import bridged

STANDARDS = pd.DataFrame(
    {"concentration": [0.0, 0.5, 1.0, 2.0, 4.0, 8.0], "signal": [0.02, 0.2, 0.5, 0.8, 1.2, 1.4]}
)
KINDS = {
    "drifting": autocorrelated(replicated(lognormal())),
    "glucose": shared(lognormal()),
    "ethanol": shared(normal()),
    "replicates": replicated(normal(), by="sample"),
    "counted": shared(counts(per_unit=1000.0)),
    "signal": replicated(assay("titer", STANDARDS)),
    "heavy": autocorrelated(student_t()),
}
ROWS = pd.DataFrame(
    [
        {"run": run, "time_h": time, "value": value, "flag": flag, "value_upper": upper}
        for run in ("R1", "R2")
        for time in (0.0, 1.5, 2.0, 6.0)
        for value, flag, upper in ((0.8, "", np.nan), (0.3, "below", np.nan), (0.5, "between", 0.9))
    ]
)


@pytest.fixture(scope="module")
def both():
    """Log density of every row, by the sampler and by numbers, at one point."""
    rng = np.random.default_rng(1)
    noise = {quantity: kind.scaled_to(quantity, ROWS) for quantity, kind in KINDS.items()}
    with pm.Model(coords={"run": ["R1", "R2"]}) as model:
        register_shared(noise, dict.fromkeys(noise, ROWS))
        mean = pm.LogNormal("mean", 0.0, 1.0, shape=len(ROWS))
        for quantity, kind in noise.items():
            kind.likelihood(quantity, mean, ROWS, kind.parameters(quantity, ROWS))
    named = [*model.free_RVs, *model.deterministics]
    point = {
        name: value + 0.2 * rng.normal(size=np.shape(value))
        for name, value in model.initial_point().items()
    }
    computed = pytensor.function(
        model.value_vars,
        [*model.logp(vars=model.observed_RVs, sum=False), *model.replace_rvs_by_values(named)],
        mode="FAST_COMPILE",
        on_unused_input="ignore",
    )(**point)
    terms = dict(zip([term.name for term in model.observed_RVs], computed, strict=False))
    values = dict(zip([each.name for each in named], computed[len(terms) :], strict=True))
    draws = xr.Dataset()
    for name, value in values.items():
        if name == "mean" or "_effect_" in name:
            continue
        dims = model.named_vars_to_dims.get(name, ())
        coords = {dim: list(model.coords[dim]) for dim in dims}
        draws[name] = xr.DataArray(value[None, None], dims=("chain", "draw", *dims), coords=coords)
    return noise, terms, values["mean"], draws


def parameters_of(draws, noise, quantity, *, wide=False):
    """Parameters of a quantity as predictions hand them over."""
    found = {}
    for name in noise.names(quantity):
        values = draws[name]
        plain = values.to_numpy()
        found[name] = values if values.ndim > 2 else plain[..., None] if wide else plain
    return found


@pytest.mark.parametrize("quantity", KINDS)
def test_sampler_and_numbers_agree_on_errors_that_readings_share(both, quantity):
    noise, terms, mean, draws = both
    by_sampler = np.empty(len(ROWS))
    for flag in ("", "below", "between"):
        place = (ROWS["flag"] == flag).to_numpy()
        by_sampler[place] = terms[quantity + ("_" + flag if flag else "")]
    own = parameters_of(draws, noise[quantity], quantity)
    by_numbers = noise[quantity].log_likelihood(mean[None, None], ROWS, own)
    assert_allclose(by_numbers[0, 0], by_sampler, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("quantity", KINDS)
def test_shared_errors_survive_a_description_by_plain_numbers(both, quantity):
    noise, _, mean, draws = both
    again = Noise.from_dict(noise[quantity].to_dict())
    own = parameters_of(draws, noise[quantity], quantity, wide=True)
    rows = ROWS.assign(known=True)
    drawn = [
        kind.draw(mean[None, None], own, np.random.default_rng(3), rows=rows)
        for kind in (noise[quantity], again)
    ]
    assert np.array_equal(*drawn)


def test_the_drift_has_an_exponential_correlation():
    rows = ROWS.drop_duplicates(["run", "time_h"]).assign(flag="", value=1.0)
    kind = autocorrelated(normal(pm.HalfNormal.dist(1.0)))
    with pm.Model() as model:
        found = kind.parameters("titer", rows)
    effects = [model["noise_titer_effect_drift"], found["noise_titer_sd_drift"]]
    drift = pytensor.function(
        [*effects, found["noise_titer_memory"]], found["noise_titer_by_drift"], mode="FAST_COMPILE"
    )
    root = np.stack([drift(unit, 2.0, 3.0) for unit in np.eye(len(rows))], axis=1)
    times, runs = rows["time_h"].to_numpy(), rows["run"].to_numpy()
    same = runs[:, None] == runs[None, :]
    wanted = 4.0 * same * np.exp(-np.abs(times[:, None] - times[None, :]) / 3.0)
    assert_allclose(root @ root.T, wanted, atol=1e-12)


def test_a_course_through_known_values_is_the_conditional_normal():
    memory, size = 3.0, 200_000
    known = {1.0: 0.7, 4.0: -1.1}
    wanted = [0.0, 2.0, 2.5, 9.0]
    course = bridged(
        wanted,
        {time: np.full(size, value) for time, value in known.items()},
        np.full(size, memory),
        np.random.default_rng(5),
    )
    drawn = np.stack([course[time] for time in wanted])
    times = np.array([*known, *wanted])
    covariance = np.exp(-np.abs(times[:, None] - times[None, :]) / memory)
    weights = np.linalg.solve(covariance[:2, :2], covariance[:2, 2:]).T
    expected = weights @ np.array(list(known.values()))
    conditional = covariance[2:, 2:] - weights @ covariance[:2, 2:]
    assert_allclose(drawn.mean(axis=1), expected, atol=5 / np.sqrt(size))
    assert_allclose(np.cov(drawn), conditional, atol=5 * np.sqrt(2 / size))


def new_readings(noise, quantity, parameters, known):
    """Many draws at two times of two runs."""
    rows = pd.DataFrame({"run": ["R1", "R1", "R2", "R2"], "time_h": [1.0, 5.0] * 2, "known": known})
    size = next(iter(parameters.values())).shape[:2]
    wide = {n: v if getattr(v, "ndim", 0) > 2 else v[..., None] for n, v in parameters.items()}
    return noise.draw(np.ones((*size, 4)), wide, np.random.default_rng(2), rows=rows)[0]


def test_readings_of_a_new_run_share_the_error_of_the_run():
    one = np.ones((1, 4000))
    kind = replicated(normal(pm.HalfNormal.dist(1.0)))
    drawn = new_readings(kind, "x", {"noise_x": 0.1 * one, "noise_x_sd_run": one}, known=False)
    correlation = np.corrcoef(drawn.T)
    assert_allclose(correlation[0, 1], 1 / 1.01, atol=0.01)
    assert_allclose(correlation[0, 2], 0.0, atol=5 / np.sqrt(4000))


def test_a_known_run_keeps_its_error():
    one = np.ones((1, 4000))
    errors = xr.DataArray(
        np.stack([2.0 * one, -one], axis=-1),
        dims=("chain", "draw", "run"),
        coords={"run": ["R1", "R2"]},
    )
    kind = replicated(normal(pm.HalfNormal.dist(1.0)))
    own = {"noise_x": 0.1 * one, "noise_x_sd_run": one, "noise_x_by_run": errors}
    drawn = new_readings(kind, "x", own, known=True)
    assert_allclose(drawn.mean(axis=0), [3.0, 3.0, 0.0, 0.0], atol=0.01)


def test_analytes_of_a_new_sample_share_its_relative_error():
    kinds = {"glucose": shared(lognormal()), "ethanol": shared(lognormal())}
    kinds = {name: kind.scaled_to(name, ROWS[ROWS["flag"] == ""]) for name, kind in kinds.items()}
    one = np.ones((1, 4000))
    draws = xr.Dataset({"noise_shared": (("chain", "draw"), 0.3 * one)})
    rows = pd.DataFrame({"run": ["R1", "R1"], "time_h": [1.0, 5.0], "known": True})
    rng = np.random.default_rng(8)
    samples = draw_shared(kinds, draws, rows, rng)
    read = {
        name: np.log(
            kind.draw(
                np.ones((1, 4000, 2)),
                {f"noise_{name}": 0.1 * one[..., None], "noise_shared": one[..., None], **samples},
                rng,
                rows=rows,
            )
        )[0]
        for name, kind in kinds.items()
    }
    same = np.corrcoef(read["glucose"][:, 0], read["ethanol"][:, 0])[0, 1]
    other = np.corrcoef(read["glucose"][:, 0], read["ethanol"][:, 1])[0, 1]
    assert_allclose(same, 0.9, atol=0.02)
    assert_allclose(other, 0.0, atol=5 / np.sqrt(4000))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda one: replicated().scaled_to("titer", one), "read in one run only"),
        (
            lambda one: replicated(by="sample").scaled_to("titer", one),
            "No two readings of titer share a run and a time",
        ),
        (
            lambda one: autocorrelated().scaled_to("titer", one.head(2)),
            "needs three or more",
        ),
        (
            lambda one: register_shared(
                {"titer": shared().scaled_to("titer", one)}, {"titer": one}
            ),
            "Only titer shares the error of a sample",
        ),
        (lambda one: replicated(by="week"), "expected 'run' or 'sample'"),
        (lambda one: shared(shared()), "twice"),
        (lambda one: autocorrelated("lognormal"), "is no noise"),
        (lambda one: shared().names("titer"), "takes that of single readings from the data"),
    ],
)
def test_errors_that_cannot_be_learned_are_refused_in_words(wrong, sentence):
    one = ROWS[(ROWS["run"] == "R1") & (ROWS["flag"] == "")]
    with pytest.raises((DataError, CalibrationError), match=sentence):
        wrong(one)


def test_the_search_for_a_mode_holds_what_shared_errors_could_drive_to_zero():
    rows = pd.DataFrame(
        {
            "run": ["R1"] * 4 + ["R2"] * 4,
            "time_h": [0.0, 2.0, 4.0, 6.0] * 2,
            "value": [4.0, 3.0, 2.0, 1.0] * 2,
            "flag": "",
        }
    )
    held = {
        name: noise.scaled_to("glucose", rows).without_mode("glucose")
        for name, noise in {
            "shared": shared(combined()),
            "drift": autocorrelated(lognormal()),
            "run": replicated(lognormal()),
            "plain": lognormal(),
        }.items()
    }
    assert held["shared"] == ("noise_shared", "noise_glucose", "noise_glucose_fraction")
    assert held["drift"] == ("noise_glucose_sd_drift", "noise_glucose")
    assert held["run"] == ("noise_glucose_sd_run",)  # one error for many readings explains few
    assert held["plain"] == ()
