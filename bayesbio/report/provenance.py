"""Where a report came from: data, seed, versions, lock, time."""

from __future__ import annotations

import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import bayesbio
from bayesbio.inference.archive.environment import versions

__all__ = ["lock_hash", "provenance", "versions"]

OPTIONS = {"vary": "Varies over", "given": "Fixed", "noise": "Noise", "rtol": "Solver rtol"}


def lock_hash() -> str | None:
    """
    SHA-256 of requirements.lock, when working in a checkout; None after a plain ``pip install``.

    Examples
    --------
    >>> lock_hash() is None or len(lock_hash()) == 64
    True
    """
    lock = Path(bayesbio.__file__).parents[1] / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None


def provenance(result: Any) -> dict[str, str]:
    """
    Say where a result came from, ready to be printed.

    Parameters
    ----------
    result : Calibration, or another posterior of the house
        Its data, seed, draws and, where it has them, model and options are read.

    Returns
    -------
    dict
        Label to text.

    Examples
    --------
    ``provenance(calibration)["Seed"]``
    """
    posterior = result.posterior["posterior"] if hasattr(result, "posterior") else None
    model = getattr(result, "model", None)
    lines = {
        "Data (SHA-256)": data_hash(result),
        "Result (SHA-256)" if posterior is None else "Posterior (SHA-256)": result.hash,
        "Seed": str(result.random_seed),
    }
    if posterior is not None:
        lines["Draws"] = f"{posterior.sizes['chain']} chains of {posterior.sizes['draw']}"
    lines |= {
        "Model": type(result).__name__
        if model is None
        else f"{type(model).__name__}({_options(model)})",
    }
    seconds = None if posterior is None else posterior.attrs.get("sampling_time")
    if seconds is not None:
        lines["Sampling time"] = f"{float(seconds):.1f} s"
    lines |= {
        words: json.dumps(result.options[name], ensure_ascii=False)
        for name, words in OPTIONS.items()
        if getattr(result, "options", {}).get(name) not in (None, {}, [])
    }
    return lines | environment()


def data_hash(result: Any) -> str:
    """Hash of the data that a result was learned from."""
    return str(result.data_hash if hasattr(result, "data_hash") else result.campaign.hash)


def environment() -> dict[str, str]:
    """Versions, lock and the time of writing, ready to be printed."""
    return {
        "Versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "Lock (SHA-256)": lock_hash() or "not in a checkout, so versions may differ from the lock",
        "Written": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _options(model: Any) -> str:
    fields = getattr(model, "__dataclass_fields__", {})
    return ", ".join(f"{name}={getattr(model, name)!r}" for name in fields)
