import pandas as pd
import pytest
from typer.testing import CliRunner

from bayesbio.cli import app
from bayesbio.errors import DataError
from bayesbio.titer import TiterModel


@pytest.fixture
def design(tmp_path):
    table = pd.DataFrame({"Run": list("abcd"), "pH": [6.8, 7.0, 6.8, 7.0], "Block": list("ABAB")})
    table = table.assign(**{"Titer (g/L)": [2.0, 3.0, 2.2, 3.1]})
    table.to_csv(tmp_path / "design.csv", index=False)
    table.assign(**{"Viability (%)": [90.0, 91.0, 95.0, 93.0]}).to_csv(
        tmp_path / "two.csv", index=False
    )
    return tmp_path


def test_the_measured_column_is_explained_by_the_others(design, monkeypatch):
    asked = {}

    def fit(self, table, **options):
        asked.update(options, response=self.response, factors=table.factors, varying=self.varying)
        raise DataError("far enough")

    monkeypatch.setattr(TiterModel, "fit", fit)
    command = ["titer", f"{design / 'design.csv'}", "--group", "Block", "--draws", "99"]
    done = CliRunner().invoke(app, [*command, "-o", f"{design / 'titer.nc'}"])
    assert str(done.exception) == "far enough"
    assert asked["response"] == "titer" and asked["factors"] == ("ph",) and asked["draws"] == 99
    assert [each.group for each in asked["varying"]] == ["block"]


def test_of_two_measured_columns_one_has_to_be_named(design):
    command = ["titer", f"{design / 'two.csv'}", "-o", f"{design / 'titer.nc'}"]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, DataError) and "--response HEADER" in str(done.exception)
