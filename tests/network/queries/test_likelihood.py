import numpy as np
import pandas as pd
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.network import (
    NetworkPosterior,
    ProcessNetwork,
    log_likelihood,
)

PAIR = ProcessNetwork(["feed", "titer"], [("feed", "titer")])


def known_pair():
    return NetworkPosterior.from_parameters(
        PAIR,
        intercept={"feed": 5.0, "titer": 1.0},
        coefficients={("feed", "titer"): 0.4},
        variance={"feed": 1.0, "titer": 0.04},
    )


def test_likelihood_with_a_missing_cell_is_that_of_the_margin():
    rows = pd.DataFrame({"feed": [5.5, np.nan, 4.0], "titer": [3.1, 2.7, np.nan]})
    told = log_likelihood(known_pair(), rows)[0]
    both = stats.multivariate_normal([5.0, 3.0], [[1.0, 0.4], [0.4, 0.2]])
    exact = [
        both.logpdf([5.5, 3.1]),
        stats.norm.logpdf(2.7, 3.0, np.sqrt(0.2)),
        stats.norm.logpdf(4.0, 5.0, 1.0),
    ]
    assert_allclose(told, exact, rtol=1e-10)
