"""Physics plus what it misses: corrections of rates, and what they take over from the mechanism."""

from bayesbio.hybrid.corrections import (
    confounding,
    contribution,
    correction_factors,
    novelty,
    with_corrections,
)
from bayesbio.mechanistic import Correction

__all__ = [
    "Correction",
    "confounding",
    "contribution",
    "correction_factors",
    "novelty",
    "with_corrections",
]
