"""The posterior of the eight runs by numpyro and diffrax: the same equations, priors and noise."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import xarray as xr
from numpyro.infer import NUTS, init_to_value
from numpyro.infer.util import potential_energy
from problems import TRUTH, Problem, slopes_of

from bayesbio.ode.codegen.cache import kernels

jax.config.update("jax_enable_x64", True)

NAMES = tuple(TRUTH)
VARIED = ("maximum_growth_rate", "specific_productivity")
SPREAD, ERROR = 0.3, 0.2  # scales of the half-normal priors of `fit`


class Data:
    """Readings, feeds and starts of the runs as arrays, run by run."""

    def __init__(self, problem: Problem) -> None:
        self.kernels = kernels(problem.model)
        traced, runs = self.kernels.trace, list(problem.campaign)
        self.names, self.states = traced.names, traced.states
        self.times = jnp.array(runs[0].times())
        frame = problem.campaign.to_frame()
        self.quantities = tuple(dict.fromkeys(frame["quantity"]))
        places = traced.observed_names
        self.where = jnp.array([places.index(name) for name in self.quantities])
        self.read = jnp.array(
            [
                frame[(frame["run"] == run.name) & (frame["quantity"] == name)]["value"]
                for run in runs
                for name in self.quantities
            ]
        ).reshape(len(runs), len(self.quantities), -1)
        self.settings = jnp.array(
            [[run.settings.get(name, 0.0) for name in traced.names] for run in runs]
        )
        feeds = [run.profiles["feed_rate"].points for run in runs]
        self.switch = float(feeds[0][1][0])
        self.feeds = jnp.array([points[1][1] for points in feeds])


def density(data: Data, *, together: bool, rtol: float, atol: float) -> Callable[[], None]:
    """Non-centred model; the runs side by side (`vmap`) or one after the other (`map`)."""
    slopes = slopes_of(data.kernels, "jax")
    states = len(data.states)
    control = diffrax.ClipStepSizeController(
        diffrax.PIDController(rtol=rtol, atol=atol), jump_ts=jnp.array([data.switch])
    )

    def course(p: Any, feed: Any) -> Any:
        def right(t: Any, y: Any, p: Any) -> Any:
            fed = jnp.where(t < data.switch, 0.0, feed)
            return jnp.stack([jnp.asarray(value, float) for value in slopes(t, y, p, [fed])])

        return diffrax.diffeqsolve(
            diffrax.ODETerm(right), diffrax.Tsit5(), 0.0, data.times[-1], None, p[-states:],
            args=p, saveat=diffrax.SaveAt(ts=data.times), stepsize_controller=control,
            max_steps=1024, throw=False,
        ).ys  # fmt: skip

    def model() -> None:
        centre = jnp.log(jnp.array([TRUTH[name] for name in NAMES]))
        logs = numpyro.sample("logs", dist.Normal(centre, 0.3).to_event(1))
        runs = len(data.feeds)
        rows = jnp.broadcast_to(logs, (runs, len(NAMES)))
        for name in VARIED:
            spread = numpyro.sample(f"{name}_sd_run", dist.HalfNormal(SPREAD))
            effects = numpyro.sample(f"{name}_z", dist.Normal(0.0, 1.0).expand([runs]).to_event(1))
            rows = rows.at[:, NAMES.index(name)].add(spread * effects)
        places = jnp.array([data.names.index(name) for name in NAMES])
        theta = data.settings.at[:, places].set(jnp.exp(rows))
        if together:
            found = jax.vmap(course)(theta, data.feeds)
        else:
            found = jax.lax.map(lambda both: course(*both), (theta, data.feeds))
        mean = jnp.moveaxis(found[:, :, data.where], 2, 1)
        scales = jnp.stack(
            [numpyro.sample(f"noise_{q}", dist.HalfNormal(ERROR)) for q in data.quantities]
        )
        level = jnp.log(jnp.maximum(mean, 1e-300))
        fits = dist.LogNormal(level, scales[None, :, None]).log_prob(data.read).sum()
        numpyro.factor("readings", jnp.where(jnp.isfinite(fits), fits, -jnp.inf))

    return model


def seconds_of_a_gradient(model: Callable[[], None], start: dict[str, Any]) -> float:
    """Shortest of ten gradients of the log density at the start."""
    call = jax.jit(jax.value_and_grad(lambda at: potential_energy(model, (), {}, at)))
    jax.block_until_ready(call(start))
    times = []
    for _ in range(10):
        began = time.process_time()
        jax.block_until_ready(call(start))
        times.append(time.process_time() - began)
    return min(times)


def prepared(
    problem: Problem, *, rtol: float, atol: float
) -> tuple[Callable[[], None], dict[str, Any], float]:
    """Model whose runs are solved the faster way, values to start from, seconds of a gradient."""
    data = Data(problem)
    runs = len(data.feeds)
    centre = {"logs": jnp.log(jnp.array([TRUTH[name] for name in NAMES]))}
    centre |= {f"{name}_z": jnp.zeros(runs) for name in VARIED}
    centre |= {f"{name}_sd_run": jnp.array(0.1) for name in VARIED}
    centre |= {f"noise_{name}": jnp.array(0.1) for name in data.quantities}
    start = {
        name: jnp.log(value) if "_sd_" in name or "noise_" in name else value
        for name, value in centre.items()
    }
    ways = {
        way: density(data, together=way == "side by side", rtol=rtol, atol=atol)
        for way in ("side by side", "one by one")
    }
    gradient = {way: seconds_of_a_gradient(model, start) for way, model in ways.items()}
    print("numpyro, seconds a gradient:", gradient, flush=True)
    faster = min(gradient, key=gradient.__getitem__)
    return ways[faster], centre, gradient[faster]


def sampled(
    problem: Problem, *, draws: int, chains: int, seed: int, rtol: float, atol: float
) -> tuple[xr.Dataset, xr.Dataset, float, float]:
    """Draws, statistics, processor seconds without compiling, and seconds of a gradient."""
    model, centre, gradient = prepared(problem, rtol=rtol, atol=atol)
    kernel = NUTS(model, init_strategy=init_to_value(values=centre))
    kept, steps, diverging, seconds = [], [], [], 0.0
    for chain in range(chains):
        state = kernel.init(jax.random.PRNGKey(100 * seed + chain), draws, None, (), {})
        if chain == 0:
            step = jax.jit(lambda state: kernel.sample(state, (), {}))
            jax.block_until_ready(step(state))
        began = time.process_time()
        for draw in range(2 * draws):
            state = step(state)
            if draw >= draws:
                kept.append(jax.device_get(state.z))
                steps.append(int(state.num_steps))
                diverging.append(bool(state.diverging))
        seconds += time.process_time() - began
        print(f"numpyro: chain {chain} after {seconds:.0f} s", flush=True)
    shape = (chains, draws)

    def column(name: str) -> np.ndarray:
        values = np.array([draw[name] for draw in kept])
        return values.reshape(*shape, *values.shape[1:])

    logs = column("logs")
    found: dict[str, Any] = {n: np.exp(logs[..., i]) for i, n in enumerate(NAMES)}
    for name in VARIED:
        spread = np.exp(column(f"{name}_sd_run"))
        found[f"{name}_sd_run"] = spread
        by_run = np.log(found[name])[..., None] + spread[..., None] * column(f"{name}_z")
        found[f"{name}_by_run"] = np.exp(by_run)
    found |= {name: np.exp(column(name)) for name in centre if name.startswith("noise_")}
    dims = ("chain", "draw", "run")
    posterior = xr.Dataset({n: (dims[: v.ndim], v) for n, v in found.items()})
    stats = xr.Dataset(
        {
            "n_steps": (dims[:2], np.reshape(steps, shape)),
            "diverging": (dims[:2], np.reshape(diverging, shape)),
        }
    )
    return posterior, stats, seconds, gradient
