"""A fallback is logged, and reaches the verdict."""

import logging

import numpy as np
import xarray as xr

from bayesbio.inference import fallback_record, record_fallback, verdict_of


def test_every_open_record_receives_a_fallback_once_and_the_log_has_the_cause(caplog):
    with fallback_record() as outer:
        with fallback_record() as inner, caplog.at_level(logging.WARNING, "bayesbio"):
            for _ in range(2):
                record_fallback("Whitening was switched off.", cause=ValueError("no curvature"))
        record_fallback("Another.")
    record_fallback("Nobody listens.")
    assert inner == ["Whitening was switched off."]
    assert outer == ["Whitening was switched off.", "Another."]
    assert "no curvature" in caplog.text


def test_the_verdict_reports_attempts_and_fallbacks_without_failing():
    attrs = {"attempts": 3, "target_accept": 0.99, "fallbacks": ["The column note was ignored."]}
    rate = np.random.default_rng(1).normal(size=(4, 500))
    draws = xr.Dataset({"rate": (("chain", "draw"), rate)}, attrs=attrs)
    verdict = verdict_of(xr.DataTree.from_dict({"posterior": draws}))
    assert verdict.passed and [item.name for item in verdict.advice] == ["attempts", "fallbacks"]
    assert "sampled again: these draws are of attempt 3" in verdict["attempts"].sentence
    assert "target_accept = 0.99" in verdict["attempts"].sentence
    assert verdict["fallbacks"].sentence == "The column note was ignored."
