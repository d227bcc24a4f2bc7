"""The shape of the house: no import circle, and small folders."""

import ast
from collections import Counter

from house import FILES, FRONT_DOOR, module_name

MOST_FILES = 12  # in a folder, its __init__ not counted
MODULES = {module_name(path): path for path in FILES if path.stem not in FRONT_DOOR}


def imports_of(source: str, modules) -> set[str]:
    """Files that a source text imports, wherever in the text the import stands."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names & set(modules)


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Circles of imports: what is left once files whose imports are all gone are taken away."""
    left = {name: set(targets) for name, targets in edges.items()}
    while free := {name for name, targets in left.items() if not targets}:
        left = {name: targets - free for name, targets in left.items() if name not in free}
    return [sorted(left)] if left else []


def test_no_file_imports_itself_through_others():
    edges = {
        name: imports_of(path.read_text(encoding="utf-8"), MODULES) - {name}
        for name, path in MODULES.items()
    }
    assert circles(edges) == []


def test_a_circle_is_noticed_even_where_it_hides_in_a_function():
    modules = {"bayesbio.a.one": None, "bayesbio.a.two": None}
    lazy = "def f():\n    from bayesbio.a.two import g\n"
    edges = {
        "bayesbio.a.one": imports_of(lazy, modules),
        "bayesbio.a.two": imports_of("import bayesbio.a.one", modules),
    }
    assert circles(edges) == [["bayesbio.a.one", "bayesbio.a.two"]]
    assert circles({"a": {"b"}, "b": set()}) == []


def test_no_folder_is_crowded():
    counts = Counter(path.parent for path in FILES if path.stem != "__init__")
    crowded = {folder.name: count for folder, count in counts.items() if count > MOST_FILES}
    assert crowded == {}


MOST_PARAMETERS = 10
DEFENDED = {  # functions with more parameters than that, and why
    "bayesbio.calibrate.fitting.fit": "a user's one call: data, model, beliefs, sampling, where",
    "bayesbio.calibrate.approximating.approximate": "the call of fit, exchanged for it",
    "bayesbio.ode.simulation.simulate": "a user's one call for one run or many",
}


def parameters_of(function: ast.FunctionDef) -> list[str]:
    """Names of a function's parameters, itself left out."""
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return [each.arg for each in every if each is not None and each.arg not in ("self", "cls")]


def test_no_function_takes_more_parameters_than_a_reader_holds():
    long = {
        f"{module}.{node.name}"
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and len(parameters_of(node)) > MOST_PARAMETERS
    }
    assert long == set(DEFENDED)
