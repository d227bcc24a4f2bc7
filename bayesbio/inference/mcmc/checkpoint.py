"""Draws that outlive the process: one store on disk for every chain."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import nutpie
import xarray as xr

from bayesbio.errors import CalibrationError
from bayesbio.inference.mcmc.density import LogDensity

DIGITS = 8  # of the log density that tells one model from another
CARD = "checkpoint.json"


class Checkpoint:
    """
    A folder in which chains write their draws as they come.

    Parameters
    ----------
    path : path
        Made when missing.
    density : LogDensity
        Whose draws they are.
    settings : mapping
        What was asked for; draws of other settings are not mixed in.
    resume : bool
        Go on with what the folder holds; a new folder is begun either way.

    Raises
    ------
    CalibrationError
        When the folder holds draws and `resume` is false, or draws of another model, of other
        data or of other settings, or cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        density: LogDensity,
        settings: Mapping[str, Any],
        *,
        resume: bool,
    ) -> None:
        self.path, self.density = Path(path), density
        card = {"model": identity(density), **settings}
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            held = sorted(self.path.iterdir())
        except OSError as error:
            raise CalibrationError(
                f"The checkpoint {os.fspath(path)!r} cannot be used: {error}. Name a folder that "
                "can be written."
            ) from error
        name = self.path / CARD
        if held and not name.is_file():
            raise CalibrationError(
                f"The folder {os.fspath(path)!r} holds other things than a checkpoint. Name an "
                "empty folder."
            )
        if held:
            if not resume:
                raise CalibrationError(
                    f"The checkpoint {os.fspath(path)!r} holds draws already. Go on with them, "
                    "resume=True, or name another folder."
                )
            _compare(os.fspath(path), json.loads(name.read_text(encoding="utf-8")), card)
        else:
            name.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")

    def store(self, attempt: int, chain: int) -> Any:
        """Empty store for a chain, to be handed to nutpie."""
        folder = self._folder(attempt, chain)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return nutpie.zarr_store.LocalStore(str(folder))

    def finished(self, attempt: int, chain: int) -> xr.DataTree | None:
        """Every draw of a chain that has run to its end, else None."""
        tree = self._opened(attempt, chain)
        if tree is None or "sample_stats" not in tree.children:
            return None
        steps = tree["sample_stats/n_steps"].to_numpy()
        return None if (steps == 0).any() else self._branch(tree)

    def read(self, attempt: int, chain: int) -> xr.DataTree:
        """Every draw of a chain that has just run to its end."""
        branch = self.finished(attempt, chain)
        if branch is None:
            raise CalibrationError(
                f"Chain {chain} has run, but its draws are not whole in {os.fspath(self.path)!r}. "
                "Is the disk full? Make room, and resume."
            )
        return branch

    def recovered(self, attempt: int, chain: int) -> tuple[np.ndarray | None, int]:
        """Last point that an unfinished chain wrote (unconstrained), and how many it had drawn."""
        tree = self._opened(attempt, chain)
        count, last = 0, None
        for group in ("warmup_sample_stats", "sample_stats"):
            if tree is None or group not in tree.children:
                continue
            points = tree[f"{group}/unconstrained_draw"].to_numpy()[0]
            sound = np.flatnonzero(np.isfinite(points).all(axis=1))
            if sound.size:
                last, count = points[sound[-1]], count + sound.size
        return last, count

    def _folder(self, attempt: int, chain: int) -> Path:
        return self.path / f"attempt_{attempt + 1}" / f"chain_{chain}"

    def _opened(self, attempt: int, chain: int) -> xr.DataTree | None:
        folder = self._folder(attempt, chain)
        if not (folder / "zarr.json").is_file():
            return None
        try:
            return xr.open_datatree(folder, engine="zarr", consolidated=False).load()
        except (OSError, ValueError, KeyError):  # killed while a file was being written
            return None

    def _branch(self, tree: xr.DataTree) -> xr.DataTree:
        """Draws of one chain in the form that nutpie gives them in memory."""
        names = [v.name for v in (*self.density.model.free_RVs, *self.density.model.deterministics)]
        posterior = tree["posterior"].to_dataset()[names]
        own = {
            dim: list(self.density.model.coords[dim])
            for dim in posterior.dims
            if dim in self.density.model.coords
        }
        posterior = posterior.drop_vars([n for n in posterior.coords if n not in own])
        stats = tree["sample_stats"].to_dataset()
        kept = [
            name for name, values in stats.data_vars.items() if values.dims == ("chain", "draw")
        ]
        diverging = stats["diverging"].to_numpy()
        messages = np.full(diverging.shape, None, dtype=object)
        said = [str(text) for text in stats["divergence_message"].to_numpy()[0]]
        for place, text in zip(np.flatnonzero(diverging[0]), said, strict=False):
            messages[0, place] = text
        stats = stats[kept].assign(divergence_message=(("chain", "draw"), messages))
        steps = {"draw": np.arange(posterior.sizes["draw"]), "chain": [0]}
        return xr.DataTree.from_dict(
            {
                "posterior": posterior.assign_coords({**own, **steps}),
                "sample_stats": stats.assign_coords(steps),
            }
        )


def identity(density: LogDensity) -> str:
    """
    Fingerprint of a model with its data: its coordinates, and its log density at two points.

    Examples
    --------
    >>> import pymc as pm
    >>> with pm.Model() as model:
    ...     location = pm.Normal("location", 1.0, 2.0)
    >>> len(identity(LogDensity(model)))
    64
    """
    point = density.default_point()
    numbers = [density.value_and_gradient(point + aside)[0] for aside in (0.0, 0.01)]
    places = {name: [int(place.start), int(place.stop)] for name, place in density.places.items()}
    told = json.dumps([places, [f"{number:.{DIGITS}g}" for number in numbers]])
    return hashlib.sha256(told.encode()).hexdigest()


def _compare(path: str, held: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    if held.get("model") != asked["model"]:
        raise CalibrationError(
            f"The checkpoint {path!r} holds draws of another model, other priors or other data. "
            "Resume with what it was begun with, or name another folder."
        )
    for name, value in asked.items():
        if held.get(name) != value:
            raise CalibrationError(
                f"The checkpoint {path!r} was begun with {name}={held.get(name)!r}, not "
                f"{value!r}. Resume with the same settings, or name another folder."
            )
