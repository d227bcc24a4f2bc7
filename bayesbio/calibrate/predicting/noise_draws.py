"""Measurement noise of predictions: draws of its parameters, and readings scattered by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.inference import Noise, draw_shared


def add_noise(
    course: xr.Dataset,
    draws: xr.Dataset,
    noise: Mapping[str, Noise],
    rng: np.random.Generator,
    *,
    known: Sequence[bool],
) -> xr.Dataset:
    """Posterior predictive readings at every time of a course, in runs known or new."""
    noisy = course.copy()
    moments = pd.DataFrame(
        [
            {"run": run, "time_h": time, "known": seen}
            for run, seen in zip(course["run"].to_numpy().tolist(), known, strict=True)
            for time in course["time"].to_numpy().tolist()
        ]
    )
    samples = draw_shared(noise, draws, moments, rng)
    for quantity, scatter in noise.items():
        source = scatter.source or quantity
        if source not in course:
            continue
        mean = course[source]
        flat = mean.to_numpy().reshape(*mean.shape[:2], -1)
        parameters = noise_parameters(draws, quantity, scatter, wide=True, samples=samples)
        read = scatter.draw(flat, parameters, rng, rows=moments).reshape(mean.shape)
        noisy[quantity] = mean.copy(data=read)
        if quantity != source:
            noisy[quantity].attrs["signal_of"] = source
    return noisy


def noise_parameters(
    draws: xr.Dataset,
    quantity: str,
    noise: Noise,
    *,
    wide: bool,
    samples: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Draws of the noise of a quantity, with an axis for the readings appended where ``wide``.

    Errors that readings share stay DataArrays; those of new ``samples`` replace calibrated ones.
    """
    found: dict[str, Any] = {}
    for name in noise.names(quantity):
        if samples and name in samples:
            found[name] = samples[name]
        elif name in draws:
            values = draws[name]
            plain = values.to_numpy()
            found[name] = values if values.ndim > 2 else plain[..., None] if wide else plain
    return found
