"""Shrinkage priors of effects: regularised horseshoe and R2-D2, with heredity."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesbio.errors import ModelError
from bayesbio.titer.factors.design_matrix import DesignMatrix

HEREDITY = (None, "weak", "strong")
# Degrees of freedom of the local scales. With Cauchy ones (1) single draws diverge in the tails of
# terms that do nothing; 2 keeps the sparsity (forecasts as sharp, intervals a little wider).
TAILS = 2.0


@dataclasses.dataclass(frozen=True)
class Horseshoe:
    """
    Regularised horseshoe: a global scale per kind of term, and a local one per term.

    Parameters
    ----------
    slab : float [standard deviations of the response]
        Size of an effect that is clearly there.
    heredity : {None, "weak", "strong"}
        Whether the scale of an interaction or square is multiplied by the shrinkage of one (weak)
        or all (strong) of its factors. A pure interaction needs None.

    Notes
    -----
    Piironen and Vehtari (2017), doi:10.1214/17-EJS1337SI. The global scales are those of their
    equation for the `expected_share` of each kind of term: 40 % of the lines, 15 % of the squares
    and 5 % of the interactions. Local scales are half-t with two degrees of freedom. With heredity
    a scale is multiplied by the shrinkage factor of its parents, a number between 0 and 1 (after
    Chipman 1996, "Bayesian variable selection with related predictors").

    Examples
    --------
    >>> Horseshoe(heredity="strong").heredity
    'strong'
    """

    slab: float = 0.5
    heredity: str | None = None

    def __post_init__(self) -> None:
        _check_heredity(self.heredity)
        if not self.slab > 0.0:
            raise ModelError(f"The slab is {self.slab}; expected a number above zero.")

    def effects(self, name: str, design: DesignMatrix, noise: Any, rows: int) -> Any:
        """
        Register standardised effects, shape (columns,), and prior scales, shape (terms,).

        `name` is the prefix of the names in the current ``pm.Model``, `noise` the standard
        deviation of a reading in that of the response.
        """
        counts = np.bincount(design.kind_of_term)
        shares = np.array([term.expected_share for term in design.terms])
        expected = np.maximum(np.bincount(design.kind_of_term, shares), 0.5)
        size = expected / np.maximum(counts - expected, 0.5) / np.sqrt(rows)
        overall = pm.HalfStudentT(f"{name}_overall", nu=3.0, sigma=size)[design.kind_of_term]
        local = pm.HalfStudentT(f"{name}_local", nu=TAILS, sigma=1.0, shape=len(design.terms))
        slab = pm.InverseGamma(f"{name}_slab", 4.0, 4.0 * self.slab**2)
        raw = pm.Normal(f"{name}_raw", 0.0, 1.0, shape=len(design.labels))
        wide = overall * noise * local
        shrinkage = wide / pt.sqrt(slab + wide**2)  # 0: shrunk to zero, 1: as wide as the slab
        prior_sd = pt.sqrt(slab) * inherited(shrinkage, design, self.heredity)
        return raw * prior_sd[design.term_of_column], prior_sd


@dataclasses.dataclass(frozen=True)
class R2D2:
    """
    R2-D2: a prior on the share of variance explained, divided among the terms (Dirichlet).

    Parameters
    ----------
    mean : float
        Expected share explained, between 0 and 1.
    precision : float
        Of the Beta prior of that share.
    concentration : float
        Of the Dirichlet that divides it; smaller is sparser.
    heredity : {None, "weak", "strong"}
        As for `Horseshoe`.

    Notes
    -----
    Zhang et al. (2020), doi:10.1080/01621459.2020.1825449

    Examples
    --------
    >>> R2D2().concentration
    0.25
    """

    mean: float = 0.7
    precision: float = 4.0
    concentration: float = 0.25
    heredity: str | None = None

    def __post_init__(self) -> None:
        _check_heredity(self.heredity)
        if not (0.0 < self.mean < 1.0 and self.precision > 0.0 and self.concentration > 0.0):
            raise ModelError(
                f"R2D2 has mean {self.mean}, precision {self.precision} and concentration "
                f"{self.concentration}; expected a mean between 0 and 1, the others above zero."
            )

    def effects(self, name: str, design: DesignMatrix, noise: Any, rows: int) -> Any:
        """Register the effects in the current ``pm.Model``; see `Horseshoe.effects`."""
        explained = pm.Beta(
            f"{name}_explained",
            self.mean * self.precision,
            (1.0 - self.mean) * self.precision,
        )
        part = pm.Gamma(f"{name}_part", self.concentration, 1.0, shape=len(design.terms))
        raw = pm.Normal(f"{name}_raw", 0.0, 1.0, shape=len(design.labels))
        share = part / pt.sum(part)
        odds = explained / (1.0 - explained)
        prior_sd = noise * pt.sqrt(odds) * inherited(pt.sqrt(share), design, self.heredity)
        return raw * prior_sd[design.term_of_column], prior_sd


def _check_heredity(heredity: str | None) -> None:
    if heredity not in HEREDITY:
        raise ModelError(f"heredity is {heredity!r}; expected None, 'weak' or 'strong'.")


def inherited(shrinkage: Any, design: DesignMatrix, heredity: str | None) -> Any:
    """Multiply the shrinkage factors of squares and interactions by those of their parents."""
    if heredity is None:
        return shrinkage
    main = {term.factors[0]: n for n, term in enumerate(design.terms) if term.kind == "main"}
    factors: list[Any] = []
    for number, term in enumerate(design.terms):
        parents = [] if term.kind == "main" else [main[f] for f in term.factors if f in main]
        if not parents:
            factors.append(shrinkage[number])
            continue
        if heredity == "strong":
            allowed = pt.prod(pt.stack([shrinkage[parent] for parent in parents]))
        else:
            allowed = 1.0 - pt.prod(pt.stack([1.0 - shrinkage[parent] for parent in parents]))
        factors.append(shrinkage[number] * allowed)
    return pt.stack(factors)
