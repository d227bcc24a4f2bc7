import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from bayesbio.network.learning.conjugate import PriorMixture, default_priors
from bayesbio.network.learning.structure_score import MarginalLikelihoodScore


def batches(n, seed):
    rng = np.random.default_rng(seed)
    feed, acidity = 5.0 + rng.normal(size=n), 7.0 + 0.1 * rng.normal(size=n)
    early = 1.0 + 0.8 * feed + 0.4 * rng.normal(size=n)
    late = 2.0 * early + 0.8 * rng.normal(size=n)
    titer = 1e-7 * (late + 15.0 * (acidity - 7.0) + 0.5 * rng.normal(size=n))
    return pd.DataFrame(
        {"feed": feed, "pH": acidity, "biomass@24": early, "biomass@48": late, "titer@72": titer}
    )


def test_the_score_of_the_search_is_the_exact_evidence():
    frame = batches(15, 3)
    rows = (frame - frame.mean()) / frame.std()
    design = np.column_stack([np.ones(15), rows["feed"], rows["pH"]])
    mixture = PriorMixture.of(default_priors(2))
    expected = mixture.log_evidence(design, rows["biomass@24"].to_numpy(copy=True))
    assert_allclose(
        MarginalLikelihoodScore(rows).local_score("biomass@24", ("feed", "pH")),
        expected,
        rtol=1e-12,
    )
