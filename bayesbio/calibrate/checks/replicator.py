"""Simulate readings of a design and fit them again, with one compiled density."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import xarray as xr
from pymc.pytensorf import find_rng_nodes, reseed_rngs
from pytensor.compile import SharedVariable
from pytensor.graph.traversal import ancestors

from bayesbio.calibrate.completion import options_of
from bayesbio.calibrate.coordinates.sampling_coordinates import SamplingCoordinates
from bayesbio.calibrate.coordinates.starts import CompiledProblem, auxiliary_variables
from bayesbio.calibrate.model import statistical_model
from bayesbio.calibrate.predicting.predictor import Predictor
from bayesbio.calibrate.problem.formulation import Formulation
from bayesbio.calibrate.requests import Tolerances
from bayesbio.errors import CalibrationError
from bayesbio.inference import (
    LogDensity,
    NoUTurn,
    sample,
    verdict_of,
)

ATTEMPTS = 200  # draws from the prior until one has a solution
LONGER = 4  # a chain that mixes badly is run this many times as long, once
LIKELIHOOD = "log_likelihood"


class Replicator:
    """Draws from the prior, readings from them, and fits of these, with one compiled density."""

    def __init__(
        self, formulation: Formulation, tolerances: Tolerances, *, settings: Mapping[str, Any]
    ):
        self.formulation, self.tolerances = formulation, tolerances
        self.settings = dict(settings)
        self.options = options_of(formulation, tolerances, random_seed=0)
        coordinates = SamplingCoordinates(formulation)
        made = statistical_model(formulation, tolerances, coordinates=coordinates)
        self.at_medians = {
            name: made[name].get_value()
            for name in made.named_vars
            if isinstance(made[name], SharedVariable)
        }
        self.names = _exchangeable(made, list(formulation.rows))
        fixed = [each for each in formulation.rows if each not in self.names]
        known = [each for each, rows in formulation.rows.items() if rows["sd"].notna().any()]
        if fixed or known:
            raise CalibrationError(
                f"Readings of {', '.join(fixed or known)} cannot be exchanged: their noise is "
                f"{self.options['noise'][(fixed or known)[0]]}. Choose another noise for it, or "
                "leave its sd out."
            )
        self.problem = CompiledProblem(formulation, coordinates, LogDensity(made))
        self._prepare_prior()
        self.unsolved = 0

    def simulate(self, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Unknowns from the prior, with the log likelihood there, and readings."""
        self.unsolved = 0
        for attempt in np.random.SeedSequence(seed).generate_state(ATTEMPTS):
            truth = self._prior(int(attempt))
            groups = self._predicted(truth, self.formulation.rows, int(attempt))
            readings = {
                str(name): values.to_numpy()[0, 0]
                for name, values in groups["posterior_predictive"].data_vars.items()
            }
            if all(np.isfinite(values).all() for values in readings.values()):
                found = {str(name): values.to_numpy()[0, 0] for name, values in truth.items()}
                at_truth = self._predicted(truth, self._rows(readings), 0)
                return found | {LIKELIHOOD: _likelihood(at_truth)[0]}, readings
            self.unsolved += 1
        raise CalibrationError(
            f"None of {ATTEMPTS} draws from the priors has a solution on this design. Narrow the "
            "priors of rates."
        )

    def refit(self, readings: Mapping[str, np.ndarray], seed: int) -> xr.Dataset:
        """Thinned draws given readings."""
        read = {self.names[name]: values for name, values in readings.items()}
        self.problem.density.set_data(read | self.at_medians)  # not those of the last replication
        seed = int(np.random.SeedSequence(seed).generate_state(1)[0] // 2)
        mode = self.problem.start(random_seed=seed).mode
        for longer in (1, LONGER):
            every = longer * self.settings["thin"]
            tree = sample(
                self.problem.density,
                start=mode,
                draws=every * self.settings["draws"],
                tune=longer * self.settings["tune"],
                chains=self.settings["chains"],
                sampler=NoUTurn(self.settings["target_accept"]),
                random_seed=seed,
            )
            verdict = verdict_of(tree)
            effective = verdict["bulk ESS"].value
            if effective >= self.settings["kept"]:
                break
        posterior = tree["posterior"].to_dataset()
        wanted = self.problem.parameter_names(map(str, posterior.data_vars))
        kept = posterior[wanted].isel(draw=slice(every - 1, None, every))
        flat = _first(kept, self.settings["kept"])
        groups = self._predicted(flat, self._rows(readings), seed)
        found = flat.assign({LIKELIHOOD: (("chain", "draw"), _likelihood(groups)[None])})
        found.attrs["remarks"] = {
            "effective_draws": effective,
            "r_hat": verdict["R-hat"].value,
            "divergences": verdict["divergences"].value,
            "unsolved_priors": float(self.unsolved),
            "longer": float(longer),
        }
        return found

    def completed(
        self, draws: xr.Dataset, readings: Mapping[str, np.ndarray], seed: int
    ) -> xr.DataTree:
        """Draws of a refit with predictive, likelihood and readings, as `verdict_of` takes them."""
        groups = self._predicted(draws, self._rows(readings), seed)
        return xr.DataTree.from_dict({"posterior": draws, **groups})

    def _prepare_prior(self) -> None:
        """Compile what draws every unknown from its prior, on its textbook scale."""
        made = statistical_model(self.formulation, self.tolerances)
        hidden = auxiliary_variables(self.formulation)
        wanted = [
            variable
            for variable in (*made.free_RVs, *made.deterministics)
            if variable.name not in hidden
        ]
        self._wanted = [variable.name for variable in wanted]
        self._dims = {name: made.named_vars_to_dims.get(name, ()) for name in self._wanted}
        self._coords = {dim: list(made.coords[dim]) for each in self._dims.values() for dim in each}
        self._generators = find_rng_nodes(wanted)
        self._draw = pytensor.function([], wanted, mode="FAST_COMPILE")

    def _prior(self, seed: int) -> xr.Dataset:
        """One draw, dims (chain, draw, ...)."""
        reseed_rngs(self._generators, seed)
        return xr.Dataset(
            {
                name: (("chain", "draw", *self._dims[name]), np.asarray(value)[None, None])
                for name, value in zip(self._wanted, self._draw(), strict=True)
            },
            self._coords | {"chain": [0], "draw": [0]},
        )

    def _predicted(
        self, draws: xr.Dataset, rows: Mapping[str, pd.DataFrame], seed: int
    ) -> dict[str, xr.Dataset]:
        """Draw new readings, and the log likelihood of these rows, for draws of the unknowns."""
        predictor = Predictor.of(self.formulation, draws, self.tolerances)
        return predictor.replicate(rows, random_seed=seed)

    def _rows(self, readings: Mapping[str, np.ndarray]) -> dict[str, pd.DataFrame]:
        """Rows of the design with other readings."""
        return {
            name: rows.assign(value=readings[name]) for name, rows in self.formulation.rows.items()
        }


def _likelihood(groups: Mapping[str, xr.Dataset]) -> np.ndarray:
    """Log likelihood of all readings together, one number a draw."""
    parts = groups[LIKELIHOOD].data_vars.values()
    return np.sum([part.to_numpy()[0].sum(axis=-1) for part in parts], axis=0)


def _first(draws: xr.Dataset, number: int) -> xr.Dataset:
    """Chains put end to end as one, cut to a number of draws spread over all of them."""
    flat = draws.stack(all_draws=("chain", "draw")).transpose("all_draws", ...)
    place = np.linspace(0, flat.sizes["all_draws"] - 1, number).round().astype(int)
    return xr.Dataset(
        {
            str(name): (("chain", "draw", *values.dims[1:]), values.to_numpy()[None, place])
            for name, values in flat.data_vars.items()
        },
        {name: values for name, values in draws.coords.items() if name not in ("chain", "draw")}
        | {"chain": [0], "draw": np.arange(number)},
    )


def _exchangeable(model: pm.Model, quantities: list[str]) -> dict[str, str]:
    """Let the readings of a model be data that can be exchanged; their names by quantity."""
    names = {}
    for variable in model.observed_RVs:
        if variable.name in quantities:
            old = model.rvs_to_values[variable]
            name = f"{variable.name}_readings"
            shared = pytensor.shared(np.array(old.eval(), dtype=float), name=name)
            model.rvs_to_values[variable] = shared
            model.values_to_rvs[shared] = variable
            if shared in ancestors([model.logp(variable)]):  # else it was computed beforehand
                names[str(variable.name)] = name
    return names
