"""Convergence diagnostics as ArviZ plots: traces, ranks, energy, LOO-PIT."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import arviz as az
import matplotlib
import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

from bayesbio.report.figures.house_style import PALETTE, figure_style
from bayesbio.report.labels import title

__all__ = ["draw_energy", "draw_loo_pit", "draw_ranks", "draw_traces"]

MOST_PANELS = 20  # parameters drawn; a page with more is not looked at


def draw_traces(tree: xr.DataTree, names: Sequence[str]) -> Figure:
    """
    Draw the marginal of every chain beside its path.

    Parameters
    ----------
    tree : DataTree
        With a posterior group.
    names : sequence of str
        Which scalar parameters; the first twenty are drawn.

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_traces(calibration.posterior, ["maximum_growth_rate"])``
    """
    named = _readable(tree, names, width=22)
    count = len(named["posterior"].data_vars)
    with figure_style(), az.rc_context({"plot.max_subplots": 2 * MOST_PANELS}):
        drawn = az.plot_trace_dist(
            named,
            sample_dims=["chain", "draw"],
            aes={"color": ["chain"]},
            compact=False,
            visuals={"label": {"size": 8}, "xlabel_trace": False},
            color=list(PALETTE),
            figure_kwargs={"figsize": (7.6, 0.3 + 1.15 * count), "layout": "constrained"},
        )
        figure = _taken(drawn)
    for panel in figure.axes:
        panel.set_ylabel("")  # the name stands below the marginal already
    return figure


def draw_ranks(tree: xr.DataTree, names: Sequence[str]) -> Figure:
    """
    Draw rank plots: chains that agree stay inside the grey band.

    Parameters
    ----------
    tree : DataTree
        With a posterior group.
    names : sequence of str
        Which scalar parameters; the first twenty are drawn.

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_ranks(calibration.posterior, ["maximum_growth_rate"])``
    """
    named = _readable(tree, names, width=26)
    rows = -(-len(named["posterior"].data_vars) // 4)
    with figure_style():
        drawn = az.plot_rank(
            named,
            sample_dims=["chain", "draw"],
            method="envelope",
            col_wrap=4,
            color=list(PALETTE),
            visuals={"title": {"size": 8}, "xlabel": False},
            figure_kwargs={"figsize": (7.6, 0.3 + 1.5 * rows), "layout": "constrained"},
        )
        return _taken(drawn)


def draw_energy(tree: xr.DataTree) -> Figure:
    """
    Draw the energy of the sampler: the two curves should overlap, and BFMI stay above 0.3.

    Parameters
    ----------
    tree : DataTree
        With ``energy`` in its sample_stats group.

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_energy(calibration.posterior)``
    """
    with figure_style():
        drawn = az.plot_energy(tree, figure_kwargs={"figsize": (6.8, 2.3), "layout": "constrained"})
        return _taken(drawn)


def draw_loo_pit(tree: xr.DataTree, quantities: Sequence[str]) -> Figure:
    """
    Draw the LOO-PIT: leave-one-out probability integral transform, uniform for a calibrated model.

    Parameters
    ----------
    tree : DataTree
        With posterior_predictive, log_likelihood and observed_data.
    quantities : sequence of str
        Which observed variables.

    Returns
    -------
    Figure

    Examples
    --------
    ``draw_loo_pit(calibration.posterior, ["glucose"])``
    """
    rows = -(-len(quantities) // 4)
    words = {name: title(name) for name in quantities}
    groups = ("posterior", "posterior_predictive", "log_likelihood", "observed_data")
    named = xr.DataTree.from_dict(
        {
            group: data if group == "posterior" else data[list(quantities)].rename(words)
            for group, data in ((group, tree[group].to_dataset()) for group in groups)
        }
    )
    with figure_style(), matplotlib.rc_context({"axes.titlepad": 10}):
        drawn = az.plot_loo_pit(
            named,
            col_wrap=4,
            visuals={"title": {"size": 8}, "xlabel": False},
            figure_kwargs={"figsize": (7.6, 0.3 + 1.6 * rows), "layout": "constrained"},
        )
        return _taken(drawn)


def _readable(tree: xr.DataTree, names: Sequence[str], *, width: int) -> xr.DataTree:
    """Keep the chosen parameters, under names in words that fit beside a panel."""
    chosen = list(names)[:MOST_PANELS]
    words = {name: textwrap.fill(title(name), width) for name in chosen}
    groups = {"posterior": tree["posterior"].to_dataset()[chosen].rename(words)}
    if "sample_stats" in tree.children:
        groups["sample_stats"] = tree["sample_stats"].to_dataset()
    return xr.DataTree.from_dict(groups)


def _taken(drawn: object) -> Figure:
    """Take the figure out of ArviZ's collection and off pyplot's list of open windows."""
    figure = drawn.viz["figure"].item()  # type: ignore[attr-defined]
    plt.close(figure)
    return figure
