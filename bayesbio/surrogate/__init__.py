"""Models learned from data alone."""

from bayesbio.surrogate.emulation import emulate
from bayesbio.surrogate.gaussian_process.regression import (
    GaussianProcessPosterior,
    GaussianProcessRegression,
)
from bayesbio.surrogate.polynomial_chaos.expansion import PolynomialChaos
from bayesbio.surrogate.sensitivity import global_sensitivity

__all__ = [
    "GaussianProcessPosterior",
    "GaussianProcessRegression",
    "PolynomialChaos",
    "emulate",
    "global_sensitivity",
]
