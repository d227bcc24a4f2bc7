from pathlib import Path

from bayesbio.cli.commands.fitting import save_or_rescue
from bayesbio.errors import CalibrationError


class Result:
    def __init__(self, error):
        self.error = error

    def save(self, path):
        if self.error is not None and path.parent.name == "full":
            raise self.error
        return path.write_text("draws") and path


def test_a_result_that_cannot_be_written_is_rescued_into_the_temporary_folder(tmp_path, capsys):
    target = tmp_path / "full" / "posterior.nc"
    target.parent.mkdir()
    for error in (OSError(28, "No space left on device"), CalibrationError("disk full")):
        path = save_or_rescue(Result(error), target)
        assert path != target and Path(path).read_text() == "draws"
        assert str(path) in "".join(capsys.readouterr().out.split("\n"))


def test_a_result_is_written_where_it_was_asked_for(tmp_path):
    (tmp_path / "full").mkdir()
    target = tmp_path / "full" / "posterior.nc"
    assert save_or_rescue(Result(None), target) == target
