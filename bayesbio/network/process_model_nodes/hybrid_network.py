"""Hybrid network: a process model as nodes of a network."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate.calibration import calibration_from_archive
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.archive.results import result_hash, save_result
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.inference.diagnostics.verdict import Verdict
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.process_model_nodes.likelihood_weighting import (
    LikelihoodWeighting,
    systematic_positions,
)
from bayesbio.network.process_model_nodes.trajectory_samples import picked_draws
from bayesbio.network.queries.intervention import (
    grid_of,
    intervention_targets,
    with_intervention,
)
from bayesbio.network.queries.observations import (
    outside_grid,
    outside_interventions,
    refuse_outside,
    standardise_observations,
)
from bayesbio.network.queries.prediction import as_dataset, targets_of
from bayesbio.network.queries.risk import Risk, judged_targets


@dataclasses.dataclass(frozen=True, eq=False)
class HybridNetwork(LikelihoodWeighting):
    """
    A fitted network in which a process model computes some nodes.

    For mechanisms that no straight line follows: settings, inputs and initial states are drawn from
    the network, one trajectory is simulated with one draw of the process parameters (and effects
    of a new run), measurement noise is added, and nodes downstream follow from the network.
    Observations weigh the samples.

    Made by `NetworkPosterior.with_process_model`.

    Parameters
    ----------
    posterior : NetworkPosterior
    calibration : Calibration
    nodes : tuple of str
        Nodes that are trajectories, such as "titer@336".
    run : str, optional
        A run of the calibration whose settings, profiles and events hold where no node gives
        another value.
    """

    __repr__ = short_repr

    @property
    def model(self) -> tuple[Any, Any]:
        """The network, and the process model of its nodes."""
        return self.posterior.network, self.calibration.model

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on the data of the network."""
        return tuple(getattr(self.posterior, "warnings", ()))

    @property
    def data(self) -> Any:
        """Table that the network was fitted to."""
        return getattr(self.posterior, "data", None)

    @property
    def options(self) -> dict[str, Any]:
        """What was asked: the computed nodes, the run that fills in, and the network's options."""
        asked = dict(getattr(self.posterior, "options", {}))
        return {**asked, "nodes": list(self.nodes), "run": self.run}

    def check(self) -> Verdict:
        """Check both fits together: of the network, and of the calibrated process model."""
        items = [
            dataclasses.replace(item, name=f"{item.name} ({name})")
            for name, part in self._fits.items()
            for item in part.check().items
        ]
        return Verdict(tuple(items))

    def summary(self) -> pd.DataFrame:
        """Parameters of both fits; column ``part``; the verdict in attrs."""
        table = pd.concat([fit.summary().assign(part=name) for name, fit in self._fits.items()])
        table.attrs = {"verdict": str(self.check())}
        return table

    @cached_property
    def hash(self) -> str:
        """Content hash of everything that is saved."""
        return result_hash(self)

    def require(self) -> Self:
        """Return this network if both verdicts passed, else raise a CalibrationError."""
        if not self.check().passed:
            raise CalibrationError(f"The network did not pass its checks.\n{self.check()}")
        return self

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        title = f"Process network with {type(self.calibration.model).__name__} within"
        return Evidence(self, title, predict=self.predict)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        return save_result(path, self, kind="hybrid_network")

    def to_saved(self) -> dict[str, Any]:
        """Give the parts of the file: the network, and the calibration as it saves itself."""
        return {
            "posterior": self.posterior,
            "nodes": self.nodes,
            "run": self.run,
            "draws": self.calibration.posterior,
            "calibration": json.dumps(self.calibration.archive_content()),
        }

    @classmethod
    def from_saved(cls, saved: Mapping[str, Any], model: Any = None) -> Self:
        """Rebuild from the parts of the file."""
        content = json.loads(saved["calibration"])
        calibration = calibration_from_archive(saved["draws"], content, model)
        return cls(saved["posterior"], calibration, tuple(saved["nodes"]), saved["run"])

    def predict(
        self,
        observations: Any = None,
        *,
        targets: Sequence[str] | str | None = None,
        until: float | None = None,
        noise: bool = True,
        samples: int = 2000,
        random_seed: int = 0,
        outside: str = "flag",
    ) -> xr.Dataset:
        """
        Predict nodes conditional on observed values of any others.

        Parameters
        ----------
        observations, targets, until, outside
            As `bayesbio.network.predict`.
        noise : bool
            Without it, every node is at its mean given its parents (only without observations).
        samples : int
            Trajectories for each run.
        random_seed : int

        Returns
        -------
        Dataset
            As `bayesbio.network.predict`, one chain; attrs: the smallest number of
            ``effective_samples`` of a run, and ``likelihood_power``: 1, or less where a run is so
            unexpected that single samples would dominate; the likelihood of its observations is
            then tempered to this power.

        Raises
        ------
        ModelError
            An unknown node; observations that no sample comes near, or with noise=False.
        """
        observed = standardise_observations(self.posterior, observations, until, outside)
        if not noise and np.isfinite(observed.values).any():
            raise ModelError(
                "Observations weigh runs that scatter; ask with noise=True, or without them."
            )
        wanted = targets_of(self.posterior, observed, targets)
        rng = np.random.default_rng(random_seed)
        drawn, sizes, powers = [], [], []
        for row, run in zip(observed.values, observed.runs, strict=True):
            picked = [picked_draws(total, samples, rng) for total in self.totals]
            values, weights, power = self.sample(row, run, picked, rng, noise=noise)
            powers.append(power)
            sizes.append(1.0 / float((weights**2).sum()))
            drawn.append(values[wanted][:, systematic_positions(weights, rng)])
        answer = as_dataset(self.posterior, observed, wanted, np.stack(drawn, axis=-1), chains=1)
        sizes_and_powers = {
            "effective_samples": float(np.min(sizes)),
            "likelihood_power": float(np.min(powers)),
        }
        return answer.assign_attrs(sizes_and_powers)

    def with_intervention(self, do: Mapping[str, Any]) -> HybridNetwork:
        """Cut the edges into nodes and hold them; see `bayesbio.network.with_intervention`."""
        left = tuple(name for name in self.nodes if name not in do)
        return dataclasses.replace(
            self, posterior=with_intervention(self.posterior, do), nodes=left
        )

    def intervene(
        self,
        do: Mapping[str, Any],
        *,
        targets: Sequence[str] | str | None = None,
        noise: bool = True,
        samples: int = 2000,
        random_seed: int = 0,
        outside: str = "flag",
    ) -> xr.Dataset:
        """
        Predict the outcome of an intervention; the same random numbers at every point of a grid.

        `do`, `targets`, `outside` and the answer are those of `bayesbio.network.intervene`.
        """
        targets = intervention_targets(self.posterior, do) if targets is None else targets
        chosen = [targets] if isinstance(targets, str) else list(targets)
        sentences = outside_interventions(self.posterior, do)
        refuse_outside(sentences, outside)

        def at_point(held: Mapping[str, Any]) -> xr.Dataset:
            process = self.with_intervention(held)
            answer = process.predict(
                targets=chosen, noise=noise, samples=samples, random_seed=random_seed
            )
            return answer.isel(run=0, drop=True).drop_vars("outside")

        answer = _on_grid(do, chosen, at_point).transpose("chain", "draw", ...)
        flags = outside_grid(self.posterior, do, grid_of(do, chosen))
        return answer.assign(outside=flags).assign_attrs(warnings=sentences)

    def probability_out_of_specification(
        self,
        targets: Sequence[str] | str | None = None,
        *,
        observations: Any = None,
        until: float | None = None,
        do: Mapping[str, Any] | None = None,
        samples: int = 4000,
        random_seed: int = 0,
        outside: str = "flag",
    ) -> Risk:
        """
        Probability that a run leaves its specifications, counted over samples.

        As `bayesbio.network.probability_out_of_specification`; twenty samples share a draw of the
        parameters: their share out of specification is the probability in that draw, whose counting
        error widens the epistemic interval.
        """
        do = do or {}
        limits = judged_targets(self.posterior.network, targets, do)
        sentences = outside_interventions(self.posterior, do)
        refuse_outside(sentences, outside)
        observed = standardise_observations(self.posterior, observations, until, outside)
        twice = [n for n in do if np.isfinite(observed.values[:, self.posterior.index(n)]).any()]
        if twice:
            raise ModelError(f"{twice[0]!r} is both held (do) and observed; keep one.")

        def at_point(held: Mapping[str, Any]) -> xr.Dataset:
            process = self.with_intervention(held) if held else self
            inner = standardise_observations(process.posterior, observations, until, "flag")
            parts = [
                process.probabilities(row, run, limits, samples, random_seed)
                for row, run in zip(inner.values, inner.runs, strict=True)
            ]
            return xr.concat(parts, pd.Index(inner.runs, name="run"))

        answer = _on_grid(do, list(limits), at_point)
        grid = grid_of(do, list(limits))
        flags = xr.DataArray(observed.outside, dims="run", coords={"run": observed.runs})
        flags = flags | outside_grid(self.posterior, do, grid)
        if observations is None:
            answer, flags = answer.isel(run=0, drop=True), flags.isel(run=0, drop=True)
        size = answer["effective_samples"]
        posterior = answer.drop_vars("effective_samples").transpose("chain", "draw", ...)
        total = posterior.mean(("chain", "draw"))
        error = (total * (1.0 - total) / size) ** 0.5
        return Risk(posterior, error, flags, observed.warnings + sentences)

    @property
    def _fits(self) -> dict[str, Any]:
        return {"network": self.posterior, "process model": self.calibration}


