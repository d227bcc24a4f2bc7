"""Another sampler takes the place of nutpie's by keeping the contract."""

import dataclasses

import numpy as np
import pymc as pm
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.inference import ChainRequest, sample


@dataclasses.dataclass(frozen=True)
class Finished:
    tree: xr.DataTree

    def wait(self, *, timeout):
        return self.tree

    abort = cancel = wait


@dataclasses.dataclass(frozen=True)
class Metropolis:
    """Random-walk Metropolis (Metropolis et al. 1953) in whitened coordinates."""

    whitens: bool = True

    @property
    def attempts(self):
        return (self,)

    def settings(self):
        return {"inference_library": "test"}

    def start(self, density, request: ChainRequest):
        rng = np.random.default_rng(request.seed)
        at, kept = request.point, []
        value = density.value_and_gradient(request.whitening.point(at))[0]
        for _ in range(request.tune + request.draws):
            to = at + rng.standard_normal(density.size)
            proposed = density.value_and_gradient(request.whitening.point(to))[0]
            if np.log(rng.uniform()) < proposed - value:
                at, value = to, proposed
            kept.append(density.values(request.whitening.point(at)))
        request.progress(len(kept), 0)
        stacked = {
            name: (("chain", "draw"), np.stack([each[name] for each in kept])[None, request.tune :])
            for name in density.variable_names
        }
        diverging = (("chain", "draw"), np.zeros((1, request.draws), bool))
        return Finished(
            xr.DataTree.from_dict(
                {
                    "posterior": xr.Dataset(stacked),
                    "sample_stats": xr.Dataset({"diverging": diverging}),
                }
            )
        )


def test_a_sampler_of_thirty_lines_draws_the_same_posterior():
    with pm.Model() as model:
        rate = pm.LogNormal("rate", 0.0, 1.0)
        pm.Normal("reading", pm.math.log(rate), 1.0, observed=[1.0, 1.0, 1.0])
    tree = sample(model, draws=4000, tune=200, chains=2, random_seed=1, sampler=Metropolis())
    logs = np.log(tree["posterior"]["rate"])
    # closed form: precision 1 + 3, mean 3 / 4; some 800 effective draws, five standard errors
    assert_allclose([logs.mean(), logs.std()], [0.75, 0.5], atol=5 * 0.5 / np.sqrt(800))
    assert tree["posterior"].attrs["inference_library"] == "test"
