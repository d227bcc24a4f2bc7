"""The contract of a sampler: a log density in, chains of draws out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import xarray as xr

from bayesbio.inference.mcmc.records import Whitening


class Density(Protocol):
    """A log density over unconstrained coordinates, such as `LogDensity`."""

    size: int

    @property
    def variable_names(self) -> tuple[str, ...]:
        """Names of the variables that `values` gives, in order."""

    def value_and_gradient(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Log density (minus infinity where it cannot be computed) and its gradient."""

    def values(self, point: np.ndarray) -> dict[str, np.ndarray]:
        """Every variable to store at a point, on its natural scale."""

    def explain_failure(self, point: np.ndarray) -> str:
        """Say why the density is not finite at a point."""


@dataclasses.dataclass(frozen=True, eq=False)
class ChainRequest:
    """
    One chain to be run.

    Attributes
    ----------
    point : array, (size,)
        Where it starts: coordinates of the density, or whitened ones where a whitening is given.
    seed : int
    draws, tune : int
    whitening : Whitening, optional
        Coordinates to move in.
    store : Path, optional
        Empty folder to write draws to as they come (zarr).
    progress : callable
        Takes the draws done (tuning included) and the divergences so far.
    """

    point: np.ndarray
    seed: int
    draws: int
    tune: int
    whitening: Whitening | None = None
    store: Path | None = None
    progress: Callable[[int, int], None] = lambda finished, divergences: None


class RunningChain(Protocol):
    """A chain that runs in a thread of its own."""

    def wait(self, *, timeout: float) -> xr.DataTree:
        """Draws of the whole chain; TimeoutError while it runs, RuntimeError if it cannot run."""

    def abort(self) -> xr.DataTree:
        """Stop it, and give the draws so far."""

    def cancel(self) -> None:
        """Stop it without draws."""


class Sampler(Protocol):
    """
    A way to draw chains, such as `NoUTurn`.

    A chain is a tree with the groups `posterior` (dims chain, draw, ...) and `sample_stats`, which
    holds `diverging` and `divergence_message`.
    """

    @property
    def whitens(self) -> bool:
        """Whether it moves in whitened coordinates where a mode is known."""

    @property
    def attempts(self) -> tuple[Sampler, ...]:
        """Samplers to try one after the other while chains diverge, itself first."""

    def settings(self) -> dict[str, Any]:
        """Plain description, for checkpoints and attributes of the draws."""

    def start(self, density: Any, request: ChainRequest) -> RunningChain:
        """Start one chain."""
