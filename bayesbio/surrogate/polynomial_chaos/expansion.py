"""Polynomial chaos: a simulator as a polynomial of its uncertain inputs, with a posterior."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from scipy import linalg, stats

from bayesbio.errors import CalibrationError, DataError, ModelError
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.archive.results import result_hash, save_result
from bayesbio.inference.diagnostics.draws import summary_table
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.inference.diagnostics.verdict import Verdict, VerdictItem
from bayesbio.inference.parallel.threads import thread_policy
from bayesbio.surrogate.points import Domain, as_points, prediction_of
from bayesbio.surrogate.polynomial_chaos.orthonormal import HIGHEST_DEGREE, OrthonormalBasis
from bayesbio.surrogate.polynomial_chaos.terms import most_plausible_terms, products_of
from bayesbio.surrogate.polynomial_chaos.variance_shares import unexplained_sets, variance_shares
from bayesbio.surrogate.simulator_runs import (
    checked_inputs,
    quantiles,
    run_simulator,
    sobol_points,
)

ENOUGH_Q2 = 0.95
LEAST_RUNS = 8


@dataclasses.dataclass(frozen=True, eq=False)
class PolynomialChaos:
    """
    Polynomial chaos expansion of a simulator of independent uncertain inputs.

    y = c_0 + sum_a c_a prod_i p_(a_i)(x_i) + e, with polynomials orthonormal under the inputs'
    distributions, so the variance of y is the sum of the squared coefficients, and each
    coefficient belongs to exactly one set of inputs.

    Parameters
    ----------
    inputs : mapping of str to frozen continuous SciPy distribution
        Independent uncertain inputs.

    Raises
    ------
    ModelError
        If there is no input, or a distribution is none of SciPy's or has parameters out of range.

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
    >>> model = PolynomialChaos({"temperature": norm(310.0, 1.0), "pH": uniform(6.8, 0.4)})
    >>> expansion = model.run(
    ...     lambda temperature, pH: 2.0 * (temperature - 310.0) + 30.0 * (pH - 7.0) ** 2, n=64)
    >>> expansion.terms.tolist()
    [[1, 0], [0, 2]]
    >>> float(expansion.predict({"temperature": [311.0], "pH": [7.0]})["outcome"].mean())
    2.000...
    """

    inputs: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", checked_inputs(self.inputs))
        _ = self.bases

    @cached_property
    def bases(self) -> tuple[OrthonormalBasis, ...]:
        """Orthonormal polynomials of each input."""
        return tuple(OrthonormalBasis.of(law, name=name) for name, law in self.inputs.items())

    def run(
        self,
        function: Callable[..., Any],
        *,
        n: int = 1000,
        draws: int = 1000,
        random_seed: int = 0,
        unit: str = "1",
    ) -> PolynomialChaosPosterior:
        """
        Run a simulator on a scrambled Sobol sequence, then fit.

        Parameters
        ----------
        function : callable
            Takes one array per input by name (or the table of them), returns one number per row.
        n : int
            Number of runs.
        draws, random_seed, unit
            As in `fit`; the seed is that of the scrambling, too.

        Returns
        -------
        PolynomialChaosPosterior
        """
        points = sobol_points(n, len(self.inputs), random_seed=random_seed)
        table = quantiles(points, self.inputs)
        answers = run_simulator(function, table)
        return self.fit(table, answers, draws=draws, random_seed=random_seed, unit=unit)

    @thread_policy()
    def fit(
        self,
        inputs: Any,
        outcome: Any,
        *,
        draws: int = 1000,
        random_seed: int = 0,
        unit: str = "1",
    ) -> PolynomialChaosPosterior:
        """
        Select the terms, and compute the posterior of their coefficients.

        Parameters
        ----------
        inputs : DataFrame of shape (runs, inputs)
            Inputs of each run, drawn from their distributions (any column order).
        outcome : array of shape (runs,)
            Answer of the simulator at each run.
        draws : int
            Independent draws from the posterior, in one chain.
        random_seed : int
            Seed of the draws.
        unit : str
            Unit of the outcome.

        Returns
        -------
        PolynomialChaosPosterior

        Raises
        ------
        DataError
            If there are fewer than eight runs, a value is not finite or outside the distribution
            of its input, or the outcome does not vary.
        ModelError
            If no polynomial explains any of it.
        """
        table = as_points(inputs, names=tuple(self.inputs))
        values = _checked_outcome(table, outcome, self.inputs)
        deviations = values - values.mean()
        powers = self._powers(table, np.full(len(self.inputs), HIGHEST_DEGREE))
        selected = most_plausible_terms(powers, deviations)
        if selected is None:
            raise ModelError(
                f"No polynomial explains the {len(values)} runs better than their mean: the "
                "function is too rough for this many runs, or it is mostly noise. Give more runs "
                "(n=), or use method='sobol', which assumes no smoothness."
            )
        log_evidence, truncation, terms = selected
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
        residual_sd = np.sqrt((total - shrinkage * (total - unexplained)) / (runs - 1))
        leverage = 1.0 / runs + shrinkage * np.sum(basis**2, axis=1)
        held_out = (deviations - shrinkage * basis @ projections) / (1.0 - leverage)
        of_the_mean = total * (runs / (runs - 1)) ** 2
        return PolynomialChaosPosterior(
            model=self,
            terms=terms,
            data=table.assign(outcome=values),
            centres=centres,
            mean=float(values.mean()),
            coefficients=linalg.solve_triangular(root, shrinkage * projections),
            root=root,
            shrinkage=float(shrinkage),
            residual_sd=float(residual_sd),
            leave_one_out_error=float(np.sqrt(np.mean(held_out**2))),
            leave_one_out_q2=float(1.0 - held_out @ held_out / of_the_mean),
            log_evidence=log_evidence,
            unit=unit,
            options={
                "inputs": {name: _described(law) for name, law in self.inputs.items()},
                "degree": truncation[0],
                "hyperbolic_norm": truncation[1],
                "draws": int(draws),
                "chains": 1,
                "random_seed": int(random_seed),
                "unit": unit,
            },
        )

    def _powers(self, table: pd.DataFrame, degrees: np.ndarray) -> list[np.ndarray]:
        """Polynomials of each input at the points, up to its degree."""
        return [
            basis.evaluate(table[name], degree=int(degree))
            for name, basis, degree in zip(self.inputs, self.bases, degrees, strict=True)
        ]

    def to_saved(self) -> dict[str, Any]:
        """Family and parameters of the distribution of each input."""
        saved = {}
        for name, law in self.inputs.items():
            family: str = law.dist.name
            if type(getattr(stats, family, None)) is not type(law.dist):
                raise CalibrationError(
                    f"The distribution of {name!r} is a {type(law.dist).__name__}, which is none "
                    "of scipy.stats and cannot be saved. Use the nearest one of scipy.stats."
                )
            parameters = {key: float(value) for key, value in law.kwds.items()}
            saved[name] = [family, [float(value) for value in law.args], parameters]
        return {"inputs": saved}

    @classmethod
    def from_saved(cls, saved: Mapping[str, Any], model: Any = None) -> Self:
        """Rebuild the distributions that `to_saved` named."""
        inputs = {}
        for name, (family, args, parameters) in saved["inputs"].items():
            law = getattr(stats, family, None)
            if not isinstance(law, stats.rv_continuous):
                raise CalibrationError(
                    f"The distribution of {name!r} is {family!r}, which this SciPy does not have."
                )
            inputs[name] = law(*args, **parameters)
        return cls(inputs)


@dataclasses.dataclass(frozen=True, eq=False)
class PolynomialChaosPosterior:
    """
    Exact posterior of a polynomial chaos expansion; made by `PolynomialChaos.fit` or `.run`.

    Parameters
    ----------
    model : PolynomialChaos
    terms : int array of shape (terms, inputs)
        Degrees of the selected terms.
    data : DataFrame
        Inputs of the runs, and the column outcome; their range, input by input, is the domain.
    centres : array of shape (terms,)
        Mean of each term over the runs.
    mean : float
        Mean of the outcome over the runs.
    coefficients : array of shape (terms,)
        Posterior mean.
    root : array of shape (terms, terms)
        Triangle R; the coefficients' posterior covariance is shrinkage residual_sd^2 (R^T R)^-1.
    shrinkage : float
        g / (1 + g) of the g-prior.
    residual_sd : float
        Standard deviation of what the expansion leaves unexplained, in the unit of the outcome.
    leave_one_out_error : float
        Root mean square error at left-out runs, in the unit of the outcome.
    leave_one_out_q2 : float
        1 - (squared leave-one-out error) / (that of the mean); 1 is perfect.
    log_evidence : float
        Log Bayes factor against a constant, multiplicity of the candidate terms included.
    unit : str
        Of the outcome.
    options : mapping
        What was asked (inputs, draws, random_seed), and the truncation with the largest evidence.
    """

    model: PolynomialChaos
    terms: np.ndarray
    data: pd.DataFrame
    centres: np.ndarray
    mean: float
    coefficients: np.ndarray
    root: np.ndarray
    shrinkage: float
    residual_sd: float
    leave_one_out_error: float
    leave_one_out_q2: float
    log_evidence: float
    unit: str
    options: Mapping[str, Any]

    __repr__ = short_repr

    @cached_property
    def domain(self) -> Domain:
        """Range of the runs."""
        return Domain.of(self.data[list(self.model.inputs)])

    @cached_property
    def posterior(self) -> xr.DataTree:
        """
        Independent draws as one chain, for ArviZ.

        Group posterior: `coefficient` (of `term`, such as "temperature^2"), `mean` (the constant of
        the centred terms) and `residual_sd`.
        """
        rng = np.random.default_rng(self.random_seed)
        draws, freedom = int(self.options["draws"]), len(self.data) - 1
        normal = rng.standard_normal((len(self.terms), draws))
        deviation = self.residual_sd * np.sqrt(freedom / rng.chisquare(freedom, size=draws))
        steps = linalg.solve_triangular(self.root, normal) * np.sqrt(self.shrinkage) * deviation
        mean = self.mean + deviation / np.sqrt(len(self.data)) * rng.standard_normal(draws)
        units = {"units": self.unit}
        posterior = xr.Dataset(
            {
                "coefficient": (
                    ("chain", "draw", "term"),
                    (self.coefficients + steps.T)[None],
                    units,
                ),
                "mean": (("chain", "draw"), mean[None], units),
                "residual_sd": (("chain", "draw"), deviation[None], units),
            },
            coords={"chain": [0], "draw": np.arange(draws), "term": self._term_labels()},
        )
        return xr.DataTree.from_dict({"posterior": posterior})

    def _term_labels(self) -> list[str]:
        return [
            " ".join(
                name if degree == 1 else f"{name}^{degree}"
                for name, degree in zip(self.model.inputs, degrees, strict=True)
                if degree
            )
            for degrees in self.terms.tolist()
        ]

    @thread_policy()
    def predict(
        self,
        points: Any,
        *,
        noise: bool = True,
        outside: str = "flag",
        random_seed: int = 0,
    ) -> xr.Dataset:
        """
        Predict the simulator at new points.

        Parameters
        ----------
        points : DataFrame, mapping or array of shape (points, inputs)
        noise : bool
            Include what the expansion leaves unexplained, which belongs to the answer of a
            deterministic simulator, too; else the polynomial alone.
        outside : {"flag", "refuse"}
            What to do with points beyond the range of the runs, where a polynomial may go
            anywhere: mark them in `outside`, or raise.
        random_seed : int
            Of what is left unexplained; the coefficients are those of `posterior`.

        Returns
        -------
        Dataset
            `outcome` (chain, draw, point), with one chain of independent draws, and `outside`
            (point).

        Raises
        ------
        ModelError
            If a point lies outside and `outside` is "refuse".
        """
        table = as_points(points, names=tuple(self.model.inputs))
        beyond = self.domain.outside(table, outside=outside)
        powers = self.model._powers(table, self.terms.max(axis=0))
        columns = products_of(powers, self.terms) - self.centres
        draws = self.posterior["posterior"].to_dataset()
        outcome = draws["mean"].to_numpy()[..., None] + draws["coefficient"].to_numpy() @ columns.T
        if noise:
            normal = np.random.default_rng((random_seed, 2)).standard_normal(outcome.shape)
            outcome += draws["residual_sd"].to_numpy()[..., None] * normal
        return prediction_of(outcome, outside=beyond, unit=self.unit)

    def index_draws(self) -> dict[str, np.ndarray]:
        """
        Posterior draws of the sensitivity indices.

        Returns
        -------
        dict of str to array of shape (draws, inputs)
            `first_order`, `total` and `shapley`, each as a share of the output variance.

        Notes
        -----
        A coefficient's square is the variance of the inputs that its term involves. What the
        expansion leaves unexplained, judged at left-out runs, belongs to inputs too, but it is not
        known to which: every draw gives it at random to inputs and pairs of inputs (Dirichlet, one
        pseudo-count in all, in proportion to what these inputs explain already), so a poor
        expansion has wide intervals.
        """
        rng = np.random.default_rng((self.random_seed, 1))
        coefficients = self.posterior["posterior/coefficient"].to_numpy()[0]
        draws, freedom = len(coefficients), len(self.data) - 1
        unexplained = self.leave_one_out_error**2 * freedom / rng.chisquare(freedom, size=draws)
        explained = self.coefficients**2 @ (self.terms > 0) / np.sum(self.coefficients**2)
        sets, weights = unexplained_sets(explained, self.leave_one_out_q2)
        squares = np.hstack(
            [coefficients**2, unexplained[:, None] * rng.dirichlet(weights, size=draws)]
        )
        shares = squares / squares.sum(axis=1, keepdims=True)
        return variance_shares(shares, np.vstack([self.terms > 0, sets]))

    def summary(self) -> pd.DataFrame:
        """Coefficients, constant and residual deviation, one row a number; the verdict in attrs."""
        return summary_table(self.posterior, verdict=self.check())

    def check(self) -> Verdict:
        """Check the predictions of left-out runs; the draws are independent, and exact."""
        enough = self.leave_one_out_q2 >= ENOUGH_Q2
        return Verdict(
            (
                VerdictItem(
                    "draws",
                    float(self.options["draws"]),
                    "independent",
                    True,
                    "Draws are independent, and exact given the runs and the selected terms.",
                    "",
                ),
                VerdictItem(
                    "leave-one-out Q2",
                    self.leave_one_out_q2,
                    f">= {ENOUGH_Q2:g}",
                    enough,
                    f"Left-out runs are predicted with Q2 = {self.leave_one_out_q2:.3f}.",
                    "" if enough else "Give more runs, or compare with method='sobol'.",
                    advisory=True,
                    question="model",
                ),
            )
        )

    def require(self) -> Self:
        """Return this posterior if its verdict passed; a `CalibrationError` otherwise."""
        if not (verdict := self.check()).passed:
            raise CalibrationError(f"The expansion did not pass its checks.\n{verdict}")
        return self

    @property
    def warnings(self) -> list[str]:
        """Sentences on what to know before trusting the expansion."""
        if self.leave_one_out_q2 >= ENOUGH_Q2:
            return []
        return [
            f"The expansion predicts left-out runs with Q2 = {self.leave_one_out_q2:.3f} only "
            f"({len(self.data)} runs, {len(self.terms)} terms), so its indices are uncertain. "
            "Give more runs, or compare with method='sobol'."
        ]

    @property
    def random_seed(self) -> int:
        """Seed of the draws."""
        return int(self.options["random_seed"])

    @cached_property
    def hash(self) -> str:
        """Content hash of everything that is saved."""
        return result_hash(self)

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        return Evidence(self, "Polynomial chaos expansion", predict=self.predict)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        return save_result(path, self, kind="polynomial_chaos")


def _described(law: Any) -> str:
    """Family and parameters of a frozen distribution, such as "norm(310.0, 1.0)"."""
    named = [f"{key}={value}" for key, value in law.kwds.items()]
    return f"{law.dist.name}({', '.join([*map(str, law.args), *named])})"


def _checked_outcome(table: pd.DataFrame, outcome: Any, inputs: Mapping[str, Any]) -> np.ndarray:
    """Check that the answers are finite and vary, and that the inputs fit their distributions."""
    values = np.asarray(outcome, dtype=float)
    if values.shape != (len(table),):
        raise DataError(
            f"The table has {len(table)} runs and the values have shape {values.shape}; give one "
            "value per run."
        )
    if len(values) < LEAST_RUNS:
        raise DataError(
            f"{len(values)} runs are too few for a polynomial with intervals; give at least "
            f"{LEAST_RUNS}, better {max(20, 10 * len(inputs))} for {len(inputs)} inputs."
        )
    if not np.all(np.isfinite(values)):
        raise DataError(
            f"{np.sum(~np.isfinite(values))} of {len(values)} values are not finite; leave those "
            "runs out, or mend the simulator there."
        )
    if np.ptp(values) <= 1e-14 * np.abs(values).max():
        raise DataError(
            f"The function is {values[0]:.6g} at all {len(values)} runs: it does not vary, so "
            "there is no variance to share out. Check that it uses its inputs."
        )
    for name, distribution in inputs.items():
        low, high = distribution.support()
        beyond = ~table[name].between(low, high)
        if beyond.any():
            raise DataError(
                f"{name} = {table[name][beyond].iloc[0]:.6g} is outside its distribution, which "
                f"spans {low:.6g} to {high:.6g}. Leave the run out, or widen the distribution."
            )
    return values
