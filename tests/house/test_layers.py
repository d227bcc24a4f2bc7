"""Who may look at whom, and who lives where."""

import re

import pytest
from house import FILES_IN_ROOMS, FLOOR, FLOORS, HOUSE, ROOMS, ROOT, room_of, rooms_imported


@pytest.mark.parametrize(
    "path", FILES_IN_ROOMS, ids=lambda path: path.relative_to(HOUSE).as_posix()
)
def test_a_room_imports_only_rooms_before_it(path):
    room = room_of(path)
    for other in rooms_imported(path.read_text(encoding="utf-8")):
        assert other in FLOOR, f"{path} imports bayesbio.{other}, which is no room"
        assert other == room or FLOOR[other] < FLOOR[room], f"{room} may not import {other}"


def test_an_import_upstairs_is_noticed_wherever_it_hides():
    source = "def fit():\n    if True:\n        from bayesbio import report\n"
    assert rooms_imported(source) == {"report"}
    assert rooms_imported("import bayesbio.decide.stopping as stopping") == {"decide"}


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_floor(room):
    assert room in FLOOR, f"give {room} a floor in tests/house/house.py and in the README"


def test_the_front_door_opens_every_room_and_no_other():
    import bayesbio

    assert sorted(bayesbio.ROOMS) == ROOMS


def test_the_readme_lists_the_rooms_that_exist_lowest_first():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", readme, flags=re.MULTILINE)
    assert sorted(listed) == ROOMS
    assert listed == sorted(listed, key=FLOOR.__getitem__)


def test_the_readme_maps_the_rooms_within_rooms():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for room, within in re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", readme, flags=re.MULTILINE):
        folders = {path.parent.name for path in (HOUSE / room).glob("*/__init__.py")}
        assert set(re.findall(r"`(\w+)`", within)) == folders, room


def test_no_room_stands_on_two_floors():
    assert len(FLOOR) == sum(len(rooms) for rooms in FLOORS)
