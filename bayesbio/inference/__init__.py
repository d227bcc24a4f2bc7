"""Draws from a posterior, and whether to believe them; knows nothing of process models."""

from bayesbio.inference.density import LogDensity
from bayesbio.inference.priors import (
    between,
    describe,
    is_positive,
    prior_draws,
    prior_quantiles,
    register,
)
from bayesbio.inference.sampling import Progress, sample
from bayesbio.inference.starting import Mode, dispersed_starts, find_mode

__all__ = [
    "LogDensity",
    "Mode",
    "Progress",
    "between",
    "describe",
    "dispersed_starts",
    "find_mode",
    "is_positive",
    "prior_draws",
    "prior_quantiles",
    "register",
    "sample",
]
