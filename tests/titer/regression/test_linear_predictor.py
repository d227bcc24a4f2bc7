"""Linear predictor: fitted levels as they are, new ones from their distribution."""

import numpy as np
from numpy.testing import assert_allclose

from bayesbio.titer import Varying
from bayesbio.titer.factors.coded_rows import CodedRows
from bayesbio.titer.regression.linear_predictor import group_effects

ROWS = CodedRows({}, {"site": np.array(["east", "moon", "moon"], dtype=object)})


def test_fitted_levels_have_their_effect_and_rows_of_a_new_level_share_a_drawn_one():
    draws = {"by_site": np.tile([0.3, -0.3], (40000, 1)), "sd_site": np.full(40000, 2.0)}
    rng = np.random.default_rng(1)
    effects = group_effects(Varying("site"), ("east", "west"), ROWS, draws, "", rng)
    assert (effects[:, 0] == 0.3).all() and (effects[:, 1] == effects[:, 2]).all()
    assert_allclose(effects[:, 1].std(), 2.0, rtol=5.0 / np.sqrt(80000))
