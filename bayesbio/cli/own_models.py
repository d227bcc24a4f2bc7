"""A process model of a user's own: loaded from a file of Python, or begun from a skeleton."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from typing import Any

from bayesbio.errors import ModelError, did_you_mean

SKELETON = '''"""{name}: what it describes, in one line."""

from typing import NamedTuple

from bayesbio.mechanistic import Parameter, monod


class {name}:
    """Growth on one substrate with a feed; change it to what happens in your vessel."""

    class State(NamedTuple):  # what changes with time; named as in your sheet where it is measured
        biomass: float
        substrate: float
        volume: float

    class Parameters(NamedTuple):  # what is estimated
        maximum_growth_rate: float
        substrate_monod_constant: float
        cell_yield: float

    # Of every name: g/L, 1e6 cells/mL, 1/h, L, L/h, ...; '1' for a plain number. Time is hours.
    units = {{
        "biomass": "g/L",
        "substrate": "g/L",
        "volume": "L",
        "maximum_growth_rate": "1/h",
        "substrate_monod_constant": "g/L",
        "cell_yield": "g/g",
        "feed_rate": "L/h",
        "feed_substrate": "g/L",
    }}
    inputs = ("feed_rate",)  # profiles over time
    input_defaults = {{"feed_rate": 0.0}}  # of a run without that profile
    settings = ("feed_substrate",)  # constants of a run, columns of your table of runs
    # What is usual: in 90 % of cases between low and high. Each becomes the prior of a fit.
    defaults = {{
        "maximum_growth_rate": Parameter(low=0.05, high=0.6),
        "substrate_monod_constant": Parameter(low=0.01, high=0.5),
        "cell_yield": Parameter(low=0.3, high=0.6),
    }}

    def rates(self, time, state, parameters, inputs, settings):
        """Name the rates, such as growth [1/h]: plain arithmetic, no `if`, `max` or `min`."""
        return {{
            "growth": monod(
                state.substrate,
                maximum_rate=parameters.maximum_growth_rate,
                half_saturation=parameters.substrate_monod_constant,
            )
        }}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        """Change of each state, in its unit per hour."""
        growth = rates["growth"] * state.biomass
        dilution = inputs.feed_rate / state.volume
        return self.State(
            biomass=growth - dilution * state.biomass,
            substrate=-growth / parameters.cell_yield
            + dilution * (settings.feed_substrate - state.substrate),
            volume=inputs.feed_rate,
        )
'''


def load_model(text: str, options: dict[str, Any] | None = None) -> Any:
    """
    Make the model that ``my_model.py:Perfusion`` names; the class may be left out if it is alone.

    Raises
    ------
    ModelError
        The file or the class is not there, or the file does not run.
    """
    file, _, name = text.rpartition(":") if ".py:" in text else (text, "", "")
    path = Path(file)
    if not path.is_file():
        raise ModelError(
            f"There is no file {file!r}. Write --model my_model.py:Perfusion, or begin one: "
            "bayesbio new-model my_model.py"
        )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's file raises is said with its file
        lines = [e.lineno for e in traceback.extract_tb(error.__traceback__) if e.filename == file]
        line = f"line {lines[-1]}, " if lines else ""
        raise ModelError(f"{file} does not run: {line}{type(error).__name__}: {error}.") from error
    classes = {
        key: value
        for key, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == path.stem and hasattr(value, "State")
    }
    if not name and len(classes) == 1:
        name = next(iter(classes))
    if name not in classes:
        raise ModelError(
            f"{file} has {'no model ' + repr(name) if name else 'more than one model, or none'}; "
            f"it has {', '.join(classes) or 'no class with a State'}.{did_you_mean(name, classes)} "
            f"Write --model {file}:NAME."
        )
    try:
        return classes[name](**(options or {}))
    except TypeError as error:
        raise ModelError(f"{name} cannot be made with --option as given: {error}.") from error


def write_skeleton(path: Path) -> str:
    """Write a commented model, and return the name of its class."""
    if path.exists():
        raise ModelError(f"{str(path)!r} exists already; give another name, or remove it first.")
    name = "".join(part.capitalize() for part in path.stem.replace("-", "_").split("_"))
    if path.suffix != ".py" or not name.isidentifier():
        raise ModelError(f"{str(path)!r} is no name of a Python file; try my_model.py.")
    path.write_text(SKELETON.format(name=name), encoding="utf-8")
    return name
