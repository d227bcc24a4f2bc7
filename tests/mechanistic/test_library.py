"""The library list: nothing is forgotten, and a model is found by name."""

import importlib
import pkgutil

import pytest

import bayesbio.mechanistic.downstream
import bayesbio.mechanistic.upstream
from bayesbio.errors import ModelError
from bayesbio.mechanistic import LIBRARY, MODELS, MammalianFedBatch, find_model


def test_every_model_of_the_first_library_is_listed():
    assert set(MODELS) >= {
        "BatchReactor",
        "BatchCulture",
        "FedBatchCulture",
        "MammalianFedBatch",
        "GrowthCurve",
    }
    for name, model in MODELS.items():
        assert find_model(name) == model()


ROOMS = (bayesbio.mechanistic.upstream, bayesbio.mechanistic.downstream)
FILES = [
    f"{room.__name__}.{file.name}" for room in ROOMS for file in pkgutil.iter_modules(room.__path__)
]


@pytest.mark.parametrize("file", FILES)
def test_every_process_model_in_a_file_is_in_the_library(file):
    """A class with states and equations that is not listed would miss every promise."""
    for name, value in vars(importlib.import_module(file)).items():
        is_model = isinstance(value, type) and value.__module__ == file
        if is_model and hasattr(value, "State") and not name.startswith("_"):
            assert value in {type(model) for model in LIBRARY}, f"list {name} in LIBRARY"


def test_options_reach_the_model():
    assert find_model("MammalianFedBatch", titer=False) == MammalianFedBatch(titer=False)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("MamalianFedBatch", {}, r"Did you mean 'MammalianFedBatch'\?"),
        ("fed_batch_culture", {}, r"Did you mean 'FedBatchCulture'\?"),
        ("Chemostat", {}, "it has BatchReactor"),
        ("MammalianFedBatch", {"glutamin": False}, r"Did you mean 'glutamine'\?"),
        ("BatchCulture", {"growth": "haldan"}, r"Did you mean 'haldane'\?"),
    ],
)
def test_a_misspelt_name_or_option_is_answered_with_the_nearest(name, options, sentence):
    with pytest.raises(ModelError, match=sentence):
        find_model(name, **options)
