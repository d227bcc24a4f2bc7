"""Networks in which a process model stands for some nodes: sampled forward, weighed by readings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate.predicting.noise_draws import noise_parameters
from bayesbio.errors import ModelError
from bayesbio.network.graph.nodes import Node
from bayesbio.network.posterior import NetworkPosterior
from bayesbio.network.process_model_nodes.trajectory_samples import picked_draws, trajectories
from bayesbio.network.queries.intervention import under
from bayesbio.network.queries.observations import outside_observed_range, scored
from bayesbio.ode.codegen.cache import kernels

# Effective samples that an answer needs.
_FEW = 100


@dataclasses.dataclass(frozen=True, eq=False)
class ForwardNetwork:
    """
    A fitted network in which trajectories of a process model stand for some nodes.

    Where no straight line follows the mechanism, the mechanism itself is the node: settings, inputs
    and initial states are drawn from the network, one trajectory is computed with one draw of the
    process parameters (and the effects of a new run), the noise of the assay is added, and what is
    downstream follows from the network. Readings weigh the samples.

    Made by `NetworkPosterior.with_process_model`.

    Parameters
    ----------
    posterior : NetworkPosterior
    calibration : Calibration
    nodes : tuple of str
        Which nodes are trajectories, such as "titer@336".
    run : str, optional
        A run of the calibration whose settings, profiles and events hold where no node says
        otherwise.

    Notes
    -----
    Likelihood weighting: Koller and Friedman (2009), Probabilistic Graphical Models, section 12.2.
    """

    posterior: NetworkPosterior
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

    def predict(
        self,
        evidence: Any = None,
        *,
        targets: Sequence[str] | str | None = None,
        until: float | None = None,
        samples: int = 2000,
        random_seed: int = 0,
    ) -> xr.Dataset:
        """
        Predict nodes given readings of any others.

        Parameters
        ----------
        evidence, targets, until
            As `bayesbio.network.predict`.
        samples : int
            Trajectories for each run.
        random_seed : int

        Returns
        -------
        Dataset
            One variable per target, dims (chain, draw, run), one chain; attrs: units of each, the
            smallest number of ``effective_samples`` of a run, ``outside_observed_range``, and
            ``readings_count_for``: 1, or less where a run surprises the process model so much that
            single samples would carry the answer; its readings then count for that share of their
            weight.

        Raises
        ------
        ModelError
            An unknown node; readings that no sample comes near.
        """
        scores, runs = scored(self.posterior, evidence, until)
        wanted = self.posterior.places(targets)
        if targets is None:
            wanted = np.array([k for k in wanted if not np.isfinite(scores[:, k]).any()], int)
        rng = np.random.default_rng(random_seed)
        drawn, sizes, powers = [], [], []
        for row, run in zip(scores, runs, strict=True):
            values, weights, power = self._sampled(row, run, samples, rng)
            powers.append(power)
            sizes.append(1.0 / float((weights**2).sum()))
            ladder = (rng.uniform() + np.arange(samples)) / samples
            kept = np.searchsorted(np.cumsum(weights), ladder).clip(max=samples - 1)
            drawn.append(values[wanted][:, kept])
        variables = {}
        for place, k in enumerate(wanted):
            node = self.posterior.network[self.posterior.names[k]]
            values = np.stack([part[place] for part in drawn], axis=-1)[None]
            variables[node.name] = xr.DataArray(
                self.posterior.values(node.name, values),
                dims=("chain", "draw", "run"),
                attrs={"units": node.unit},
            )
        return xr.Dataset(
            variables,
            coords={"chain": [0], "draw": np.arange(samples), "run": runs},
            attrs={
                "effective_samples": float(np.min(sizes)),
                "readings_count_for": float(np.min(powers)),
                "outside_observed_range": outside_observed_range(self.posterior, scores, runs),
            },
        )

    def under(self, do: Mapping[str, Any]) -> ForwardNetwork:
        """Give the network in which nodes are held; see `bayesbio.network.under`."""
        left = tuple(name for name in self.nodes if name not in do)
        return dataclasses.replace(self, posterior=under(self.posterior, do), nodes=left)

    def intervene(
        self,
        do: Mapping[str, Any],
        *,
        targets: Sequence[str] | str | None = None,
        samples: int = 2000,
        random_seed: int = 0,
    ) -> xr.Dataset:
        """
        Predict what comes of holding nodes at values, one each.

        Parameters
        ----------
        do, targets
            As `bayesbio.network.intervene`; a list of values goes point by point.
        samples, random_seed : int

        Returns
        -------
        Dataset
            One variable per target, dims (chain, draw).
        """
        network = self.posterior.network
        if targets is None:
            below = [name for name in network.descendants(*do) if name not in do]
            targets = [name for name in below if network[name].role == "CQA"] or below
        told = self.under(do).predict(targets=targets, samples=samples, random_seed=random_seed)
        return told.isel(run=0, drop=True)

    def probability_out_of_specification(
        self,
        targets: Sequence[str] | str | None = None,
        *,
        evidence: Any = None,
        until: float | None = None,
        do: Mapping[str, Any] | None = None,
        samples: int = 4000,
        random_seed: int = 0,
    ) -> pd.DataFrame:
        """
        Give the probability that a run leaves its specifications, counted over samples.

        Parameters
        ----------
        targets, evidence, until, do
            As `bayesbio.network.probability_out_of_specification`.
        samples, random_seed : int

        Returns
        -------
        DataFrame
            Index node and run, ``any`` last; columns probability (total: scatter of runs and what
            is not known of the process) and error (Monte Carlo standard error).

        Raises
        ------
        ModelError
            If no target has a specification.
        """
        network = self.posterior.network
        judged = [name for name in network.specifications if name not in (do or {})]
        chosen = [targets] if isinstance(targets, str) else list(targets or judged)
        limits = {name: network[name].limits() for name in chosen}
        if not limits:
            raise ModelError(
                "No node has a specification, so there is no probability to leave one. Give "
                "Node(..., specification=Specification(...)) to the nodes that are judged."
            )
        process = self.under(do) if do else self
        told = process.predict(
            evidence, targets=chosen, until=until, samples=samples, random_seed=random_seed
        )
        size = min(float(told.attrs["effective_samples"]), samples)
        out = {}
        for name, (low, high) in limits.items():
            score = network[name].forward(told[name].to_numpy()[0])
            out[name] = (score < low) | (score > high)
        out["any"] = np.any(list(out.values()), axis=0)
        rows = {
            (name, run): float(part[:, place].mean())
            for name, part in out.items()
            for place, run in enumerate(told["run"].to_numpy())
        }
        chance = pd.Series(rows).rename_axis(["node", "run"])
        return pd.DataFrame(
            {"probability": chance, "error": np.sqrt(chance * (1.0 - chance) / size)}
        )

    def _sampled(
        self, row: np.ndarray, run: str, count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """
        Sample every node, shape (nodes, count), standardised.

        Weights, shape (count,), add up to 1; the last number is what readings count for.
        """
        posterior = self.posterior
        plan, places = posterior.plan, [posterior.place(name) for name in self.nodes]
        below = {posterior.place(name) for name in posterior.network.descendants(*self.nodes)}
        first = [k for k in range(len(row)) if k not in below and k not in places]
        last = [k for k in range(len(row)) if k in below and k not in places]
        picked = picked_draws(posterior.draws, count, rng)
        values, weight = np.empty((len(row), count)), np.zeros(count)

        def follow(k: int) -> None:
            effects = posterior.effect[picked][:, plan.edges[k]]
            mean = posterior.intercept[picked, k]
            mean = mean + np.einsum("sp,ps->s", effects, values[plan.parents[k]])
            scale = np.sqrt(posterior.variance[picked, k])
            if np.isfinite(row[k]):
                values[k] = row[k]
                if (scale > 0.0).all():
                    weight[:] -= 0.5 * ((row[k] - mean) / scale) ** 2 + np.log(scale)
            else:
                values[k] = mean + scale * rng.standard_normal(count)

        for k in first:
            follow(k)
        if places:
            weight += self._trajectories(row, places, values, rng)
        for k in last:
            follow(k)
        if not np.isfinite(weight).any():
            raise ModelError(
                f"No sample comes near the readings of {run!r}: the process model does not "
                "expect such a run. Leave readings out, or calibrate with runs like it."
            )
        chance, power = _tempered(weight, min(_FEW, 0.1 * count))
        return values, chance, power

    def _trajectories(
        self, row: np.ndarray, places: Sequence[int], values: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Fill in the nodes that are trajectories, and weigh samples by their readings."""
        posterior, calibration = self.posterior, self.calibration
        network = posterior.network
        read = {
            network[name]: posterior.values(name, values[posterior.place(name)])
            for name in (*self.settings, *self.inputs)
        }
        times = [float(network[name].time or 0.0) for name in self.nodes]
        course, noisy, draws = trajectories(
            calibration, read, times, run=self.run, count=values.shape[1], rng=rng
        )
        weight = np.zeros(values.shape[1])
        for name, time, k in zip(self.nodes, times, places, strict=True):
            node = network[name]
            if np.isfinite(row[k]):
                mean = course[node.quantity].sel(time=time).to_numpy()[0]  # (sample, run)
                reading = float(posterior.values(name, row[k]))
                weight += _log_density(calibration, node, mean, reading, draws)
                values[k] = row[k]
                continue
            drawn = noisy[node.quantity].sel(time=time).to_numpy().ravel()
            if node.scale != "identity":  # noise may carry a reading off the scale
                floor = 1e-3 * course[node.quantity].sel(time=time).to_numpy().ravel()
                ceiling = np.inf if node.scale == "log" else 1.0 - 1e-6
                drawn = np.clip(drawn, np.maximum(floor, 1e-9), ceiling)
            values[k] = posterior.scores(name, drawn)
        return weight


