"""One trajectory of a calibrated process model for each sample of what drives it."""

from __future__ import annotations

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
    count: int,
    rng: np.random.Generator,
) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    """
    Compute new runs, each with its own draw of the process parameters.

    Parameters
    ----------
    calibration : Calibration
    driven : mapping of Node to array, shape (count,) [unit of the node]
        Settings and initial states (nodes without a time), and inputs (held, or slice by slice).
    times : sequence of float [h]
    run : str, optional
        A run of the calibration that says what nothing here says.
    count : int
    rng : Generator

    Returns
    -------
    course, noisy, draws : Dataset
        Trajectories, the same as they would be read, and the draws behind them; dims chain (one),
        draw (count), and run (one) and time for the first two.
    """
    template = Run("new") if run is None else calibration.campaign[run]
    names = value_names(kernels(calibration.model), [template])
    inputs = {node: v for node, v in driven.items() if node.quantity in calibration.model.inputs}
    settings = {node.name: v for node, v in driven.items() if node.name in names}
    fresh = Run(
        "new",
        # Settings are replaced sample by sample below.
        settings={**template.settings, **dict.fromkeys(settings, 0.0)},
        profiles=template.profiles,
        events=template.events,
    )
    found = calibration.predictor.parameters([fresh], rng)
    total = calibration.draws.sizes["chain"] * calibration.draws.sizes["draw"]
    picked = picked_draws(total, count, rng)
    shape = (count,) if inputs else (1, count)  # one value a run, or (chain, draw)
    theta: dict[str, Any] = dict(found)
    for name, value in found.items():
        if isinstance(value, xr.DataArray):
            one = value.squeeze("run", drop=True) if "run" in value.dims else value
            column = one.transpose("chain", "draw").to_numpy().ravel()
            theta[name] = column[picked].reshape(shape)
    theta |= {name: values.reshape(shape) for name, values in settings.items()}
    runs = [fresh]
    if inputs:
        runs = [
            fresh.replace(name=f"sample {k}", profiles={**template.profiles, **profiles})
            for k, profiles in enumerate(_profiles(inputs, template, count, max(times)))
        ]
    course = calibration.predictor.courses(runs, theta, times=sorted(set(times)))
    if inputs:  # every sample was a run of its own; now it is a draw again
        course = course.isel(draw=0, drop=True).rename(run="draw")
        course = course.drop_vars("draw").expand_dims(run=["new"])
    course = course.transpose("chain", "draw", "run", "time", ...).assign_coords(run=["new"])
    draws = calibration.draws.stack(sample=("chain", "draw")).isel(sample=picked)
    draws = draws.drop_vars(["sample", "chain", "draw"]).rename(sample="draw")
    draws = draws.expand_dims("chain").transpose("chain", "draw", ...)
    return course, add_noise(course, draws, calibration.noise, rng, known=[False]), draws


def picked_draws(total: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Pick draws, each as often as the others."""
    rounds = [rng.permutation(total) for _ in range(-(-count // total))]
    return np.concatenate(rounds)[:count]


def _profiles(
    inputs: Mapping[Node, np.ndarray], template: Run, count: int, end: float
) -> list[dict[str, Profile]]:
    """Lead each input through its slices, then hold it, sample by sample."""
    points: dict[str, list[tuple[float, np.ndarray]]] = {}
    for node, values in inputs.items():
        points.setdefault(node.quantity, []).append((node.time or 0.0, values))
    told: list[dict[str, Profile]] = [{} for _ in range(count)]
    for name, slices in points.items():
        slices.sort(key=lambda point: point[0])
        times = [time for time, _ in slices]
        courses = np.stack([values for _, values in slices], axis=1)
        if end > times[-1]:  # the last slice holds
            times, courses = [*times, end], np.column_stack([courses, courses[:, -1]])
        # Before the first slice the run's own profile holds, where it has one.
        early = template.profiles.get(name)
        start = [(t, v) for t, v in early.points if t < times[0]] if early else []
        kind = early.interpolation if early else "linear"
        for place, course in enumerate(courses.tolist()):
            told[place][name] = Profile([*start, *zip(times, course, strict=True)], kind)
    return told
