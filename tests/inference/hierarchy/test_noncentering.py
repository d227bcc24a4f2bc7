"""Effects standardised given what the readings say: exact, whatever the levels."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose

from bayesbio.inference import EffectInformation
from bayesbio.inference.hierarchy.noncentering import (
    JointlyNoncentered,
    PartiallyNoncentered,
)

RUNS = np.arange(16)
DESIGNS = {
    "runs": [RUNS],
    "clones": [RUNS // 4],
    "nested": [RUNS // 4, RUNS // 2, RUNS],
    "crossed": [RUNS % 4, RUNS // 4],
    "crossed above runs": [RUNS % 4, RUNS // 4, RUNS],
    "unbalanced": [RUNS // 4, RUNS % 5],
}


@pytest.mark.parametrize("design", DESIGNS)
def test_coordinates_are_the_posterior_standardised_where_everything_is_normal(design):
    rng = np.random.default_rng(3)
    groups = DESIGNS[design]
    sizes = [each.max() + 1 for each in groups]
    information, expected = rng.gamma(1.0, 30.0, 16), rng.normal(0.0, 0.3, 16)
    mean, spread = rng.normal(0.0, 0.1, sum(sizes)), rng.gamma(2.0, 0.2, sum(sizes))
    coordinates = rng.normal(size=sum(sizes))
    transform = PartiallyNoncentered(EffectInformation(information, expected), groups)
    z, m, s = pt.vectors("z", "m", "s")
    effects = transform.backward(z, m, s)
    compute = pytensor.function(
        [z, m, s],
        [effects, transform.forward(effects, m, s), transform.log_jac_det(z, m, s)],
        mode="FAST_COMPILE",
    )
    found, again, log_jacobian = compute(coordinates, mean, spread)
    assert_allclose(again, coordinates, atol=1e-12)
    # Bayes' rule for normal distributions, with dense matrices.
    design_matrix = np.hstack([np.eye(n)[each] for n, each in zip(sizes, groups, strict=True)])
    weighted = design_matrix.T * information
    precision = np.diag(spread**-2.0) + weighted @ design_matrix
    middle = np.linalg.solve(precision, mean / spread**2 + weighted @ expected)
    quadratic = (found - middle) @ precision @ (found - middle)
    assert_allclose(quadratic, coordinates @ coordinates, rtol=1e-9)
    assert_allclose(log_jacobian.sum(), -0.5 * np.linalg.slogdet(precision)[1], rtol=1e-9)


def test_a_few_effects_seen_together_have_the_same_coordinates_as_groups_that_are_crossed():
    rng = np.random.default_rng(4)
    groups = DESIGNS["crossed"]
    evidence = EffectInformation(rng.gamma(1.0, 30.0, 16), rng.normal(0.0, 0.3, 16))
    design = np.hstack([np.eye(4)[each] for each in groups])
    weighted = design.T * evidence.information
    one = PartiallyNoncentered(evidence, groups)
    other = JointlyNoncentered(weighted @ design, weighted @ evidence.expected)
    z, m, s = pt.vectors("z", "m", "s")
    compute = pytensor.function(
        [z, m, s],
        [
            part
            for road in (one, other)
            for part in (road.backward(z, m, s), road.log_jac_det(z, m, s), road.forward(z, m, s))
        ],
        mode="FAST_COMPILE",
    )
    found = compute(rng.normal(size=8), rng.normal(0.0, 0.1, 8), rng.gamma(2.0, 0.2, 8))
    for here, there in zip(found[:3], found[3:], strict=True):
        assert_allclose(here, there, atol=1e-10)
