"""A frozen dataclass saves and loads itself through one table, with its verdict in the card."""

import dataclasses
import os
import resource
import signal
import tempfile

import numpy as np
import pytest
import xarray as xr

import bayesbio
from bayesbio.errors import CalibrationError
from bayesbio.inference import (
    Verdict,
    VerdictItem,
    archive_card,
    read_archive,
    result_from_archive,
    result_hash,
    save_result,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    posterior: xr.DataTree
    runs: tuple[str, ...]
    table: np.ndarray
    random_seed: int = 1

    @property
    def hash(self):
        return result_hash(self)

    def check(self):
        return Verdict((VerdictItem("R-hat", 1.0, "<= 1.01", True, "The chains agree."),))


class Unjudged(Fit):
    def check(self):
        raise CalibrationError("No posterior.")


@pytest.fixture
def fit():
    posterior = xr.Dataset({"rate": (("chain", "draw"), np.ones((2, 5)))}, attrs={"attempts": 2})
    return Fit(xr.DataTree.from_dict({"posterior": posterior}), ("R1", "R2"), np.eye(2))


def test_a_result_comes_back_through_load(fit, tmp_path, monkeypatch):
    monkeypatch.setitem(bayesbio.KINDS, "test fit", (__name__, "Fit"))
    path = save_result(tmp_path / "fit.nc", fit, "test fit")
    again = bayesbio.load(path)
    assert (again.hash, again.runs) == (fit.hash, fit.runs)
    xr.testing.assert_identical(again.posterior, fit.posterior)
    card = archive_card(path)["content"]
    assert card["verdict"]["passed"] and card["hash"] == fit.hash and card["random_seed"] == 1


def test_saving_twice_writes_the_same_content(fit, tmp_path):
    first = save_result(tmp_path / "a.nc", fit, "fit")
    tree, _, content = read_archive(first)
    second = save_result(tmp_path / "b.nc", result_from_archive(Fit, tree, content), "fit")
    assert archive_card(first) == archive_card(second)


def test_one_changed_number_changes_the_hash(fit):
    other = dataclasses.replace(fit, table=np.eye(2) + [[0.0, 1e-15], [0.0, 0.0]])
    assert other.hash != fit.hash == dataclasses.replace(fit).hash


def test_checks_that_fail_do_not_keep_draws_from_being_saved(fit, tmp_path):
    unjudged = Unjudged(**{f.name: getattr(fit, f.name) for f in dataclasses.fields(fit)})
    path = save_result(tmp_path / "fit.nc", unjudged, "fit")
    verdict = archive_card(path)["content"]["verdict"]
    assert not verdict["passed"] and "could not be made: No posterior" in verdict["text"]


def test_the_wrong_class_is_refused(fit, tmp_path):
    tree, _, content = read_archive(save_result(tmp_path / "fit.nc", fit, "fit"))
    with pytest.raises(CalibrationError, match="holds a 'Fit', which is no part"):
        result_from_archive(Verdict, tree, content)
    with pytest.raises(CalibrationError, match="early version"):
        result_from_archive(Fit, tree, {})


def test_a_saved_file_has_the_permissions_of_any_new_file(fit, tmp_path):
    before = os.umask(0o027)
    try:
        path = save_result(tmp_path / "fit.nc", fit, "fit")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_where_the_folder_cannot_be_written_the_result_is_rescued(fit, tmp_path, monkeypatch):
    refuge = tmp_path / "refuge"
    refuge.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(refuge))
    with pytest.raises(CalibrationError, match=r"could not be .*saved as '.*refuge.*fit.nc'"):
        save_result(tmp_path / "no" / "fit.nc", fit, "fit")
    tree, _, content = read_archive(next(refuge.iterdir()))
    assert result_from_archive(Fit, tree, content).hash == fit.hash


def test_a_full_disk_is_a_sentence_and_the_result_stays(fit, tmp_path):
    large = dataclasses.replace(fit, table=np.random.default_rng(1).normal(size=200_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        with pytest.raises(CalibrationError, match="could not be written.*Nothing is lost while"):
            save_result(tmp_path / "fit.nc", large, "fit")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.iterdir())
    save_result(tmp_path / "fit.nc", large, "fit")
