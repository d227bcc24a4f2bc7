"""Draws survive: a killed process, an interrupted one, and a mistaken folder."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pymc as pm
import pytest

from bayesbio.errors import CalibrationError
from bayesbio.inference import Checkpoint, LogDensity, NoUTurn, sample, verdict_of
from bayesbio.inference.mcmc.checkpoint import CARD, CheckpointStore

SETTINGS = dict(draws=100, tune=100, chains=2, random_seed=5)


def model_of(measured=2.0):
    with pm.Model(coords={"run": ["R1", "R2"]}) as model:
        level = pm.Normal("level", 0.0, 3.0, dims="run")
        scale = pm.LogNormal("scale", 0.0, 0.5)
        pm.Normal("reading", level, scale, observed=[measured, 1.0], dims="run")
    return model


@pytest.fixture(scope="module")
def density():
    return LogDensity(model_of())


@pytest.fixture(scope="module")
def plain(density):
    return sample(density, **SETTINGS)


@pytest.fixture
def checkpoint(density, tmp_path):
    folder = tmp_path / "draws"
    sample(density, **SETTINGS, checkpoint=folder)
    return folder


def test_a_checkpoint_changes_no_draw(density, plain, tmp_path):
    written = sample(density, **SETTINGS, checkpoint=tmp_path / "draws")
    assert written["posterior"].to_dataset().equals(plain["posterior"].to_dataset())
    for name in ("diverging", "n_steps", "energy", "non_finite", "divergence_message"):
        assert written["sample_stats"][name].equals(plain["sample_stats"][name])


def test_finished_chains_are_kept_and_only_the_unfinished_one_runs_again(
    density, plain, checkpoint
):
    """As after a kill: the second chain has lost everything behind its tuning."""
    lost = checkpoint / "attempt_1" / "chain_1" / "1"
    shutil.rmtree(lost / "posterior")
    shutil.rmtree(lost / "sample_stats")
    seen = []
    tree = sample(
        density, **SETTINGS, checkpoint=Checkpoint(checkpoint, resume=True), progress=seen.append
    )
    again, before = tree["posterior"]["scale"], plain["posterior"]["scale"]
    assert again.isel(chain=0).equals(before.isel(chain=0))
    assert not np.isin(again.isel(chain=1), before.isel(chain=1)).any()
    assert seen[-1].finished == seen[-1].total
    whole = sample(density, **SETTINGS, checkpoint=Checkpoint(checkpoint, resume=True))
    assert whole["posterior"].to_dataset().equals(tree["posterior"].to_dataset())


class FullDisk(NoUTurn):
    """No room for the second chain: when it is begun, while it runs, or inside nutpie itself."""

    moment = "begun"

    def start(self, density, request):
        if request.store.parent.name == "chain_1":
            if self.moment == "inside nutpie":  # which finds a file where its folder was
                request.store.rmdir()
                request.store.write_text("")
            elif self.moment == "begun":
                self.wait(timeout=0.0)
            else:
                return self
        return super().start(density, request)

    def wait(self, *, timeout):
        raise OSError(errno.ENOSPC, "No space left on device")

    def cancel(self):
        pass


@pytest.mark.parametrize("moment", ["begun", "running", "inside nutpie"])
def test_a_full_disk_loses_no_draw_and_the_sentence_says_where_they_are(
    density, plain, tmp_path, monkeypatch, moment
):
    monkeypatch.setattr(FullDisk, "moment", moment)
    folder = tmp_path / "draws"
    with pytest.raises(CalibrationError, match="so far are in the checkpoint '.*draws'.*resume"):
        sample(density, **SETTINGS, cores=1, sampler=FullDisk(), checkpoint=folder)
    seen = []
    resumed = Checkpoint(folder, resume=True)
    tree = sample(density, **SETTINGS, checkpoint=resumed, progress=seen.append)
    first = next(state for state in seen if state.stage == "sampling")
    assert first.finished >= 200  # the first chain is not drawn again
    assert tree["posterior"].to_dataset().equals(plain["posterior"].to_dataset())


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"resume": False}, "holds draws already"),
        ({"random_seed": 6}, "begun with random_seed=5, not 6"),
        ({"draws": 400}, "begun with draws=100, not 400"),
    ],
)
def test_draws_are_not_mixed_with_those_of_other_settings(density, checkpoint, changed, sentence):
    changed = {"resume": True, **changed}
    asked = Checkpoint(checkpoint, resume=changed.pop("resume"))
    with pytest.raises(CalibrationError, match=sentence):
        sample(density, **{**SETTINGS, **changed}, checkpoint=asked)


def test_a_checkpoint_of_another_model_or_other_data_is_refused(checkpoint):
    with pytest.raises(CalibrationError, match="another model, other priors, other labels"):
        sample(model_of(measured=3.0), **SETTINGS, checkpoint=Checkpoint(checkpoint, resume=True))


def test_a_folder_of_something_else_is_left_alone(density, tmp_path):
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(CalibrationError, match="holds other things"):
        sample(density, **SETTINGS, checkpoint=Checkpoint(tmp_path, resume=True))
    assert (tmp_path / "thesis.txt").read_text() == "three years of work"


def test_data_without_a_density_at_the_start_are_not_taken_for_others(tmp_path):
    """The log density is minus infinity at the default point, whatever the data."""

    def model(largest):
        with pm.Model() as made:
            top = pm.HalfNormal("top", 10.0)
            pm.Uniform("reading", 0.0, top, observed=[20.0, 21.0, largest])
        return made

    options = dict(draws=20, tune=50, chains=1, random_seed=1, start=np.array([[np.log(95.0)]]))
    sample(model(22.0), **options, checkpoint=tmp_path / "draws")
    with pytest.raises(CalibrationError, match="other data"):
        resumed = Checkpoint(tmp_path / "draws", resume=True)
        sample(model(90.0), **options, checkpoint=resumed)


def test_corrected_labels_are_another_model(density, checkpoint):
    with pm.Model(coords={"run": ["R2", "R1"]}) as relabelled:
        level = pm.Normal("level", 0.0, 3.0, dims="run")
        scale = pm.LogNormal("scale", 0.0, 0.5)
        pm.Normal("reading", level, scale, observed=[2.0, 1.0], dims="run")
    with pytest.raises(CalibrationError, match="other labels"):
        sample(relabelled, **SETTINGS, checkpoint=Checkpoint(checkpoint, resume=True))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda card: card["versions"].update(nutpie="0.1"), "begun with nutpie='0.1'"),
        (lambda card: card["identity"].update(campaign="abc"), "other data"),
    ],
)
def test_draws_of_other_versions_or_another_campaign_are_refused(
    density, checkpoint, change, sentence
):
    card = json.loads((checkpoint / CARD).read_text())
    change(card)
    (checkpoint / CARD).write_text(json.dumps(card))
    with pytest.raises(CalibrationError, match=sentence):
        sample(density, **SETTINGS, checkpoint=Checkpoint(checkpoint, resume=True))


def test_a_damaged_card_is_a_sentence(density, checkpoint):
    (checkpoint / CARD).write_text("{")
    with pytest.raises(CalibrationError, match="card .* is damaged"):
        sample(density, **SETTINGS, checkpoint=Checkpoint(checkpoint, resume=True))


def test_a_start_never_deletes_what_earlier_ones_wrote(density, tmp_path):
    """A second attempt whose folder exists, and a kill before the third has written anything."""
    store = CheckpointStore(Checkpoint(tmp_path / "draws"), density, {})
    folders = [store.new_store(1, 0) for _ in range(3)]
    assert [folder.name for folder in folders] == ["1", "2", "3"]
    (folders[0] / "note").write_text("kept")
    (store.path / "attempt_2" / "chain_0" / "4").mkdir()
    assert store.new_store(1, 0).name == "5" and (folders[0] / "note").exists()


def test_interrupted_sampling_returns_what_is_done_marked_partial(density):
    def impatient(state):
        if state.stage == "sampling" and state.finished > 3000:
            raise KeyboardInterrupt

    many = {**SETTINGS, "draws": 300_000}
    tree = sample(density, **many, progress=impatient)
    assert tree["posterior"].attrs["partial"]
    assert 0 < tree["posterior"].sizes["draw"] < 300_000
    assert np.isfinite(tree["posterior"]["scale"]).all()
    verdict = verdict_of(tree)
    assert not verdict.passed
    assert "Sampling was interrupted" in verdict["sampling"].sentence


def test_interrupted_before_anything_is_done_stays_interrupted(density):
    def at_once(state):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(density, **SETTINGS, progress=at_once)


PROGRAM = """
import sys
sys.path.insert(0, {here!r})
from test_checkpoint import model_of
from bayesbio.inference import sample
sample(model_of(), draws=20_000, tune=100, chains=1, random_seed=5, checkpoint={folder!r})
"""


def test_draws_outlive_a_killed_process(density, tmp_path):
    folder = tmp_path / "draws"
    program = PROGRAM.format(here=os.path.dirname(__file__), folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", program], cwd=os.getcwd())
    draws = folder / "attempt_1" / "chain_0" / "1" / "posterior" / "scale" / "c"
    deadline = time.monotonic() + 120
    while not draws.is_dir() and time.monotonic() < deadline:
        time.sleep(0.05)
        assert process.poll() is None
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    card = json.loads((folder / "checkpoint.json").read_text())
    card["draws"] = 100  # so that the test ends: the rest is as it was begun
    (folder / "checkpoint.json").write_text(json.dumps(card))
    few = {**SETTINGS, "chains": 1}
    tree = sample(density, **few, checkpoint=Checkpoint(folder, resume=True))
    assert tree["posterior"].sizes == {"chain": 1, "draw": 100, "run": 2}
    fresh = sample(density, **few)
    assert not tree["posterior"]["scale"].equals(fresh["posterior"]["scale"])
