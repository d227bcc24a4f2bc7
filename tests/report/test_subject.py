import numpy as np

from bayesbio.report.subject import Subject


def test_courses_end_where_the_readings_of_a_run_end(calibration):
    courses = Subject(calibration.evidence()).courses
    last = calibration.campaign.to_frame()["time_h"].max()
    beyond = courses["glucose"].sel(time=courses["time"] > last * 1.05)
    assert np.isnan(beyond).all()


def test_only_single_numbers_of_the_summary_are_scalars(calibration):
    scalars = Subject(calibration.evidence()).scalars
    assert "maximum_growth_rate" in scalars
    assert "maximum_growth_rate_by_run" not in scalars
