"""What `import bayesbio` promises."""

import ast
import importlib
import inspect
import subprocess
import sys

import pytest
from house import FILES, HOUSE, MODULES, ROOMS, ROOT

import bayesbio
from bayesbio.errors import CalibrationError

HEAVY = ("pymc", "pytensor", "arviz", "nutpie", "pandas", "matplotlib", "numpy")


def in_a_new_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_importing_the_package_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, time; start = time.perf_counter(); import bayesbio;"
        f"print(time.perf_counter() - start, *(name for name in {HEAVY} if name in sys.modules))"
    )
    seconds, *loaded = min(
        (in_a_new_process(code).split() for _ in range(3)), key=lambda row: float(row[0])
    )
    assert not loaded
    assert float(seconds) < 0.1


@pytest.mark.parametrize("room", ["data", "mechanistic"])
def test_the_lower_rooms_open_without_pymc(room):
    code = f"import sys, bayesbio; bayesbio.{room}; print('pymc' in sys.modules)"
    assert in_a_new_process(code) == "False"


def test_dir_lists_every_room_before_any_is_open():
    code = "import bayesbio; print(*dir(bayesbio))"
    assert {*ROOMS, "load", "__version__"} <= set(in_a_new_process(code).split())


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'fermenter'"):
        bayesbio.fermenter  # noqa: B018


@pytest.mark.parametrize("module", MODULES)
def test_every_file_imports_and_keeps_the_names_it_promises(module):
    found = importlib.import_module(module)
    for name in getattr(found, "__all__", ()):
        assert hasattr(found, name), f"{module}.__all__ promises {name}"


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_it_shares(room):
    found = getattr(bayesbio, room)
    if hasattr(found, "__path__"):
        assert len(set(found.__all__)) == len(found.__all__) > 0


def test_no_public_name_hides_a_room_or_a_file():
    files = {path.stem for path in FILES} | set(ROOMS)
    for room in ROOMS:
        found = getattr(bayesbio, room)
        for name in getattr(found, "__all__", ()):
            if name in files:  # a file may be shared as itself, such as data.vocabulary
                assert inspect.ismodule(getattr(found, name)), f"{room}.{name} hides a file"


@pytest.mark.parametrize("room", ROOMS)
def test_everything_public_is_explained_and_functions_are_shown(room):
    found = getattr(bayesbio, room)
    for name in getattr(found, "__all__", ()):
        thing = getattr(found, name)
        if not (inspect.isfunction(thing) or inspect.isclass(thing)):
            continue
        told = inspect.getdoc(thing) or ""
        assert len(told) > 20, f"{room}.{name} has no docstring"
        if inspect.isfunction(thing) and room != "cli":  # commands explain themselves with --help
            shown = ">>>" in told or "Examples" in told or "doi:" in told
            assert shown, f"{room}.{name}: show an example, or name the source with a DOI"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_every_file_opens_with_what_it_is_about(path):
    if text := path.read_text(encoding="utf-8"):
        assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"


def test_loading_what_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(CalibrationError, match=r"nowhere\.nc"):
        bayesbio.load(tmp_path / "nowhere.nc")
