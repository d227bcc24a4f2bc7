"""Names of a posterior that user names may not take."""

import pytest

from bayesbio.calibrate.problem.names import auxiliary_names, check_posterior_names
from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.errors import ModelError
from bayesbio.inference import normal

BY_RUN = ParameterStructure(vary={"growth": ("run",)})


def test_standardised_effects_are_no_parameters():
    structure = ParameterStructure(vary={"a": ("run",)}, correlated_blocks={"run": [["a", "b"]]})
    assert auxiliary_names(structure) == {"a_effect_run", "correlation_run_partial"}


@pytest.mark.parametrize(
    ("names", "structure", "noise", "sentence"),
    [
        (["growth", "growth_sd_run"], BY_RUN, {}, "the spread of growth by run in the posterior"),
        (["noise_titer"], ParameterStructure(), {"titer": normal()}, "and of the noise of titer"),
        (["x"], ParameterStructure(vary={"x": ("draw",)}), {}, "dimension 'draw' already"),
        (["growth", "run"], BY_RUN, {}, "'run' is the name of the unknown run and of a dimension"),
        ([], ParameterStructure(), {"a": normal(), "a_flag": normal()}, "readings of 'a'"),
    ],
)  # fmt: skip
def test_a_name_with_two_meanings_is_refused_with_both(names, structure, noise, sentence):
    with pytest.raises(ModelError, match=sentence):
        check_posterior_names(names, structure, noise)


def test_names_of_one_meaning_pass():
    check_posterior_names(["growth", "growth_by_site"], BY_RUN, {"titer": normal()})
