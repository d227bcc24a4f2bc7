"""Draws from a posterior, and whether to believe them; knows nothing of process models."""

from bayesbio.inference.density import LogDensity
from bayesbio.inference.noise import (
    Noise,
    default_noise,
    lognormal,
    normal,
    proportional,
    student_t,
)
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
    "Noise",
    "Progress",
    "between",
    "default_noise",
    "describe",
    "dispersed_starts",
    "find_mode",
    "is_positive",
    "lognormal",
    "normal",
    "prior_draws",
    "prior_quantiles",
    "proportional",
    "register",
    "sample",
    "student_t",
]
