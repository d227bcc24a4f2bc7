import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesbio.data import Campaign, Run, Specification
from bayesbio.decide import optimal_stop
from bayesbio.report import draw_courses, draw_effects, draw_predictive, draw_stopping


def visible(figure):
    return [panel for panel in figure.axes if panel.get_visible()]


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_every_run_gets_a_panel_with_the_same_axes(calibration):
    figure = draw_predictive(calibration.predict(), calibration.campaign, "glucose")
    panels = visible(figure)
    assert [panel.get_title(loc="left") for panel in panels] == list(calibration.campaign.names)
    assert len({panel.get_ylim() for panel in panels}) == 1


def test_only_marks_that_occur_are_explained(calibration):
    prediction = calibration.predict()
    glucose = labels(draw_predictive(prediction, calibration.campaign, "glucose"))
    assert "below detection limit" in glucose
    assert "excluded" in glucose
    viability = labels(draw_predictive(prediction, calibration.campaign, "viability"))
    assert "below detection limit" not in viability


def test_readers_see_days_and_per_cent(calibration):
    figure = draw_predictive(calibration.predict(), calibration.campaign, "viability")
    assert figure.get_supxlabel() == "Time [d]"
    assert figure.get_supylabel() == "Viability [%]"
    low, high = visible(figure)[0].get_ylim()
    assert 50 < low < high < 110
    assert visible(figure)[0].get_xlim()[1] == pytest.approx(14.0, abs=1.0)


def test_kelvin_is_drawn_as_celsius():
    values = xr.DataArray(
        np.full((1, 5, 1, 3), 310.15),
        dims=("chain", "draw", "run", "time"),
        coords={"run": ["a"], "time": [0.0, 1.0, 2.0]},
        attrs={"units": "K"},
    )
    panel = visible(draw_courses(xr.Dataset({"jacket_temperature": values})))[0]
    assert panel.get_title(loc="left") == "Jacket temperature [°C]"
    assert panel.lines[0].get_ydata() == pytest.approx(37.0)


def test_the_bands_hold_the_probability_they_claim():
    draws = np.linspace(0.0, 100.0, 1001)[None, :, None, None] * np.ones((1, 1, 1, 2))
    values = xr.DataArray(
        draws,
        dims=("chain", "draw", "run", "time"),
        coords={"run": ["a"], "time": [0.0, 1.0]},
        attrs={"units": "g/L"},
    )
    panel = visible(draw_courses(xr.Dataset({"titer": values})))[0]
    outer, inner = (band.get_datalim(panel.transData) for band in panel.collections)
    assert (outer.y0, outer.y1) == pytest.approx((5.0, 95.0))
    assert (inner.y0, inner.y1) == pytest.approx((25.0, 75.0))
    assert panel.lines[0].get_ydata() == pytest.approx(50.0)


def test_times_without_a_value_are_left_out(calibration):
    prediction = calibration.predict()
    shorter = prediction.where((prediction["run"] != "R01") | (prediction["time"] < 100))
    panel = visible(draw_predictive(shorter, calibration.campaign, "glucose"))[0]
    assert panel.lines[0].get_xdata().max() == pytest.approx(4.0)


def test_long_run_names_are_shortened(calibration):
    name = "a run whose name nobody should have to read in full"
    prediction = calibration.predict().isel(run=[0]).assign_coords(run=[name])
    figure = draw_predictive(prediction, calibration.campaign, "glucose")
    assert visible(figure)[0].get_title(loc="left").endswith("…")


@pytest.fixture(scope="module")
def decision(calibration):
    prediction = calibration.predict(noise=False)
    limits = [Specification("viability", lower=0.8), Specification("glucose", upper=5.0)]
    return optimal_stop(prediction, value="viable_cell_density", specifications=limits)


def test_the_best_time_is_marked_on_every_panel(decision):
    figure = draw_stopping(decision)
    for panel in figure.axes:
        assert any(np.allclose(line.get_xdata(), decision.best_time / 24) for line in panel.lines)


def test_specifications_are_written_as_a_reader_writes_them(decision):
    legend = draw_stopping(decision).axes[1].get_legend()
    told = [text.get_text() for text in legend.get_texts()]
    assert told == ["Viability ≥ 80.0 %", "Glucose ≤ 5.00 g/L", "all of these"]


def test_effects_are_drawn_one_line_a_run(calibration):
    draws = calibration.posterior["posterior"]["maximum_growth_rate_by_run"]
    figure = draw_effects(draws, name="maximum_growth_rate", unit="1/h")
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert shown == list(calibration.campaign.names)


def test_one_draw_has_a_best_fit_and_no_bands_in_its_legend():
    prediction = xr.Dataset(
        {"glucose": (("chain", "draw", "run", "time"), np.ones((1, 1, 1, 3)), {"units": "g/L"})},
        coords={"run": ["R1"], "time": [0.0, 24.0, 48.0]},
    )
    rows = pd.DataFrame({"time_h": [0.0, 24.0], "quantity": "glucose", "value": [1.0, 1.0]})
    figure = draw_predictive(prediction, Campaign([Run("R1", rows)]), "glucose")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["best fit", "measured"]


def test_bands_of_a_share_end_at_one_hundred_per_cent():
    draws = 0.98 + 0.02 * np.random.default_rng(1).standard_normal((1, 200, 1, 3))
    prediction = xr.Dataset(
        {"viability": (("chain", "draw", "run", "time"), draws, {"units": "1"})},
        coords={"run": ["R1"], "time": [0.0, 24.0, 48.0]},
    )
    rows = pd.DataFrame({"time_h": [0.0, 24.0], "quantity": "viability", "value": [0.98, 0.97]})
    figure = draw_predictive(prediction, Campaign([Run("R1", rows)]), "viability")
    highest = max(
        path.vertices[:, 1].max()
        for band in figure.axes[0].collections
        for path in band.get_paths()
    )
    assert highest <= 100.0
