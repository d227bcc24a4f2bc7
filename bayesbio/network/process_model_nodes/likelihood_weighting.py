"""Likelihood weighting (importance sampling) of a network with trajectories of a process model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import bisect
from scipy.special import softmax

from bayesbio.calibrate.predicting.noise_draws import noise_parameters
from bayesbio.errors import ModelError
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.graph.nodes import Node
from bayesbio.network.process_model_nodes.trajectory_samples import picked_draws, trajectories
from bayesbio.ode.codegen.cache import kernels

# Effective samples below which the likelihood of observations is tempered.
LEAST_EFFECTIVE = 100
# Runs simulated for each draw of the parameters, to estimate a probability draw by draw.
RUNS_A_DRAW = 20


@dataclasses.dataclass(frozen=True, eq=False)
class LikelihoodWeighting:
    """
    Weighted samples of every node, some of them computed by a process model; see `HybridNetwork`.

    Koller and Friedman (2009), Probabilistic Graphical Models, section 12.2.
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
    def totals(self) -> tuple[int, int]:
        """Number of draws of the network, and of the calibration."""
        sizes = self.calibration.draws.sizes
        return self.posterior.draws, sizes["chain"] * sizes["draw"]

    def probabilities(
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
            for total in self.totals
        ]
        values, weights, _ = self.sample(row, run, picked, rng, noise=True)
        out = []
        for name in limits:
            low, high = self.posterior.standardised_limits(name)
            value = values[self.posterior.index(name)]
            out.append((value < low) | (value > high))
        out.append(np.any(out, axis=0))
        group = np.arange(samples) // RUNS_A_DRAW
        total = np.bincount(group, weights)
        share = [np.bincount(group, weights * part) / np.maximum(total, 1e-300) for part in out]
        drawn = systematic_positions(total, rng)
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

    def sample(
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


def systematic_positions(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
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
