"""What every noise promises: one distribution for density, tails, draws and typical size."""

import dataclasses

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.errors import CalibrationError
from bayesbio.inference import (
    NOISES,
    Noise,
    assay,
    autocorrelated,
    combined,
    counts,
    lognormal,
    normal,
    proportional,
    replicated,
    require_distinct_names,
    shared,
    student_t,
)
from bayesbio.inference.noise.base import by_name
from bayesbio.inference.noise.censoring import Family
from bayesbio.inference.noise.location_scale import LocationScale


@by_name
@dataclasses.dataclass(frozen=True)
class Laplace(LocationScale):
    """A kind that a user adds in one file: the entry is all there is."""

    kind = "laplace"
    family = Family(
        frozen=lambda location, scale: stats.laplace(location, scale),
        variable=lambda location, scale, **size: pm.Laplace.dist(location, scale, **size),
    )


STANDARDS = pd.DataFrame(
    {"concentration": [0.0, 0.5, 1.0, 2.0, 4.0, 8.0], "signal": [0.02, 0.2, 0.5, 0.8, 1.2, 1.4]}
)
CURVE = {"bottom": 0.01, "top": 1.6, "midpoint": 2.0, "slope": 1.1}
SCALES = {"scale": 0.2, "fraction": 0.15, "degrees_of_freedom": 5.0}
EVERY = {
    "normal": normal(),
    "proportional": proportional(),
    "combined": combined(),
    "combined, fraction fixed": combined(fraction=0.1),
    "lognormal": lognormal(),
    "student_t": student_t(),
    "student_t, degrees fixed": student_t(degrees_of_freedom=np.int64(4)),
    "counts": counts(),
    "counts in a volume": counts(per_unit=50.0),
    "assay": assay("titer", STANDARDS),
    "laplace": Laplace(),
}
LAYERED = {
    "replicated": replicated(combined()),
    "autocorrelated": autocorrelated(normal()),
    "shared": shared(lognormal()),
    "shared counts": shared(counts()),
    "everything": replicated(autocorrelated(shared(student_t()))),
}
QUANTITIES = [
    "titer",
    "monomer_fraction",
    "heat_effect_of_levels",
    "bleed_split",
    "cell count, total",
    "noise_sd_run",
    "x_by_run",
    "curve_od_top",
    "x_memory",
    "shared_by_sample_degrees_of_freedom",
]
FLAGS = ["", "below", "above", "between"]
ROWS = pd.DataFrame(
    {
        "run": ["R1", "R1", "R1", "R1", "R2", "R2", "R2", "R2"],
        "time_h": [0.0, 1.0, 2.0, 3.0] * 2,
        "value": [2.0, 1.0, 4.0, 2.0, 3.0, 2.0, 3.0, 3.0],
        "flag": FLAGS * 2,
        "value_upper": [np.nan, np.nan, np.nan, 4.0] * 2,
    }
)
MEAN = np.array([2.5, 1.5, 3.0, 2.5, 2.0, 3.0, 2.0, 1.5])
FALSE_ALARM = 1e-7  # of one Kolmogorov-Smirnov test; some thirty are made here


def scaled(noise, quantity="titer"):
    return noise.scaled_to(quantity, ROWS)


def values_of(noise, quantity="titer"):
    """A value of every unknown of a single reading's noise."""
    curve = {f"curve_{quantity}_{part}": value for part, value in CURVE.items()}
    parts = {f"noise_{quantity}": SCALES["scale"]}
    parts |= {f"noise_{quantity}_{part}": value for part, value in SCALES.items()}
    return {name: (curve | parts)[name] for name in noise.names(quantity)}


def follows(drawn, exact):
    """Whether draws have a distribution; conservative where it is one of whole numbers."""
    found, times = np.unique(np.asarray(drawn), return_counts=True)
    places = np.concatenate([[0.0], np.cumsum(times)]) / times.sum()
    above, below = places[1:] - exact.cdf(found), exact.cdf(found - 1e-3) - places[:-1]
    distance = max(np.max(above), np.max(below))
    return stats.kstwo.sf(distance, times.sum()) > FALSE_ALARM


