from bayesbio.report.provenance import lock_hash, versions


def test_a_checkout_has_a_lock_and_versions_name_what_computed():
    assert lock_hash() is None or len(lock_hash()) == 64
    assert {"Python", "bayesbio", "pymc", "nutpie"} <= set(versions())
