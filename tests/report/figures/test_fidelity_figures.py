"""Figures of several fidelities show what they are given."""

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.report import draw_equivalence, draw_fidelities, draw_fidelity_scores
from bayesbio.scaleup import equivalence


def test_scores_are_drawn_by_pair_and_method_beside_the_best_peer():
    scores = pd.DataFrame(
        {
            "pair": ["Branin", "Branin", "Currin"],
            "method": ["linear", "nonlinear", "linear"],
            "seed": 1,
            "crps": [0.2, 0.1, 0.03],
            "coverage_90": [0.8, 0.9, 0.95],
        }
    )
    figure = draw_fidelity_scores(scores, peers={"Branin": 0.208})
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["Branin", "Currin"]
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == ["linear", "nonlinear", "best peer"]


def test_panels_share_axes_and_name_their_lines():
    grid = np.linspace(0.0, 1.0, 5)
    prediction = xr.Dataset(
        {"outcome": (("chain", "draw", "point"), [[grid - 1.0, grid, grid + 1.0]])},
    )
    panels = [
        dict(title="one", prediction=prediction, low=2.0 * grid),
        dict(title="two", prediction=prediction, readings=(grid, grid), truth=grid),
    ]
    figure = draw_fidelities(grid, panels, xlabel="Feed [mL/h]", ylabel="Titer [g/L]")
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == ["90 % interval", "prediction", "mechanism alone", "truth", "runs"]
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["one", "two"]


def test_the_four_cases_fill_the_panel():
    rng = np.random.default_rng(1)
    small, large = (pd.DataFrame({"titer": 2.0 + 0.1 * rng.standard_normal(4)}) for _ in range(2))
    found = equivalence(small, large, response="titer", margin=0.1, relative=True)
    figure = draw_equivalence({"Titer": found}, margins=[0.05, 0.1, 0.3])
    assert len(figure.axes[0].collections) == 4
    assert figure.axes[0].get_xlabel() == "Margin"
