"""Corrections of rates: learned factors over their inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayesbio.hybrid import confounding, contribution, correction_factors
from bayesbio.mechanistic import CorrectedModel
from bayesbio.report.figures.house_style import INK, PALETTE, figure_style
from bayesbio.report.labels import axis_label, reader_unit, title

__all__ = ["correction_evidence", "draw_correction"]

BAND = (0.05, 0.25, 0.5, 0.75, 0.95)


def draw_correction(factor: xr.DataArray, *, anchor: float) -> Figure:
    """
    Draw a learned factor over its input: median, 50 and 90 % bands.

    Parameters
    ----------
    factor : DataArray, dims (chain, draw, input)
        One variable of `bayesbio.hybrid.correction_factors`.
    anchor : float [house unit of the input]
        Where the factor is 1.

    Returns
    -------
    Figure

    Examples
    --------
    >>> factor = xr.DataArray(
    ...     np.ones((2, 5, 3)), dims=("chain", "draw", "product"), attrs={"rate": "growth"},
    ...     coords={"product": ("product", [0.0, 5.0, 10.0], {"units": "g/L"})})
    >>> figure = draw_correction(factor, anchor=0.0)
    """
    name = str(factor.dims[-1])
    scale = reader_unit(name, str(factor[name].attrs.get("units", "")))
    shown = scale.shown(factor[name].to_numpy())
    table = np.quantile(factor.to_numpy(), BAND, axis=(0, 1))
    with figure_style():
        figure = Figure(figsize=(6.4, 3.4), layout="constrained")
        panel = figure.subplots()
        panel.axhline(1.0, color=INK, linewidth=0.8, linestyle="--")
        panel.fill_between(shown, table[0], table[4], color=PALETTE[0], alpha=0.18, linewidth=0)
        panel.fill_between(shown, table[1], table[3], color=PALETTE[0], alpha=0.32, linewidth=0)
        panel.plot(shown, table[2], color=PALETTE[0])
        panel.plot(scale.shown(anchor), 1.0, "o", color=PALETTE[1], label="anchor")
        panel.legend()
        panel.set_xlabel(axis_label(name, scale.unit))
        rate = title(str(factor.attrs["rate"]))
        panel.set_ylabel(f"Factor on {rate[:1].lower()}{rate[1:]} [1]")
    return figure


def correction_evidence(
    calibration: Any,
) -> tuple[list[tuple[str, Figure]], pd.DataFrame, pd.DataFrame] | None:
    """
    Learned factors, their share of each course, and their confounding with parameters.

    Parameters
    ----------
    calibration : Calibration

    Returns
    -------
    figures : list of (name, Figure)
        The factor of every correction.
    shares : DataFrame
        Share of the corrections in each course, over the runs, in per cent.
    confounded : DataFrame
        Each parameter with its correlation and widening.
        None instead of the three for a model without corrections.

    Examples
    --------
    ``figures, shares, confounded = correction_evidence(calibration)``
    """
    if not isinstance(calibration.model, CorrectedModel):
        return None
    factors = correction_factors(calibration)
    figures = [
        (c.name, draw_correction(factors[c.name], anchor=c.anchor[c.input]))
        for c in calibration.model.corrections
    ]
    share = (100.0 * contribution(calibration)["correction"]).round(6).groupby(level="quantity")
    shares = pd.DataFrame({"median run [%]": share.median(), "largest in a run [%]": share.max()})
    shares.index = pd.Index([title(str(name)) for name in shares.index], name="quantity")
    confounded = confounding(calibration)
    confounded["with"] = [title(str(name)) for name in confounded["with"]]
    confounded.columns = ["correlation", "with the correction", "interval widened by a factor"]
    confounded.index = pd.Index([title(str(n)) for n in confounded.index], name="parameter")
    return figures, shares, confounded
