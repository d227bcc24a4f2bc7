"""What priors predict beside what was measured, as a reader sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from bayesbio.report.figures.course_figures import draw_predictive
from bayesbio.report.labels import reader_unit

__all__ = ["draw_prior_check"]

HEADROOM = 5.0  # an axis ends at this many times the largest reading


def draw_prior_check(check: Any, quantity: str) -> Figure:
    """
    Draw what the priors predict for one quantity, one panel a run, with the readings.

    Parameters
    ----------
    check : PriorCheck
        From `bayesbio.calibrate.prior_check`.
    quantity : str
        What to draw.

    Returns
    -------
    Figure
        Median, 50 and 90 % bands of the priors; an axis ends at five times the largest reading,
        because vague priors reach far beyond.

    Examples
    --------
    ``draw_prior_check(prior_check(campaign, model, random_seed=1), "biomass")``
    """
    solved = np.isfinite(check.prediction[quantity]).all(("run", "time"))
    prediction = check.prediction.isel(draw=np.flatnonzero(solved.isel(chain=0).to_numpy()))
    figure = draw_predictive(prediction, check.campaign, quantity)
    frame = check.campaign.to_frame()
    largest = float(frame.loc[frame["quantity"] == quantity, "value"].abs().max())
    unit = prediction[quantity].attrs.get("units", "")
    limit = reader_unit(quantity, unit).shown(HEADROOM * largest)
    for panel in figure.axes:
        bottom, top = panel.get_ylim()
        panel.set_ylim(max(bottom, -0.1 * limit), min(top, limit))
    # A title of the figure would lie over the legend; as the title of the legend it has its place.
    figure.legends[0].set_title(
        "From the priors alone, before any fit", prop=FontProperties(size=10)
    )
    return figure
