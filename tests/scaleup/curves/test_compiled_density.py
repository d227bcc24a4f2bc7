"""Compiled densities: one borrower at a time, kept for the next fit of the same shape."""

import numpy as np
import pytest
from scale_truths import virtual_scales

from bayesbio.scaleup import ScaleModel
from bayesbio.scaleup.curves import compiled_density as module
from bayesbio.scaleup.curves.model_data import ModelData


class Stub:
    """A density that keeps the data it is given."""

    made = 0

    def __init__(self, model):
        Stub.made += 1
        self.data = {}

    data_names = ("readings", "centre")

    def set_data(self, values):
        self.data |= values


@pytest.fixture
def stubbed(monkeypatch):
    Stub.made = 0
    monkeypatch.setattr(module, "LogDensity", Stub)
    monkeypatch.setattr(module, "build_scale_model", lambda problem, given: None)
    monkeypatch.setattr(module, "_idle", [])


def described(factor, law="power"):
    campaign = virtual_scales("power law", random_seed=1).campaign
    (problem,) = ScaleModel(law=law).problems(campaign)
    problem.rows["value"] *= factor
    return problem, ModelData.of(problem, ScaleModel(law=law).laws)


def test_two_borrowers_at_a_time_never_share_data(stubbed):
    one, other = described(1.0), described(2.0)
    with (
        module.compiled_density(*one) as first,
        module.compiled_density(*other) as second,
    ):
        assert first is not second
        assert np.array_equal(2.0 * first.data["readings"], second.data["readings"])


def test_the_next_fit_of_the_same_shape_compiles_nothing(stubbed):
    with module.compiled_density(*described(1.0)) as first:
        pass
    with module.compiled_density(*described(2.0)) as second:
        assert second is first
    with module.compiled_density(*described(1.0, law="random_walk")) as third:
        assert third is not first
    assert Stub.made == 2


def test_a_fit_that_fails_returns_its_density(stubbed):
    with pytest.raises(ZeroDivisionError), module.compiled_density(*described(1.0)):
        raise ZeroDivisionError
    with module.compiled_density(*described(1.0)):
        assert Stub.made == 1
