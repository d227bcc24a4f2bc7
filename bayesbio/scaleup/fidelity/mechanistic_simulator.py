"""Mechanistic simulator: a process model as the lowest of several fidelities."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.run import Profile
from bayesbio.errors import ModelError
from bayesbio.mechanistic.process_model import ProcessModel
from bayesbio.ode import simulate


@dataclasses.dataclass(frozen=True, eq=False)
class MechanisticSimulator:
    """
    One quantity of a process model at one time, as a function of whatever is varied.

    It takes a table: a column is a setting (initial_biomass, feed_glucose, ...), a parameter, or an
    input whose profile it multiplies (feed_rate, ...).

    Parameters
    ----------
    model : process model
    quantity : str
        A state or an output.
    at : float [h]
        When it is read.
    settings : mapping of str to float
        Those that are not varied.
    parameters : mapping of str to float, optional
        Those that are not at the middle of the model's own defaults.
    profiles : mapping of str to Profile or list of (time, value), optional
        Shape of each input. By default one, always, for an input that is a column; others are as
        the model's own ``input_defaults``.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchCulture
    >>> simulator = MechanisticSimulator(BatchCulture(), "biomass", at=4.0,
    ...                                  settings={"initial_substrate": 20.0})
    >>> more = simulator(pd.DataFrame({"initial_biomass": [0.1, 0.2]}))
    >>> more.shape, bool(more[1] > more[0])
    ((2,), True)
    """

    model: ProcessModel
    quantity: str
    at: float
    settings: Mapping[str, float]
    parameters: Mapping[str, float] = dataclasses.field(default_factory=dict)
    profiles: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __call__(self, table: pd.DataFrame) -> np.ndarray:
        """
        Solve the model for every row.

        Returns
        -------
        array of shape (rows,)

        Raises
        ------
        ModelError
            If a column is no setting, parameter or input of the model.
        """
        middle = {
            name: float(np.sqrt(interval.low * interval.high))
            for name, interval in self.model.defaults.items()
            if name in self.model.Parameters._fields
        }
        settings_known = {
            *self.model.settings,
            *(f"initial_{state}" for state in self.model.State._fields),
        }
        for name in table.columns:
            if not {name} & {*middle, *self.model.inputs, *settings_known}:
                raise ModelError(
                    f"{name!r} is no setting, parameter or input of {type(self.model).__name__}. "
                    f"It has {', '.join(sorted({*middle, *self.model.inputs, *settings_known}))}."
                )
        found = np.empty(len(table))
        for row, values in enumerate(table.to_dict("records")):
            point = {str(name): float(value) for name, value in values.items()}
            course = simulate(
                self.model,
                parameters=middle | dict(self.parameters) | _only(point, middle),
                settings=dict(self.settings) | _only(point, settings_known),
                profiles={
                    name: _scaled(self.profiles.get(name, [(0.0, 1.0)]), point.get(name, 1.0))
                    for name in self.model.inputs
                    if name in self.profiles or name in point
                }
                or None,
                times=[self.at],
            )
            found[row] = float(course[self.quantity].to_numpy().item())
        return found


def _only(point: Mapping[str, float], names: Any) -> dict[str, float]:
    return {name: value for name, value in point.items() if name in names}


def _scaled(profile: Profile | Sequence[tuple[float, float]], factor: float) -> Profile:
    """Multiply a profile."""
    shape = profile if isinstance(profile, Profile) else Profile(list(profile), "linear")
    return Profile([(time, factor * value) for time, value in shape.points], shape.interpolation)
