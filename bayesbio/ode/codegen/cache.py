"""
Generated modules on disk, named by the hash of their source, compiled once a machine.

Two processes may write the same module at once: each writes a file of its own and moves it into
place, and the content is the same.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Hashable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from bayesbio.mechanistic.process_model import ProcessModel
from bayesbio.ode.codegen.emission import emit
from bayesbio.ode.codegen.trace import Trace, trace


class Kernels:
    """A traced model with the compiled functions that solve it."""

    def __init__(self, traced: Trace, module: ModuleType, key: str) -> None:
        self.trace = traced
        self.module = module
        self.key = key


def kernels(model: ProcessModel) -> Kernels:
    """Kernels of a process model, from this process, the disk, or made anew."""
    try:
        return _remembered(cast(Hashable, model))
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        return _made(model)


def _made(model: Any) -> Kernels:
    traced = trace(model)
    source = emit(traced)
    key = hashlib.sha256(source.encode()).hexdigest()[:24]
    return Kernels(traced, load_module(key, source), key)


_remembered = functools.lru_cache(maxsize=64)(_made)


def cache_folder() -> Path:
    """Where generated modules live: BAYESBIO_CACHE_DIR, the user's cache, or a temporary one."""
    chosen = os.environ.get("BAYESBIO_CACHE_DIR")
    if chosen:
        folder = Path(chosen)
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "bayesbio" / "cache"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "bayesbio"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bayesbio"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    folder = Path(tempfile.gettempdir()) / "bayesbio-cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def load_module(key: str, source: str | None = None) -> ModuleType:
    """Import the generated module of a key, writing its source first where it is not there yet."""
    name = f"bayesbio_kernels_{key}"
    if name in sys.modules:
        return sys.modules[name]
    path = cache_folder() / f"{name}.py"
    if source is not None and (not path.exists() or path.read_text() != source):
        handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".draft")
        with os.fdopen(handle, "w") as file:
            file.write(source)
        os.replace(draft, path)
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
