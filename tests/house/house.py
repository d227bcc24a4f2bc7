"""Where the house stands and what its files import, read from syntax trees; nothing is executed."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "bayesbio"

FLOORS = [
    {"errors"},
    {"data"},
    {"mechanistic", "inference"},
    {"ode", "surrogate", "baselines"},
    {"calibrate"},
    {"hybrid", "network", "scaleup", "titer", "monitoring"},
    {"decide"},
    {"report"},
    {"cli"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

FRONT_DOOR = {"__init__", "__main__"}
FRONT_DOOR_NAMES = {"load": "calibrate"}  # what a name of the front door reaches into


def room_of(path: Path) -> str:
    """Name the room that a file of the house lies in."""
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


FILES = sorted(HOUSE.rglob("*.py"))
FILES_IN_ROOMS = [path for path in FILES if room_of(path) not in FRONT_DOOR]
ROOMS = sorted({room_of(path) for path in FILES_IN_ROOMS})


def module_name(path: Path) -> str:
    """Turn bayesbio/data/run.py into bayesbio.data.run, and a room's __init__.py into its name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = [module_name(path) for path in FILES if path.stem != "__main__"]


def rooms_imported(source: str) -> set[str]:
    """Name every room that a source text imports, wherever in the text the import stands."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    rooms = {name.split(".")[1] for name in modules if name.startswith("bayesbio.")}
    return {FRONT_DOOR_NAMES.get(room, room) for room in rooms} - {"__version__"}
