import pytest

from bayesbio import errors


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("glucos", "glucose"), ("GLUCOSE", "glucose"), ("titre", "Titer"), ("agitation", None)],
)
def test_the_nearest_name_is_suggested_whatever_the_case(given, nearest):
    known = ["glucose", "Titer", 7]
    assert errors.nearest_name(given, known) == nearest
    sentence = f" Did you mean {nearest!r}?" if nearest else ""
    assert errors.did_you_mean(given, known) == sentence


def test_every_error_is_caught_as_one():
    family = ("DataError", "UnitError", "ModelError", "SolveError", "CalibrationError")
    assert all(issubclass(getattr(errors, name), errors.BayesbioError) for name in family)
