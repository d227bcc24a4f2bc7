"""Partial pooling over one or several levels, against published variance components."""

import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import CalibrationError
from bayesbio.inference import between, register, sample, varying

# Yield of dyestuff [g], six batches of five: Davies (1949), as in Box and Tiao (1973), table 5.1.1.
DYESTUFF = np.array(
    [
        [1545, 1440, 1440, 1520, 1580],
        [1540, 1555, 1490, 1560, 1495],
        [1595, 1550, 1605, 1510, 1560],
        [1445, 1440, 1595, 1465, 1545],
        [1595, 1630, 1515, 1635, 1625],
        [1520, 1455, 1450, 1480, 1445],
    ],
    dtype=float,
)
# Made so that the variance between batches is estimated as zero: Box and Tiao (1973), 5.1.2.
DYESTUFF_2 = np.array(
    [
        [7.298, 3.846, 2.434, 9.566, 7.990],
        [5.220, 6.556, 0.608, 11.788, -0.892],
        [0.110, 10.386, 13.434, 5.510, 8.166],
        [2.212, 4.852, 7.092, 9.288, 4.980],
        [0.282, 9.014, 4.458, 9.446, 7.198],
        [1.722, 4.782, 8.106, 0.758, 3.758],
    ]
)


def components(table, *, scale, centred):
    """One-way variance components under weak priors, sampled."""
    with pm.Model() as model:
        typical = pm.Normal("mean", table.mean(), 20.0 * scale)
        by_batch = varying(
            "mean",
            typical,
            level="batch",
            index=range(6),
            groups=list("ABCDEF"),
            positive=False,
            centred=centred,
            scale_prior=pm.HalfNormal.dist(5.0 * scale),
        )
        residual = pm.HalfNormal("residual", 5.0 * scale)
        pm.Normal("yield", by_batch[:, None], residual, observed=table)
    return sample(model, draws=1500, tune=1000, random_seed=7, hold=["mean_sd_batch"])


def test_dyestuff_components_agree_with_restricted_likelihood():
    """Published: mean 1527.5, sd between 42.00, residual sd 49.51 (lme4)."""
    tree = components(DYESTUFF, scale=50.0, centred=False)
    posterior = tree["posterior"]
    assert not tree["sample_stats"]["diverging"].any()
    assert_allclose(posterior["mean"].mean(), 1527.5, atol=3.0)
    # Restricted likelihood peaks where the posterior's logarithmic median roughly is.
    assert_allclose(posterior["mean_sd_batch"].median(), 42.0, rtol=0.25)
    assert_allclose(posterior["residual"].median(), 49.51, rtol=0.07)
    assert posterior["mean_by_batch"].dims == ("chain", "draw", "batch")
    # Partial pooling: each batch lies between its own mean and the grand mean.
    pooled = posterior["mean_by_batch"].mean(("chain", "draw")).to_numpy()
    own = DYESTUFF.mean(axis=1)
    assert np.all(np.abs(pooled - 1527.5) < 0.9 * np.abs(own - 1527.5) + 1.0)
    assert np.all(np.abs(pooled - 1527.5) > 0.5 * np.abs(own - 1527.5) - 1.0)


def test_a_variance_at_its_boundary_is_sampled_without_divergences():
    """Published: mean 5.666, sd between 0, residual sd 3.716 (lme4)."""
    tree = components(DYESTUFF_2, scale=4.0, centred=False)
    posterior = tree["posterior"]
    assert not tree["sample_stats"]["diverging"].any()
    assert_allclose(posterior["mean"].mean(), 5.666, atol=0.15)
    assert_allclose(posterior["residual"].median(), 3.716, rtol=0.07)
    assert posterior["mean_sd_batch"].quantile(0.1) < 0.3
    assert posterior["mean_sd_batch"].median() < 1.5


def test_centred_and_standardised_effects_are_the_same_prior():
    names = ["growth", "growth_sd_run", "growth_by_run"]
    drawn = {}
    for centred in (True, False):
        with pm.Model() as model:
            typical = register("growth", between(0.02, 0.06))
            by_run = varying(
                "growth",
                typical,
                level="run",
                index=[0, 0, 1],
                groups=["R1", "R2"],
                positive=True,
                centred=centred,
            )
        assert ("growth_effect_run" in model.named_vars) is not centred
        values = pm.draw(
            [*(model[name] for name in names), by_run], 4000, random_seed=2, mode="FAST_COMPILE"
        )
        assert_allclose(values[3], values[2][:, [0, 0, 1]], rtol=1e-12)
        drawn[centred] = [np.log(values[2]).std(), np.log(values[2] / values[0][:, None]).std()]
    assert_allclose(drawn[True], drawn[False], rtol=0.05)
    assert_allclose(drawn[True][1], 0.3, rtol=0.05)


def draw_two_levels(level, clone, run):
    with pm.Model() as model:
        typical = register("growth", between(0.02, 0.06))
        values = varying(
            "growth",
            typical,
            level=level,
            index={"clone": clone, "run": run},
            groups={"clone": ["A", "B"], "run": [f"R{number}" for number in range(max(run) + 1)]},
            positive=True,
            centred={"clone": True, "run": False},
        )
    wanted = [model["growth"], model["growth_by_clone"], model["growth_by_run"], values]
    return pm.draw(wanted, 5, random_seed=1, mode="FAST_COMPILE")


def test_nested_groups_vary_around_their_parent():
    _, clones, runs, members = draw_two_levels(("clone", "run"), [0, 0, 1, 1], [0, 1, 2, 3])
    assert_allclose(members, runs)
    with pm.Model() as model:
        varying(
            "growth",
            register("growth", between(0.02, 0.06)),
            level=("clone", "run"),
            index={"clone": [0, 0, 1, 1], "run": [0, 1, 2, 3]},
            groups={"clone": ["A", "B"], "run": ["R1", "R2", "R3", "R4"]},
            positive=True,
            centred=False,
        )
    point = {"growth": 0.04, "growth_sd_clone": 1.0, "growth_sd_run": 1.0}
    still = pm.do(model, {**point, "growth_effect_run": np.zeros(4)})
    clones, runs = pm.draw([still["growth_by_clone"], still["growth_by_run"]], mode="FAST_COMPILE")
    assert_allclose(runs, clones[[0, 0, 1, 1]])


def test_crossed_groups_add_their_effects():
    typical, clones, runs, members = draw_two_levels(("clone", "run"), [0, 1, 0, 1], [0, 0, 1, 1])
    expected = clones[:, [0, 1, 0, 1]] * runs[:, [0, 0, 1, 1]] / typical[:, None]
    assert_allclose(members, expected)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"index": [0, 0], "groups": ["R1"]}, "cannot vary by run: the only run is 'R1'"),
        ({"index": [0, 2]}, r"the index uses groups \[0, 2\], but there are 2 groups"),
        ({"positive": False}, "has no default. Give a scale_prior"),
        (
            {
                "level": ("clone", "run"),
                "index": {"clone": [1, 0], "run": [0, 1]},
                "groups": {"clone": ["A", "B"], "run": ["R1", "R2"]},
            },
            "cannot vary by clone and by run: the two group the runs in the same way",
        ),
    ],
)
def test_a_level_that_teaches_nothing_says_why(changes, sentence):
    options = {"level": "run", "index": [0, 1], "groups": ["R1", "R2"], "positive": True}
    with pm.Model(), pytest.raises(CalibrationError, match=sentence):
        varying("growth", register("growth", between(0.02, 0.06)), **(options | changes))
