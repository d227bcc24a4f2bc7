"""What a fit does after sampling, done before it: groups, corrections, models along a grid."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.calibrate import completion
from bayesbio.calibrate.completion import Completion, LogPrior, one_draw, options_of
from bayesbio.calibrate.coordinates.starts import CompiledProblem
from bayesbio.calibrate.model import TextbookCoordinates, statistical_model
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest, Tolerances
from bayesbio.data import Campaign, Profile, Run
from bayesbio.errors import CalibrationError
from bayesbio.inference import between
from bayesbio.mechanistic import BatchCulture, CorrectedModel, Correction, PackedBed

SPAN = {"substrate": (5.0, 20.0)}


def drawn_problem(request):
    """A problem whose density only draws from the prior: nothing is compiled."""
    formulation = formulate(request)
    model = statistical_model(formulation, Tolerances())
    wanted = [*model.free_RVs, *model.deterministics]

    def points(number, *, random_seed):
        drawn = pm.draw(wanted, number + 1, random_seed=random_seed, mode="FAST_COMPILE")
        return [
            {variable.name: values[i] for variable, values in zip(wanted, drawn, strict=True)}
            for i in range(number)
        ]

    density = SimpleNamespace(
        model=model, prior_points=points, values=lambda point: point, failure_log=()
    )
    return CompiledProblem(formulation, TextbookCoordinates(), density)


def culture(name, factor=1.0, **settings):
    rows = pd.DataFrame(
        {"time_h": [1.0, 3.0, 5.0], "quantity": "biomass", "value": [0.3, 0.5, 0.9]}
    )
    start = {"initial_substrate": 20.0, "initial_biomass": 0.2, "initial_product": 0.0, **settings}
    return Run(name, rows.assign(value=factor * rows["value"]), start)


def with_levels():
    runs = [culture(f"R{i}", clone="ab"[i % 2], temperature=300.0 + i) for i in range(4)]
    both = ("maximum_growth_rate", "cell_yield")
    return FitRequest(
        Campaign(runs), BatchCulture(), vary={both: "run", "maximum_growth_rate": "clone"},
        covariates={"substrate_monod_constant": "temperature"},
    )  # fmt: skip


def with_corrections():
    slower = Correction(on="growth", inputs=["substrate"], anchor={"substrate": 20.0}, span=SPAN)
    return FitRequest(
        Campaign([culture("R0"), culture("R1", 1.1)]), CorrectedModel(BatchCulture(), [slower])
    )


def along_a_grid():
    times = np.linspace(0.01, 0.06, 6)
    values = np.exp(-0.5 * ((times - 0.03) / 0.01) ** 2)
    rows = pd.DataFrame({"time_h": times, "quantity": "outlet_concentration", "value": values})
    pulse = Profile([(0.0, 20.0), (0.001, 0.0)], "step")
    run = Run("pulse", rows, profiles={"inlet_concentration": pulse})
    units = {"outlet_concentration": "g/L", "inlet_concentration": "g/L"}
    known = dict.fromkeys(("uptake_rate", "release_rate", "maximum_reaction_rate"), 0.0)
    known |= {"half_saturation": 1.0, "decay_rate": 0.0, "column_porosity": 0.35}
    bed = PackedBed(length=0.1, elements=3, degree=3)
    return FitRequest(Campaign([run], units=units), bed, known, noise="normal")


@pytest.mark.parametrize("request_of", [with_levels, with_corrections, along_a_grid])
def test_everything_beside_the_draws_is_computed_at_one_point_first(request_of, monkeypatch):
    """The rehearsal goes through all that draws of this kind of model go through."""
    monkeypatch.setattr(completion, "PRIOR_DRAWS", 4)
    problem = drawn_problem(request_of())
    first, *others = problem.density.prior_points(3, random_seed=1)
    completing = Completion(problem, Tolerances(), random_seed=1, point=first)
    draws = xr.concat([one_draw(problem, point) for point in others], dim="draw", join="override")
    tree = xr.DataTree.from_dict({"posterior": draws})
    options = completing.complete(tree)
    assert options["warnings"] == []
    groups = {"posterior_predictive", "log_likelihood", "observed_data", "prior", "log_prior"}
    assert groups <= set(tree.children)
    assert set(tree["prior"].data_vars) == set(tree["posterior"].data_vars)
    for densities in tree["log_likelihood"].data_vars.values():
        assert densities.sizes["draw"] == 2 and np.isfinite(densities).all()


@pytest.mark.parametrize("request_of", [with_levels, with_corrections, along_a_grid])
def test_what_cannot_be_completed_stops_before_the_first_draw(request_of, monkeypatch):
    def fails(self, rows, *, random_seed):
        raise CalibrationError("no predictive readings")

    problem = drawn_problem(request_of())
    (point,) = problem.density.prior_points(1, random_seed=1)
    monkeypatch.setattr("bayesbio.calibrate.predicting.predictor.Predictor.replicate", fails)
    with pytest.raises(CalibrationError, match="no predictive readings"):
        Completion(problem, Tolerances(), random_seed=1, point=point)


def test_the_log_prior_is_the_density_of_the_priors_at_the_draws():
    prior = between(0.1, 0.4)
    asked = FitRequest(Campaign([culture("R0")]), BatchCulture(), {"maximum_growth_rate": prior})
    draws = xr.Dataset(
        {"maximum_growth_rate": (("chain", "draw"), [[0.15, 0.2, 0.3]])},
        {"chain": [0], "draw": [0, 1, 2]},
    )
    found = LogPrior(formulate(asked))(draws)
    sd = np.log(2.0) / stats.norm.ppf(0.95)
    expected = stats.lognorm(sd, scale=0.2).logpdf([0.15, 0.2, 0.3])
    assert_allclose(found["maximum_growth_rate"].to_numpy()[0], expected, rtol=1e-6)
    assert set(found.data_vars) == {"maximum_growth_rate"}


def test_options_say_where_every_prior_comes_from():
    asked = FitRequest(
        Campaign([culture("R0"), culture("R1")]), BatchCulture(),
        {"cell_yield": 0.5, "maximum_growth_rate": between(0.1, 0.4)},
        {"maximum_growth_rate": "run"},
    )  # fmt: skip
    options = options_of(formulate(asked), Tolerances(rtol=1e-5), random_seed=3, warnings="aab")
    assert options["given"] == {"cell_yield": 0.5} and options["rtol"] == 1e-5
    assert options["sources"]["maximum_growth_rate"] == "given by the user"
    assert options["sources"]["maximum_growth_rate_sd_run"] == "default of spreads"
    assert options["warnings"] == ["a", "b"]
