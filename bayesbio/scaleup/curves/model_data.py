"""Numbers of a scale model: readings, weights of runs, and laws as normal mixtures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from bayesbio.inference.noise.censoring import limits_of
from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.laws.law_prior import LawPrior
from bayesbio.scaleup.laws.pooled_law import PooledLaw
from bayesbio.scaleup.laws.volume_laws import Law

NOISE_SHARE = 0.005  # prior median of the constant error, in largest readings
NOISE_RELATIVE = 0.02  # prior median of the proportional error


@dataclasses.dataclass(frozen=True, eq=False)
class ModelData:
    """
    Everything the graph reads, for one problem, set of laws and training set.

    Parameters
    ----------
    data : dict of str to array
        Values of the graph's `pm.Data`.
    laws : list of PooledLaw
    training_mask : array of bool, (runs,)
    """

    data: dict[str, np.ndarray]
    laws: list[PooledLaw]
    training_mask: np.ndarray

    @classmethod
    def of(
        cls, problem: ScaleProblem, laws: Sequence[Law], training_mask: np.ndarray | None = None
    ) -> ModelData:
        """
        Compute the data of a graph.

        Parameters
        ----------
        problem : ScaleProblem
        laws : sequence of Law
        training_mask : array of bool, (runs,), optional
            Runs that are fitted; all by default. Held-out runs have zero likelihood weight and
            independent standard normal priors.

        Returns
        -------
        ModelData
        """
        runs, parameters = len(problem.log10_volume), len(problem.names)
        mask = np.ones(runs, bool) if training_mask is None else training_mask
        rows = problem.rows
        counted = np.isin(rows["run"].to_numpy(str), np.array(problem.campaign.names)[mask])
        noise = np.empty((len(problem.quantities), 2))
        for place, name in enumerate(problem.quantities):
            largest = rows.loc[(rows["quantity"] == name) & counted, "value"].abs().max()
            noise[place] = np.log([NOISE_SHARE * (largest or 1.0), NOISE_RELATIVE])
        location = np.zeros(runs * parameters + noise.size)
        location[runs * parameters :] = noise.ravel()
        width = np.concatenate([np.tile(problem.spread, runs), np.full(noise.size, 0.5)])
        value = rows["value"].to_numpy(float, copy=True)
        data: dict[str, np.ndarray] = {
            "readings": value,
            "weights": counted.astype(float),
            "centre": problem.centre,
            "unit_size": problem.unit_size,
            "noise_centre": noise,
            "location": location,
            "width": width,
            "log_weights": np.full(len(laws), -np.log(len(laws))),
        }
        if (rows["flag"] != "").any():
            upper = rows["value_upper"].to_numpy(float, copy=True)
            data["lower_limit"], data["upper_limit"] = limits_of(
                rows["flag"].to_numpy(str), value, upper
            )
        pooled = [PooledLaw.of(problem, law, training_mask=mask) for law in laws]
        for number, law in enumerate(pooled):
            parameter_priors = [
                prior for prior, initial in zip(law.priors, law.initial, strict=True) if not initial
            ]
            data |= _polynomials(f"law_{number}", parameter_priors, mask)
            data[f"law_{number}_common"] = law.common
        first = pooled[0]
        initial_priors = [
            prior for prior, initial in zip(first.priors, first.initial, strict=True) if initial
        ]
        if initial_priors:
            data |= _polynomials("initial", initial_priors, mask)
        return cls(data, pooled, mask)


def _polynomials(
    name: str, priors: list[LawPrior], training_mask: np.ndarray
) -> dict[str, np.ndarray]:
    """Exponents of normal mixtures as polynomials in z: constant, linear and square terms."""
    runs, training = len(training_mask), np.flatnonzero(training_mask)
    parameters, components = len(priors), len(priors[0].constant)
    specific = priors[0].mixture.parameter_specific
    constant = np.empty((parameters, components))
    square = np.zeros((parameters, components, runs, runs))
    linear = np.zeros((parameters, components, runs))
    for parameter, prior in enumerate(priors):
        pulled = np.einsum("kij,kj->ki", prior.precision, prior.mean)
        constant[parameter] = prior.constant - 0.5 * np.einsum("ki,ki->k", pulled, prior.mean)
        square[np.ix_([parameter], np.arange(components), training, training)] = prior.precision
        linear[np.ix_([parameter], np.arange(components), training)] = pulled
    for run in np.flatnonzero(~training_mask):
        square[:, :, run, run] = 1.0
    return {
        f"{name}_constant": constant.reshape(parameters, specific, -1),
        f"{name}_square": square.reshape(parameters, components, runs * runs),
        f"{name}_linear": linear,
    }
