"""Fits over scales: agreement of two roads, predictions with their parts, and files."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scale_truths import virtual_scales
from scipy import stats
from scipy.special import logsumexp

import bayesbio
from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError, ModelError
from bayesbio.mechanistic import BatchCulture, GrowthCurve
from bayesbio.ode import simulate
from bayesbio.scaleup import ScaleModel
from bayesbio.scaleup.curves.compiled_density import compiled_density
from bayesbio.scaleup.curves.model_data import ModelData
from bayesbio.scaleup.laws.pooled_law import PooledLaw

TIMES = np.linspace(5.3, 94.7, 18)


def changed(campaign, place, **settings):
    runs = list(campaign)
    runs[place] = runs[place].replace(settings={**runs[place].settings, **settings})
    return Campaign(runs, units=campaign.units)


def test_the_sampler_converges_and_the_curves_fit(fitted):
    verdict = fitted.check()
    assert verdict["R-hat"].value < 1.05
    assert verdict["divergences"].passed
    assert verdict["coverage"].passed


def test_plateaus_are_those_of_the_truth(fitted, made):
    table = fitted.summary()
    rows = table[[name.startswith("plateau_by_run") for name in table.index]]
    assert_allclose(rows["eti_50"], made.plateaus, rtol=0.06)
    assert (rows["unit"] == "1").all()


def test_weighted_draws_agree_with_the_chains(fitted):
    """Two roads to posterior and evidence: chains with a bridge, and importance sampling."""
    problem, chains = fitted.curves[0].problem, fitted.curves[0].posterior
    noise = [np.log(chains[name].to_numpy().ravel())
             for name in ("noise_response", "noise_response_relative")]  # fmt: skip
    whole = np.column_stack([fitted.curves[0].z.reshape(noise[0].size, -1), *noise])
    given = ModelData.of(problem, fitted.model.laws)
    whole = (whole - given.data["location"]) / given.data["width"]
    middle, root = whole.mean(axis=0), np.linalg.cholesky(np.cov(whole.T))
    rng, size, count, freedom = np.random.default_rng(1), len(middle), 6000, 8.0
    points = rng.standard_normal((count, size)) * np.sqrt(
        freedom / rng.chisquare(freedom, size=(count, 1))
    )
    proposal = stats.multivariate_t(shape=np.eye(size), df=freedom).logpdf(points)
    points = middle + points @ root.T
    with compiled_density(problem, given) as density:
        heights = np.array([density.value_and_gradient(point)[0] for point in points])
    ratios = heights - proposal
    weights = np.exp(ratios - logsumexp(ratios))
    assert 1.0 / np.sum(weights**2) > 50.0
    evidence = logsumexp(ratios) - np.log(count) + np.linalg.slogdet(root)[1]
    evidence += np.log(given.data["width"]).sum()
    assert_allclose(evidence, fitted.curves[0].log_evidence, atol=1.0)
    z = (given.data["location"] + given.data["width"] * points)[
        :, : problem.log10_volume.size * len(problem.names)
    ]
    plateau = np.exp(
        problem.centre[0] + z.reshape(count, -1, len(problem.names))[..., 0]
    )  # the first unknown
    exact = chains["plateau_by_run"]
    assert_allclose(weights @ plateau, exact.mean(("chain", "draw")), rtol=0.005)


def test_the_density_inside_the_graph_is_that_of_the_laws(fitted):
    """Two roads: PyTensor's mixture at the draws, and the mixture in numpy."""
    curve = fitted.curves[0]
    inside = curve.posterior["law_log_density"].to_numpy().reshape(-1, 2)[:20]
    for number, law in enumerate(fitted.model.laws):
        pooled = PooledLaw.of(curve.problem, law)
        assert_allclose(inside[:, number], pooled.log_density(curve.z[:20]), rtol=1e-6)


def test_the_parts_of_the_uncertainty_add_up(fitted):
    predicted = fitted.predict(1e6, noise=False)
    parts = predicted["response_variance"].isel(run=0)
    assert list(parts["part"].to_numpy()) == ["curve", "law", "weights", "run_effect", "noise"]
    drawn = predicted["response"].isel(run=0).var(("chain", "draw"))
    assert_allclose(parts.drop_sel(part="noise").sum("part"), drawn, rtol=1e-9)
    noisy = fitted.predict(1e6)
    assert noisy["response"].dims == ("chain", "draw", "run", "time")
    # A variance of 2000 draws has a standard error of 3 % (somewhat more with heavy tails).
    scatter = (noisy["response"] - predicted["response"]).isel(run=0).var(("chain", "draw"))
    assert_allclose(scatter, parts.sel(part="noise"), rtol=0.25)


