"""
Coordinates that the data speak of: rates at a reference state instead of maximum rates.

Readings fix how fast something happens in the states that were visited; a maximum rate, its
saturation and its inhibitions trade off along curved ridges on which a sampler crawls. For every
named rate that is a product of one-parameter factors (Monod, Haldane, inhibition, Arrhenius ...)
the sampler therefore moves in the logarithm of the rate at a typical state, and competing
inhibitions as their total and its split. Priors stay on the textbook parameters, exactly.
"""

from __future__ import annotations

import dataclasses
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
from bayesbio.ode.simulation import stated

FUNCTIONS = {"exp": pt.exp, "log": pt.log, "sqrt": pt.sqrt, "tanh": pt.tanh}


@dataclasses.dataclass(frozen=True)
class RateForm:
    """
    A rate at the reference state: ``leading * product of factors(parameter) * constant``.

    Attributes
    ----------
    rate : str
    leading : str
        Parameter in which the rate is linear.
    factors : mapping of parameter to expression
        The other parameters' factors, each a SymPy expression of that parameter's symbol.
    inhibitions : mapping of parameter to number
        Those whose factor is K / (K + level), with the level.
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


def rate_forms(formulation: Formulation) -> tuple[RateForm, ...]:
    """
    Rates of a formulation that have a reference form in its unknown parameters.

    Each parameter leads, or is split, in one rate at most, so that the change of coordinates has
    a plain inverse.
    """
    traced = formulation.kernels.trace
    free = {
        unknown.name: _symbol(formulation, unknown.name)
        for unknown in formulation.unknowns
        if unknown.name in traced.parameters
        and is_lognormal(unknown.prior)
        and (formulation.carried is None or unknown.name not in formulation.carried.names)
    }
    pooled = {
        unknown.name
        for unknown in formulation.unknowns
        if unknown.levels or unknown.design is not None
    }
    visited = _visited(formulation)
    if visited is None:
        return ()
    fixed = {s: value for s, value in visited.numbers.items() if s not in free.values()}
    forms: list[RateForm] = []
    for rate, expression in traced.rates.items():
        if not isinstance(expression, sympy.Expr):
            continue
        typical = visited.reference(expression, traced.y, traced.u)
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


class TotalAndSplit(Transform):
    """
    Coordinates of competing inhibitions: the logarithm of their total, and log ratios of shares.

    With a_j = log(1 + level_j / K_j), so that exp(-sum a_j) is the remaining rate at the reference
    state, the vector of log K_j becomes (log sum a_j, log a_1 / a_m, ..., log a_(m-1) / a_m).
    """

    name = "total_and_split"

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
    inputs: np.ndarray  # (moments, inputs)
    numbers: dict[sympy.Symbol, float]

    def reference(
        self, expression: sympy.Expr, y: list[sympy.Symbol], u: list[sympy.Symbol]
    ) -> dict[sympy.Symbol, float]:
        """Mean state and inputs, weighted by the rate: it is learned from where it runs."""
        known = expression.xreplace(self.numbers)
        values = sympy.lambdify([*y, *u], known, modules="numpy")(*self.states.T, *self.inputs.T)
        weights = np.broadcast_to(np.abs(np.asarray(values, float)), len(self.states))
        weights = np.where(np.isfinite(weights), weights, 0.0)
        if weights.sum() <= 0.0:
            weights = np.ones(len(self.states))
        means = weights @ np.hstack([self.states, self.inputs]) / weights.sum()
        return dict(zip([*y, *u], means.tolist(), strict=True))


def _visited(formulation: Formulation) -> _Visited | None:
    """States at the readings: as read where they were measured, else as first simulated."""
    traced = formulation.kernels.trace
    values = {
        **formulation.given,
        **{
            unknown.name: float(prior_quantiles(unknown.prior, [0.5])[0])
            for unknown in formulation.unknowns
        },
    }
    try:
        course = simulate(traced.model, parameters=values, campaign=formulation.campaign)
    except BayesbioError:
        return None
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
                ],
                axis=1,
            )
            if traced.inputs
            else np.empty((len(times), 0))
        )
    numbers: dict[sympy.Symbol, float] = {}
    usual = getattr(traced.model, "setting_defaults", {})
    for name, symbol in zip(traced.parameters + traced.settings, traced.p, strict=False):
        found = [values.get(name, stated(run, name)) for run in formulation.campaign]
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


def _inhibiting_level(factor: sympy.Expr) -> float | None:
    """Level c of a factor proportional to K / (K + c), or None."""
    (symbol,) = factor.free_symbols
    inverse = sympy.expand(sympy.simplify(symbol / factor))
    slope, level = inverse.coeff(symbol, 1), inverse.coeff(symbol, 0)
    if sympy.simplify(inverse - slope * symbol - level) != 0 or not (slope.is_number):
        return None
    ratio = level / slope if slope != 0 else sympy.Integer(0)
    return float(ratio) if ratio.is_number and ratio > 0 else None
