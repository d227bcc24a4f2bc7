"""TiterModel: a sparse Bayesian regression of the titer on its factors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd
import pymc as pm

from bayesbio.data.table import Table
from bayesbio.inference.mcmc.density import LogDensity
from bayesbio.inference.mcmc.nutpie_backend import NoUTurn
from bayesbio.inference.mcmc.sampling import sample
from bayesbio.inference.parallel.progress import Progress
from bayesbio.titer.posterior import TiterPosterior
from bayesbio.titer.regression.problem import Problem, formulate
from bayesbio.titer.regression.specification import RegressionSpecification

JITTER = 0.2  # standard deviation of starting points around the typical prior value
# Sparse priors bend the density sharply: small steps from the start, smaller ones if any diverge.
TARGET_ACCEPT, AGAIN = 0.99, 0.998


@dataclasses.dataclass(frozen=True)
class TiterModel(RegressionSpecification):
    """
    Sparse Bayesian regression of the titer: main effects, squares, interactions, group effects.

    Parameters
    ----------
    response : str
        Column that is explained.
    factors : iterable of str, optional
        Columns that explain it; by default those with the role factor.
    transform : {"log", "identity"}, optional
        Whether effects multiply the titer or add to it. By default the one under which held-out
        readings are likelier (Box and Cox 1964, doi:10.1111/j.2517-6161.1964.tb00553.x), with a
        warning that names it.
    terms : iterable of Term, optional
        By default `second_order`: main effects, squares, interactions (all pairs up to 120, beyond
        that the 30 that screening keeps, with a warning).
    prior : Horseshoe or R2D2
        Shrinkage prior of the effects.
    likelihood : Gaussian, StudentT or Hurdle
        Distribution of readings; rows flagged below, above or between limits count with the exact
        probability.
    varying : iterable of str or Varying
        Groups between which the intercept, or a slope, differs.
    detection_limit : float, optional [unit of the response]
        Readings under it, zeros among them, are only known to be below it.
    factor_error : mapping of factor to float [unit of the factor]
        Standard deviation with which a factor was measured, if not exactly.
    mixtures : iterable of Mixture
        Factors that are shares of a whole.

    Raises
    ------
    ModelError
        If an option is none of those.

    Examples
    --------
    >>> model = TiterModel("titer", transform="log", varying=["site"])
    >>> model.varying
    (Varying(group='site', slope=None),)

    ``model.fit(table, random_seed=1).key_factors(size="10 %")`` ranks the factors.
    """

    def fit(
        self,
        table: Table | pd.DataFrame,
        *,
        random_seed: int,
        draws: int = 1500,
        tune: int = 1000,
        chains: int = 4,
        cores: int | None = None,
        progress: Callable[[Progress], None] | bool | None = None,
    ) -> TiterPosterior:
        """
        Sample the posterior given a table of cultures.

        Parameters
        ----------
        table : Table or DataFrame
            One row per culture. Text and categories of a DataFrame become levels, and every other
            column than the response a factor unless `factors` says which.
        random_seed : int
            Same seed, same draws.
        draws, tune, chains, cores : int
            For the sampler, draws and tune per chain.
        progress : callable or bool, optional
            True shows a bar.

        Returns
        -------
        TiterPosterior

        Raises
        ------
        DataError
            If the response is missing, all zero or does not vary; if no factor varies; if a reading
            has no logarithm.
        ModelError
            If a term or group does not fit the table.
        """
        problem = self.formulate(table)
        density = LogDensity(problem.build())
        rng = np.random.default_rng([random_seed, 7])
        start = density.default_point() + JITTER * rng.standard_normal((chains, density.size))
        tree = sample(
            density,
            draws=draws,
            tune=tune,
            chains=chains,
            cores=cores,
            random_seed=random_seed,
            start=start,
            sampler=NoUTurn(TARGET_ACCEPT, on_divergence=(AGAIN,), adaptation="diag"),
            progress=progress,
        )
        options = {"draws": draws, "tune": tune, "chains": chains, "random_seed": random_seed}
        return TiterPosterior.of_sampled(problem, tree, options)

    def build_model(self, table: Table | pd.DataFrame) -> pm.Model:
        """Give the ``pm.Model`` for those who go on by hand; see `fit`."""
        return self.formulate(table).build()

    def formulate(self, table: Table | pd.DataFrame) -> Problem:
        """Check model and table against each other, and settle what the data decide."""
        return formulate(self, table)