def _log_density(
    calibration: Any, node: Node, mean: np.ndarray, reading: float, draws: xr.Dataset
) -> np.ndarray:
    """Log density of a reading of a trajectory, sample by sample."""
    noise = calibration.noise.get(node.quantity)
    if noise is None:
        raise ModelError(
            f"{node.name!r} was never measured in the calibration, so a reading of it has no "
            "noise to be weighed with. Leave it out of the evidence."
        )
    parameters = noise_parameters(draws, node.quantity, noise, wide=False)
    if any(isinstance(value, xr.DataArray) for value in parameters.values()):
        raise ModelError(
            f"Readings of {node.quantity} share errors, so one of them alone cannot weigh "
            f"samples. Leave {node.name!r} out of the evidence."
        )
    row = pd.DataFrame({"value": [reading], "flag": [""], "run": ["new"], "time_h": [node.time]})
    told: np.ndarray = noise.log_likelihood(mean[None], row, parameters)[0, :, 0]
    return told


def _tempered(weight: np.ndarray, least: float) -> tuple[np.ndarray, float]:
    """Normalise log weights, to a power below 1 where fewer effective samples would be left."""
    possible = np.isfinite(weight)
    level = np.where(possible, weight - np.max(weight[possible]), 0.0)

    def chances(power: float) -> np.ndarray:
        found = np.where(possible, np.exp(power * level), 0.0)
        return np.asarray(found / found.sum())

    low, high = 0.0, 1.0
    if (chances(1.0) ** 2).sum() * least <= 1.0:
        return chances(1.0), 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        enough = (chances(middle) ** 2).sum() * least <= 1.0
        low, high = (middle, high) if enough else (low, middle)
    return chances(low), low


def with_process_model(
    posterior: NetworkPosterior,
    calibration: Any,
    nodes: Sequence[str] | str,
    *,
    run: str | None = None,
) -> ForwardNetwork:
    """
    Let a calibrated process model be some nodes of a network, where no straight line will do.

    Parameters
    ----------
    posterior : NetworkPosterior
    calibration : Calibration
    nodes : sequence of str
        Nodes such as "titer@336" that its trajectories describe; `check_linearity` tells which
        need it.
    run : str, optional
        A run whose settings, profiles and events hold where no node says otherwise. Nodes named as
        settings, initial states or inputs of the model drive it.

    Returns
    -------
    ForwardNetwork

    Raises
    ------
    ModelError
        A node that the model does not describe, or one that drives it downstream of them.

    Examples
    --------
    ``with_process_model(posterior, calibration, ["titer@336"]).predict({"temperature": 309.0})``
    """
    names = (nodes,) if isinstance(nodes, str) else tuple(nodes)
    return ForwardNetwork(posterior, calibration, names, run)
