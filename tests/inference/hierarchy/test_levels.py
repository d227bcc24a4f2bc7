"""Partial pooling over one or several levels, against published variance components."""

import numpy as np
import pymc as pm
import pytensor
import pytest
from numpy.testing import assert_allclose
from scipy.stats import beta, kstest, multivariate_normal

from bayesbio.errors import CalibrationError
from bayesbio.inference import (
    EffectInformation,
    Grouping,
    LogDensity,
    between,
    correlate,
    correlation_matrix,
    covariate_levels,
    find_mode,
    order_levels,
    register,
    sample,
    varying,
)

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
            Grouping({"batch": range(6)}, {"batch": list("ABCDEF")}),
            positive=False,
            centred=centred,
            scale_prior=pm.HalfNormal.dist(5.0 * scale),
        )
        residual = pm.HalfNormal("residual", 5.0 * scale)
        pm.Normal("yield", by_batch[:, None], residual, observed=table)
    density = LogDensity(model)
    mode = find_mode(density, hold=["mean_sd_batch"], random_seed=7)
    return sample(density, draws=1500, tune=1000, random_seed=7, start=mode)


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


def test_the_road_on_which_effects_are_sampled_leaves_their_prior_as_it_is():
    names = ["growth", "growth_sd_run", "growth_by_run"]
    said = EffectInformation(np.full(3, 100.0), np.full(3, np.log(0.03)))
    roads = {
        "growth_by_run": {"centred": True},
        "growth_effect_run": {"centred": False},
        "growth_effect_of_levels": {"evidence": said},
    }
    drawn = {}
    for road, options in roads.items():
        with pm.Model() as model:
            typical = register("growth", between(0.02, 0.06))
            by_run = varying(
                "growth",
                typical,
                Grouping({"run": [0, 0, 1]}, {"run": ["R1", "R2"]}),
                positive=True,
                **options,
            )
        assert {each.name for each in model.free_RVs} == {"growth", "growth_sd_run", road}
        values = pm.draw(
            [*(model[name] for name in names), by_run], 4000, random_seed=2, mode="FAST_COMPILE"
        )
        assert_allclose(values[3], values[2][:, [0, 0, 1]], rtol=1e-12)
        drawn[road] = [np.log(values[2]).std(), np.log(values[2] / values[0][:, None]).std()]
    for found in drawn.values():
        assert_allclose(found, drawn["growth_by_run"], rtol=0.05)
        assert_allclose(found[1], 0.3, rtol=0.05)


SAID = EffectInformation(np.full(4, 100.0), np.full(4, np.log(0.03)))
TWO_ROADS = pytest.mark.parametrize(
    "road", [{"centred": {"clone": True, "run": False}}, {"evidence": SAID}], ids=["apart", "joint"]
)


def draw_two_levels(level, clone, run, road):
    with pm.Model() as model:
        typical = register("growth", between(0.02, 0.06))
        values = varying(
            "growth",
            typical,
            Grouping(
                {key: {"clone": clone, "run": run}[key] for key in level},
                {"clone": ["A", "B"], "run": [f"R{number}" for number in range(max(run) + 1)]},
            ),
            positive=True,
            **road,
        )
    wanted = [model["growth"], model["growth_by_clone"], model["growth_by_run"], values]
    return pm.draw(wanted, 5, random_seed=1, mode="FAST_COMPILE")


@TWO_ROADS
def test_members_of_nested_groups_have_the_value_of_the_narrowest(road):
    _, clones, runs, members = draw_two_levels(("clone", "run"), [0, 0, 1, 1], [0, 1, 2, 3], road)
    assert_allclose(members, runs)


def test_nested_groups_vary_around_their_parent():
    with pm.Model() as model:
        varying(
            "growth",
            register("growth", between(0.02, 0.06)),
            Grouping(
                {"clone": [0, 0, 1, 1], "run": [0, 1, 2, 3]},
                {"clone": ["A", "B"], "run": ["R1", "R2", "R3", "R4"]},
            ),
            positive=True,
            centred=False,
        )
    point = {"growth": 0.04, "growth_sd_clone": 1.0, "growth_sd_run": 1.0}
    still = pm.do(model, {**point, "growth_effect_run": np.zeros(4)})
    clones, runs = pm.draw([still["growth_by_clone"], still["growth_by_run"]], mode="FAST_COMPILE")
    assert_allclose(runs, clones[[0, 0, 1, 1]])


@TWO_ROADS
def test_crossed_groups_add_their_effects(road):
    typical, clones, runs, members = draw_two_levels(
        ("clone", "run"), [0, 1, 0, 1], [0, 0, 1, 1], road
    )
    expected = clones[:, [0, 1, 0, 1]] * runs[:, [0, 0, 1, 1]] / typical[:, None]
    assert_allclose(members, expected)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"numbers": {"run": [0, 0]}, "groups": {"run": ["R1"]}},
            "cannot vary by run: the only run is 'R1'",
        ),
        ({"numbers": {"run": [0, 2]}}, r"the index uses groups \[0, 2\], but there are 2 groups"),
        ({"positive": False}, "has no default. Give a scale_prior"),
        (
            {
                "numbers": {"clone": [1, 0], "run": [0, 1]},
                "groups": {"clone": ["A", "B"], "run": ["R1", "R2"]},
            },
            "cannot vary by clone and by run: the two group the runs in the same way",
        ),
    ],
)
def test_a_level_that_teaches_nothing_says_why(changes, sentence):
    given = {"numbers": {"run": [0, 1]}, "groups": {"run": ["R1", "R2"]}, "positive": True}
    given |= changes
    grouping = Grouping(given["numbers"], given["groups"])
    with pm.Model(), pytest.raises(CalibrationError, match=sentence):
        typical = register("growth", between(0.02, 0.06))
        varying("growth", typical, grouping, positive=given["positive"])