def test_intervals_widen_with_the_distance(fitted):
    widths = []
    for volume in (1e5, 1e6, 1e7):
        last = np.log(fitted.predict(volume, noise=False)["response"].isel(run=0, time=-1))
        widths.append(float(np.subtract(*np.quantile(last, [0.95, 0.05]))))
    assert widths == sorted(widths)


def test_a_volume_inside_the_scales_is_allowed_and_said(fitted):
    predicted = fitted.predict(1000.0)
    assert "inside the measured scales" in predicted.attrs["extrapolation"]
    assert predicted.attrs["extrapolation_decades"] == 0.0


def test_beyond_three_decades_a_prediction_is_flagged(fitted):
    far = fitted.predict(1e9)
    assert far.attrs["far"] == 1
    assert "more than three decades" in far.attrs["extrapolation"]
    assert fitted.predict(1e6).attrs["far"] == 0


def test_the_same_question_gets_the_same_bytes(fitted):
    one, other = (fitted.predict(1e6, random_seed=4) for _ in range(2))
    assert one.equals(other)


def test_a_saved_fit_predicts_the_same(fitted, tmp_path):
    again = bayesbio.load(fitted.save(tmp_path / "scales.nc"))
    assert again.predict(1e6).equals(fitted.predict(1e6))
    assert again.hash == fitted.hash


def test_wider_priors_make_wider_predictions(fitted):
    table = fitted.prior_sensitivity(1e6).set_index(["prior", "factor"])["width_ratio"]
    assert table["as fitted", 1.0] == 1.0
    assert table["bend", 2.0] > table["bend", 0.5]
    assert table["deviation", 2.0] > table["deviation", 0.5]


def test_weights_follow_the_evidence_or_stay_equal(fitted):
    assert_allclose(fitted.law_weights("equal")["weight"], 0.5)
    evidence = fitted.law_weights("evidence")
    assert_allclose(evidence["weight"], evidence["probability"])
    drawn = fitted.weight_draws(20_000, random_seed=1)
    assert_allclose(drawn.mean(axis=0), fitted.law_weights("dirichlet")["weight"], atol=0.01)


def test_trends_pass_through_the_runs(fitted, made):
    trends = fitted.trends([10.0, 100_000.0]).set_index(["parameter", "volume"])
    for volume, plateau in ((10.0, made.plateaus[0]), (100_000.0, made.plateaus[-1])):
        row = trends.loc[("plateau", volume)]
        assert row["eti_5"] < plateau < row["eti_95"]


# Bad input ------------------------------------------------------------------------------


def test_one_scale_only_is_refused(made):
    with pytest.raises(DataError, match="needs at least two"):
        ScaleModel().fit(made.campaign.select(["10 L"]), random_seed=1)


def test_a_negative_volume_is_refused_with_its_run(made):
    with pytest.raises(DataError, match="Run '4000 L': volume is -4 L"):
        ScaleModel().fit(changed(made.campaign, 2, volume=-4.0), random_seed=1)


def test_mixed_units_of_volume_are_noticed(made):
    campaign = made.campaign
    for place, volume in enumerate((10.0, 100.0, 4.0, 100.0)):
        campaign = changed(campaign, place, volume=volume, scale_id=place + 1)
    with pytest.raises(DataError, match="litres and cubic metres are mixed"):
        ScaleModel().fit(campaign, random_seed=1)


def test_volumes_in_words_are_refused(made):
    with pytest.raises(DataError, match="'4 m3'; a number of litres was expected"):
        ScaleModel().fit(changed(made.campaign, 2, volume="4 m3"), random_seed=1)


def test_a_scale_with_two_points_is_refused(made):
    runs = list(made.campaign)
    runs[1] = runs[1].replace(measurements=runs[1].measurements.iloc[:2])
    with pytest.raises(
        DataError, match=r"100 L .* has 2 quantified readings; at least 3 .*without\(\['"
    ):
        ScaleModel().fit(Campaign(runs, units=made.campaign.units), random_seed=1)


