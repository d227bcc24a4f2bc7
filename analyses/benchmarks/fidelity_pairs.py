"""Published pairs of a low- and a high-fidelity function, to judge multi-fidelity methods by."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.stats import qmc

from bayesbio.inference.validation.scores import coverage, crps
from bayesbio.scaleup.fidelity.multi_fidelity import METHODS, MultiFidelity
from bayesbio.surrogate import GaussianProcessRegression
from bayesbio.surrogate.points import check_choice

ASKED = 512  # points at which a prediction is judged
ALONE = "high fidelity alone"
BOREHOLE_LOW = np.array([0.05, 100.0, 63070.0, 990.0, 63.1, 700.0, 1120.0, 9855.0])
BOREHOLE_HIGH = np.array([0.15, 50000.0, 115600.0, 1110.0, 116.0, 820.0, 1680.0, 12045.0])

Function = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class FidelityPair:
    """
    A low- and a high-fidelity function of inputs between 0 and 1.

    Parameters
    ----------
    low, high : callable
        Take points, shape (n, inputs); give outcomes, shape (n,).
    inputs : int
    low_runs, high_runs : int
        Readings usual in comparisons.
    best_peer : float
        Continuous ranked probability score over the standard deviation of the high-fidelity
        function, of the best published software we ran on these pairs (nested Latin hypercubes,
        exact readings).
    """

    low: Function
    high: Function
    inputs: int
    low_runs: int
    high_runs: int
    best_peer: float

    def design(self, *, random_seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """
        Lay out nested readings, and points to be judged at.

        The high-fidelity runs are a Latin hypercube; each replaces the nearest low-fidelity run.

        Returns
        -------
        low, high, asked : array of shape (n, inputs)
        """
        rng = np.random.default_rng(random_seed)
        low = qmc.LatinHypercube(self.inputs, rng=rng).random(self.low_runs)
        high = qmc.LatinHypercube(self.inputs, rng=rng).random(self.high_runs)
        free = np.ones(len(low), bool)
        for point in high:
            distance = np.where(free, np.sum((low - point) ** 2, axis=1), np.inf)
            nearest = int(np.argmin(distance))
            low[nearest], free[nearest] = point, False
        asked = qmc.Sobol(self.inputs, rng=rng).random(ASKED)
        return low, high, asked

    def score(self, method: str, *, random_seed: int, draws: int = 200) -> dict[str, Any]:
        """
        Learn from one design and judge the prediction of the high-fidelity function.

        Parameters
        ----------
        method : {"nonlinear", "linear", "high fidelity alone"}
        random_seed : int
            Of the design and of the chains.
        draws : int
            Per chain, of four.

        Returns
        -------
        dict
            `crps` (mean, over the standard deviation of the high-fidelity function), `coverage_90`,
            `rmse` (likewise), `link`, `r_hat`, `ess`, `divergences`.
        """
        check_choice("method", method, (*METHODS, ALONE))
        low, high, asked = self.design(random_seed=random_seed)
        box = {f"x{place + 1}": (0.0, 1.0) for place in range(self.inputs)}
        common: dict[str, Any] = dict(noise=0.0, domain=box, draws=draws, random_seed=random_seed)
        learned: Any
        if method == ALONE:
            learned = GaussianProcessRegression().fit(high, self.high(high), **common)
            link = learned.transform.link
        else:
            levels = [(low, self.low(low)), (high, self.high(high))]
            learned = MultiFidelity(method=method).fit(levels, **common)
            link = learned.transforms[0].link
        truth = self.high(asked)
        drawn = learned.predict(asked, noise=False)["outcome"].to_numpy().reshape(-1, ASKED)
        verdict = learned.check()
        return {
            "crps": float(np.mean(crps(drawn, truth)) / truth.std()),
            "coverage_90": coverage(drawn, truth, 0.9),
            "rmse": float(np.sqrt(np.mean((drawn.mean(axis=0) - truth) ** 2)) / truth.std()),
            "link": link,
            "r_hat": verdict["R-hat"].value,
            "ess": verdict["bulk ESS"].value,
            "divergences": int(verdict["divergences"].value),
        }


def _forrester(x: np.ndarray) -> np.ndarray:
    return (6.0 * x[:, 0] - 2.0) ** 2 * np.sin(12.0 * x[:, 0] - 4.0)


def _branin(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    valley = second - 5.1 * first**2 / (4.0 * np.pi**2) + 5.0 * first / np.pi - 6.0
    return valley**2 + 10.0 * np.cos(first) * (1.0 - 1.0 / (8.0 * np.pi)) + 10.0


def _branin_high(x: np.ndarray) -> np.ndarray:
    first, second = 15.0 * x[:, 0] - 5.0, 15.0 * x[:, 1]
    return _branin(first, second) - 22.5 * second


def _branin_low(x: np.ndarray) -> np.ndarray:
    first, second = 15.0 * x[:, 0] - 5.0, 15.0 * x[:, 1]
    bent = _branin(0.7 * first, 0.7 * second)
    return bent - 1.575 * second + 2.0 * (0.9 + first**2) - 50.0


def _currin(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    fall = 1.0 - np.where(second > 1e-8, np.exp(-0.5 / np.maximum(second, 1e-8)), 0.0)
    above = 2300.0 * first**3 + 1900.0 * first**2 + 2092.0 * first + 60.0
    return fall * above / (100.0 * first**3 + 500.0 * first**2 + 4.0 * first + 20.0)


def _currin_low(x: np.ndarray) -> np.ndarray:
    first, second, lower = x[:, 0], x[:, 1], np.maximum(x[:, 1] - 0.05, 0.0)
    corners = [
        _currin(first + step, other) for step in (0.05, -0.05) for other in (second + 0.05, lower)
    ]
    return np.mean(corners, axis=0)


def _borehole(x: np.ndarray, *, factor: float, constant: float) -> np.ndarray:
    radius, influence, upper, head, lower, drain, length, conductivity = (
        BOREHOLE_LOW + (BOREHOLE_HIGH - BOREHOLE_LOW) * x
    ).T
    ratio = np.log(influence / radius)
    inner = 2.0 * length * upper / (ratio * radius**2 * conductivity)
    return factor * upper * (head - drain) / (ratio * (constant + inner + upper / lower))


FIDELITY_PAIRS: Mapping[str, FidelityPair] = MappingProxyType(
    {
        # Forrester et al. (2007), doi:10.1098/rspa.2007.1900
        "Forrester": FidelityPair(
            lambda x: 0.5 * _forrester(x) + 10.0 * (x[:, 0] - 0.5) - 5.0,
            _forrester,
            1,
            20,
            5,
            0.0046,
        ),
        # Dong et al. (2015), doi:10.1007/s00158-014-1213-9
        "Branin": FidelityPair(_branin_low, _branin_high, 2, 50, 10, 0.208),
        # Xiong et al. (2013), doi:10.1080/00401706.2012.723572
        "Currin": FidelityPair(_currin_low, lambda x: _currin(x[:, 0], x[:, 1]), 2, 50, 10, 0.026),
        "borehole": FidelityPair(
            lambda x: _borehole(x, factor=5.0, constant=1.5),
            lambda x: _borehole(x, factor=2.0 * np.pi, constant=1.0),
            8,
            50,
            10,
            0.0068,
        ),
        # Perdikaris et al. (2017), doi:10.1098/rspa.2016.0751
        "Perdikaris": FidelityPair(
            lambda x: np.sin(8.0 * np.pi * x[:, 0]),
            lambda x: (x[:, 0] - np.sqrt(2.0)) * np.sin(8.0 * np.pi * x[:, 0]) ** 2,
            1,
            50,
            14,
            0.013,
        ),
    }
)
