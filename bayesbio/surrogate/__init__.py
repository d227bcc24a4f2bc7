"""Surrogate models of simulators and measurements: Gaussian processes, polynomial chaos."""

from bayesbio.surrogate.emulation import emulate
from bayesbio.surrogate.gaussian_process.regression import (
    GaussianProcessPosterior,
    GaussianProcessRegression,
)
from bayesbio.surrogate.polynomial_chaos.expansion import (
    PolynomialChaos,
    PolynomialChaosPosterior,
)
from bayesbio.surrogate.sensitivity import global_sensitivity

__all__ = [
    "GaussianProcessPosterior",
    "GaussianProcessRegression",
    "PolynomialChaos",
    "PolynomialChaosPosterior",
    "emulate",
    "global_sensitivity",
]