def test_a_missing_descriptor_is_refused_with_its_run(made):
    campaign = made.campaign
    for place in (0, 1, 3):
        campaign = changed(campaign, place, power_per_volume=1000.0 + 100.0 * place)
    with pytest.raises(DataError, match="Run '4000 L' has no positive 'power_per_volume'"):
        ScaleModel(covariates=["power_per_volume"]).fit(campaign, random_seed=1)


def test_a_covariate_that_does_not_exist_is_refused(made):
    with pytest.raises(DataError, match="neither a setting of the runs"):
        ScaleModel(covariates=["tip_speed"]).fit(made.campaign, random_seed=1)


def test_a_missing_scale_is_refused(made):
    runs = [run.replace(settings={}) for run in made.campaign]
    with pytest.raises(DataError, match="No run has a scale"):
        ScaleModel().fit(Campaign(runs, units=made.campaign.units), random_seed=1)


def test_a_volume_of_zero_cannot_be_predicted(fitted):
    with pytest.raises(DataError, match="a volume above zero"):
        fitted.predict(0.0)


def test_descriptors_without_covariates_are_refused(fitted):
    with pytest.raises(DataError, match="has no covariates"):
        fitted.predict(1e6, descriptors={"power_per_volume": 1000.0})


def test_unknown_weights_are_refused():
    with pytest.raises(ModelError, match="weights='best' is unknown"):
        ScaleModel(weights="best")


def test_a_table_is_no_campaign():
    with pytest.raises(DataError, match="a Campaign was expected"):
        ScaleModel().fit(pd.DataFrame(), random_seed=1)


def test_two_quantities_need_a_choice(made):
    both = [
        Run(
            run.name,
            pd.concat([run.measurements, run.measurements.assign(quantity="titer")]),
            settings=run.settings,
        )
        for run in made.campaign
    ]
    with pytest.raises(DataError, match="Which quantity"):
        ScaleModel().fit(Campaign(both, units=made.campaign.units), random_seed=1)


def test_covariates_steer_a_prediction():
    """Runs at one volume differ in power per volume; the effect carries over to a larger one."""
    rng = np.random.default_rng(5)
    runs = []
    for number, (volume, power) in enumerate(
        [(10.0, 500.0), (10.0, 2000.0), (1000.0, 500.0), (1000.0, 2000.0)]
    ):
        top = 50.0 * (power / 1000.0) ** 0.3
        value = top * -np.expm1(-((TIMES / 40.0) ** 1.6)) + 0.3 * rng.standard_normal(len(TIMES))
        table = pd.DataFrame({"time_h": TIMES, "quantity": "response", "value": np.abs(value)})
        settings = {"volume": volume, "power_per_volume": power}
        runs.append(Run(f"R{number}", table, settings=settings))
    model = ScaleModel(law="power", covariates=["power_per_volume"])
    fit = model.fit(
        Campaign(runs, units={"response": "1"}), random_seed=1, draws=150, tune=150, chains=2
    )
    assert "Told apart from the volume: power per volume" in " ".join(fit.warnings)
    ends = [
        float(fit.predict(10_000.0, descriptors={"power_per_volume": power}, noise=False)
              ["response"].isel(time=-1).median())
        for power in (500.0, 2000.0)
    ]  # fmt: skip
    assert_allclose(ends[1] / ends[0], 4.0**0.3, rtol=0.15)
    with pytest.raises(DataError, match="the new run has no positive value"):
        fit.predict(10_000.0)


def test_a_virtual_truth_must_exist():
    with pytest.raises(DataError, match="no truth 'magic'"):
        virtual_scales("magic", random_seed=1)


@pytest.fixture(scope="module")
def two_options(made):
    """One family of curves with two priors of its plateau: equations, and so the graph, are one."""
    curves = [
        GrowthCurve("logistic", quantity="response", unit="1", plateau=plateau)
        for plateau in ((20.0, 200.0), (50.0, 150.0))
    ]
    model = ScaleModel(curve=curves, law="power")
    return model.fit(made.campaign, random_seed=1, draws=60, tune=100, chains=1)


def test_two_options_of_one_curve_are_two_curves(two_options):
    fit = two_options
    assert list(fit.law_weights()["curve"]) == list(fit.curve_names)
    assert len(set(fit.curve_names)) == 2
    used = [component.curve.problem.curve.plateau for component in fit.components()]
    assert used == [(20.0, 200.0), (50.0, 150.0)]
    assert len(fit.trends([5.0])) == len(fit.curves[fit.likeliest].problem.names)


