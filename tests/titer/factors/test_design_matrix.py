"""Columns, centred, and their product with effects."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import ModelError
from bayesbio.titer import Interaction, Linear, Monotone
from bayesbio.titer.factors.design_matrix import DesignMatrix
from bayesbio.titer.factors.factor_coding import Coding, FactorCode

CODING = Coding((FactorCode("a", low=-1.0, high=1.0), FactorCode("b", low=0.0, high=2.0)))
CELLS = {"a": np.array([-1.0, 0.0, 1.0]), "b": np.array([0.0, 1.0, 5.0])}
TERMS = [Monotone("b", pieces=2), Linear("a"), Interaction("a", "b")]


def test_columns_of_fixed_shape_come_first_and_are_centred():
    design = DesignMatrix.of_cells(CODING, TERMS, CELLS)
    assert design.labels == ("a", "a x b", "b") and design.kinds == ("main", "interaction")
    assert design.term_of_column.tolist() == [0, 1, 2] and design.shape_units == {"steps_b": "1"}
    shapes = {"steps_b": np.array([[0.25, 0.75]])}
    columns = design.columns(CELLS, shapes)
    assert_allclose([columns[0].mean(), columns[1].mean()], 0.0, atol=1e-12)
    effects = np.array([[2.0, 0.5, 1.0]])
    by_hand = sum(effect * np.squeeze(c) for effect, c in zip(effects[0], columns, strict=True))
    assert_allclose(design.predictor(CELLS, effects, shapes)[0], by_hand)
    assert_allclose(np.squeeze(columns[2]), [-1.0, -0.5, 1.0])  # constant beyond the range


def test_two_terms_with_one_name_are_refused():
    with pytest.raises(ModelError, match="Two terms have a column 'a'"):
        DesignMatrix.of_cells(CODING, [Linear("a"), Monotone("a")], CELLS)
