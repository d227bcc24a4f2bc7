"""Equations to trajectories: tracing, generated kernels, solvers, events, gradients."""

from bayesbio.data import Above, Below, Event, Profile
from bayesbio.ode.codegen.latex import equation_pairs, equations
from bayesbio.ode.sensitivity import sensitivities
from bayesbio.ode.simulation import simulate

__all__ = [
    "Above",
    "Below",
    "Event",
    "Profile",
    "equation_pairs",
    "equations",
    "sensitivities",
    "simulate",
    "trajectories",
]


def __getattr__(name: str) -> object:
    # trajectories needs PyTensor, which takes seconds to import; simulate does not.
    if name == "trajectories":
        from bayesbio.ode.trajectory import trajectories

        return trajectories
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
