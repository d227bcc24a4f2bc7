"""Figures of ranks: a panel a number, curves that leave their band in another colour."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.inference import Ranks
from bayesbio.report import draw_rank_counts, draw_rank_differences
from bayesbio.report.figures.course_figures import PALETTE


@pytest.fixture(scope="module")
def ranks():
    rng = np.random.default_rng(1)
    honest = rng.integers(0, 100, (200, 5))
    table = pd.DataFrame(honest, columns=[f"rate_constant_{k}" for k in range(1, 6)])
    table["noise_glucose"] = (100 * rng.beta(0.4, 0.4, 200)).astype(int)  # too narrow
    return Ranks(table, draws=99)


def test_only_the_curve_outside_its_band_has_another_colour(ranks):
    figure = draw_rank_differences(ranks)
    colours = [panel.lines[-1].get_color() for panel in figure.axes]
    assert colours == [PALETTE[0]] * 5 + [PALETTE[1]]
    assert "glucose" in figure.axes[5].get_title(loc="left").lower()
    for panel in figure.axes:  # nothing is cut off
        low, high = panel.get_ylim()
        assert low < panel.dataLim.y0
        assert panel.dataLim.y1 < high


def test_bars_count_every_replication(ranks):
    figure = draw_rank_counts(ranks)
    for panel in figure.axes:
        assert sum(bar.get_height() for bar in panel.patches) == 200