def test_levels_stand_in_the_order_in_which_they_hold_each_other():
    numbers = {
        "run": np.arange(8),
        "site": np.array([0] * 4 + [1] * 4),
        "campaign": np.arange(8) // 2,
    }
    assert order_levels(numbers) == ("site", "campaign", "run")


def test_covariates_move_the_groups_they_are_constant_within():
    columns = np.array([[1.0, 0.3], [1.0, 0.5], [-1.0, 0.1], [-1.0, 0.9]])
    clone = np.array([0, 0, 1, 1])
    assert covariate_levels((columns, None), ["clone"], {"clone": clone}) == {
        "clone": [0],
        None: [1],
    }
    with pm.Model() as model:
        slopes = pm.Normal("slopes", shape=2)
        value = varying(
            "rate",
            pm.Normal("rate"),
            Grouping({"clone": clone}, {"clone": ["A", "B"]}),
            positive=False,
            scale_prior=pm.HalfNormal.dist(1.0),
            centred=False,
            covariates=(columns, slopes),
        )
    names = ["rate", "slopes", "rate_sd_clone", "rate_effect_clone"]
    compute = pytensor.function(
        [model[name] for name in names], [value, model["rate_by_clone"]], mode="FAST_COMPILE"
    )
    members, groups = compute(2.0, [0.5, 10.0], 0.1, [1.0, -2.0])
    assert_allclose(groups, [2.0 + 0.5 + 0.1, 2.0 - 0.5 - 0.2])
    assert_allclose(members, groups[clone] + 10.0 * columns[:, 1])


@pytest.mark.parametrize("kind", ["by_run", "effect_run", "effect_of_levels"])
def test_correlated_effects_have_the_density_of_their_normal_distribution(kind):
    index, groups, sizes = [0, 1, 2], ["R1", "R2", "R3"], np.array([0.3, 0.2, 0.5])
    names = ["a", "b", "c"]
    said = EffectInformation(np.full(3, 9.0), np.zeros(3))
    road = {"evidence": said} if kind == "effect_of_levels" else {"centred": kind == "by_run"}
    with pm.Model() as model:
        together = correlate("run", [names])
        for name in names:
            varying(
                name,
                pm.Normal(name),
                Grouping({"run": index}, {"run": groups}),
                positive=False,
                scale_prior=pm.HalfNormal.dist(1.0),
                **road,
                together={"run": together[name]},
            )
    correlation = np.array([0.6, -0.2, 0.3])
    matrix = correlation_matrix(correlation, 3)
    root = np.linalg.cholesky(matrix)
    partial = [root[1, 0], root[2, 0], root[2, 1] / np.sqrt(1 - root[2, 0] ** 2)]
    values = np.array([[1.1, 0.8, 1.3], [2.3, 1.9, 2.0], [0.2, 0.1, 0.9]])
    means = np.array([1.0, 2.0, 0.5])
    standard = np.linalg.solve(root, (values - means[:, None]) / sizes[:, None])
    given = {"correlation_run_partial": (np.array(partial) + 1.0) / 2.0}
    for place, name in enumerate(names):
        given[name], given[f"{name}_sd_run"] = means[place], sizes[place]
        given[f"{name}_{kind}"] = standard[place] if kind == "effect_run" else values[place]
    variables = [model[name] for name in given]
    found = pytensor.function(
        variables,
        [model["correlation_run"], *[model[f"{name}_by_run"] for name in names]],
        mode="FAST_COMPILE",
        on_unused_input="ignore",
    )(*given.values())
    assert_allclose(found[0], correlation, rtol=1e-12)
    assert_allclose(np.stack(found[1:]), values, rtol=1e-10)
    if kind != "effect_run":
        effects = [model[f"{name}_{kind}"] for name in names]
        model.rvs_to_transforms.update(dict.fromkeys(effects))  # their values, not coordinates
        log_densities = model.logp(vars=effects, sum=False, jacobian=False)
        replaced = {model.rvs_to_values[effect]: given[effect.name] for effect in effects}
        others = {
            model.rvs_to_values[model[name]]: value
            for name, value in {
                **{name: means[i] for i, name in enumerate(names)},
                **{f"{name}_sd_run": np.log(sizes[i]) for i, name in enumerate(names)},
                "correlation_run_partial": np.log(
                    given["correlation_run_partial"] / (1 - given["correlation_run_partial"])
                ),
            }.items()
        }
        at = {**replaced, **others}
        total = sum(
            each.sum()
            for each in pytensor.function(
                list(at), log_densities, mode="FAST_COMPILE", on_unused_input="ignore"
            )(*at.values())
        )
        covariance = matrix * np.outer(sizes, sizes)
        wanted = multivariate_normal(means, covariance).logpdf(values.T).sum()
        assert_allclose(total, wanted, rtol=1e-10)


def test_correlations_have_the_prior_of_lewandowski_kurowicka_and_joe():
    with pm.Model() as model:
        correlate("run", [["a", "b", "c"]])
    drawn = pm.draw(model["correlation_run"], 2000, random_seed=4, mode="FAST_COMPILE")
    marginal = beta(2.5, 2.5, loc=-1.0, scale=2.0)  # of each of three correlations at eta = 2
    for values in drawn.T:
        assert kstest(values, marginal.cdf).pvalue > 1e-7
