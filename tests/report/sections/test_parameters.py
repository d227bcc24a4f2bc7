from types import SimpleNamespace

import numpy as np
import xarray as xr

from bayesbio.report.sections.parameters import parameter_groups, spark, trade_offs


def test_parameters_are_sorted_as_a_reader_looks_for_them(calibration):
    groups = parameter_groups(calibration, calibration.summary())
    assert [group["title"] for group in groups] == [
        "Process",
        "Differences between runs",
        "Measurement",
    ]
    first = groups[0]["rows"][0]
    assert first["title"] == "Maximum growth rate"
    assert first["unit"] == "1/h"
    assert float(first["narrowed"]) > 5


def test_parameters_that_trade_off_are_named(calibration):
    posterior = calibration.posterior["posterior"].to_dataset()
    names = ["maximum_growth_rate", "cell_yield_on_glucose"]
    assert trade_offs(calibration, names).empty

    tied = posterior.assign(cell_yield_on_glucose=-2.0 * posterior["maximum_growth_rate"])
    tree = xr.DataTree.from_dict({"posterior": tied})
    found = trade_offs(SimpleNamespace(posterior=tree), names)
    assert len(found) == 1
    assert np.isclose(found.loc[0, "correlation"], -1.0)


def test_a_small_plot_of_nothing_is_nothing():
    assert spark(np.array([]), np.array([])) == ""
    assert spark(np.ones(10), np.ones(10)) == ""
