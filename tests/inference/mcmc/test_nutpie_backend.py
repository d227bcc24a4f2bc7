"""What this house uses of nutpie beyond its public functions, and of which version."""

import dataclasses
from importlib.metadata import version

import numpy as np
import nutpie
import pymc as pm
import pytensor
import pytest
from nutpie import compile_pymc as recipe
from packaging.version import Version

from bayesbio.inference import LogDensity, NoUTurn
from bayesbio.inference.mcmc.nutpie_backend import non_finite


def test_nutpie_has_what_is_used_of_it():
    """Tried with 0.16; where this fails after an update, mend `nutpie_backend.py`."""
    assert Version("0.16") <= Version(version("nutpie"))
    fields = {each.name for each in dataclasses.fields(recipe.CompiledPyMCModel)}
    used = {"_n_dim", "dims", "_coords", "_shapes", "compiled_logp_func", "compiled_expand_func"}
    used |= {"initial_point_func", "user_data", "n_expanded", "shape_info", "logp_func"}
    assert used <= fields
    for holder, name in (
        (recipe, "_make_functions"),
        (recipe, "_prepare_dims_and_coords"),
        (nutpie.compiled_pyfunc, "from_pyfunc"),
        (nutpie.zarr_store, "LocalStore"),
    ):
        assert callable(getattr(holder, name))


def line(offset, model=None):
    with pm.Model() as model:
        rate = pm.Normal("rate", 0.0, 1.0, shape=3)
        pm.Normal("reading", rate.sum(), 1.0, observed=np.arange(4.0) + offset)
    return model


def test_two_models_of_one_signature_share_callbacks_but_no_data():
    first, second = LogDensity(line(0.0)), LogDensity(line(5.0))
    one, two = (each.compiled.model for each in (first, second))
    assert one.compiled_logp_func is two.compiled_logp_func
    point = np.array([0.1, 0.2, 0.3])
    values = [each.value_and_gradient(point)[0] for each in (first, second, first)]
    assert values[0] == values[2] != values[1]


def test_shared_arrays_are_read_in_place_and_failure_logs_are_known_by_their_tag():
    log = pytensor.shared(np.zeros(2), name="any name")
    log.tag.failure_log = True
    plain = pytensor.shared(np.ones(2), name="board_of_directors")
    with pm.Model() as model:
        rate = pm.Normal("rate")
        pm.Potential("fit", -((rate - plain.sum() - log.sum()) ** 2))
    density = LogDensity(model)
    assert len(density.failure_log) == 1
    at_one = density.value_and_gradient(np.array([1.0]))[0]
    density.failure_log[0][:] = [1.0, 2.0]
    moved = density.value_and_gradient(np.array([4.0]))[0]
    assert at_one - moved == pytest.approx(0.5 * (16.0 - 1.0))


def test_attempts_go_on_with_smaller_steps():
    steps = [each.target_accept for each in NoUTurn(0.95, on_divergence=(0.9, 0.99)).attempts]
    assert steps == [0.95, 0.99]


def test_messages_of_nutpie_that_mean_a_failed_density():
    messages = np.array(["", "Logp function returned error code 3", "NaN energy", "Energy error"])
    assert non_finite(messages).tolist() == [False, True, True, False]
