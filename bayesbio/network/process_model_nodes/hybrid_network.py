"""Hybrid network: a process model as nodes; likelihood weighting (importance sampling)."""

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
from scipy.optimize import bisect
from scipy.special import softmax

from bayesbio.calibrate.calibration import calibration_from_archive
from bayesbio.calibrate.predicting.noise_draws import noise_parameters
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference.archive.results import result_hash, save_result
from bayesbio.inference.diagnostics.verdict import Verdict
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.graph.nodes import Node
from bayesbio.network.process_model_nodes.trajectory_samples import picked_draws, trajectories
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
from bayesbio.ode.codegen.cache import kernels

# Effective samples below which the likelihood of observations is tempered.
LEAST_EFFECTIVE = 100
# Runs simulated for each draw of the parameters, to estimate a probability draw by draw.
RUNS_A_DRAW = 20


@dataclasses.dataclass(frozen=True, eq=False)
class HybridNetwork:
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

    Notes
    -----
    Likelihood weighting: Koller and Friedman (2009), Probabilistic Graphical Models, section 12.2.
    """

    posterior: NetworkDraws
    calibration: Any
    nodes: tuple[str, ...]
    run: str | None = None

    def __post_init__(self) -> None:
        network = self.posterior.network
        states = set(self.calibration.model.State._fields) | set(
            getattr(self.calibration.model, "output_names", ())
        )
        for name in self.nodes:
            node = network.node(name)
            if node.time is None or node.quantity not in states:
                raise ModelError(
                    f"{name!r} is no trajectory of {type(self.calibration.model).__name__}; name "
                    f"nodes such as {sorted(states)[0]}@24: one of {', '.join(sorted(states))} "
                    "at a time in hours."
                )
        below = set(network.descendants(*self.nodes)) | set(self.nodes)
        late = [name for name in (*self.settings, *self.inputs) if name in below]
        if late:
            raise ModelError(
                f"{late[0]!r} drives the process model, but stands downstream of the nodes that "
                f"the model is to compute ({', '.join(self.nodes)}). Name fewer nodes, or drop "
                "that edge."
            )

    @property
    def settings(self) -> dict[str, str]:
        """Nodes that are settings or initial states of the process model, with their name there."""
        names = kernels(self.calibration.model).trace.names
        return {
            node.name: node.name
            for node in self.posterior.network.nodes
            if node.time is None and node.name in names
        }

    @property
    def inputs(self) -> dict[str, str]:
        """Nodes that are inputs of the process model, held or slice by slice, with their input."""
        known = set(self.calibration.model.inputs)
        return {
            node.name: node.quantity
            for node in self.posterior.network.nodes
            if node.quantity in known
        }

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
        """
        Check both fits together: of the network, and of the calibrated process model.

        Returns
        -------
        Verdict
        """
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
            Whether runs scatter; without it, every node is at its mean given its parents (only
            without observations).
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
            picked = [picked_draws(total, samples, rng) for total in self._totals]
            values, weights, power = self._sample(row, run, picked, rng, noise=noise)
            powers.append(power)
            sizes.append(1.0 / float((weights**2).sum()))
            drawn.append(values[wanted][:, _systematic(weights, rng)])
        told = as_dataset(self.posterior, observed, wanted, np.stack(drawn, axis=-1), chains=1)
        sizes_and_powers = {
            "effective_samples": float(np.min(sizes)),
            "likelihood_power": float(np.min(powers)),
        }
        return told.assign_attrs(sizes_and_powers)

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
        Predict the outcome of an intervention, point by point of its grid.

        Parameters
        ----------
        do, targets, outside
            As `bayesbio.network.intervene`; the same random numbers at every point.
        noise, samples, random_seed
            As `predict`.

        Returns
        -------
        Dataset
            As `bayesbio.network.intervene`.
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

        Parameters
        ----------
        targets, observations, until, do, outside
            As `bayesbio.network.probability_out_of_specification`.
        samples, random_seed : int
            Twenty samples share a draw of the parameters: their share out of specification is the
            probability in that draw, whose counting error widens the epistemic interval.

        Returns
        -------
        Risk

        Raises
        ------
        ModelError
            If no target has a specification.
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
                process._leaving(row, run, limits, samples, random_seed)
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

    @property
    def _totals(self) -> tuple[int, int]:
        """Number of draws of the network, and of the calibration."""
        sizes = self.calibration.draws.sizes
        return self.posterior.draws, sizes["chain"] * sizes["draw"]

    def _leaving(
        self,
        row: np.ndarray,
        run: str,
        limits: Mapping[str, tuple[float, float]],
        samples: int,
        random_seed: int,
    ) -> xr.Dataset:
        """Probability to leave each limit, and any, in each draw of the parameters."""
        rng = np.random.default_rng(random_seed)
        groups = -(-samples // RUNS_A_DRAW)
        picked = [
            np.repeat(picked_draws(total, groups, rng), RUNS_A_DRAW)[:samples]
            for total in self._totals
        ]
        values, weights, _ = self._sample(row, run, picked, rng, noise=True)
        out = []
        for name in limits:
            low, high = self.posterior.standardised_limits(name)
            value = values[self.posterior.index(name)]
            out.append((value < low) | (value > high))
        out.append(np.any(out, axis=0))
        group = np.arange(samples) // RUNS_A_DRAW
        total = np.bincount(group, weights)
        share = [np.bincount(group, weights * part) / np.maximum(total, 1e-300) for part in out]
        drawn = _systematic(total, rng)
        size = min(1.0 / float((weights**2).sum()), samples)
        return xr.Dataset(
            {
                **{
                    name: (("chain", "draw"), part[None, drawn])
                    for name, part in zip((*limits, "any"), share, strict=True)
                },
                "effective_samples": size,
            },
            coords={"chain": [0], "draw": np.arange(groups)},
        )

    def _sample(
        self,
        row: np.ndarray,
        run: str,
        picked: Sequence[np.ndarray],
        rng: np.random.Generator,
        *,
        noise: bool,
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """
        Sample every node, shape (nodes, count), standardised.

        Weights, shape (count,), add up to 1; the last number is the power of the likelihood.
        """
        posterior = self.posterior
        draws = posterior.taken(picked[0]).with_mixing(rng)
        index, trajectory_nodes = posterior.graph_index, [posterior.index(n) for n in self.nodes]
        below = {posterior.index(name) for name in posterior.network.descendants(*self.nodes)}
        others = [k for k in range(len(row)) if k not in trajectory_nodes]
        count = len(picked[0])
        values, weight = np.empty((len(row), count)), np.zeros(count)

        def sample_node(k: int) -> None:
            effects = draws.effect[:, index.edges[k]]
            mean = draws.intercept[:, k] + np.einsum("sp,ps->s", effects, values[index.parents[k]])
            sd = np.sqrt(draws.variance[:, k])
            if not np.isfinite(row[k]):
                values[k] = mean + noise * sd * rng.standard_normal(count)
                return
            values[k] = row[k]
            if (sd > 0.0).all():
                weight[:] -= 0.5 * ((row[k] - mean) / sd) ** 2 + np.log(sd)

        for k in others:
            if k not in below:
                sample_node(k)
        if trajectory_nodes:
            weight += self._simulate(row, values, picked[1], rng, noise=noise)
        for k in others:
            if k in below:
                sample_node(k)
        if not np.isfinite(weight).any():
            raise ModelError(
                f"No sample comes near the observations of {run!r}: the process model does not "
                "expect such a run. Leave observations out, or calibrate with runs like it."
            )
        return values, *_tempered(weight, min(LEAST_EFFECTIVE, 0.1 * count))

    def _simulate(
        self,
        row: np.ndarray,
        values: np.ndarray,
        picked: np.ndarray,
        rng: np.random.Generator,
        *,
        noise: bool,
    ) -> np.ndarray:
        """Fill in the nodes that are trajectories; log likelihood of their observations."""
        posterior, network = self.posterior, self.posterior.network
        driven = {
            network[name]: posterior.to_unit(name, values[posterior.index(name)])
            for name in (*self.settings, *self.inputs)
        }
        times = [float(network[name].time or 0.0) for name in self.nodes]
        course, noisy, draws = trajectories(
            self.calibration, driven, times, run=self.run, picked=picked, rng=rng
        )
        weight = np.zeros(values.shape[1])
        for name, time in zip(self.nodes, times, strict=True):
            node, k = network[name], posterior.index(name)
            if np.isfinite(row[k]):
                mean = course[node.quantity].sel(time=time).to_numpy()[0]  # (sample, run)
                reading = float(posterior.to_unit(name, row[k]))
                weight += _log_density(self.calibration, node, mean, reading, draws)
                values[k] = row[k]
                continue
            drawn = (noisy if noise else course)[node.quantity].sel(time=time).to_numpy().ravel()
            if node.link != "identity":  # noise may leave the domain of the link
                floor = 1e-3 * course[node.quantity].sel(time=time).to_numpy().ravel()
                ceiling = np.inf if node.link == "log" else 1.0 - 1e-6
                drawn = np.clip(drawn, np.maximum(floor, 1e-9), ceiling)
            values[k] = posterior.standardise(name, drawn)
        return weight


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


def _systematic(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Systematic resampling: as many positions as weights; Kitagawa (1996)."""
    ladder = (rng.uniform() + np.arange(len(weights))) / len(weights)
    return np.searchsorted(np.cumsum(weights), ladder).clip(max=len(weights) - 1)