@pytest.mark.parametrize("name", EVERY)
def test_the_density_is_the_derivative_of_the_distribution_function(name):
    noise = scaled(EVERY[name])
    exact = noise.frozen(2.5, values_of(noise))
    if hasattr(exact, "logpmf"):
        numbers = np.arange(1.0, 9.0) / getattr(noise, "per_unit", 1.0)
        step = 1.0 / getattr(noise, "per_unit", 1.0)
        assert_allclose(exact.pmf(numbers), exact.cdf(numbers) - exact.cdf(numbers - step))
        return
    at = exact.ppf([0.05, 0.3, 0.6, 0.95])
    slope = (exact.cdf(at + 1e-5) - exact.cdf(at - 1e-5)) / 2e-5
    assert_allclose(exact.pdf(at), slope, rtol=1e-6)
    assert_allclose(exact.sf(at), 1.0 - exact.cdf(at), rtol=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_the_log_likelihood_is_that_of_the_frozen_distribution_for_every_flag(name):
    noise = scaled(EVERY[name])
    exact, value = noise.frozen(MEAN, values_of(noise)), ROWS["value"].to_numpy()
    whole = hasattr(exact, "logpmf")
    least = 0.5 / getattr(noise, "per_unit", 1.0) if whole else 0.0  # limits count as readings
    density = exact.logpmf(value) if whole else exact.logpdf(value)
    upper = ROWS["value_upper"].to_numpy()
    with np.errstate(divide="ignore"):  # taken in the nearer tail
        lower = np.log(exact.cdf(upper) - exact.cdf(value - least))
        higher = np.log(exact.sf(value - least) - exact.sf(upper))
    between = np.where(exact.median() < value, higher, lower)
    wanted = [density, exact.logcdf(value - least), exact.logsf(value), between]
    found = noise.log_likelihood(MEAN, ROWS, values_of(noise))
    assert_allclose(found, np.select([ROWS["flag"] == flag for flag in FLAGS], wanted), rtol=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_draws_follow_the_distribution_of_the_likelihood(name):
    noise = scaled(EVERY[name])
    values, rng = values_of(noise), np.random.default_rng(7)
    assert follows(noise.draw(np.full(4000, 2.5), values, rng), noise.frozen(2.5, values))
    assert np.isnan(noise.draw(np.array([np.nan, 2.5]), values, rng)).tolist() == [True, False]


@pytest.fixture(scope="module")
def observed():
    """Every noise in one model: 4000 simulated readings and the log density of its rows."""
    with pm.Model() as model:
        for name, noise in EVERY.items():
            given = values_of(noise, name)
            given = {n: pm.math.constant(np.float64(v)) for n, v in given.items()}
            noise.likelihood(name, np.full(len(ROWS), 2.5), ROWS, given)
        terms = {term.name: term for term in model.observed_RVs}
        simulated = pm.draw(
            [terms[name][0] for name in EVERY], 4000, random_seed=3, mode="FAST_COMPILE"
        )
        densities = pytensor.function(
            [], model.logp(vars=model.observed_RVs, sum=False), mode="FAST_COMPILE"
        )()
    return dict(zip(EVERY, simulated, strict=True)), dict(zip(terms, densities, strict=True))


@pytest.mark.parametrize("name", EVERY)
def test_what_the_model_simulates_follows_the_distribution_of_the_likelihood(observed, name):
    noise = scaled(EVERY[name], name)
    values = values_of(noise, name)
    assert follows(observed[0][name], noise.frozen(2.5, values))
    by_numbers = noise.log_likelihood(np.full(len(ROWS), 2.5), ROWS, values)
    for flag in FLAGS:
        rows = (ROWS["flag"] == flag).to_numpy()
        by_sampler = observed[1][name + ("_" + flag if flag else "")]
        assert_allclose(by_sampler, by_numbers[rows], rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in EVERY if name != "assay"])
def test_the_typical_sd_is_that_of_the_distribution(name):
    noise, mean = scaled(EVERY[name]), np.array([0.5, 1.0, 2.5, 4.0])
    values = values_of(noise)
    found = noise.typical_sd("titer", mean, values)
    assert_allclose(found, noise.frozen(mean, values).std(), rtol=1e-12)
    assert np.all(np.isfinite(noise.typical_sd("titer", mean, {})))


def test_the_typical_sd_of_an_assay_is_that_of_the_signal_over_the_slope_of_the_curve():
    noise, mean = scaled(EVERY["assay"]), np.array([0.5, 2.5])
    values = values_of(noise)
    slope = (noise.response(mean + 1e-6, values) - noise.response(mean - 1e-6, values)) / 2e-6
    wanted = noise.frozen(mean, values).std() / slope
    assert_allclose(noise.typical_sd("titer", mean, values), wanted, rtol=2e-3)


def test_the_floor_of_proportional_noise_counts_in_its_typical_sd():
    rows = ROWS.assign(value=[10.0, 8.0, 5.0, 2.0, 0.1, 0.01, 0.005, 0.002], flag="")
    noise = proportional(floor=0.2).scaled_to("glucose", rows)
    found = noise.typical_sd("glucose", np.array([10.0, 1e-3]), {"noise_glucose": 0.13})
    assert_allclose(found, [np.hypot(1.3, 0.2), 0.2], rtol=1e-6)


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e6])
def test_the_median_of_lognormal_noise_is_the_mean_trajectory_in_any_unit(size):
    rows = pd.DataFrame({"value": [size, 3 * size], "flag": ["", ""]})
    noise = lognormal().scaled_to("dna", rows)
    assert_allclose(noise.frozen(size, {"noise_dna": 0.1}).median(), size, rtol=1e-9)
    assert_allclose(lognormal().frozen(size, {"noise_dna": 0.1}).median(), size, rtol=1e-9)


