"""
Generated modules on disk, named by the hash of their source, compiled once a machine.

A module is executed from the source that was generated in this process, never from byte code; what
numba keeps beside it is trusted only in a folder that belongs to the user and that nobody else can
write. Two processes may write the same module at once: each writes a file of its own and moves it
into place, and the content is the same.
"""

from __future__ import annotations

import atexit
import dataclasses
import functools
import hashlib
import logging
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Hashable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, cast

from bayesbio.mechanistic.model_checks import check_model
from bayesbio.mechanistic.process_model import ProcessModel
from bayesbio.ode.codegen.emission import emit
from bayesbio.ode.codegen.trace import Trace, trace

LOG = logging.getLogger(__name__)
KEPT = 64  # models whose kernels a process remembers


class Kernels:
    """A traced model with the compiled functions that solve it."""

    def __init__(self, traced: Trace, module: ModuleType, key: str) -> None:
        self.trace = traced
        self.module = module
        self.key = key


def kernels(model: ProcessModel) -> Kernels:
    """
    Kernels of a process model, from this process, the disk, or made anew.

    A model that can change (no frozen dataclass all the way down) is traced at each call, so that
    its kernels are those of its present equations.

    Raises
    ------
    ModelError
        The model does not keep the contract (`check_model`), or cannot be traced.
    """
    if _is_constant(model):
        return _of_constant(cast(Hashable, model))
    return _of_equations(model)


def _of_equations(model: Any) -> Kernels:
    check_model(model)
    traced = trace(model)
    equations = f"{traced.nodes} {len(traced.states)} {traced.fingerprint}"
    module = _MODULES.get(equations)
    if module is None:
        source = emit(traced)
        key = hashlib.sha256(source.encode()).hexdigest()[:24]
        module = (key, load_module(key, source))
        while len(_MODULES) >= KEPT:
            del _MODULES[next(iter(_MODULES))]
        _MODULES[equations] = module
    return Kernels(traced, module[1], module[0])


_MODULES: dict[str, tuple[str, ModuleType]] = {}  # by fingerprint of the equations
_of_constant = functools.lru_cache(maxsize=KEPT)(_of_equations)


def _is_constant(value: Any) -> bool:
    """Whether nothing in a value can change: plain values, and frozen dataclasses of such."""
    if value is None or isinstance(value, str | bytes | int | float | complex):
        return True
    if isinstance(value, tuple | frozenset):
        return all(_is_constant(part) for part in value)
    if isinstance(value, FunctionType):
        return value.__closure__ is None
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return False
    if not value.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return False
    return all(_is_constant(getattr(value, field.name)) for field in dataclasses.fields(value))


def cache_folder() -> Path:
    """
    Private folder of generated modules: BAYESBIO_CACHE_DIR, or the user's cache.

    Where that does not belong to the user, others can write it, or it cannot be made, a new
    temporary folder serves this process alone, and a warning is logged.
    """
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
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        problem = _why_not_private(folder)
    except OSError as error:
        problem = str(error)
    if not problem:
        return folder
    return _temporary_folder(str(folder), problem)


def _why_not_private(folder: Path) -> str:
    """Say why a folder is not fit for compiled code; empty where it is the user's alone."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return "it cannot be written"
    if not hasattr(os, "getuid"):
        return ""
    for path in (folder, folder / "__pycache__"):
        if path.exists() or path.is_symlink():
            state = path.stat()
            if state.st_uid != os.getuid():
                return f"{path} belongs to another user"
            if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return f"others can write {path}; chmod 700 and empty it"
    return ""


@functools.cache
def _temporary_folder(refused: str, problem: str) -> Path:
    """Folder of this process alone, removed at its end."""
    folder = tempfile.mkdtemp(prefix="bayesbio-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    LOG.warning(
        "Compiled models are not kept in %s: %s. This process compiles into %s; set "
        "BAYESBIO_CACHE_DIR to a folder of your own to compile once only.",
        *(refused, problem, folder),
    )
    return Path(folder)


def load_module(key: str, source: str | None = None) -> ModuleType:
    """Find the module of a key in this process, or execute its source."""
    name = f"bayesbio_kernels_{key}"
    if name in sys.modules:
        return sys.modules[name]
    path = cache_folder() / f"{name}.py"
    if source is None:
        source = path.read_text()
        if hashlib.sha256(source.encode()).hexdigest()[:24] != key:
            raise ImportError(f"{path} is not what was generated; remove it and start again.")
    if not path.exists() or path.read_text() != source:
        handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".draft")
        with os.fdopen(handle, "w") as file:
            file.write(source)
        os.replace(draft, path)
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module
