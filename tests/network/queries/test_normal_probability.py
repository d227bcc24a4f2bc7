import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.network.queries.normal_probability import box_probability


def test_boxes_of_three_dimensions_agree_with_scipy():
    covariance = np.array([[1.0, 0.4, 0.2], [0.4, 1.0, -0.3], [0.2, -0.3, 1.0]])
    low, high = np.array([-1.0, -np.inf, -0.5]), np.array([1.0, 0.8, np.inf])
    told = box_probability(np.zeros((1, 1, 3)), covariance[None], low, high, points=4096)
    exact = stats.multivariate_normal(np.zeros(3), covariance).cdf(high, lower_limit=low)
    assert_allclose(told[0, 0], exact, rtol=1e-3)
