"""Whitened coordinates: the same posterior, without its bend and its widths."""

import ctypes

import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose

from bayesbio.inference import LogDensity, find_mode, sample
from bayesbio.inference.mcmc.nutpie_backend import compiled_for
from bayesbio.inference.mcmc.ridge_whitening import whiten

DOUBLES = ctypes.POINTER(ctypes.c_double)
BEND, SLOPE, NARROW = 0.3, 0.5, 0.04


@pytest.fixture(scope="module")
def banana():
    """A narrow ridge, ``across = SLOPE along + BEND along^2``, in two of three coordinates."""
    with pm.Model() as model:
        along = pm.Normal("along", 0.0, 1.0)
        across = pm.Normal("across", 0.0, 10.0)
        pm.Normal("aside", 1.0, 0.3)
        ridge = SLOPE * along + BEND * along**2
        pm.Potential("ridge", -0.5 * ((across - ridge) / NARROW) ** 2)
    return LogDensity(model)


@pytest.fixture(scope="module")
def mode(banana):
    return find_mode(banana, random_seed=1)


@pytest.fixture(scope="module")
def straight(banana, mode):
    return whiten(banana, mode)


def test_points_go_there_and_back(straight):
    points = np.random.default_rng(3).normal(0.0, 1.5, (5, 3))
    for point in points:
        assert_allclose(straight.whitened(straight.point(point)), point, atol=1e-9)


def test_a_parabola_becomes_a_normal_density(banana, straight):
    rng = np.random.default_rng(4)
    for place in rng.normal(0.0, 1.0, (20, 3)):
        value, _ = banana.value_and_gradient(straight.point(place))
        peak, _ = banana.value_and_gradient(straight.centre)
        assert_allclose(value - peak, -0.5 * place @ place, rtol=0.05, atol=0.02)


def test_what_nutpie_climbs_is_the_density_at_the_point_with_its_gradient(banana, straight):
    """The compiled callbacks against the map in NumPy, and the gradient by central differences."""
    moved = compiled_for(banana, np.zeros(3), straight)
    user, size = moved.user_data.ctypes.data, banana.size

    def compiled(place):
        slope, value, place = np.empty(size), np.empty(()), np.ascontiguousarray(place)
        code = moved.compiled_logp_func.ctypes(
            size, *(array.ctypes.data_as(DOUBLES) for array in (place, slope, value)), user
        )
        assert code == 0
        return float(value), slope

    place, step = np.array([0.7, -1.1, 0.4]), 1e-5
    value, slope = compiled(place)
    assert value == pytest.approx(banana.value_and_gradient(straight.point(place))[0])
    differences = [
        (compiled(place + step * side)[0] - compiled(place - step * side)[0]) / (2.0 * step)
        for side in np.eye(size)
    ]
    assert_allclose(slope, differences, rtol=1e-6, atol=1e-6)


def test_a_bent_ridge_is_sampled_as_easily_as_a_normal_density(banana, mode):
    tree = sample(banana, start=mode, draws=1000, tune=300, chains=2, random_seed=2)
    drawn = tree["posterior"]
    assert not tree["sample_stats"]["diverging"].any()
    assert tree["sample_stats"]["n_steps"].mean() < 10
    along, across = drawn["along"].to_numpy(), drawn["across"].to_numpy()
    assert_allclose(along.std(), 1.0, rtol=0.1)
    off = across - SLOPE * along - BEND * along**2
    assert_allclose([off.mean() / NARROW, off.std() / NARROW], [0.0, 1.0], atol=0.1)


def test_a_ridge_is_followed_where_it_is_no_parabola():
    """It levels off on one side and rises ever faster on the other, three deviations out."""
    with pm.Model() as model:
        along = pm.Normal("along", 0.0, 1.0)
        across = pm.Normal("across", 0.0, 10.0)
        pm.Potential("ridge", -0.5 * ((across - BEND * pm.math.exp(along)) / NARROW) ** 2)
    density = LogDensity(model)
    found = whiten(density, find_mode(density, random_seed=1))
    for place in (-2.9, -1.8, -1.3, 0.7, 1.3, 2.6):
        along, across = found.point(np.array([place, 0.0]))
        assert abs(across - BEND * np.exp(along)) < 0.5 * NARROW


def test_the_volume_of_the_map_is_constant(straight):
    """Else the posterior would be another one."""
    step = 1e-6
    volumes = []
    for place in np.random.default_rng(5).normal(0.0, 2.0, (4, 3)):
        columns = [
            (straight.point(place + step * side) - straight.point(place - step * side)) / step / 2
            for side in np.eye(3)
        ]
        volumes.append(np.linalg.det(columns))
    assert_allclose(volumes, volumes[0], rtol=1e-6)


def test_what_is_normal_already_is_only_whitened():
    with pm.Model() as model:
        pm.MvNormal("x", np.zeros(2), np.array([[1.0, 0.9], [0.9, 1.0]]))
    density = LogDensity(model)
    found = whiten(density, find_mode(density, random_seed=1))
    assert found.axes.size == 0
    assert_allclose(found.root @ found.root.T, [[1.0, 0.9], [0.9, 1.0]], rtol=1e-3)


def test_held_coordinates_and_walls_leave_no_bend():
    """Where the mode is held, or a density ends, nothing is followed."""
    with pm.Model() as model:
        spread = pm.HalfNormal("spread", 1.0)
        effect = pm.Normal("effect", 0.0, spread, shape=5)
        pm.Normal("measured", effect, 0.1, observed=[0.1, 0.3, -0.2, 0.5, -0.4])
        pm.Potential("wall", pm.math.switch(effect[0] > 0.4, -np.inf, 0.0))
    density = LogDensity(model)
    found = whiten(density, find_mode(density, hold=["spread"], random_seed=1))
    assert np.isfinite(found.ridges).all()
    held = density.slices["spread"].start
    assert not found.root[held, found.axes].any()
