"""
Commands, one file a group: a new command is one new file here.

A file names its commands in ``COMMANDS``; the files are taken in alphabetical order.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any


def all_commands() -> Iterator[Callable[..., Any]]:
    """List the commands of every file of this folder."""
    for module in pkgutil.iter_modules(__path__):
        yield from importlib.import_module(f"{__name__}.{module.name}").COMMANDS
