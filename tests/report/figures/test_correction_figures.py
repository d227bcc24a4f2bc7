import numpy as np
import pytest
import xarray as xr

from bayesbio.report import draw_correction
from bayesbio.report.figures.correction_figures import correction_evidence


def test_a_factor_is_drawn_over_its_input_with_its_anchor():
    factor = xr.DataArray(
        np.full((2, 5, 3), 0.5),
        dims=("chain", "draw", "product"),
        attrs={"rate": "growth"},
        coords={"product": ("product", [0.0, 5.0, 10.0], {"units": "g/L"})},
    )
    panel = draw_correction(factor, anchor=0.0).axes[0]
    assert panel.get_xlabel() == "Product [g/L]"
    assert panel.get_ylabel() == "Factor on growth [1]"
    medians = [line.get_ydata() for line in panel.lines]
    assert any(np.asarray(values).tolist() == pytest.approx([0.5] * 3) for values in medians)


def test_a_model_without_corrections_has_no_such_evidence(calibration):
    assert correction_evidence(calibration) is None
