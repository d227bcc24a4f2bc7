"""Numbers of a report as a flat mapping, for comparison with later runs."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesbio.inference.diagnostics.verdict import QUESTIONS, Badge
from bayesbio.report.subject import Subject

__all__ = ["badges_in", "metrics_of", "plain"]


def metrics_of(subject: Subject) -> dict[str, Any]:
    """Verdict, hashes, seed and intervals of every parameter: name to number, text or bool."""
    evidence = subject.evidence
    verdict, summary = evidence.verdict, evidence.summary
    metrics: dict[str, Any] = {"passed": bool(verdict.passed)}
    for badge in verdict.badges:
        for name, value in dataclasses.asdict(badge).items():
            metrics[f"{badge.about}_badge_{name}"] = value
    for item in verdict.items:
        slug = re.sub(r"[^a-z0-9]+", "_", item.name.lower()).strip("_")
        metrics[f"verdict_{slug}"] = plain(item.value)
    if evidence.calibration is not None:
        campaign = evidence.calibration.campaign
        metrics["runs"] = len(campaign)
        metrics["observations"] = int((campaign.to_frame()["flag"] != "excluded").sum())
    metrics["seed"] = evidence.random_seed
    metrics["data_hash"] = evidence.data_hash
    metrics["posterior_hash"] = evidence.result.hash
    for column in [name for name in ("eti_50", "eti_5", "eti_95") if name in summary]:
        metrics |= {f"{name}_{column}": plain(value) for name, value in summary[column].items()}
    return metrics


def badges_in(metrics: Mapping[str, Any]) -> list[Badge]:
    """Rebuild the badges of a verdict from the metrics that hold them."""
    fields = [field.name for field in dataclasses.fields(Badge)]
    return [
        Badge(**{name: metrics[f"{about}_badge_{name}"] for name in fields})
        for about in QUESTIONS
        if f"{about}_badge_state" in metrics
    ]


def plain(value: Any) -> Any:
    """
    NumPy scalars as JSON values; a number that is not finite is null.

    Examples
    --------
    >>> plain(np.float64(0.25)), plain(np.nan), plain(np.bool_(True))
    (0.25, None, True)
    """
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    number = float(value)
    return float(f"{number:.6g}") if np.isfinite(number) else None
