"""What a calibration holds beside its draws: prior, predictive, likelihood, observed, options."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import xarray as xr

from bayesbio.calibrate.coordinates.starts import CompiledProblem
from bayesbio.calibrate.model import spread_priors
from bayesbio.calibrate.predicting.predictor import Predictor
from bayesbio.calibrate.problem.formulation import Formulation
from bayesbio.calibrate.requests import Tolerances
from bayesbio.errors import BayesbioError
from bayesbio.inference import describe
from bayesbio.ode.schedule.failures import failure_sentence

LOG = logging.getLogger(__name__)
PRIOR_DRAWS = 500


class Completion:
    """
    Groups that are added to the draws of a posterior, rehearsed at a point before the first draw.

    What would stop the completion after sampling is raised when this is made.
    """

    def __init__(
        self,
        problem: CompiledProblem,
        tolerances: Tolerances,
        *,
        random_seed: int,
        point: dict[str, np.ndarray],
    ) -> None:
        self.problem, self.tolerances, self.random_seed = problem, tolerances, random_seed
        self.log_prior = LogPrior(problem.formulation)
        rehearsal = one_draw(problem, point)
        self.posterior_predictive(rehearsal)
        self.log_prior(rehearsal)

    @property
    def formulation(self) -> Formulation:
        """The inference problem."""
        return self.problem.formulation

    def complete(self, tree: xr.DataTree, *, warnings: Iterable[str] = ()) -> dict[str, Any]:
        """
        Add the groups to a tree, take the sampler's coordinates out, and return the options.

        A group that cannot be computed is left out, with a sentence for the verdict.
        """
        posterior = tree["posterior"].to_dataset()
        posterior = posterior[self.problem.parameter_names(map(str, posterior.data_vars))]
        tree["posterior"] = xr.DataTree(posterior)
        self._describe_failures(tree, posterior)
        told = [*tree["posterior"].attrs.get("fallbacks", ()), *warnings]
        for what, groups in (
            ("posterior predictive readings", self.posterior_predictive),
            ("draws from the prior", self.prior),
            ("prior densities", lambda draws: {"log_prior": self.log_prior(draws)}),
        ):
            found = _kept(what, groups, posterior, told)
            for name, group in found.items():
                if group.data_vars:
                    tree[name] = xr.DataTree(group)
        if "posterior_predictive" in tree.children and "sample_stats" in tree.children:
            stiff = tree["posterior_predictive"].attrs["stiff_runs"]
            if stiff != "none":
                sentence = f"Stiff, hence solved implicitly in part: {stiff}"
                tree["sample_stats"].attrs["stiff"] = sentence
        if told:
            tree["posterior"].attrs["fallbacks"] = list(dict.fromkeys(told))
        return options_of(
            self.formulation, self.tolerances, random_seed=self.random_seed, warnings=told
        )

    def posterior_predictive(self, draws: xr.Dataset) -> dict[str, xr.Dataset]:
        """Compute the groups posterior_predictive, log_likelihood and observed_data."""
        predictor = Predictor.of(self.formulation, draws, self.tolerances)
        return predictor.replicate(self.formulation.rows, random_seed=self.random_seed)

    def prior(self, draws: xr.Dataset) -> dict[str, xr.Dataset]:
        """Draw every posterior variable from its prior, dims (chain, draw, ...)."""
        density = self.problem.density
        points = density.prior_points(PRIOR_DRAWS, random_seed=self.random_seed)
        rows = [density.values(point) for point in points]
        found = {
            str(name): (values.dims, np.stack([row[str(name)] for row in rows])[None])
            for name, values in draws.data_vars.items()
        }
        coords = {n: value for n, value in draws.coords.items() if n not in ("chain", "draw")}
        return {"prior": xr.Dataset(found, coords)}

    def _describe_failures(self, tree: xr.DataTree, posterior: xr.Dataset) -> None:
        """Say where trajectories failed while chains ran."""
        formulation = self.formulation
        for board in self.problem.density.failure_log if "sample_stats" in tree.children else ():
            typical = {
                name: (float(np.log(posterior[name]).mean()), float(np.log(posterior[name]).std()))
                for name in formulation.model.Parameters._fields
                if name in posterior and bool((posterior[name] > 0.0).all())
            }
            names = formulation.campaign.names
            sentences = failure_sentence(board, formulation.kernels.trace, names, typical)
            tree["sample_stats"].attrs["failures"] = sentences


def _kept(
    what: str,
    groups: Callable[[xr.Dataset], dict[str, xr.Dataset]],
    draws: xr.Dataset,
    warnings: list[str],
) -> dict[str, xr.Dataset]:
    """Compute groups; where that fails, keep the draws and say so."""
    try:
        return groups(draws)
    except (BayesbioError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        warnings.append(f"The {what} could not be computed: {error}")
        LOG.exception("%s could not be computed", what)
        return {}


def one_draw(problem: CompiledProblem, values: dict[str, np.ndarray]) -> xr.Dataset:
    """Parameters at a point as a posterior of one chain and one draw."""
    model = problem.density.model
    coords: dict[str, Any] = {"chain": [0], "draw": [0]}
    variables = {}
    for name in problem.parameter_names(values):
        dims = model.named_vars_to_dims.get(name, ())
        variables[name] = (("chain", "draw", *dims), np.asarray(values[name], float)[None, None])
        coords |= {dim: list(model.coords[dim]) for dim in dims}
    return xr.Dataset(variables, coords)


class LogPrior:
    """Log density of the prior of every scalar unknown at draws, for power scaling."""

    def __init__(self, formulation: Formulation) -> None:
        priors: dict[str, Any] = {unknown.name: unknown.prior for unknown in formulation.unknowns}
        priors |= {**spread_priors(formulation), **formulation.hyperpriors}
        for quantity, noise in formulation.noise.items():
            priors |= noise.priors(quantity)
        each_run = {unknown.name for unknown in formulation.unknowns if unknown.each_run}
        self.priors = {
            name: prior
            for name, prior in priors.items()
            if name not in formulation.from_posterior and name not in each_run and not prior.ndim
        }
        values = {name: pt.vector(name) for name in self.priors}
        self.compute = pytensor.function(
            list(values.values()),
            [pm.logp(prior, values[name]) for name, prior in self.priors.items()],
            mode="FAST_COMPILE",
            on_unused_input="ignore",
        )

    def __call__(self, draws: xr.Dataset) -> xr.Dataset:
        """Log densities, dims (chain, draw)."""
        shape = draws.sizes["chain"], draws.sizes["draw"]
        nothing = np.ones(shape)
        scalars = {
            name: draws[name].dims == ("chain", "draw") for name in self.priors if name in draws
        }
        values = [
            (draws[name].to_numpy() if scalars.get(name) else nothing).ravel().astype(float)
            for name in self.priors
        ]
        found = dict(zip(self.priors, self.compute(*values), strict=True))
        return xr.Dataset(
            {
                name: (("chain", "draw"), np.reshape(found[name], shape))
                for name, scalar in scalars.items()
                if scalar
            },
            {name: draws[name] for name in ("chain", "draw")},
        )


def options_of(
    formulation: Formulation,
    tolerances: Tolerances,
    *,
    random_seed: int,
    warnings: Iterable[str] = (),
) -> dict[str, Any]:
    """Describe what was asked for as plain text and numbers, for reports and archives."""
    unknowns, of_spreads = formulation.unknowns, spread_priors(formulation)
    return {
        "random_seed": int(random_seed),
        "rtol": tolerances.rtol,
        "atol": tolerances.atol,
        "method": tolerances.method,
        "priors": {unknown.name: describe(unknown.prior) for unknown in unknowns}
        | {name: describe(prior) for name, prior in of_spreads.items()},
        "sources": {unknown.name: unknown.source for unknown in unknowns}
        | {
            name: "given by the user" if name in formulation.hyperpriors else "default of spreads"
            for name in of_spreads
        },
        "noise": {name: noise.describe() for name, noise in formulation.noise.items()},
        "findings": [str(finding) for finding in formulation.findings],
        "warnings": list(dict.fromkeys(warnings)),
        **formulation.structure.to_options(),
    }
