"""Parts of a model are found by name, as an archived mapping, or as an object of one's own."""

import dataclasses

import pytest

from bayesbio.errors import ModelError
from bayesbio.mechanistic.parts import find_part


@dataclasses.dataclass(frozen=True)
class Valve:
    name: str = "valve"
    width: float = 1.0

    def opening(self):
        return self.width


MENU = {"valve": lambda width=1.0: Valve(width=width)}


@pytest.mark.parametrize(
    "given",
    [Valve(width=2.0), {"name": "valve", "width": 2.0}, dataclasses.asdict(Valve("valve", 2.0))],
)
def test_a_part_and_its_archive_are_the_same(given):
    assert find_part(given, MENU, kind="valve", method="opening") == Valve(width=2.0)


def test_a_name_takes_the_defaults():
    assert find_part("valve", MENU, kind="valve", method="opening") == Valve()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("valvee", "Did you mean 'valve'"),
        ({"name": "valve", "length": 1.0}, "has no option 'length'; it has width"),
        (Valve, "needs the method 'opening'"),
        (3.0, "3.0 is no valve"),
    ],
)
def test_what_is_no_part_is_refused_in_a_sentence(given, sentence):
    with pytest.raises(ModelError, match=sentence):
        find_part(given, MENU, kind="valve", method="opening")
