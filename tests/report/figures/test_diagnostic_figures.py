from bayesbio.report.figures.diagnostic_figures import (
    MOST_PANELS,
    draw_energy,
    draw_loo_pit,
    draw_ranks,
    draw_traces,
)

NAMES = ["maximum_growth_rate", "cell_yield_on_glucose"]


def test_each_parameter_has_a_marginal_and_a_trace_named_in_words(calibration):
    figure = draw_traces(calibration.posterior, NAMES)
    assert len(figure.axes) == 2 * len(NAMES)
    labels = " ".join(axes.get_xlabel() for axes in figure.axes).replace("\n", " ")
    assert "Maximum growth rate" in labels


def test_no_more_panels_are_drawn_than_a_reader_looks_at(calibration):
    data = calibration.posterior["posterior"].to_dataset()
    many = {f"rate_{n}": data["maximum_growth_rate"] for n in range(MOST_PANELS + 4)}
    tree = calibration.posterior.copy()
    tree["posterior"] = data.assign(many)
    assert len(draw_ranks(tree, list(many)).axes) <= MOST_PANELS + 3  # the last row may be padded


def test_energy_and_loo_pit_are_drawn(calibration):
    assert draw_energy(calibration.posterior).axes
    figure = draw_loo_pit(calibration.posterior, ["viability", "viable_cell_density"])
    assert [
        panel.get_title(loc)
        for panel in figure.axes
        for loc in ("left", "center")
        if panel.get_title(loc)
    ] == ["Viability", "Viable cell density"]
