from bayesbio.report.sections.predictions import section, uncensored
from bayesbio.report.subject import Subject


def test_every_measured_quantity_has_a_figure_and_the_loo_pit_follows(calibration):
    made = section(Subject(calibration.evidence()))
    assert [part.name for part in made.parts] == [
        "predictive_glucose",
        "predictive_viability",
        "predictive_viable_cell_density",
        "loo_pit",
    ]


def test_a_result_without_pointwise_likelihood_has_no_loo_pit(calibration):
    tree = calibration.posterior.copy()
    del tree["log_likelihood"]
    assert uncensored(tree, ["glucose"]) is None
