from typer.testing import CliRunner

from bayesbio.cli import app
from bayesbio.mechanistic import MODELS


def said(*command):
    shown = CliRunner().invoke(app, list(map(str, command)))
    assert shown.exit_code == 0, shown.output
    return shown.output


def test_every_model_of_the_library_is_listed_with_its_options():
    listed = said("models")
    assert all(f"{name}: " in listed for name in MODELS)
    assert "glutamine=true" in listed and "growth=monod" in listed


def test_a_model_is_begun_and_found_fine(tmp_path):
    file = tmp_path / "perfusion.py"
    assert f"check-model {file}:Perfusion" in said("new-model", file)
    assert "Perfusion: fine." in said("check-model", f"{file}:Perfusion")


def test_the_version_is_printed():
    assert said("--version").startswith("bayesbio ")
