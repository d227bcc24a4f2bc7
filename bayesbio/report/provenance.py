"""Where a report came from: data, seed, versions, lock, time."""

from __future__ import annotations

import datetime
import hashlib
import json
from pathlib import Path

import bayesbio
from bayesbio.inference.archive.environment import versions
from bayesbio.inference.diagnostics.evidence import Evidence

__all__ = ["lock_hash", "provenance", "versions"]

OPTIONS = {"vary": "Varies over", "given": "Fixed", "noise": "Noise", "rtol": "Solver rtol"}
LONGEST = 600  # characters of one line


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


def provenance(evidence: Evidence) -> dict[str, str]:
    """
    Origin of a result as labelled text: data, seed, draws, model, options, versions.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    dict
        Label to text.

    Examples
    --------
    ``provenance(calibration.evidence())["Seed"]``
    """
    lines = {
        "Result": evidence.kind,
        "Result (SHA-256)": evidence.result.hash,
        "Data (SHA-256)": evidence.data_hash,
    }
    if (model := getattr(evidence.result, "model", None)) is not None:
        fields = getattr(model, "__dataclass_fields__", {})
        options = ", ".join(f"{name}={getattr(model, name)!r}" for name in fields)
        lines["Model"] = _shortened(f"{type(model).__name__}({options})")
    if evidence.random_seed is not None:
        lines["Seed"] = str(evidence.random_seed)
    if "posterior" in evidence.tree.children:
        draws = evidence.tree["posterior"]
        if {"chain", "draw"} <= set(draws.sizes):
            lines["Draws"] = f"{draws.sizes['chain']} chains of {draws.sizes['draw']}"
        if "sampling_time" in draws.attrs:
            lines["Sampling time"] = f"{float(draws.attrs['sampling_time']):.1f} s"
    for name, value in evidence.options.items():
        if name in OPTIONS and value not in (None, {}, []):
            lines[OPTIONS[name]] = json.dumps(value, ensure_ascii=False, default=str)
        elif evidence.calibration is None and value not in (None, {}, [], ()):
            label = name.replace("_", " ").capitalize()
            lines[label] = _shortened(json.dumps(value, ensure_ascii=False, default=str))
    return lines | environment()


def environment() -> dict[str, str]:
    """Versions, lock and the time of writing, ready to be printed."""
    return {
        "Versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "Lock (SHA-256)": lock_hash() or "not in a checkout, so versions may differ from the lock",
        "Written": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
