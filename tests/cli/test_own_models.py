import pytest

from bayesbio.cli.own_models import load_model, write_skeleton
from bayesbio.errors import ModelError
from bayesbio.mechanistic import check_model, check_units


@pytest.fixture
def skeleton(tmp_path):
    path = tmp_path / "my_culture.py"
    assert write_skeleton(path) == "MyCulture"
    return path


def test_the_skeleton_is_a_model_whose_units_balance(skeleton):
    model = load_model(f"{skeleton}:MyCulture")
    assert check_model(model) == "fine"
    check_units(model)
    assert type(load_model(str(skeleton))).__name__ == "MyCulture"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('rates["growth"] * state.biomass\n', 'max(rates["growth"], 0.0)\n', "max"),
        (
            "growth = rates",
            "if state.substrate < 1.0:\n            pass\n        growth = rates",
            "if",
        ),
        ("return self.State(", "return dict(", "gives a dict; return self.State"),
    ],
)
def test_what_cannot_be_followed_is_said_with_its_line(skeleton, old, new, said):
    text = skeleton.read_text()
    assert old in text
    skeleton.write_text(text.replace(old, new))
    with pytest.raises(ModelError, match=said):
        check_model(load_model(str(skeleton)))


def test_a_missing_default_is_named(skeleton):
    text = skeleton.read_text()
    line = next(row for row in text.splitlines() if '"cell_yield": Parameter' in row)
    skeleton.write_text(text.replace(line, ""))
    assert check_model(load_model(str(skeleton))).endswith("needs a prior: cell_yield")


def test_a_file_that_does_not_run_or_a_name_it_lacks_is_a_sentence(skeleton):
    with pytest.raises(ModelError, match="has no model 'Culture'; it has MyCulture"):
        load_model(f"{skeleton}:Culture")
    skeleton.write_text("import this_is_not_there\n")
    with pytest.raises(ModelError, match="does not run: line 1, ModuleNotFoundError"):
        load_model(str(skeleton))
    with pytest.raises(ModelError, match="exists already"):
        write_skeleton(skeleton)
    with pytest.raises(ModelError, match="There is no file"):
        load_model("nowhere.py:Perfusion")
