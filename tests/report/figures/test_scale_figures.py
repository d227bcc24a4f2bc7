"""Figures of a scale-up show what they are given."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.report import (
    draw_scale_errors,
    draw_scale_parity,
    draw_scale_residuals,
    draw_scale_trends,
    draw_scale_weights,
    draw_scales,
    draw_variance_parts,
)
from bayesbio.report.figures.scale_figures import volume_text

TIMES = np.array([0.0, 10.0, 20.0])


@pytest.fixture
def readings():
    rows = [
        dict(run=f"R{volume:g}", volume=volume, time_h=time, quantity="titer", value=time,
             mean=time + 0.5, eti_5=time - 1.0, eti_95=time + 2.0)
        for volume in (10.0, 4000.0)
        for time in TIMES
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def prediction():
    drawn = np.arange(3.0)[:, None] + TIMES
    parts = np.array([[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]])
    return xr.Dataset(
        {
            "titer": (("chain", "draw", "run", "time"), drawn[None, :, None, :]),
            "titer_variance": (("part", "run", "time"), parts[:, None, :]),
        },
        {"time": TIMES, "run": ["new"], "part": ["curve", "law"]},
    )


def test_one_panel_a_scale_with_its_readings(prediction, readings):
    figure = draw_scales({10.0: prediction, 4000.0: prediction}, readings, "titer", unit="g/L")
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["10 L", "4 m³"]
    median, dots = figure.axes[0].lines
    assert_allclose(median.get_ydata(), TIMES + 1.0)
    assert_allclose(dots.get_ydata(), TIMES)


def test_parity_and_residuals_show_every_reading(readings):
    parity = draw_scale_parity(readings, quantity="titer", unit="g/L").axes[0]
    assert sum(len(line.get_xdata()) for line in parity.lines[1:]) == len(readings)
    residuals = draw_scale_residuals(readings, quantity="titer", unit="g/L")
    assert_allclose(residuals.axes[0].lines[-1].get_ydata(), -0.5)


def test_shares_of_the_variance_fill_the_panel(prediction):
    figure = draw_variance_parts(prediction, "titer", unit="g/L")
    assert_allclose(figure.axes[0].lines[0].get_ydata(), 2.0)
    assert len(figure.axes[1].collections) == 2


def test_errors_are_drawn_best_method_first():
    scores = pd.DataFrame(
        {"model": ["a", "a", "b", "b"], "volume": [10.0, 100.0] * 2, "crps": [3.0, 4.0, 1.0, 2.0]}
    )
    panel = draw_scale_errors(scores, unit="g/L").axes[0]
    assert [line.get_label() for line in panel.lines] == ["b", "a"]


def test_trends_show_bands_and_runs():
    trends = pd.DataFrame(
        {"parameter": "plateau", "unit": "g/L", "volume": [10.0, 100.0], "eti_5": [1.0, 2.0],
         "eti_50": [2.0, 3.0], "eti_95": [3.0, 4.0]}
    )  # fmt: skip
    summary = pd.DataFrame(
        {"eti_5": [1.5], "eti_50": [2.0], "eti_95": [2.5]}, index=["plateau_by_run[A]"]
    )
    panel = draw_scale_trends(trends, summary, [10.0]).axes[0]
    assert panel.get_title(loc="left") == "Plateau [g/L]"
    assert panel.get_xscale() == "log"


def test_weights_are_named_after_their_laws():
    weights = pd.DataFrame(
        {"curve": "ramp", "law": ["power", "random_walk"], "probability": [0.4, 0.6],
         "weight": [0.5, 0.5]}
    )  # fmt: skip
    drawn = np.random.default_rng(1).dirichlet([1.0, 1.0], size=100)
    panel = draw_scale_weights(weights, drawn).axes[0]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["power", "random walk"]


def test_volumes_are_written_as_readers_do():
    assert volume_text(100_000.0) == "100 m³"