def _on_grid(
    do: Mapping[str, Any], targets: Sequence[str], answer: Callable[[Mapping[str, Any]], xr.Dataset]
) -> xr.Dataset:
    """Ask at every point of the grid of an intervention; one dimension a node of several values."""
    grid = grid_of(do, targets)

    def along(names: list[str], held: Mapping[str, Any]) -> xr.Dataset:
        if not names:
            return answer(held)
        name, *rest = names
        parts = [along(rest, {**held, name: float(value)}) for value in grid[name]]
        return xr.concat(parts, pd.Index(grid[name], name=name))

    return along(list(grid), {name: value for name, value in do.items() if name not in grid})


def with_process_model(
    posterior: NetworkDraws,
    calibration: Any,
    nodes: Sequence[str] | str,
    *,
    run: str | None = None,
) -> HybridNetwork:
    """
    Hybrid network: a calibrated process model computes nodes not linear in their parents.

    Parameters
    ----------
    posterior : NetworkPosterior
    calibration : Calibration
    nodes : sequence of str
        Nodes such as "titer@336" that its trajectories describe; see `check_linearity`.
    run : str, optional
        A run whose settings, profiles and events hold where no node gives another value. Nodes
        named as settings, initial states or inputs of the model drive it.

    Returns
    -------
    HybridNetwork

    Raises
    ------
    ModelError
        A node that the model does not describe, or one that drives it downstream of them.

    Examples
    --------
    ``with_process_model(posterior, calibration, ["titer@336"]).predict({"temperature": 309.0})``
    """
    names = (nodes,) if isinstance(nodes, str) else tuple(nodes)
    return HybridNetwork(posterior, calibration, names, run)
