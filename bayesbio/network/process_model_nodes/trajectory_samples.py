"""Posterior predictive trajectories of a process model, one for each sample of its inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.calibrate.predicting.noise_draws import add_noise
from bayesbio.data.run import Profile, Run
from bayesbio.network.graph.nodes import Node
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.simulation import value_names


def trajectories(
    calibration: Any,
    driven: Mapping[Node, np.ndarray],
    times: Sequence[float],
    *,
    run: str | None,
    picked: np.ndarray,
    rng: np.random.Generator,
) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    """
    Simulate new runs, each with its own draw of the process parameters and of its run effects.

    `driven` has values [unit of the node], shape (count,), of settings and initial states (nodes
    without a time) and of inputs (one value, or slices); what no node gives is as in `run`, a run
    of the calibration. `picked` is the position of the posterior draw of each sample.

    Returns
    -------
    course, noisy, draws : Dataset
        Trajectories, the same with measurement noise, and their parameter draws; dims chain (one),
        draw (count), and run (one) and time for the first two.
    """
    campaign, count = calibration.campaign, len(picked)
    new = _unused("new", campaign.names)
    template = Run(new) if run is None else campaign[run]
    names = value_names(kernels(calibration.model), [template])
    inputs = {node: v for node, v in driven.items() if node.quantity in calibration.model.inputs}
    settings = {node.name: v for node, v in driven.items() if node.name in names}
    fresh = Run(
        new,
        # Settings are replaced sample by sample below.
        settings={**template.settings, **dict.fromkeys(settings, 0.0)},
        profiles=template.profiles,
        events=template.events,
    )
    draws = calibration.draws.stack(sample=("chain", "draw")).isel(sample=picked)
    draws = draws.drop_vars(["sample", "chain", "draw"]).rename(sample="draw")
    draws = draws.expand_dims("chain").transpose("chain", "draw", ...)
    predictor = dataclasses.replace(calibration.predictor, draws=draws)
    parameters = predictor.parameters([fresh], rng)
    shape = (count,) if inputs else (1, count)  # one value a run, or (chain, draw)
    theta: dict[str, Any] = dict(parameters)
    for name, value in parameters.items():
        if isinstance(value, xr.DataArray):
            one = value.squeeze("run", drop=True) if "run" in value.dims else value
            theta[name] = one.transpose("chain", "draw").to_numpy().reshape(shape)
    theta |= {name: values.reshape(shape) for name, values in settings.items()}
    runs = [fresh]
    if inputs:
        runs = [
            fresh.replace(name=f"sample {k}", profiles={**template.profiles, **profiles})
            for k, profiles in enumerate(_profiles(inputs, template, count, max(times)))
        ]
    course = predictor.courses(runs, theta, times=sorted(set(times)))
    if inputs:  # every sample was a run of its own; now it is a draw again
        course = course.isel(draw=0, drop=True).rename(run="draw")
        course = course.drop_vars("draw").expand_dims(run=["new"])
    course = course.transpose("chain", "draw", "run", "time", ...).assign_coords(run=["new"])
    return course, add_noise(course, draws, calibration.noise, rng, known=[False]), draws


def picked_draws(total: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Pick draws, each as often as the others: stratified over random permutations."""
    rounds = [rng.permutation(total) for _ in range(-(-count // total))]
    return np.concatenate(rounds)[:count]


def _profiles(
    inputs: Mapping[Node, np.ndarray], template: Run, count: int, end: float
) -> list[dict[str, Profile]]:
    """Profile of each input through its slices, constant after the last, for each sample."""
    points: dict[str, list[tuple[float, np.ndarray]]] = {}
    for node, values in inputs.items():
        points.setdefault(node.quantity, []).append((node.time or 0.0, values))
    profiles: list[dict[str, Profile]] = [{} for _ in range(count)]
    for name, slices in points.items():
        slices.sort(key=lambda point: point[0])
        times = [time for time, _ in slices]
        courses = np.stack([values for _, values in slices], axis=1)
        if end > times[-1]:  # the last slice holds
            times, courses = [*times, end], np.column_stack([courses, courses[:, -1]])
        # Before the first slice: the profile of the template run, where it has one.
        early = template.profiles.get(name)
        start = [(t, v) for t, v in early.points if t < times[0]] if early else []
        kind = early.interpolation if early else "linear"
        for k, course in enumerate(courses.tolist()):
            profiles[k][name] = Profile([*start, *zip(times, course, strict=True)], kind)
    return profiles


def _unused(name: str, names: Sequence[str]) -> str:
    """Give a name that is none of these."""
    return name if name not in names else _unused(f"{name} run", names)
