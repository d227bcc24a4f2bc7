from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.report.provenance import lock_hash, provenance, versions


def test_a_checkout_has_a_lock_and_versions_name_what_computed():
    assert lock_hash() is None or len(lock_hash()) == 64
    assert {"Python", "bayesbio", "pymc", "nutpie"} <= set(versions())


def test_every_option_of_a_result_without_a_campaign_is_named():
    class Result:
        hash, data_hash, random_seed = "ab", "cd", 3
        options = {"prior": "R2D2(mean=0.5)", "group": None}

    lines = provenance(Evidence(Result(), "A law"))
    assert lines["Prior"] == '"R2D2(mean=0.5)"'
    assert lines["Data (SHA-256)"] == "cd" and lines["Seed"] == "3" and "Group" not in lines
