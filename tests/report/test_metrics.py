from bayesbio.report.metrics import metrics_of
from bayesbio.report.subject import Subject


def test_metrics_are_flat_and_hold_verdict_seed_and_intervals(calibration):
    metrics = metrics_of(Subject(calibration.evidence()))
    assert all(value is None or isinstance(value, str | int | float) for value in metrics.values())
    assert metrics["passed"] is True and metrics["verdict_r_hat"] == 1.004
    assert metrics["runs"] == 4 and metrics["seed"] == 20260101
    assert metrics["maximum_growth_rate_eti_5"] < metrics["maximum_growth_rate_eti_95"]
