"""One page that links every report in a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from bayesbio.errors import DataError
from bayesbio.report.metrics import badges_in
from bayesbio.report.page import render_page

__all__ = ["write_index"]


def write_index(folder: str | os.PathLike[str]) -> Path:
    """
    List the reports below a folder: question, answer, verdict, picture.

    Parameters
    ----------
    folder : path
        Its subfolders with an index.html and a metrics.json are listed, in order of name.

    Returns
    -------
    Path
        The page written, ``index.html`` in the folder.

    Raises
    ------
    DataError
        If the folder does not exist, or a metrics.json cannot be read.

    Examples
    --------
    ``write_index("reports")``
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {os.fspath(folder)!r}. Write a report into it first, for example "
            "with: bayesbio run all --quick"
        )
    entries = [
        _entry(path.parent)
        for path in sorted(folder.glob("*/metrics.json"))
        if (path.parent / "index.html").is_file()
    ]
    page = folder / "index.html"
    page.write_text(render_page("index.html", {"entries": entries}, []), encoding="utf-8")
    return page


def _entry(folder: Path) -> dict[str, Any]:
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except ValueError as broken:
        raise DataError(
            f"{folder.name}/metrics.json is not JSON ({broken}). Write that report again, or "
            "delete its folder."
        ) from broken
    picture = folder / "figures" / "answer.png"
    return {
        "link": f"{folder.name}/index.html",
        "title": metrics.get("title", folder.name.replace("_", " ").capitalize()),
        "answer": metrics.get("answer", ""),
        "badges": badges_in(metrics),
        "picture": f"{folder.name}/figures/answer.png" if picture.is_file() else None,
    }
