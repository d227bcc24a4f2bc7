"""Posterior of a scale model: fitted curves, and the weights of the laws that are mixed."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from bayesbio.data import Campaign
from bayesbio.errors import DataError
from bayesbio.scaleup.curves.curve_fit import CurveFit, curve_names
from bayesbio.scaleup.laws.volume_laws import Law


@dataclasses.dataclass(frozen=True, eq=False)
class Component:
    """
    One curve under one law: a component of the mixture that predicts.

    Parameters
    ----------
    curve : CurveFit
    law : Law
    probabilities : array, (draws,)
        Of the law, at each draw of the curve.
    weight : float
    """

    curve: CurveFit
    law: Law
    probabilities: np.ndarray
    weight: float


@dataclasses.dataclass(frozen=True, eq=False)
class ScaleDraws:
    """
    Fitted curves and their laws, which predictions and trends take.

    Attributes
    ----------
    model : ScaleModel
    curves : tuple of CurveFit
        One for each family of curves.
    options : dict
        What was asked of the sampler: random_seed, draws, tune, chains.
    """

    model: Any
    curves: tuple[CurveFit, ...]
    options: dict[str, Any]

    @property
    def data(self) -> Campaign:
        """The training runs."""
        return self.curves[0].problem.campaign

    @property
    def volumes(self) -> np.ndarray:
        """Volumes of the training scales [L]."""
        return np.unique(self.curves[0].problem.volumes)

    @property
    def law_names(self) -> tuple[str, ...]:
        """Names of the laws."""
        return tuple(law.name for law in self.model.laws)

    @functools.cached_property
    def curve_names(self) -> tuple[str, ...]:
        """Names of the curves, each different."""
        return curve_names([each.problem.curve for each in self.curves])

    @property
    def likeliest(self) -> int:
        """Position of the curve with the largest marginal likelihood."""
        return int(np.argmax([each.log_evidence for each in self.curves]))

    def law_weights(self, kind: str | None = None) -> pd.DataFrame:
        """
        Weight of each law of each curve in predictions.

        Parameters
        ----------
        kind : {"equal", "evidence", "dirichlet"}, optional
            As the model was made by default.

        Returns
        -------
        DataFrame
            Columns curve, law, log_evidence (relative to the best), probability (equal before
            data), weight.

        Notes
        -----
        "dirichlet" is the posterior mean of simplex weights with a flat Dirichlet prior: one
        campaign moves it little, see `weight_draws`.
        """
        rows = []
        for curve, name in zip(self.curves, self.curve_names, strict=True):
            shares = curve.law_probabilities.mean(axis=0)
            for law, share in zip(self.law_names, shares, strict=True):
                rows.append(
                    (name, law, curve.log_evidence + np.log(max(share * len(shares), 1e-300)))
                )
        table = pd.DataFrame(rows, columns=["curve", "law", "log_evidence"])
        table["log_evidence"] -= table["log_evidence"].max()
        table["probability"] = np.exp(table["log_evidence"] - logsumexp(table["log_evidence"]))
        table["weight"] = {
            "equal": np.full(len(table), 1.0 / len(table)),
            "evidence": table["probability"],
            "dirichlet": (1.0 + table["probability"]) / (len(table) + 1.0),
        }[kind or self.model.weights]
        return table

    def weight_draws(self, draws: int = 4000, *, random_seed: int = 0) -> np.ndarray:
        """
        Draw simplex weights of the laws given the data, under a flat Dirichlet prior.

        Parameters
        ----------
        draws : int
        random_seed : int

        Returns
        -------
        array, (draws, weights)
            In the order of `law_weights`. p(w | data) is proportional to sum of w_k evidence_k:
            exactly a mixture of Dirichlet distributions.
        """
        rng = np.random.default_rng(random_seed)
        probabilities = self.law_weights()["probability"].to_numpy(float)
        picked = rng.choice(len(probabilities), size=draws, p=probabilities / probabilities.sum())
        gamma = rng.gamma(1.0 + (picked[:, None] == np.arange(len(probabilities))))
        return gamma / gamma.sum(axis=1, keepdims=True)

    def components(self, law: str | None = None, *, curve: int | None = None) -> list[Component]:
        """
        Components of the mixture: every curve under every law, with weights that sum to one.

        Parameters
        ----------
        law : str, optional
            This law alone, the curves weighted equally.
        curve : int, optional
            This curve alone.

        Raises
        ------
        DataError
            If the law is none of this fit.
        """
        if law is not None and law not in self.law_names:
            raise DataError(f"{law!r} is no law of this fit; it has {', '.join(self.law_names)}.")
        weights = iter(self.law_weights()["weight"])
        found = [
            Component(fitted, each, fitted.law_probabilities[:, number], next(weights))
            for fitted in self.curves
            for number, each in enumerate(self.model.laws)
        ]
        if curve is not None:
            found = [each for each in found if each.curve is self.curves[curve]]
        if law is not None:
            found = [
                dataclasses.replace(each, weight=1.0) for each in found if each.law.name == law
            ]
        total = sum(each.weight for each in found)
        return [dataclasses.replace(each, weight=each.weight / total) for each in found]
