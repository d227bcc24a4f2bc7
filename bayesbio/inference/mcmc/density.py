"""The log density of a model, compiled once: what the optimiser climbs and the sampler explores."""

import ctypes
import dataclasses
import functools
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor
from nutpie import compile_pymc as recipe
from pymc.initial_point import make_initial_point_fn

from bayesbio.errors import CalibrationError
from bayesbio.inference.mcmc.callbacks import density_callback, expansion_callback

BOARD = "board_"  # how the name of a shared array begins on which a density writes failures


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
    places : dict
        Name of each free variable -> slice of the coordinates it occupies.
    boards : list of array
        Arrays on which the density writes down what went wrong (failed solutions).

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
        self.compiled = _compile(model)
        self.boards = [
            array
            for name, arrays in self.compiled.compiled_logp_func.held.items()
            if name.startswith(BOARD)
            for array in arrays
        ]
        self.size = int(self.compiled.n_dim)
        names, slices, shapes = self.compiled.shape_info
        self._layout = dict(zip(names, zip(slices, shapes, strict=True), strict=True))
        self.places: dict[str, slice] = {
            variable.name: self._layout[model.rvs_to_values[variable].name][0]
            for variable in model.free_RVs
        }

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
        x = np.ascontiguousarray(point, dtype=float)
        gradient, value = np.empty(self.size), np.empty(())
        code = self.compiled.compiled_logp_func.ctypes(
            self.size, _pointer(x), _pointer(gradient), _pointer(value), None
        )
        if code != 0:
            return -np.inf, np.full(self.size, np.nan)
        return float(value), gradient

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
        x, size = np.ascontiguousarray(point, dtype=float), self.compiled.n_expanded
        expanded = np.empty(size)
        code = self.compiled.compiled_expand_func.ctypes(
            self.size, size, _pointer(x), _pointer(expanded), None
        )
        if code != 0:
            raise CalibrationError("The variables of the model cannot be computed at this point.")
        named = {}
        for variable in [*self.model.free_RVs, *self.model.deterministics]:
            place, shape = self._layout[variable.name]
            named[variable.name] = expanded[place].reshape(shape)
        return named

    @property
    def data_names(self) -> tuple[str, ...]:
        """Names of the data that the compiled density or its variables depend on."""
        return tuple(sorted({name for each in self._callbacks for name in each.held} - {""}))

    @property
    def _callbacks(self) -> tuple[Any, Any]:
        return self.compiled.compiled_logp_func, self.compiled.compiled_expand_func

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
            held = [array for callback in self._callbacks for array in callback.held.get(name, ())]
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

    def starting_from(self, point: np.ndarray, *, compiled: Any = None) -> Any:
        """
        Compiled model of nutpie whose chains begin at a point (unconstrained).

        The first attempt is the point itself; nutpie refuses it where a slope is exactly zero, as
        at an exact mode, and then gets points a hair beside. With ``compiled``, this density in
        other coordinates begins at the point.
        """
        attempts = itertools.count()

        def begin(seed: int) -> np.ndarray:
            aside = np.random.default_rng(seed).standard_normal(self.size)
            return np.array(point, dtype=float) + (1e-6 * aside if next(attempts) else 0.0)

        return dataclasses.replace(compiled or self.compiled, initial_point_func=begin)

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

    def _flatten(self, point: dict[str, np.ndarray]) -> np.ndarray:
        flat = np.empty(self.size)
        for variable in self.model.value_vars:
            flat[self._layout[variable.name][0]] = np.ravel(point[variable.name])
        return flat

    def _unflatten(self, point: np.ndarray) -> dict[str, np.ndarray]:
        named = {}
        for variable in self.model.value_vars:
            place, shape = self._layout[variable.name]
            named[variable.name] = np.asarray(point[place]).reshape(shape)
        return named


def _compile(model: pm.Model) -> Any:
    """
    Compile a model for nutpie, with callbacks that do not compile the whole model again.

    What `nutpie.compile_pymc_model` does, but for the callbacks: its own take 3 s for a line
    through points and 11 s for eight fed-batch runs, in every process; numba cannot cache them.
    """
    first = make_initial_point_fn(model=model, return_transformed=True)
    # Without fast-math flags arithmetic keeps its order, so that code compiled afresh and code from
    # the cache (of which callers hold copies, optimised once more) give the same bits.
    with pytensor.config.change_flags(numba__fastmath=False):
        functions = recipe._make_functions(
            model,
            mode="NUMBA",
            compute_grad=True,
            join_expanded=True,
            pymc_initial_point_fn=first,
        )
    size, expanded_size, density, expansion, start, layout, transformed = functions
    dims, coords = recipe._prepare_dims_and_coords(model, layout, transformed)
    return recipe.CompiledPyMCModel(
        _n_dim=size,
        dims=dims,
        _coords=coords,
        _shapes={name: tuple(shape) for name, _, shape in zip(*layout, strict=True)},
        compiled_logp_func=density_callback(density, size),
        compiled_expand_func=expansion_callback(expansion, size, expanded_size),
        initial_point_func=start,
        shared_data={},
        shared_var_keys={},
        user_data=np.zeros(1),
        n_expanded=expanded_size,
        shape_info=layout,
        logp_func=density,
        expand_func=expansion,
        reparameterized_names=transformed,
    )


def _pointer(array: np.ndarray) -> Any:
    """Address of an array's numbers, as the compiled functions take it."""
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