def _log_density(
    calibration: Any, node: Node, mean: np.ndarray, reading: float, draws: xr.Dataset
) -> np.ndarray:
    """Log likelihood of an observed node of a trajectory, sample by sample."""
    noise = calibration.noise.get(node.quantity)
    if noise is None:
        raise ModelError(
            f"{node.name!r} was never measured in the calibration, so an observation of it has "
            "no noise model. Leave it out of the observations."
        )
    parameters = noise_parameters(draws, node.quantity, noise, wide=False)
    if any(isinstance(value, xr.DataArray) for value in parameters.values()):
        raise ModelError(
            f"Readings of {node.quantity} share errors, so one of them alone cannot weigh "
            f"samples. Leave {node.name!r} out of the observations."
        )
    row = pd.DataFrame({"value": [reading], "flag": [""], "run": ["new"], "time_h": [node.time]})
    density: np.ndarray = noise.log_likelihood(mean[None], row, parameters)[0, :, 0]
    return density


def _tempered(weight: np.ndarray, least: float) -> tuple[np.ndarray, float]:
    """Normalise log weights, tempered to a power that leaves enough effective samples."""
    level = np.where(np.isfinite(weight), weight, -np.inf)

    def effective(power: float) -> float:
        return 1.0 / float((softmax(power * level) ** 2).sum())

    if effective(1.0) >= least:
        return softmax(level), 1.0
    smallest = 1e-12
    if effective(smallest) < least:  # fewer samples than that are possible at all
        return softmax(smallest * level), smallest
    power = float(bisect(lambda p: effective(p) - least * (1.0 + 1e-9), smallest, 1.0, xtol=1e-12))
    return softmax(power * level), power


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
