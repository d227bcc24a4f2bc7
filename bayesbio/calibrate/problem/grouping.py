"""Which run belongs to which group at a level."""

from __future__ import annotations

import numpy as np

from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError, did_you_mean


def groups_of(campaign: Campaign, level: str, parameter: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Index of the group of each run at a level, and the names of the groups."""
    if level == "run":
        return np.arange(len(campaign)), tuple(campaign.names)
    labels = []
    for run in campaign:
        label = label_of(run, level)
        if label is None:
            columns = sorted({name for each in campaign for name in each.settings})
            missing = next(part for part in level.split(":") if part not in run.settings)
            hint = did_you_mean(missing, ["run", *columns])
            raise DataError(
                f"vary={{{parameter!r}: {level!r}}}: run {run.name!r} has no {missing!r}.{hint} "
                f"Levels are 'run' or a column of the table of runs ({', '.join(columns) or '-'}); "
                "two columns whose names count anew within the first join as 'batch:cask'."
            )
        labels.append(label)
    groups = tuple(dict.fromkeys(labels))
    return np.array([groups.index(label) for label in labels]), groups


def label_of(run: Run, level: str) -> str | None:
    """Name of the group of a run at a level such as ``batch:cask``, None where it does not say."""
    parts = [run.name if part == "run" else run.settings.get(part) for part in level.split(":")]
    return None if any(part is None for part in parts) else ":".join(str(part) for part in parts)
