"""Finding a model by name."""

import pytest

from bayesbio.errors import ModelError
from bayesbio.mechanistic import MODELS, MammalianFedBatch, find_model


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


def test_options_reach_the_model():
    assert find_model("MammalianFedBatch", titer=False) == MammalianFedBatch(titer=False)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("MamalianFedBatch", {}, r"Did you mean MammalianFedBatch\?"),
        ("fed_batch_culture", {}, r"Did you mean FedBatchCulture\?"),
        ("Chemostat", {}, "it has BatchReactor"),
        ("MammalianFedBatch", {"glutamin": False}, r"Did you mean glutamine\?"),
        ("BatchCulture", {"growth": "haldan"}, r"Did you mean haldane\?"),
    ],
)
def test_a_misspelt_name_or_option_is_answered_with_the_nearest(name, options, sentence):
    with pytest.raises(ModelError, match=sentence):
        find_model(name, **options)
