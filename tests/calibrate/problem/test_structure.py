"""How parameters of a run are composed, through options and back."""

import json

from bayesbio.calibrate.problem.arguments import levels_of
from bayesbio.calibrate.problem.structure import ParameterStructure

VARY = {("growth", "yield"): ("run",), "growth": ("clone",)}
LEVELS, BLOCKS = levels_of(VARY)
STRUCTURE = ParameterStructure(
    {"death": 0.1}, LEVELS, {"growth": True, "yield": False}, {"growth": "pH"}, BLOCKS
)


def test_options_hold_all_of_it_as_plain_data():
    again = ParameterStructure.from_options(json.loads(json.dumps(STRUCTURE.to_options())))
    assert again.to_options() == STRUCTURE.to_options()
    assert again.vary == {"growth": ("run", "clone"), "yield": ("run",)}
    assert again.block_of("yield", "run") == ("growth", "yield")
    assert again.block_of("growth", "clone") == ("growth",)


def test_arguments_ask_for_the_same_structure():
    asked = ParameterStructure.from_options(STRUCTURE.to_options()).arguments()
    levels, blocks = levels_of(asked["vary"])
    assert {name: set(each) for name, each in levels.items()} == {
        "growth": {"run", "clone"}, "yield": {"run"},
    }  # fmt: skip
    assert blocks == BLOCKS and asked["covariates"] == {"growth": "pH"}
