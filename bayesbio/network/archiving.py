"""A fitted network as one file, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from bayesbio.inference.archive.files import write_archive
from bayesbio.network.graph.structure import ProcessNetwork
from bayesbio.network.posterior import NetworkPosterior


def save_network(posterior: NetworkPosterior, path: str | os.PathLike[str]) -> Path:
    """Write what `network_from_archive` reads back."""
    draws = xr.Dataset(
        {
            "intercept": (("draw", "node"), posterior.intercept),
            "effect": (("draw", "edge"), posterior.effect),
            "variance": (("draw", "node"), posterior.variance),
            "centre": ("node", posterior.centre),
            "spread": ("node", posterior.spread),
            "rows": ("node", posterior.rows),
            "observed_range": (("bound", "node"), posterior.observed_range),
        }
    )
    groups = {"draws": draws}
    if posterior.sampled is not None:
        for name in ("posterior", "sample_stats"):
            if name in posterior.sampled:
                groups[name] = posterior.sampled[name].to_dataset()
    content = {
        "network": posterior.network.to_dict(),
        "chains": posterior.chains,
        "method": posterior.method,
        "log_evidence": dict(posterior.log_evidence),
        "random_seed": posterior.random_seed,
        "data_hash": posterior.data_hash,
        "noticed": list(posterior.noticed),
    }
    write_archive(path, xr.DataTree.from_dict(groups), kind="network", content=content)
    return Path(path)


def network_from_archive(tree: xr.DataTree, content: Mapping[str, Any], model: Any = None) -> Any:
    """
    Rebuild what `NetworkPosterior.save` wrote; `bayesbio.load` calls it.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : ignored
        A network needs no process model.

    Returns
    -------
    NetworkPosterior

    Examples
    --------
    ``bayesbio.load("network.nc").effects()`` tells the effects of a saved network.
    """
    draws = tree["draws"].to_dataset()
    arrays = {str(name): draws[name].to_numpy() for name in draws.data_vars}
    rest = {name: tree[name].to_dataset() for name in ("posterior", "sample_stats") if name in tree}
    return NetworkPosterior(
        ProcessNetwork.from_dict(content["network"]),
        chains=int(content["chains"]),
        method=content["method"],
        log_evidence=content["log_evidence"],
        random_seed=int(content.get("random_seed", 0)),
        data_hash=content.get("data_hash", ""),
        noticed=tuple(content.get("noticed", ())),
        sampled=xr.DataTree.from_dict(rest) if rest else None,
        **arrays,
    )
