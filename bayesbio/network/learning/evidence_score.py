"""The exact evidence of a node given its parents, as a score for pgmpy's structure search."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pgmpy.structure_score import BaseStructureScore

from bayesbio.network.learning.conjugate import NormalInverseGamma, log_evidence


class GaussianEvidence(BaseStructureScore):
    """
    Log evidence of a linear Gaussian node, its effects and scatter integrated out.

    Parameters
    ----------
    data : DataFrame of shape (rows, nodes)
        Standardised values, none missing.

    Notes
    -----
    The scores that pgmpy brings for continuous data maximise the likelihood, which few batches
    make too easy, and read column names as formulas, so ``titer@336`` stops them.
    """

    def __init__(self, data: pd.DataFrame) -> None:
        self.data = data
        super().__init__(data)

    def _local_score(self, variable: str, parents: tuple[str, ...]) -> float:
        values = self.data[variable].to_numpy(dtype=float)
        columns = [np.ones(len(values)), *(self.data[name].to_numpy(float) for name in parents)]
        return log_evidence(NormalInverseGamma.weak(len(parents)), np.column_stack(columns), values)
