"""Stiff problems with published ends, as process models: Robertson, HIRES, van der Pol, OREGO."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from bayesbio.data import Profile
from bayesbio.mechanistic import BatchReactor, record


class _Problem:
    """What the contract asks for and these problems do not use."""

    inputs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    defaults: dict[str, Any] = {}

    def rates(self, time, state, parameters, inputs, settings):
        """No rates by name: these are equations of numerical analysts."""
        return {}


class Robertson(_Problem):
    """Robertson's reaction: three rate constants over nine decades."""

    State = record("State", ("a", "b", "c"))
    Parameters = record("Parameters", ("slow", "fast", "cross"))
    units = dict.fromkeys(("a", "b", "c"), "1") | dict.fromkeys(("slow", "fast", "cross"), "1/h")

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        """Balances of the three species."""
        p, s = parameters, state
        first, second, third = p.slow * s.a, p.fast * s.b * s.b, p.cross * s.b * s.c
        return self.State(a=third - first, b=first - second - third, c=second)


class Hires(_Problem):
    """High irradiance response of photomorphogenesis (Schaefer 1975): eight reactants."""

    State = record("State", tuple(f"y{i}" for i in range(1, 9)))
    Parameters = record("Parameters", ("supply", "fast"))
    units = dict.fromkeys(State._fields, "1") | {"supply": "1/h", "fast": "1/h"}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        """Balances of the eight reactants."""
        y1, y2, y3, y4, y5, y6, y7, y8 = state
        binding = parameters.fast * y6 * y8 - 1.81 * y7
        return self.State(
            -1.71 * y1 + 0.43 * y2 + 8.32 * y3 + parameters.supply,
            1.71 * y1 - 8.75 * y2,
            -10.03 * y3 + 0.43 * y4 + 0.035 * y5,
            8.32 * y2 + 1.71 * y3 - 1.12 * y4,
            -1.745 * y5 + 0.43 * y6 + 0.43 * y7,
            -parameters.fast * y6 * y8 + 0.69 * y4 + 1.71 * y5 - 0.43 * y6 + 0.69 * y7,
            binding,
            -binding,
        )


class VanDerPol(_Problem):
    """Van der Pol's oscillator, stiff in its scaled form."""

    State = record("State", ("place", "speed"))
    Parameters = record("Parameters", ("smallness",))
    units = {"place": "1", "speed": "1/h", "smallness": "h**2"}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        """Equation of motion."""
        place, speed = state
        return self.State(speed, ((1 - place * place) * speed - place) / parameters.smallness)


class Orego(_Problem):
    """Oregonator: the Belousov-Zhabotinskii reaction (Field & Noyes 1974)."""

    State = record("State", ("a", "b", "c"))
    Parameters = record("Parameters", ("s", "w", "q"))
    units = dict.fromkeys((*State._fields, *Parameters._fields), "1")

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        """Balances of the three intermediates."""
        a, b, c = state
        p = parameters
        return self.State(p.s * (b - a * b + a - p.q * a * a), (c - b - a * b) / p.s, p.w * (a - c))


@dataclasses.dataclass(frozen=True)
class StiffCase:
    """A problem with its numbers, and its published end where there is one."""

    model: Any
    parameters: dict[str, float]
    start: dict[str, float]
    times: tuple[float, ...]
    profiles: dict[str, Profile] = dataclasses.field(default_factory=dict)
    end: tuple[float, ...] | None = None  # at the last time
    scale: tuple[float, ...] = ()  # size of each state, for absolute tolerances

    @property
    def settings(self) -> dict[str, float]:
        """Initial states as `simulate` takes them."""
        return {f"initial_{name}": value for name, value in self.start.items()}


# Ends: test set for initial value problem solvers, Hairer & Wanner, Solving Ordinary Differential
# Equations II, doi:10.1007/978-3-642-05221-7.
CASES = {
    "robertson": StiffCase(
        Robertson(),
        {"slow": 0.04, "fast": 3e7, "cross": 1e4},
        {"a": 1.0, "b": 0.0, "c": 0.0},
        (0.4, 40.0, 4e3, 4e5, 1e11),
        end=(0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050),
        scale=(1.0, 1e-5, 1.0),
    ),
    "hires": StiffCase(
        Hires(),
        {"supply": 0.0007, "fast": 280.0},
        dict(zip(Hires.State._fields, (1.0, 0, 0, 0, 0, 0, 0, 0.0057), strict=True)),
        (5.0, 100.0, 321.8122),
        end=(
            0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4,
            0.1175651343283149e-2, 0.2386356198831331e-2, 0.6238968252742796e-2,
            0.2849998395185769e-2, 0.2850001604814231e-2,
        ),
        scale=(1e-2,) * 8,
    ),
    "van_der_pol": StiffCase(
        VanDerPol(),
        {"smallness": 1e-6},
        {"place": 2.0, "speed": 0.0},
        (1.0, 2.0),
        end=(0.1706167732170483e1, -0.8928097010247975),
        scale=(1.0, 1.0),
    ),
    "orego": StiffCase(
        Orego(),
        {"s": 77.27, "w": 0.161, "q": 8.375e-6},
        {"a": 1.0, "b": 2.0, "c": 3.0},
        (360.0,),
        end=(0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3),
        scale=(1.0, 1.0, 1.0),
    ),
    "runaway": StiffCase(
        BatchReactor(),
        {
            "rate_constant_1": 0.15,
            "rate_constant_2": 3e-5,
            "activation_energy_1": 95e3,
            "activation_energy_2": 80e3,
            "reaction_enthalpy_1": -150e3,
            "reaction_enthalpy_2": -60e3,
            "heat_capacity": 3000.0,
            "heat_transfer": 6000.0,
        },
        {
            "concentration_a": 4.0,
            "concentration_b": 0.0,
            "concentration_c": 0.0,
            "temperature": 335.0,
        },
        (0.5, 0.6, 1.0, 3.0, 10.0),
        profiles={"jacket_temperature": Profile([(0.0, 325.0)], "step")},
        scale=(1.0, 1.0, 1.0, 300.0),
    ),
}  # fmt: skip


def right_hand_side(case: StiffCase):
    """Right side f(t, y) of a case in plain numbers, from the same definition."""
    model = case.model
    parameters = model.Parameters(**case.parameters)
    inputs = record("Inputs", tuple(model.inputs))(
        *(float(case.profiles[name].at(0.0)) for name in model.inputs)
    )

    def slope(time: float, y: np.ndarray) -> np.ndarray:
        state = model.State(*y)
        rates = model.rates(time, state, parameters, inputs, None)
        return np.array(model.derivatives(time, state, parameters, inputs, None, rates))

    return slope
