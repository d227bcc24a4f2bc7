"""A posterior as a prior: a copula with the margins of its draws."""

from __future__ import annotations

import numpy as np
import pymc as pm
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.calibrate.problem.posterior_prior import fit_copula


def test_a_carried_posterior_has_the_quantiles_and_correlations_of_its_draws():
    rng = np.random.default_rng(1)
    first, second = rng.multivariate_normal([0, 0], [[1.0, -0.7], [-0.7, 1.0]], 8000).T
    values = {
        "rate": np.exp(-1.0 + 0.3 * first),
        "offset": 2.0 + second,
        "rate_sd_run": np.abs(0.2 * rng.standard_normal(8000)),
    }
    draws = xr.Dataset({name: (("chain", "draw"), x[None]) for name, x in values.items()})
    carried = fit_copula(draws, list(values), source="campaign 1")
    assert carried.positive.tolist() == [True, False, True]
    with pm.Model():
        registered = carried.register()
    again = dict(
        zip(
            values,
            pm.draw([registered[name] for name in values], 8000, random_seed=2),
            strict=True,
        )
    )
    for name, x in values.items():
        wanted = np.quantile(x, [0.1, 0.25, 0.5, 0.75, 0.9])
        found = np.quantile(again[name], [0.1, 0.25, 0.5, 0.75, 0.9])
        assert_allclose(found, wanted, atol=0.06 * x.std())
    assert_allclose(np.corrcoef(again["rate"], again["offset"])[0, 1], -0.68, atol=0.04)