@pytest.mark.slow
def test_two_fits_in_threads_are_those_of_each_alone(made):
    model, options = ScaleModel(law=["power"]), dict(random_seed=1, draws=60, tune=80, chains=1)
    doubled = Campaign(
        [
            run.replace(measurements=run.measurements.assign(value=2.0 * run.measurements["value"]))
            for run in made.campaign
        ],
        units=made.campaign.units,
    )
    campaigns = [made.campaign, doubled]

    def plateau(campaign):
        return model.fit(campaign, **options).curves[0].posterior["plateau_by_run"]

    alone = [plateau(campaign) for campaign in campaigns]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(plateau, campaigns))
    for one, other in zip(alone, together, strict=True):
        assert one.equals(other)


@pytest.mark.slow
def test_curve_families_are_mixed_with_their_laws(made, tmp_path):
    """Truth is a ramp: beside a logistic curve the evidence finds it; weights stay as asked."""
    logistic = GrowthCurve("logistic", quantity="response", unit="1", plateau=(20.0, 200.0))
    fit = ScaleModel(curve=[None, logistic], law=["power", "random_walk"]).fit(
        made.campaign.without("100000 L"), random_seed=1, draws=200, tune=200, chains=2
    )
    weights = fit.law_weights()
    assert list(weights["curve"]) == ["kumaraswamy_ramp"] * 2 + ["logistic"] * 2
    assert_allclose(weights["weight"], 0.25)
    assert fit.law_weights("evidence")["weight"].iloc[:2].sum() > 0.99
    predicted = fit.predict(1e5)
    assert predicted["response"].sizes["draw"] == 400
    assert (predicted["response_variance"].sel(part="weights") > 0.0).any()
    assert any(name.endswith("of logistic") for name in fit.check().names)
    again = bayesbio.load(fit.save(tmp_path / "families.nc"))
    assert again.predict(1e5).equals(predicted)


@pytest.mark.slow
def test_several_runs_of_a_scale_tell_the_run_effect_apart():
    made = virtual_scales("power law", random_seed=6, runs=3)
    largest = [name for name in made.campaign.names if name.startswith("100000 L")]
    fit = ScaleModel().fit(
        made.campaign.without(largest), random_seed=1, draws=200, tune=200, chains=2
    )
    assert not any("cannot be told apart" in sentence for sentence in fit.warnings)
    predicted = fit.predict(1e5, noise=False)
    low, high = np.quantile(predicted["response"].isel(run=0, time=-1), [0.05, 0.95])
    assert low < made.plateaus[-1] < high
    # A further run at a measured scale: its scale is known, and only its own effect is not.
    known = fit.predict(100.0, noise=False)["response"].isel(run=0, time=-1)
    assert float(known.std() / known.mean()) < 0.1


@pytest.mark.slow
def test_any_process_model_may_be_the_curve():
    model = BatchCulture()
    rng = np.random.default_rng(1)
    times, rates = np.linspace(0.0, 30.0, 13), {1.0: 0.30, 100.0: 0.25, 5000.0: 0.20}
    start = dict(initial_biomass=0.1, initial_substrate=10.0)
    runs = []
    for volume, rate in rates.items():
        course = simulate(
            model,
            parameters=dict(maximum_growth_rate=rate, substrate_monod_constant=0.2, cell_yield=0.5),
            settings=start,
            times=times,
        )
        tables = []
        for quantity in ("biomass", "substrate"):
            mean = course[quantity].to_numpy().ravel()
            value = mean * (1.0 + 0.03 * rng.standard_normal(13)) + 0.02 * rng.standard_normal(13)
            tables.append(
                pd.DataFrame(
                    {"time_h": times, "quantity": quantity, "value": np.maximum(value, 0.0)}
                )
            )
        runs.append(Run(f"{volume:g} L", pd.concat(tables), settings={"volume": volume, **start}))
    fit = ScaleModel(curve=model).fit(Campaign(runs), random_seed=1, draws=200, tune=150, chains=2)
    found = fit.summary()["eti_50"]
    for volume, rate in rates.items():
        assert_allclose(found[f"maximum_growth_rate_by_run[{volume:g} L]"], rate, rtol=0.04)
    predicted = fit.predict(50_000.0)
    assert {"biomass", "substrate", "biomass_variance"} <= set(predicted.data_vars)