@pytest.mark.parametrize("name", ["normal", "proportional", "combined", "lognormal", "student_t"])
def test_a_reading_with_an_sd_of_its_own_is_drawn_with_it_too(name):
    size = 4000
    rows = pd.DataFrame({"value": 2.0, "flag": "", "sd": [0.5] * size + [np.nan] * size})
    noise = EVERY[name].scaled_to("titer", rows)
    values = values_of(noise)
    drawn = noise.draw(np.full(2 * size, 2.5), values, np.random.default_rng(1), rows=rows)
    known = np.sqrt(np.log1p((0.5 / 2.0) ** 2)) if name == "lognormal" else 0.5
    shape = [values[f"noise_titer_{part}"] for part in noise.shapes]
    location = noise.location(2.5, np)
    assert follows(drawn[:size], noise.family.frozen(location, known, *shape))
    assert follows(drawn[size:], noise.frozen(2.5, values))


@pytest.mark.parametrize("name", [*EVERY, *LAYERED])
def test_a_description_by_plain_numbers_brings_the_noise_back(name):
    noise = {**EVERY, **LAYERED}[name]
    noise = noise.scaled_to("titer", ROWS)
    again = Noise.from_dict(noise.to_dict())
    assert again.to_dict() == noise.to_dict()
    assert again.names("titer") == noise.names("titer")


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_quantity_may_have_any_name(quantity):
    for name, noise in EVERY.items():
        here, plain = scaled(noise, quantity), scaled(noise)
        values = values_of(here, quantity)
        assert here.quantity_of(values) == quantity or not values
        found = here.log_likelihood(MEAN, ROWS, values)
        assert_allclose(found, plain.log_likelihood(MEAN, ROWS, values_of(plain)), err_msg=name)
    for noise in LAYERED.values():
        here = scaled(noise, quantity)
        needed = dict.fromkeys(here._needed(quantity), 0.1)
        if set(needed) != {"noise_shared"}:
            assert here.quantity_of(needed) == quantity
            assert here.quantity_of(dict.fromkeys(here.names(quantity))) == quantity


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_unknowns_are_registered_under_the_names_that_the_noise_gives(quantity):
    with pm.Model(coords={"run": ["R1", "R2"]}) as model:
        noise = scaled(replicated(autocorrelated(combined())), quantity)
        noise.likelihood(quantity, pm.Flat("mean", shape=8), ROWS, noise.parameters(quantity, ROWS))
    free = {variable.name for variable in model.free_RVs} - {"mean"}
    estimated = set(noise.names(quantity)) & free
    assert estimated == set(noise.priors(quantity))
    assert free - estimated == set(noise.coordinates(quantity))


def test_two_quantities_whose_unknowns_would_have_one_name_are_refused():
    with pytest.raises(CalibrationError, match="'monomer_fraction' and that of 'monomer'"):
        require_distinct_names({"monomer": combined(), "monomer_fraction": normal()})
    with pytest.raises(CalibrationError, match="Rename the quantity 'shared'"):
        require_distinct_names({"glucose": shared(normal()), "shared": normal()})
    require_distinct_names({"glucose": shared(normal()), "ethanol": shared(combined())})


def test_every_kind_can_be_asked_for_by_its_name():
    assert {"normal", "counts", "replicated", "autocorrelated", "shared", "laplace"} <= set(NOISES)
    assert all(isinstance(make(), Noise) for make in NOISES.values())
    assert NOISES["laplace"]() == Laplace()
