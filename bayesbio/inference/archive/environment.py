"""Which versions of the packages that matter are at work, so that a file can say so."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping

import bayesbio

# Another version of these may change a number.
PACKAGES = ("pymc", "pytensor", "nutpie", "arviz", "numba", "numpy", "scipy", "pandas", "xarray")


def versions() -> dict[str, str]:
    """
    Versions of Python, bayesbio and the packages that may change a number.

    Examples
    --------
    >>> "pymc" in versions()
    True
    """
    found = {"Python": platform.python_version(), "bayesbio": bayesbio.__version__}
    return found | {name: importlib.metadata.version(name) for name in PACKAGES}


def lock_hash_of(installed: Mapping[str, str]) -> str:
    """
    Hash of versions: equal where the same set is installed.

    Examples
    --------
    >>> lock_hash_of({"numpy": "2.5.5"}) == lock_hash_of(versions())
    False
    """
    lines = sorted(f"{name.lower()}=={version}" for name, version in installed.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def changed_since(saved: Mapping[str, str]) -> str:
    """
    Say in words which versions differ from those that a file was saved with; nothing if none does.

    Examples
    --------
    >>> changed_since({**versions(), "numpy": "1.26"})
    'It was saved with numpy 1.26 (here ...).'
    """
    here = versions()
    other = [
        f"{name} {version} (here {here.get(name, 'none')})"
        for name, version in saved.items()
        if here.get(name) != version
    ]
    return f"It was saved with {', '.join(other)}." if other else ""
