"""Polynomial chaos: a simulator as a polynomial of its uncertain inputs, with a posterior."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import linalg, stats

from bayesbio.errors import ModelError
from bayesbio.surrogate.polynomial_chaos.orthonormal import HIGHEST_DEGREE, OrthonormalBasis
from bayesbio.surrogate.polynomial_chaos.terms import most_plausible_terms, products_of
from bayesbio.surrogate.simulator_runs import (
    checked_inputs,
    quantiles,
    run_simulator,
    sobol_points,
)

ENOUGH_Q2 = 0.95


@dataclasses.dataclass(frozen=True)
class PolynomialChaos:
    """
    A polynomial expansion of a simulator, with the exact posterior of its coefficients.

    y = c_0 + sum_a c_a prod_i p_(a_i)(x_i) + e, with polynomials orthonormal under the inputs'
    distributions, so the variance of y is the sum of the squared coefficients, and each
    coefficient belongs to exactly one set of inputs. Make one with `PolynomialChaos.fit`.

    Parameters
    ----------
    inputs : mapping of str to frozen SciPy distribution
        Independent uncertain inputs.
    bases : tuple of OrthonormalBasis
        Polynomials of each input.
    terms : int array of shape (terms, inputs)
        Degrees a_i of the selected terms.
    table : DataFrame of shape (runs, inputs)
        Where the simulator was run; their range, input by input, is the domain.
    centres : array of shape (terms,)
        Mean of each term over the runs.
    mean : float
        Mean of y over the runs.
    coefficients : array of shape (terms,)
        Posterior mean.
    root : array of shape (terms, terms)
        Triangle R; the coefficients' posterior covariance is noise_scale^2 (R^T R)^-1.
    noise_scale : float
        Scale of what the expansion leaves unexplained, times the root of the prior's shrinkage.
    residual_scale : float
        Scale of what the expansion leaves unexplained, in the unit of y.
    leave_one_out_error : float
        Root mean square error at left-out runs, in the unit of y.
    leave_one_out_q2 : float
        1 - (squared leave-one-out error) / (that of the mean); 1 is perfect.
    truncation : tuple of (int, float)
        Degree and hyperbolic norm of the candidate terms that had the largest evidence.
    log_evidence : float
        Log Bayes factor against a constant, multiplicity of the candidate terms included.

    Notes
    -----
    Zellner's g-prior c | s^2 ~ N(0, g s^2 (X^T X)^-1) and p(s^2) proportional to 1/s^2 make a
    conjugate normal-inverse-gamma posterior that does not depend on the unit of y, with evidence
    in closed form; g maximises it (Liang et al. 2008, doi:10.1198/016214507000001337), which
    makes the posterior scale the usual unbiased one. Terms enter in order of the variance they
    explain; their number, the degree and the hyperbolic norm (Blatman and Sudret 2011,
    doi:10.1016/j.jcp.2010.12.021) maximise evidence with a prior that is uniform over the number
    of terms (Scott and Berger 2010, doi:10.1214/10-AOS792), so unneeded terms are paid for.
    The leave-one-out error is exact, from one decomposition, for the terms and g selected.

    Examples
    --------
    >>> from scipy.stats import norm, uniform
    >>> inputs = {"temperature": norm(310.0, 1.0), "pH": uniform(6.8, 0.4)}
    >>> expansion = PolynomialChaos.of(
    ...     lambda temperature, pH: 2.0 * (temperature - 310.0) + 30.0 * (pH - 7.0) ** 2,
    ...     inputs=inputs, n=64)
    >>> expansion.terms.tolist()
    [[1, 0], [0, 2]]
    >>> float(expansion.predict({"temperature": [311.0], "pH": [7.0]})["mean"][0])
    2.000...
    """

    inputs: Mapping[str, Any]
    bases: tuple[OrthonormalBasis, ...]
    terms: np.ndarray
    table: pd.DataFrame
    centres: np.ndarray
    mean: float
    coefficients: np.ndarray
    root: np.ndarray
    noise_scale: float
    residual_scale: float
    leave_one_out_error: float
    leave_one_out_q2: float
    truncation: tuple[int, float]
    log_evidence: float

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        *,
        inputs: Mapping[str, Any],
        n: int = 1000,
        random_seed: int = 0,
    ) -> PolynomialChaos:
        """
        Run a simulator on a scrambled Sobol sequence, then fit.

        Parameters
        ----------
        function : callable
            Takes one array per input by name (or the table of them), returns one number per row.
        inputs : mapping of str to frozen continuous SciPy distribution
            Independent uncertain inputs.
        n : int
            Number of runs.
        random_seed : int
            Seed of the scrambling.

        Returns
        -------
        PolynomialChaos
        """
        inputs = checked_inputs(inputs)
        for name, distribution in inputs.items():
            OrthonormalBasis.of(distribution, name=name)  # speaks up before the runs
        table = quantiles(sobol_points(n, len(inputs), random_seed=random_seed), inputs)
        return cls.fit(table, run_simulator(function, table), inputs=inputs)

    @classmethod
    def fit(
        cls, table: pd.DataFrame, values: object, *, inputs: Mapping[str, Any]
    ) -> PolynomialChaos:
        """
        Choose the terms and find the posterior of their coefficients.

        Parameters
        ----------
        table : DataFrame of shape (runs, inputs)
            Inputs of each run, drawn from their distributions (any column order).
        values : array of shape (runs,)
            Answer of the simulator at each run.
        inputs : mapping of str to frozen continuous SciPy distribution
            Independent uncertain inputs.

        Returns
        -------
        PolynomialChaos

        Raises
        ------
        ModelError
            If there are fewer than eight runs, a value is not finite or outside the distribution
            of its input, the answer does not vary, or no polynomial explains any of it.
        """
        inputs = checked_inputs(inputs)
        bases = tuple(OrthonormalBasis.of(law, name=name) for name, law in inputs.items())
        table, outcome = _checked_runs(table, values, inputs)
        deviations = outcome - outcome.mean()
        powers = [
            basis.evaluate(table[name], degree=HIGHEST_DEGREE)
            for name, basis in zip(inputs, bases, strict=True)
        ]
        found = most_plausible_terms(powers, deviations)
        if found is None:
            raise ModelError(
                f"No polynomial explains the {len(outcome)} runs better than their mean: the "
                "function is too rough for this many runs, or it is mostly noise. Give more runs "
                "(n=), or use method='sobol', which assumes no smoothness."
            )
        log_evidence, truncation, terms = found
        columns = products_of(powers, terms)
        centres = columns.mean(axis=0)
        basis, root = np.linalg.qr(columns - centres)
        projections = basis.T @ deviations
        total = float(deviations @ deviations)
        left = deviations - basis @ projections
        unexplained = max(float(left @ left), total * 1e-30)
        runs, size = columns.shape
        free = runs - 1 - size
        shrinkage = max(0.0, 1.0 - unexplained / free / ((total - unexplained) / size))
        residual_scale = np.sqrt((total - shrinkage * (total - unexplained)) / (runs - 1))
        leverage = 1.0 / runs + shrinkage * np.sum(basis**2, axis=1)
        held_out = (deviations - shrinkage * basis @ projections) / (1.0 - leverage)
        of_the_mean = total * (runs / (runs - 1)) ** 2
        return cls(
            inputs=inputs,
            bases=bases,
            terms=terms,
            table=table,
            centres=centres,
            mean=float(outcome.mean()),
            coefficients=linalg.solve_triangular(root, shrinkage * projections),
            root=root,
            noise_scale=float(residual_scale * np.sqrt(shrinkage)),
            residual_scale=float(residual_scale),
            leave_one_out_error=float(np.sqrt(np.mean(held_out**2))),
            leave_one_out_q2=float(1.0 - held_out @ held_out / of_the_mean),
            truncation=truncation,
            log_evidence=log_evidence,
        )

    @property
    def caution(self) -> str:
        """What to know before trusting the expansion; empty when there is nothing."""
        if self.leave_one_out_q2 >= ENOUGH_Q2:
            return ""
        return (
            f"The expansion predicts left-out runs with Q2 = {self.leave_one_out_q2:.3f} only "
            f"({len(self.table)} runs, {len(self.terms)} terms), so its indices are uncertain. "
            "Give more runs, or compare with method='sobol'."
        )

    def predict(
        self, points: object, *, probability: float = 0.9, outside: str = "refuse"
    ) -> xr.Dataset:
        """
        Predict the simulator at new points.

        Parameters
        ----------
        points : DataFrame or mapping of str to array of shape (points,)
            Values of every input.
        probability : float
            Of the central interval, which holds what the expansion leaves unexplained too.
        outside : "refuse" or "flag"
            What to do with points beyond the range of the runs, where a polynomial may go
            anywhere: raise, or predict and mark them in `inside`.

        Returns
        -------
        Dataset with dims (bound, point)
            `mean`, `interval` in the unit of the simulator, and `inside`.

        Raises
        ------
        ModelError
            If an input is missing, or a point lies outside and `outside` is "refuse".
        """
        _check_probability(probability)
        if outside not in ("refuse", "flag"):
            raise ModelError(f"outside is {outside!r}; it is 'refuse' or 'flag'.")
        table = _table_of(points, self.inputs)
        inside = np.ones(len(table), dtype=bool)
        for name in self.inputs:
            low, high = self.table[name].min(), self.table[name].max()
            within = table[name].between(low, high).to_numpy()
            if outside == "refuse" and not within.all():
                raise ModelError(
                    f"{name} = {table[name].to_numpy()[~within][0]:.6g} lies outside the runs, "
                    f"which span {low:.6g} to {high:.6g}; a polynomial says nothing there. Run "
                    "the simulator there, widen the distribution, or ask with outside='flag'."
                )
            inside &= within
        powers = [
            basis.evaluate(table[name], degree=int(self.terms[:, place].max(initial=0)))
            for place, (name, basis) in enumerate(zip(self.inputs, self.bases, strict=True))
        ]
        columns = products_of(powers, self.terms) - self.centres
        mean = self.mean + columns @ self.coefficients
        reach = np.sum(linalg.solve_triangular(self.root, columns.T, trans="T") ** 2, axis=0)
        noise = self.residual_scale**2 * (1.0 + 1.0 / len(self.table))
        spread = np.sqrt(self.noise_scale**2 * reach + noise)
        half = spread * stats.t.isf((1.0 - probability) / 2.0, len(self.table) - 1)
        return xr.Dataset(
            {
                "mean": ("point", mean),
                "interval": (("bound", "point"), np.stack([mean - half, mean + half])),
                "inside": ("point", inside),
            },
            coords={"bound": ["lower", "upper"]},
            attrs={"probability": probability},
        )

    def coefficient_draws(self, *, draws: int = 1000, random_seed: int = 0) -> np.ndarray:
        """Draw coefficients from their posterior, a multivariate t; shape (draws, terms)."""
        rng = np.random.default_rng(random_seed)
        freedom = len(self.table) - 1
        normal = rng.standard_normal((len(self.terms), draws))
        widening = np.sqrt(freedom / rng.chisquare(freedom, size=draws))
        steps = linalg.solve_triangular(self.root, normal) * self.noise_scale * widening
        return self.coefficients + steps.T

    def index_draws(self, *, draws: int = 1000, random_seed: int = 0) -> dict[str, np.ndarray]:
        """
        Draw the sensitivity indices from their posterior.

        Parameters
        ----------
        draws : int
            How many.
        random_seed : int
            Seed of the draws.

        Returns
        -------
        dict of str to array of shape (draws, inputs)
            `first_order`, `total` and `shapley`, each as a share of the output variance.

        Notes
        -----
        A coefficient's square is the variance of the inputs that its term involves (Sudret 2008,
        doi:10.1016/j.ress.2007.04.002): the first-order share counts terms of that input alone,
        the total share all its terms, and the Shapley effect of independent inputs divides each
        square equally among the inputs of its term (Owen 2014, doi:10.1137/130936233). What the
        expansion leaves unexplained, judged at left-out runs, belongs to inputs too, but not known
        to which: every draw gives it at random to inputs and pairs of inputs (Dirichlet, one
        pseudo-count in all, in proportion to what these inputs explain already), so a poor
        expansion has wide intervals.
        """
        rng = np.random.default_rng((random_seed, 1))
        freedom = len(self.table) - 1
        unexplained = self.leave_one_out_error**2 * freedom / rng.chisquare(freedom, size=draws)
        sets, weights = self._possible_owners()
        squares = np.hstack(
            [
                self.coefficient_draws(draws=draws, random_seed=random_seed) ** 2,
                unexplained[:, None] * rng.dirichlet(weights, size=draws),
            ]
        )
        shares = squares / squares.sum(axis=1, keepdims=True)
        return _indices(shares, np.vstack([self.terms > 0, sets]))

    def _possible_owners(self) -> tuple[np.ndarray, np.ndarray]:
        """List inputs and pairs that may own the unexplained variance, and how likely each does."""
        places = len(self.inputs)
        explained = self.coefficients**2 @ (self.terms > 0) / np.sum(self.coefficients**2)
        known = min(max(self.leave_one_out_q2, 0.0), 1.0)
        importance = known * explained + (1.0 - known) + 1e-6
        pairs = list(itertools.combinations(range(places), 2))
        sets = np.zeros((places + len(pairs), places), dtype=bool)
        sets[:places] = np.eye(places, dtype=bool)
        weights = np.empty(len(sets))
        weights[:places] = importance / importance.sum()
        for row, pair in enumerate(pairs, start=places):
            sets[row, pair] = True
            weights[row] = importance[list(pair)].prod()
        weights[places:] /= max(weights[places:].sum(), 1e-300)
        return sets, weights / weights.sum()


def _indices(shares: np.ndarray, involved: np.ndarray) -> dict[str, np.ndarray]:
    """Gather the variance shares of terms into shares of inputs."""
    members = involved.sum(axis=1, keepdims=True)
    return {
        "first_order": shares @ (involved & (members == 1)),
        "total": shares @ involved.astype(float),
        "shapley": shares @ (involved / members),
    }


def _checked_runs(
    table: pd.DataFrame, values: object, inputs: Mapping[str, Any]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Bring inputs into their order, and check that the answers are finite and vary."""
    table = _table_of(table, inputs)
    outcome = np.asarray(values, dtype=float)
    if outcome.shape != (len(table),):
        raise ModelError(
            f"The table has {len(table)} runs and the values have shape {outcome.shape}; give one "
            "value per run."
        )
    if len(outcome) < 8:
        raise ModelError(
            f"{len(outcome)} runs are too few for a polynomial with intervals; give at least 8, "
            f"better {max(20, 10 * len(inputs))} for {len(inputs)} inputs."
        )
    if not np.all(np.isfinite(outcome)):
        raise ModelError(
            f"{np.sum(~np.isfinite(outcome))} of {len(outcome)} values are not finite; leave those "
            "runs out, or mend the simulator there."
        )
    if np.ptp(outcome) <= 1e-14 * np.abs(outcome).max():
        raise ModelError(
            f"The function is {outcome[0]:.6g} at all {len(outcome)} runs: it does not vary, so "
            "there is no variance to share out. Check that it uses its inputs."
        )
    for name, distribution in inputs.items():
        low, high = distribution.support()
        beyond = ~table[name].between(low, high)
        if beyond.any():
            raise ModelError(
                f"{name} = {table[name][beyond].iloc[0]:.6g} is outside its distribution, which "
                f"spans {low:.6g} to {high:.6g}. Leave the run out, or widen the distribution."
            )
    return table, outcome


def _table_of(points: object, inputs: Mapping[str, Any]) -> pd.DataFrame:
    """Points as a table with the inputs' columns in their order."""
    table = pd.DataFrame(points) if not isinstance(points, pd.DataFrame) else points
    missing = [name for name in inputs if name not in table]
    if missing:
        raise ModelError(
            f"The points lack {', '.join(missing)}; they have {', '.join(map(str, table))}. Give "
            "one column per input."
        )
    return table[list(inputs)].astype(float).reset_index(drop=True)


def _check_probability(probability: float) -> None:
    """Raise unless a probability lies between 0 and 1."""
    if not 0.0 < probability < 1.0:
        raise ModelError(f"probability is {probability}; it lies between 0 and 1, such as 0.9.")
