import pytest

from bayesbio.cli.parsing import build_process, pairs, prior_of
from bayesbio.errors import DataError, ModelError


def test_options_of_a_model_are_understood_as_typed():
    assert build_process("MammalianFedBatch", ["glutamine=false"]).glutamine is False
    with pytest.raises(ModelError, match="glutamin"):
        build_process("MammalianFedBatch", ["glutamin=false"])


def test_a_column_map_without_a_name_is_refused():
    with pytest.raises(DataError, match=r"--column 'Glc' is not NAME=VALUE"):
        pairs(["Glc"], "--column")


def test_a_prior_is_an_interval_or_a_fixed_number():
    assert prior_of("0.04", "maximum_growth_rate") == 0.04
    assert prior_of("0.02,0.06", "maximum_growth_rate").owner.op.name == "lognormal"
    with pytest.raises(ModelError, match="LOW,HIGH"):
        prior_of("fast", "maximum_growth_rate")
