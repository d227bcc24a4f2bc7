"""The log density of a model, compiled once: what the optimiser climbs and the sampler explores."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
from pymc.initial_point import make_initial_point_fn

from bayesbio.errors import CalibrationError
from bayesbio.inference.mcmc.nutpie_backend import compile_density


class LogDensity:
    """
    Log density and gradient of a model over its unconstrained coordinates.

    Compiling is the slow part of a small fit, so it happens once: the machine code that nutpie
    samples from is also what the search for a start calls from Python.

    Parameters
    ----------
    model : pm.Model
        Any model whose free variables are continuous.

    Attributes
    ----------
    model : pm.Model
    size : int
        Number of unconstrained coordinates.
    slices : dict
        Name of each free variable -> slice of the coordinates it occupies.
    failure_log : list of array
        Arrays on which the density writes down what failed: those of shared variables whose
        ``tag.failure_log`` is true.

    Raises
    ------
    CalibrationError
        When the model has discrete or no free variables.

    Notes
    -----
    Positive variables enter through their logarithm, bounded ones through a logit; the density
    includes the Jacobian of these transforms.

    Examples
    --------
    >>> with pm.Model() as model:
    ...     location = pm.Normal("location", 1.0, 2.0)
    >>> density = LogDensity(model)
    >>> value, gradient = density.value_and_gradient(np.array([3.0]))
    >>> round(value, 3), gradient.tolist()
    (-2.112, [-0.5])
    """

    def __init__(self, model: pm.Model):
        discrete = [variable.name for variable in model.discrete_value_vars]
        if discrete:
            raise CalibrationError(
                f"{', '.join(discrete)} can only take whole numbers; gradients need continuous "
                "variables. Sum the discrete variable out, or make it continuous."
            )
        if not model.free_RVs:
            raise CalibrationError(
                "The model has nothing to estimate: give at least one parameter a prior."
            )
        self.model = model
        self.compiled = compile_density(model)
        self.failure_log = self.compiled.failure_log
        self.size = self.compiled.size
        self._layout = self.compiled.layout
        self.slices: dict[str, slice] = {
            variable.name: self._layout[model.rvs_to_values[variable].name][0]
            for variable in model.free_RVs
        }

    @property
    def variable_names(self) -> tuple[str, ...]:
        """Free variables and deterministics, in the order of the model."""
        return tuple(each.name for each in (*self.model.free_RVs, *self.model.deterministics))

    def value_and_gradient(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """
        Log density and its gradient.

        Parameters
        ----------
        point : array, (size,)
            Unconstrained coordinates.

        Returns
        -------
        value : float
            -inf where the density or its gradient is not finite (a failed solution, for example).
        gradient : array, (size,)
            NaN where the value is -inf.
        """
        code, value, gradient = self.compiled.value_and_gradient(point)
        if code != 0:
            return -np.inf, np.full(self.size, np.nan)
        return value, gradient

    def values(self, point: np.ndarray) -> dict[str, np.ndarray]:
        """
        Every free variable and deterministic of the model at a point, on its natural scale.

        Parameters
        ----------
        point : array, (size,)
            Unconstrained coordinates.

        Returns
        -------
        dict
            Name -> array with the variable's shape, in the order of the model.

        Raises
        ------
        CalibrationError
            When a variable cannot be computed at this point.
        """
        code, expanded = self.compiled.expand(point)
        if code != 0:
            raise CalibrationError("The variables of the model cannot be computed at this point.")
        named = {}
        for name in self.variable_names:
            where, shape = self._layout[name]
            named[name] = expanded[where].reshape(shape)
        return named

    @property
    def data_names(self) -> tuple[str, ...]:
        """Names of the data that the compiled density or its variables depend on."""
        return tuple(sorted(set(self.compiled.held) - {""}))

    def set_data(self, values: Mapping[str, Any]) -> None:
        """
        Exchange data of the model without compiling again.

        Parameters
        ----------
        values : mapping of name to array
            Names of `pm.Data` or of other shared variables of the model; shapes and types as they
            were when it was compiled.

        Raises
        ------
        CalibrationError
            When there is no such data, or the shape differs.

        Examples
        --------
        >>> with pm.Model() as model:
        ...     location = pm.Normal("location", 0.0, 1.0)
        ...     measured = pm.Data("measured", [1.0, 2.0])
        ...     fit = pm.Potential("fit", -0.5 * ((measured - location) ** 2).sum())
        >>> density = LogDensity(model)
        >>> density.set_data({"measured": [3.0, 3.0]})
        >>> _, gradient = density.value_and_gradient(np.array([2.0]))
        >>> gradient.tolist()
        [0.0]
        """
        for name, value in values.items():
            held = self.compiled.held.get(name)
            if not held:
                raise CalibrationError(
                    f"{name!r} is no data of the compiled model; it has "
                    f"{', '.join(self.data_names) or 'none'}."
                )
            given = np.asarray(value)
            for array in held:
                if array.shape != given.shape:
                    raise CalibrationError(
                        f"{name!r} has shape {given.shape}, but the model was compiled for "
                        f"{array.shape}. Make a new LogDensity for it."
                    )
                array[...] = given
            if name in self.model.named_vars:
                self.model[name].set_value(np.asarray(given, dtype=held[0].dtype))

    def default_point(self) -> np.ndarray:
        """Coordinates of the model's own initial point, a typical value of each prior."""
        return self._flatten(self.model.initial_point(random_seed=0))

    def prior_points(self, number: int, *, random_seed: int) -> np.ndarray:
        """
        Draws from the prior, in unconstrained coordinates.

        Parameters
        ----------
        number : int
            How many draws.
        random_seed : int
            Same seed, same draws.

        Returns
        -------
        array, (number, size)
            A variable without a proper prior (`pm.Flat`) stays at its initial value.
        """
        seeds = np.random.SeedSequence(random_seed).generate_state(number)
        return np.array([self._flatten(self._prior_draw(int(seed))) for seed in seeds])

    @functools.cached_property
    def _prior_draw(self) -> Any:
        """Compiled draw of every free variable from its prior, given a seed."""
        flat: dict[Any, Any] = {
            variable: "support_point"
            for variable in self.model.free_RVs
            if getattr(variable.owner.op, "name", "") in {"flat", "halfflat"}
        }
        return make_initial_point_fn(
            model=self.model, overrides=flat, default_strategy="prior", return_transformed=True
        )

    def terms(self, point: np.ndarray) -> dict[str, np.ndarray]:
        """
        Each term of the log density by name: priors, likelihoods, potentials. Slow (compiles).

        Parameters
        ----------
        point : array, (size,)
            Unconstrained coordinates.

        Returns
        -------
        dict
            Name of the variable or potential -> its log density, one number per element.
        """
        factors = [*self.model.basic_RVs, *self.model.potentials]
        computed = self.model.compile_fn(
            outs=self.model.logp(factors, sum=False), inputs=self.model.value_vars
        )(self._unflatten(point))
        return {
            factor.name: np.asarray(value) for factor, value in zip(factors, computed, strict=True)
        }

    def explain_failure(self, point: np.ndarray) -> str:
        """Name the terms that are not finite, and where the parameters stood."""
        model, found = self.model, []
        for name, term in self.terms(point).items():
            bad = np.argwhere(~np.isfinite(term))
            if not len(bad):
                continue
            kind = "likelihood" if name in {v.name for v in model.observed_RVs} else "prior"
            text = f"the {kind} of {name} is {term[tuple(bad[0])]:g}"
            if term.ndim:
                labels = [
                    f"{dim} = {model.coords[dim][i]}"
                    if model.coords.get(dim) is not None
                    else str(i)
                    for dim, i in zip(
                        model.named_vars_to_dims.get(name, [""] * term.ndim), bad[0], strict=False
                    )
                ]
                text += f" in {len(bad)} of {term.size} values, first at {', '.join(labels)}"
            found.append(text)
        if not found:
            found = ["every term is finite there but its gradient is not"]
        values = self.values(point)
        shown = ", ".join(
            f"{variable.name} = {np.ravel(values[variable.name])[0]:.3g}"
            for variable in model.free_RVs[:6]
        )
        return (
            f"At the start, {'; '.join(found)} (with {shown}). Check the data and starting values "
            "of that quantity, and narrow priors that reach implausible values."
        )

    def _flatten(self, point: dict[str, np.ndarray]) -> np.ndarray:
        flat = np.empty(self.size)
        for variable in self.model.value_vars:
            flat[self._layout[variable.name][0]] = np.ravel(point[variable.name])
        return flat

    def _unflatten(self, point: np.ndarray) -> dict[str, np.ndarray]:
        named = {}
        for variable in self.model.value_vars:
            where, shape = self._layout[variable.name]
            named[variable.name] = np.asarray(point[where]).reshape(shape)
        return named


class FunctionDensity:
    """
    A log density that is a plain function of numbers, with its gradient.

    Parameters
    ----------
    function : callable
        Takes a point, array of shape (size,); gives the log density and its gradient. A value that
        is not finite means that the point cannot be.
    size : int
        Number of coordinates; the draws are a variable `point` of this length.

    Examples
    --------
    >>> density = FunctionDensity(lambda x: (-0.5 * float(x @ x), -x), 2)
    >>> density.value_and_gradient(np.array([1.0, 0.0]))
    (-0.5, array([-1., -0.]))
    """

    variable_names = ("point",)

    def __init__(
        self, function: Callable[[np.ndarray], tuple[float, np.ndarray]], size: int
    ) -> None:
        self.value_and_gradient, self.size = function, size

    def values(self, point: np.ndarray) -> dict[str, np.ndarray]:
        """Give the coordinates as the variable `point`."""
        return {"point": point}

    def explain_failure(self, point: np.ndarray) -> str:
        """Show the point."""
        return f"The point is {np.array2string(np.asarray(point), precision=4)}."
