"""Bayesian Gaussian (BGe-type) score for pgmpy's structure search: log marginal likelihood."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pgmpy.structure_score import BaseStructureScore

from bayesbio.network.learning.conjugate import PriorMixture, default_priors


class MarginalLikelihoodScore(BaseStructureScore):
    """
    Log marginal likelihood of a linear Gaussian node, its columns standardised and complete.

    The scores that pgmpy brings for continuous data maximise the likelihood, which few batches make
    too easy, and read column names as formulas, so ``titer@336`` stops them.
    """

    def __init__(self, data: pd.DataFrame) -> None:
        self.data = data
        super().__init__(data)

    def _local_score(self, variable: str, parents: tuple[str, ...]) -> float:
        values = self.data[variable].to_numpy(dtype=float)
        columns = [np.ones(len(values)), *(self.data[name].to_numpy(float) for name in parents)]
        mixture = PriorMixture.of(default_priors(len(parents)))
        return mixture.log_evidence(np.column_stack(columns), values)
