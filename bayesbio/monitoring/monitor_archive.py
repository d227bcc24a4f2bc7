"""A monitor written to its file, and rebuilt from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayesbio.inference import write_archive
from bayesbio.monitoring.monitor import Monitor
from bayesbio.monitoring.references.historical_reference import DayPredictive
from bayesbio.monitoring.references.mechanistic_reference import MechanisticPredictive
from bayesbio.monitoring.statistics.alarm_limit import Chance
from bayesbio.monitoring.statistics.innovation_tails import Marginals

KIND = "monitor"


def write_monitor(monitor: Monitor, path: str | Path) -> Path:
    """Save a monitor as one ``.nc`` file."""
    groups, usual = monitor.usual.to_archive()
    groups["chance"] = xr.Dataset(
        {
            "highest": ("chance_draw", monitor.chance.highest),
            "held_out": ("good_run", monitor.held_out.to_numpy(float)),
            "scale": (("watched", "law"), monitor.marginals.scale),
            "weight": (("watched", "law"), monitor.marginals.weight),
        }
    )
    content = {
        "learned": monitor.is_learned,
        "usual": usual,
        "runs": list(monitor.held_out.index),
        "units": monitor.units,
        "false_alarm_rate": monitor.false_alarm_rate,
        "smoothing": monitor.smoothing,
        "random_seed": monitor.random_seed,
        "data_hash": monitor.data_hash,
        "noticed": list(monitor.noticed),
    }
    write_archive(path, xr.DataTree.from_dict(groups), kind=KIND, content=content)
    return Path(path)


def monitor_from_archive(
    tree: xr.DataTree, content: Mapping[str, Any], model: Any = None
) -> Monitor:
    """
    Rebuild a monitor from an archive; executes nothing from the file.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : ProcessModel, optional
        Needed where it watches by a model that is not one of the library's.

    Examples
    --------
    ``bayesbio.load("monitor.nc").score(run)``
    """
    made = Monitor.__new__(Monitor)
    kept = DayPredictive if content["learned"] else MechanisticPredictive
    made.usual = kept.from_archive(tree, content["usual"], model)
    made.false_alarm_rate, made.smoothing = content["false_alarm_rate"], content["smoothing"]
    made.random_seed, made.data_hash = content["random_seed"], content["data_hash"]
    made.units, made.noticed = content["units"], tuple(content["noticed"])
    chance = tree["chance"].to_dataset()
    made.marginals = Marginals(chance["scale"].to_numpy(), chance["weight"].to_numpy())
    made.held_out = pd.Series(
        chance["held_out"].to_numpy(), index=pd.Index(content["runs"], name="run")
    )
    made.chance = Chance.of(
        chance["highest"].to_numpy(), made.held_out.to_numpy(float), own=content["learned"]
    )
    return made
