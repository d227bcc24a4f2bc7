"""
Standard sections of a report, one file each: a new section is one new file here.

A file offers ``section(subject)``, which gets a `Subject` and returns a `Section`, or None where
the result has nothing of its kind, and ``POSITION``, a number that orders the sections on the page.
"""

from __future__ import annotations

import importlib
import pkgutil

from bayesbio.report.section import Section
from bayesbio.report.subject import Subject


def standard_sections(subject: Subject) -> list[Section]:
    """Make every standard section that applies to a result, in the order of the page."""
    modules = [
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    ]
    files = sorted((m for m in modules if hasattr(m, "POSITION")), key=lambda m: m.POSITION)
    return [made for file in files if (made := file.section(subject)) is not None]
