"""Shrinkage priors: the share of terms that act, and heredity."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose

from bayesbio.titer import R2D2, Horseshoe, Interaction, Linear, Square
from bayesbio.titer.factors.design_matrix import DesignMatrix
from bayesbio.titer.factors.factor_coding import Coding, FactorCode
from bayesbio.titer.regression.effect_priors import inherited

CODING = Coding((FactorCode("a", low=-1.0, high=1.0), FactorCode("b", low=-1.0, high=1.0)))
CELLS = {name: np.array([-1.0, 0.0, 1.0]) for name in "ab"}
DESIGN = DesignMatrix.of_cells(
    CODING, [Linear("a"), Linear("b"), Square("a"), Interaction("a", "b")], CELLS
)


@pytest.mark.parametrize(
    ("heredity", "factors"),
    [(None, [1.0, 1.0]), ("strong", [0.5, 0.5 * 0.2]), ("weak", [0.5, 1.0 - 0.5 * 0.8])],
)
def test_squares_and_interactions_inherit_the_shrinkage_of_their_factors(heredity, factors):
    shrinkage = pt.as_tensor(np.array([0.5, 0.2, 0.9, 0.7]))
    scaled = inherited(shrinkage, DESIGN, heredity).eval(mode="FAST_COMPILE")
    assert_allclose(scaled, [0.5, 0.2, 0.9 * factors[0], 0.7 * factors[1]])


@pytest.mark.parametrize("prior", [Horseshoe(), R2D2()])
def test_each_term_has_a_prior_scale_and_each_column_an_effect(prior):
    with pm.Model() as model:
        effects, prior_sd = prior.effects("effect", DESIGN, 0.5, 40)
    assert effects.type.shape in ((4,), (None,)) and prior_sd.ndim == 1
    assert {"effect_raw"} < {variable.name for variable in model.free_RVs}
