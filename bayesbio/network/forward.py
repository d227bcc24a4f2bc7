"""Networks in which a process model stands for some nodes: sampled forward, weighed by readings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate.prediction import noise_parameters, run_parameters
from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Profile, Run
from bayesbio.errors import ModelError
from bayesbio.network.evidence import outside_observed_range, scored
from bayesbio.network.intervention import under
from bayesbio.network.posterior import NetworkPosterior
from bayesbio.ode import simulate
from bayesbio.ode.cache import kernels

# With fewer effective samples than this an answer is rough.
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
        network, names = self.posterior.network, kernels(self.calibration.model).trace.names
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
        if not (self.settings or self.inputs or self.run or names):
            raise ModelError("Nothing drives the process model; give run=.")

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
            smallest number of ``effective_samples`` of a run, and ``outside_observed_range``.

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
        drawn, sizes = [], []
        for row, run in zip(scores, runs, strict=True):
            values, weights = self._sampled(row, run, samples, rng)
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
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sample every node, shape (nodes, count), standardised, with weights that add up to 1."""
        posterior = self.posterior
        plan, places = posterior.plan, [posterior.place(name) for name in self.nodes]
        below = {posterior.place(name) for name in posterior.network.descendants(*self.nodes)}
        first = [k for k in range(len(row)) if k not in below and k not in places]
        last = [k for k in range(len(row)) if k in below and k not in places]
        picked = _picked(posterior.draws, count, rng)
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
        chance = np.exp(weight - np.nanmax(weight))
        chance[~np.isfinite(chance)] = 0.0
        return values, chance / chance.sum()

    def _trajectories(
        self, row: np.ndarray, places: Sequence[int], values: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Fill in the nodes that are trajectories, and weigh samples by their readings."""
        posterior, calibration = self.posterior, self.calibration
        count = values.shape[1]
        read = {
            name: posterior.values(name, values[posterior.place(name)])
            for name in (*self.settings, *self.inputs)
        }
        course, draws = self._simulated(read, count, rng)
        weight = np.zeros(count)
        for name, k in zip(self.nodes, places, strict=True):
            node = posterior.network[name]
            mean = course[node.quantity].sel(time=node.time, method="nearest").to_numpy().ravel()
            noise = calibration.noise.get(node.quantity)
            parameters = noise_parameters(draws, node.quantity, extra=0)
            if np.isfinite(row[k]):
                values[k] = row[k]
                if noise is None:
                    raise ModelError(
                        f"{name!r} was never measured in the calibration, so a reading of it has "
                        "no noise to be weighed with. Leave it out of the evidence."
                    )
                reading = pd.DataFrame({"value": posterior.values(name, row[k : k + 1])})
                reading = reading.assign(flag="")
                weight += noise.log_likelihood(mean[:, None], reading, parameters)[:, 0]
                continue
            drawn = mean if noise is None else noise.draw(mean, parameters, rng)
            if node.scale != "identity":  # noise may carry a reading off the scale
                ceiling = np.inf if node.scale == "log" else 1.0 - 1e-6
                drawn = np.clip(drawn, np.maximum(1e-3 * mean, 1e-9), ceiling)
            values[k] = posterior.scores(name, drawn)
        return weight

    def _simulated(
        self, read: Mapping[str, np.ndarray], count: int, rng: np.random.Generator
    ) -> tuple[xr.Dataset, xr.Dataset]:
        """Compute one trajectory a sample; give courses and the draws behind them, (draw,)."""
        calibration, network = self.calibration, self.posterior.network
        template = Run("new") if self.run is None else calibration.campaign[self.run]
        settings = dict.fromkeys(self.settings, 0.0)  # replaced sample by sample below
        fresh = Run(
            "new",
            settings={**template.settings, **settings},
            profiles=template.profiles,
            events=template.events,
        )
        found = run_parameters(
            kernels(calibration.model).trace.names,
            calibration.draws,
            [fresh],
            calibration.campaign,
            calibration.options["given"],
            calibration.groups,
            calibration.options["positive"],
            rng,
            calibration.noise,
        )
        total = calibration.draws.sizes["chain"] * calibration.draws.sizes["draw"]
        picked = _picked(total, count, rng)
        flat = calibration.draws.stack(sample=("chain", "draw")).isel(sample=picked)
        names = [f"sample {k}" for k in range(count)] if self.inputs else ["new"]
        shape = (count,) if self.inputs else (1, count)  # one value a run, or (chain, draw)
        theta: dict[str, Any] = {}
        for name, value in found.items():
            theta[name] = value
            if isinstance(value, xr.DataArray):
                column = value.squeeze("run", drop=True) if "run" in value.dims else value
                column = column.transpose("chain", "draw", ...).to_numpy()
                theta[name] = column.reshape(total)[picked].reshape(shape)
        for node, name in self.settings.items():
            theta[name] = read[node].reshape(shape)
        runs = [fresh]
        if self.inputs:
            profiles = self._profiles(read, template)
            runs = [
                fresh.replace(name=name, profiles={**template.profiles, **profiles[k]})
                for k, name in enumerate(names)
            ]
        times = sorted({float(network[name].time or 0.0) for name in self.nodes})
        course = simulate(
            calibration.model,
            parameters=theta,
            campaign=Campaign(runs, units=calibration.campaign.units),
            times=times,
            rtol=calibration.options["rtol"],
            atol=calibration.options["atol"],
        )
        return course, flat.reset_index("sample", drop=True)

    def _profiles(self, read: Mapping[str, np.ndarray], template: Run) -> list[dict[str, Profile]]:
        """Lead each input through its slices, then hold it, sample by sample."""
        network = self.posterior.network
        points: dict[str, list[tuple[float, np.ndarray]]] = {}
        for node, name in self.inputs.items():
            time = network[node].time
            points.setdefault(name, []).append((0.0 if time is None else time, read[node]))
        count = len(next(iter(read.values())))
        told: list[dict[str, Profile]] = [{} for _ in range(count)]
        for name, slices in points.items():
            slices.sort(key=lambda point: point[0])
            times = [time for time, _ in slices]
            courses = np.stack([value for _, value in slices], axis=1)
            end = max(float(network[node].time or 0.0) for node in self.nodes)
            if end > times[-1]:  # the last slice holds
                times, courses = [*times, end], np.column_stack([courses, courses[:, -1]])
            # Before the first slice the run's own profile holds, where it has one.
            early = template.profiles.get(name)
            start = [(t, v) for t, v in early.points if t < times[0]] if early else []
            kind = early.interpolation if early else "linear"
            for place, course in enumerate(courses.tolist()):
                told[place][name] = Profile([*start, *zip(times, course, strict=True)], kind)
        return told


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


def _picked(total: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Pick draws, each as often as the others."""
    rounds = [rng.permutation(total) for _ in range(-(-count // total))]
    return np.concatenate(rounds)[:count]
