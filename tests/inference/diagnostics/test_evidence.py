import pandas as pd
import xarray as xr

from bayesbio.inference import Verdict
from bayesbio.inference.diagnostics.evidence import Evidence


class Least:
    """As little as a study of many fits keeps."""

    hash = "ab"

    def check(self):
        return Verdict(())

    def summary(self):
        return pd.DataFrame({"unit": ["g/L"]}, index=["titer"])


class Fitted(Least):
    data_hash, options, warnings = "cd", {"random_seed": 7}, ("Two media were measured once.",)
    posterior = xr.DataTree.from_dict({"posterior": xr.Dataset({"titer": 1.0})})


def test_a_study_without_draws_has_blank_evidence_of_them():
    evidence = Evidence(Least(), "A study")
    assert not evidence.tree.children and evidence.warnings == []
    assert evidence.random_seed is None and evidence.data_hash == ""


def test_the_evidence_of_a_fit_names_its_seed_data_and_warnings():
    evidence = Evidence(Fitted(), "A fit")
    assert (evidence.kind, evidence.random_seed, evidence.data_hash) == ("Fitted", 7, "cd")
    assert evidence.warnings == ["Two media were measured once."]
    assert list(evidence.tree["posterior"].data_vars) == ["titer"]


def test_the_verdict_and_the_summary_are_made_once():
    evidence = Evidence(Fitted(), "A fit")
    assert evidence.verdict is evidence.verdict and evidence.summary is evidence.summary
