import xarray as xr

from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.report.sections.sampling import section
from bayesbio.report.subject import Subject


def test_chains_are_shown_as_traces_ranks_and_energy(calibration):
    assert [part.name for part in section(Subject(calibration.evidence())).parts] == [
        "trace",
        "rank",
        "energy",
    ]


def test_a_posterior_in_closed_form_has_no_chains_to_show(calibration):
    class Exact:
        posterior = xr.DataTree.from_dict(
            {"posterior": calibration.posterior["posterior"].to_dataset()}
        )

    assert section(Subject(Evidence(Exact(), "Exact"))) is None
