"""Checkpoints: draws on disk that outlive the process, with the identity of what was sampled."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.errors import CalibrationError
from bayesbio.inference.archive.environment import versions
from bayesbio.inference.mcmc.fingerprint import model_fingerprint

CARD = "checkpoint.json"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """
    A folder in which chains write their draws as they come.

    Attributes
    ----------
    path : path
        Made when missing.
    resume : bool
        Go on with what the folder holds: chains that had finished are kept, an unfinished one
        starts again, tuning included, from the last point it had reached. A new folder is begun
        either way.
    identity : mapping of str to str
        What else the draws belong to, such as the hash of the data; draws of another identity are
        refused.
    """

    path: str | os.PathLike[str]
    resume: bool = False
    identity: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class CheckpointStore:
    """
    Reads and writes the folder of a checkpoint.

    Parameters
    ----------
    asked : Checkpoint
    density : LogDensity
        Whose draws they are.
    settings : mapping
        What was asked for; draws of other settings are not mixed in.

    Raises
    ------
    CalibrationError
        When the folder holds draws and `resume` is false, or draws of another model, of other
        data, settings or versions, or cannot be written.
    """

    def __init__(self, asked: Checkpoint, density: Any, settings: Mapping[str, Any]) -> None:
        self.path, self.density = Path(asked.path), density
        card = {"model": model_fingerprint(density), **settings}
        card = json.loads(json.dumps({**card, "identity": asked.identity, "versions": versions()}))
        name = self.path / CARD
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            held = sorted(self.path.iterdir())
            if held and not name.is_file():
                raise CalibrationError(
                    f"The folder {str(self.path)!r} holds other things than a checkpoint. Name an "
                    "empty folder."
                )
            if held and not asked.resume:
                raise CalibrationError(
                    f"The checkpoint {str(self.path)!r} holds draws already. Go on with them, "
                    "resume=True, or name another folder."
                )
            if held:
                _compare(str(self.path), _card(name), card)
            else:
                draft = self.path / f"{CARD}.part"
                draft.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
                draft.replace(name)
        except OSError as error:
            raise CalibrationError(
                f"The checkpoint {str(self.path)!r} cannot be used: {error}. Name a folder that "
                "can be written."
            ) from error

    def new_store(self, attempt: int, chain: int) -> Path:
        """Make an empty folder for a chain; what it wrote in earlier ones is left alone."""
        folder = self.path / f"attempt_{attempt + 1}" / f"chain_{chain}"
        number = 1 + max((int(each.name) for each in self._tries(attempt, chain)), default=0)
        while True:
            try:
                (folder / str(number)).mkdir(parents=True)
            except FileExistsError:  # another process goes on with the same chain
                number += 1
            except OSError as error:
                raise CalibrationError(
                    f"The checkpoint {str(self.path)!r} cannot be written: {error}. Make room, "
                    "then go on with resume=True; finished chains are kept."
                ) from error
            else:
                return folder / str(number)

    def finished(self, attempt: int, chain: int) -> xr.DataTree | None:
        """Every draw of a chain that has run to its end, else None."""
        for folder in self._tries(attempt, chain):
            tree = _opened(folder)
            if tree is None or not {"posterior", "sample_stats"} <= set(tree.children):
                continue
            if not (tree["sample_stats/n_steps"].to_numpy() == 0).any():
                return self._branch(tree)
        return None

    def read(self, attempt: int, chain: int) -> xr.DataTree:
        """Every draw of a chain that has just run to its end."""
        branch = self.finished(attempt, chain)
        if branch is None:
            raise CalibrationError(
                f"Chain {chain} has run, but its draws are not whole in {str(self.path)!r}. "
                "Is the disk full? Make room, and resume."
            )
        return branch

    def recovered(self, attempt: int, chain: int) -> tuple[np.ndarray | None, int]:
        """Last point that an unfinished chain wrote (unconstrained), and how many it had drawn."""
        count, last = 0, None
        for folder in self._tries(attempt, chain):
            tree = _opened(folder)
            for group in ("sample_stats", "warmup_sample_stats"):
                if tree is None or group not in tree.children:
                    continue
                points = tree[f"{group}/unconstrained_draw"].to_numpy()[0]
                sound = np.flatnonzero(np.isfinite(points).all(axis=1))
                if sound.size:
                    last = points[sound[-1]] if last is None else last
                    count += sound.size
        return last, count

    def _tries(self, attempt: int, chain: int) -> list[Path]:
        """Folders of the starts of a chain, the latest first."""
        folder = self.path / f"attempt_{attempt + 1}" / f"chain_{chain}"
        numbered = [each for each in folder.glob("*") if each.name.isdigit() and each.is_dir()]
        return sorted(numbered, key=lambda each: -int(each.name))

    def _branch(self, tree: xr.DataTree) -> xr.DataTree:
        """Draws of one chain in the form that nutpie gives them in memory."""
        posterior = tree["posterior"].to_dataset()[list(self.density.variable_names)]
        coords = self.density.model.coords
        own = {dim: list(coords[dim]) for dim in posterior.dims if dim in coords}
        posterior = posterior.drop_vars([n for n in posterior.coords if n not in own])
        stats = tree["sample_stats"].to_dataset()
        kept = [
            name for name, values in stats.data_vars.items() if values.dims == ("chain", "draw")
        ]
        diverging = stats["diverging"].to_numpy()
        messages = np.full(diverging.shape, None, dtype=object)
        texts = [str(text) for text in stats["divergence_message"].to_numpy()[0]]
        for index, text in zip(np.flatnonzero(diverging[0]), texts, strict=False):
            messages[0, index] = text
        stats = stats[kept].assign(divergence_message=(("chain", "draw"), messages))
        steps = {"draw": np.arange(posterior.sizes["draw"]), "chain": [0]}
        return xr.DataTree.from_dict(
            {
                "posterior": posterior.assign_coords({**own, **steps}),
                "sample_stats": stats.assign_coords(steps),
            }
        )


def _opened(folder: Path) -> xr.DataTree | None:
    """Draws in a folder; nothing where the process was killed while it wrote them."""
    if not (folder / "zarr.json").is_file():
        return None
    try:
        return xr.open_datatree(folder, engine="zarr", consolidated=False).load()
    except (OSError, ValueError, KeyError):
        return None


def _card(name: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(name.read_text(encoding="utf-8")))
    except ValueError as error:
        raise CalibrationError(
            f"The card {str(name)!r} of the checkpoint is damaged ({error}). Name another folder."
        ) from error


def _compare(path: str, held: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuse draws that belong to something else."""
    if (held.get("model"), held.get("identity")) != (asked["model"], asked["identity"]):
        raise CalibrationError(
            f"The checkpoint {path!r} holds draws of another model, other priors, other labels or "
            "other data. Resume with what it was begun with, or name another folder."
        )
    flat = [{**card, **card.get("versions", {})} for card in (held, asked)]
    for name, value in flat[1].items():
        if name != "versions" and flat[0].get(name) != value:
            raise CalibrationError(
                f"The checkpoint {path!r} was begun with {name}={flat[0].get(name)!r}, not "
                f"{value!r}. Resume with the same settings and versions, or name another folder."
            )
