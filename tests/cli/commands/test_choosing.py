"""The command which-model: a table, reasons, a page, and what to type next."""

from typer.testing import CliRunner

from bayesbio.cli import app
from tests.calibrate.choosing.conftest import lactate_is_consumed  # noqa: F401


def test_which_model_says_what_to_type_next(lactate_is_consumed, tmp_path):  # noqa: F811
    frame = lactate_is_consumed.to_frame().pivot_table(
        index=["run", "time_h"], columns="quantity", values="value"
    )
    sheet = tmp_path / "runs.csv"
    frame.assign(**{"start volume (L)": 2.0}).reset_index().to_csv(sheet, index=False)
    page = tmp_path / "page.html"
    told = CliRunner().invoke(app, ["which-model", str(sheet), "--seconds", "0", "-o", str(page)])
    assert told.exit_code == 0, told.output
    assert "describes 3 of 3 measured quantities" in told.output
    assert "--model MammalianFedBatch --option glutamine=false" in told.output
    assert page.exists()
