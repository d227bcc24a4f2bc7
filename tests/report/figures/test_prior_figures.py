from types import SimpleNamespace

from bayesbio.report import draw_prior_check


def test_the_axis_ends_at_five_times_the_largest_reading(calibration):
    prediction = calibration.predict()
    prediction["glucose"] = 100.0 * prediction["glucose"]  # vague priors reach far beyond
    check = SimpleNamespace(prediction=prediction, campaign=calibration.campaign)
    figure = draw_prior_check(check, "glucose")
    frame = calibration.campaign.to_frame()
    largest = frame.loc[frame["quantity"] == "glucose", "value"].max()
    assert max(axes.get_ylim()[1] for axes in figure.axes) <= 5.0 * largest * 1.001
    assert "priors alone" in figure.legends[0].get_title().get_text()
