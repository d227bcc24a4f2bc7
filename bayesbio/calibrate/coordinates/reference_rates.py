"""
Reference-state parameterisation: maximum rates are sampled as rates at a typical state.

Readings fix how fast something happens in the states that were visited; a maximum rate, its
saturation and its inhibitions trade off along curved ridges on which a sampler crawls. For every
named rate that is a product of one-parameter factors (Monod, Haldane, inhibition, Arrhenius ...)
the sampler therefore moves in the logarithm of the rate at a typical state, and competing
inhibitions as their total and log ratios. Priors stay on the textbook parameters, exactly.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import sympy
from pymc.logprob.transforms import Transform

from bayesbio.calibrate.problem.formulation import Formulation
from bayesbio.errors import BayesbioError
from bayesbio.inference import prior_quantiles
from bayesbio.ode import simulate
from bayesbio.ode.simulation import setting_of

LOG = logging.getLogger(__name__)
PROBES = np.logspace(-9.0, 9.0, 73)  # multiples of the prior median at which a factor is looked at

FUNCTIONS = {"exp": pt.exp, "log": pt.log, "sqrt": pt.sqrt, "tanh": pt.tanh}


@dataclasses.dataclass(frozen=True)
class RateForm:
    """
    A rate at the reference state: leading parameter x product of factors(parameter) x constant.

    Factors are SymPy expressions of one symbol; inhibitions are those of the form K / (K + level).
    """

    rate: str
    leading: str
    factors: Mapping[str, sympy.Expr]
    inhibitions: Mapping[str, float]

    def log_factor(self, values: Mapping[str, Any]) -> Any:
        """Logarithm of the product of the factors for PyTensor values of the parameters."""
        total: Any = 0.0
        for name, factor in self.factors.items():
            (symbol,) = factor.free_symbols
            log_factor = sympy.expand_log(sympy.log(factor), force=True)
            total = total + sympy.lambdify([symbol], log_factor, modules=[FUNCTIONS, "math"])(
                values[name]
            )
        return total

    def offset(self, values: Mapping[str, float]) -> float:
        """Logarithm of the product of the factors for numbers."""
        found = pt.as_tensor_variable(self.log_factor(values))
        return float(found.eval(mode="FAST_COMPILE"))


class ReferenceRates:
    """Maximum rates through rates at the reference state, inhibitions through their total."""

    def __init__(self, formulation: Formulation) -> None:
        self.warnings: list[str] = []
        self.priors = {unknown.name: unknown.prior for unknown in formulation.unknowns}
        try:
            self.forms = reference_rate_parameterisation(formulation)
        except BayesbioError as error:
            self.forms = ()
            self.warnings.append(
                "Maximum rates are sampled as they stand, which may be slow: at the prior medians "
                f"there is no solution ({error})"
            )
            LOG.warning(self.warnings[-1])
        split = [form for form in self.forms if form.inhibitions]
        self.names = (
            *(f"{form.rate}.log_ratios" for form in split),
            *(f"{form.leading}.at_reference" for form in self.forms),
        )
        self.parameters = (
            *(name for form in split for name in form.inhibitions),
            *(form.leading for form in self.forms),
        )

    def register(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Register inhibition constants and maximum rates in the current model."""
        made: dict[str, Any] = {}
        for form in self.forms:
            made |= self._inhibitions(form)
        for form in self.forms:
            offset = form.log_factor({**values, **made})
            mean, sd = lognormal_parameters(self.priors[form.leading])
            rate = pm.Normal(f"{form.leading}.at_reference", mean + offset, sd)
            made[form.leading] = pm.Deterministic(form.leading, pt.exp(rate - offset))
        return made

    def update(self, mode: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Nothing depends on the mode."""
        return {}

    def log_factors(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give what a rate at the reference state adds to the logarithm of its maximum rate."""
        return {form.leading: form.log_factor(values) for form in self.forms}

    def offsets(self, values: Mapping[str, Any]) -> dict[str, float]:
        """Give the same for numbers."""
        return {form.leading: form.offset(values) for form in self.forms}

    def _inhibitions(self, form: RateForm) -> dict[str, Any]:
        """Register competing inhibition constants through their total and log ratios."""
        if not form.inhibitions:
            return {}
        names = list(form.inhibitions)
        moments = np.array([lognormal_parameters(self.priors[name]) for name in names])
        logs = pm.Normal(
            f"{form.rate}.log_ratios",
            moments[:, 0],
            moments[:, 1],
            shape=len(names),
            transform=LogTotalAndRatios(np.array([form.inhibitions[name] for name in names])),
        )
        return {name: pm.Deterministic(name, pt.exp(logs[i])) for i, name in enumerate(names)}


def reference_rate_parameterisation(formulation: Formulation) -> tuple[RateForm, ...]:
    """
    Rates of a formulation that have a reference form in its unknown parameters.

    Each parameter leads, or is split, in one rate at most, so that the inverse is plain. Factors
    are positive over the support of the priors; models along a grid, whose rates differ by node,
    have none.
    """
    traced = formulation.kernels.trace
    free = {
        unknown.name: _symbol(formulation, unknown.name)
        for unknown in formulation.unknowns
        if unknown.name in traced.parameters
        and is_lognormal(unknown.prior)
        and unknown.name not in formulation.from_posterior
    }
    pooled = {
        unknown.name
        for unknown in formulation.unknowns
        if unknown.levels or unknown.design is not None
    }
    along_grids = any(part.stop - part.start > 1 for part in traced.fields.values())
    visited = None if along_grids or not free else _visited(formulation)
    if visited is None:
        return ()
    fixed = {s: value for s, value in visited.numbers.items() if s not in free.values()}
    forms: list[RateForm] = []
    for rate, expression in traced.rates.items():
        if not isinstance(expression, sympy.Expr):
            continue
        typical = visited.reference(expression, traced.y, [*traced.u, traced.time])
        value = sympy.sympify(expression.xreplace({**fixed, **typical}))
        if value.free_symbols - set(free.values()) or not value.free_symbols:
            continue
        factors = _separated(value, free)
        if factors is None:
            continue
        leading = [name for name, factor in factors.items() if _is_linear(factor)]
        others = {name: factor for name, factor in factors.items() if name not in leading[:1]}
        taken = {form.leading for form in forms} | {n for f in forms for n in f.factors}
        if not leading or not others or leading[0] in taken:
            continue
        if any(name in pooled or name in {f.leading for f in forms} for name in others):
            continue
        if not all(_is_positive(f, formulation.medians[name]) for name, f in others.items()):
            continue
        levels = {name: _inhibiting_level(factor) for name, factor in others.items()}
        split = {n: level for n, level in levels.items() if level is not None and n not in taken}
        forms.append(RateForm(rate, leading[0], others, split if len(split) > 1 else {}))
    return tuple(forms)


def is_lognormal(prior: Any) -> bool:
    """Whether a prior is lognormal, so that its logarithm can be shifted exactly."""
    return isinstance(prior.owner.op, pm.LogNormal.rv_type) and prior.ndim == 0


def lognormal_parameters(prior: Any) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of a lognormal prior."""
    low, middle = np.log(prior_quantiles(prior, [0.15865525393145707, 0.5]))
    return float(middle), float(middle - low)


class LogTotalAndRatios(Transform):
    """
    Coordinates of competing inhibitions: the logarithm of their total, and log ratios of shares.

    With a_j = log(1 + level_j / K_j), so that exp(-sum a_j) is the remaining rate at the reference
    state, the vector of log K_j becomes (log sum a_j, log a_1 / a_m, ..., log a_(m-1) / a_m).
    """

    name = "log_total_and_ratios"

    def __init__(self, levels: np.ndarray) -> None:
        self.levels = np.asarray(levels, float)

    def forward(self, value: Any, *inputs: Any) -> Any:
        """From log inhibition constants to coordinates."""
        parts = pt.log1p(self.levels * pt.exp(-value))
        return pt.concatenate([pt.log(parts.sum())[None], pt.log(parts[:-1] / parts[-1])])

    def backward(self, value: Any, *inputs: Any) -> Any:
        """From coordinates to log inhibition constants."""
        return np.log(self.levels) - pt.log(pt.expm1(self._parts(value)))

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Logarithm of |d log K / d coordinates|."""
        parts = self._parts(value)
        shares = parts / pt.exp(value[0])
        steepness = -pt.log(-pt.expm1(-parts))
        return len(self.levels) * value[0] + pt.sum(pt.log(shares)) + pt.sum(steepness)

    def _parts(self, value: Any) -> Any:
        ratios = pt.concatenate([value[1:], pt.zeros(1)])
        return pt.exp(value[0]) * pt.special.softmax(ratios)


def _symbol(formulation: Formulation, name: str) -> sympy.Symbol:
    traced = formulation.kernels.trace
    return traced.p[traced.parameters.index(name)]


@dataclasses.dataclass(frozen=True)
class _Visited:
    """States that the runs went through, and typical values of all other symbols."""

    states: np.ndarray  # (moments, states)
    inputs: np.ndarray  # (moments, inputs and time)
    numbers: dict[sympy.Symbol, float]

    def reference(
        self, expression: sympy.Expr, y: list[sympy.Symbol], u: list[sympy.Symbol]
    ) -> dict[sympy.Symbol, float]:
        """Mean state and inputs, weighted by the rate: it is learned from where it runs."""
        known = sympy.sympify(expression.xreplace(self.numbers))
        weights = np.zeros(len(self.states))
        if not known.free_symbols - {*y, *u}:  # else it depends on what differs from run to run
            rate = sympy.lambdify([*y, *u], known, modules="numpy")
            values = np.asarray(rate(*self.states.T, *self.inputs.T), float)
            weights = weights + np.where(np.isfinite(values), np.abs(values), 0.0)
        if weights.sum() <= 0.0:
            weights = np.ones(len(self.states))
        means = weights @ np.hstack([self.states, self.inputs]) / weights.sum()
        return dict(zip([*y, *u], means.tolist(), strict=True))


def _visited(formulation: Formulation) -> _Visited | None:
    """States at the readings: as read where they were measured, else as first simulated."""
    traced = formulation.kernels.trace
    values = {**formulation.given, **formulation.medians}
    course = simulate(traced.model, parameters=values, campaign=formulation.campaign)
    states, inputs = [], []
    for place, run in enumerate(formulation.campaign):
        times = run.times()
        here = course.isel(chain=0, draw=0, run=place).sel(time=times)
        columns = []
        for field, part in traced.fields.items():
            simulated = here[field].to_numpy().reshape(len(times), part.stop - part.start)
            rows = formulation.rows.get(field)
            mine = None if rows is None else rows[rows["run"] == run.name]
            if mine is not None and len(mine):
                means = mine.groupby("time_h")["value"].mean()
                read = np.interp(times, means.index.to_numpy(float), means.to_numpy(float))
                simulated = read[:, None]
            columns.append(np.maximum(simulated, 0.0))
        states.append(np.hstack(columns))
        defaults = getattr(traced.model, "input_defaults", {})
        inputs.append(
            np.stack(
                [
                    run.profiles[name].at(times)
                    if name in run.profiles
                    else np.full(len(times), defaults.get(name, 0.0))
                    for name in traced.inputs
                ]
                + [times],
                axis=1,
            )
        )
    numbers: dict[sympy.Symbol, float] = {}
    usual = getattr(traced.model, "setting_defaults", {})
    for name, symbol in zip(traced.parameters + traced.settings, traced.p, strict=False):
        found = [values.get(name, setting_of(run, name)) for run in formulation.campaign]
        found = [usual.get(name) if value is None else value for value in found]
        if all(value is not None for value in found):
            numbers[symbol] = float(np.median(np.asarray(found, float)))
    moments = np.vstack(states)
    usable = np.all(np.isfinite(moments), axis=1)
    if not usable.any():
        return None
    return _Visited(moments[usable], np.vstack(inputs)[usable], numbers)


def _separated(value: sympy.Expr, free: Mapping[str, sympy.Symbol]) -> dict[str, sympy.Expr] | None:
    """One factor a parameter, or None where the rate is no such product."""
    names = {symbol: name for name, symbol in free.items()}
    found: dict[str, sympy.Expr] = {}
    for factor in sympy.Mul.make_args(sympy.factor(sympy.together(value))):
        parameters = factor.free_symbols
        if len(parameters) > 1:
            return None
        for symbol in parameters:
            found[names[symbol]] = found.get(names[symbol], sympy.Integer(1)) * factor
    return found


def _is_linear(factor: sympy.Expr) -> bool:
    (symbol,) = factor.free_symbols
    return bool(sympy.simplify(factor / symbol).is_number)


def _is_positive(factor: sympy.Expr, median: float) -> bool:
    """Whether a factor is positive wherever its parameter is, as far as can be seen."""
    (symbol,) = factor.free_symbols
    with np.errstate(all="ignore"):
        values = sympy.lambdify([symbol], factor, modules="numpy")(median * PROBES)
    return bool(np.all(np.broadcast_to(np.asarray(values, float), PROBES.shape) >= 0.0))


def _inhibiting_level(factor: sympy.Expr) -> float | None:
    """Level c of a factor proportional to K / (K + c), or None."""
    (symbol,) = factor.free_symbols
    inverse = sympy.expand(sympy.simplify(symbol / factor))
    slope, level = inverse.coeff(symbol, 1), inverse.coeff(symbol, 0)
    if sympy.simplify(inverse - slope * symbol - level) != 0 or not (slope.is_number):
        return None
    ratio = level / slope if slope != 0 else sympy.Integer(0)
    return float(ratio) if ratio.is_number and ratio > 0 else None
