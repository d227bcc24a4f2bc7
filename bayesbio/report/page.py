"""Pictures and tables into one self-contained HTML page of limited size."""

from __future__ import annotations

import base64
import dataclasses
import io
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from PIL import Image

from bayesbio.report.labels import number, title, unit_text

__all__ = ["Picture", "render_page", "table_html"]

MOST_BYTES = 1_900_000  # of a page: it has to travel by mail and live in a repository
RESOLUTION = 160  # dots per inch of the files on disk
COLOURS = 128  # in a picture's palette; plenty for lines and bands, a third of the bytes


@dataclasses.dataclass(frozen=True)
class Picture:
    """
    A figure as PNG, with the words that stand for it.

    Parameters
    ----------
    name : str
        Its file name without ending.
    png : bytes
    width : int
        At which it is shown [CSS pixels].
    words : str
        What it shows, for those who cannot see it.
    wide : bool
        Has panels side by side, which a telephone shows by scrolling rather than by shrinking.
    """

    name: str
    png: bytes
    width: int
    words: str
    wide: bool = False

    @classmethod
    def of(cls, figure: Figure, *, name: str, words: str) -> Picture:
        """Draw a figure, with a palette of few colours so that it stays small."""
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=RESOLUTION)
        with Image.open(drawn) as image:
            png = _packed(image)
        slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        grids = [axes.get_gridspec() for axes in figure.axes]
        wide = any(grid is not None and grid.ncols > 2 for grid in grids)
        return cls(slug, png, round(100 * figure.get_figwidth()), words, wide)

    def tag(self, shrink: float = 1.0) -> Markup:
        """Write the picture as an HTML element that holds its own bytes."""
        png = self.png
        if shrink < 1.0:
            with Image.open(io.BytesIO(self.png)) as image:
                size = (round(image.width * shrink), round(image.height * shrink))
                png = _packed(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
        data = base64.b64encode(png).decode("ascii")
        return Markup(
            f'<img src="data:image/png;base64,{data}" width="{self.width}" '
            f'alt="{escape(self.words)}"{' class="wide"' if self.wide else ""}>'
        )


def _packed(image: Image.Image) -> bytes:
    packed = io.BytesIO()
    few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(packed, format="PNG", optimize=True)
    return packed.getvalue()


def render_page(template: str, content: Mapping[str, Any], pictures: list[Picture]) -> str:
    """
    Fill a template; where the pictures would make the page too heavy, they are shown coarser.

    Parameters
    ----------
    template : str
        File name in the templates folder.
    content : mapping
        What the template asks for. ``picture(p)`` in the template draws a `Picture`.
    pictures : list of Picture
        All that the page shows.

    Returns
    -------
    str
        HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    filters = {"number": number, "words": title, "unit": unit_text, "paragraphs": _paragraphs}
    environment.filters.update(filters)
    page = environment.get_template(template)
    weight = sum(4 * len(picture.png) / 3 for picture in pictures)
    frame = len(page.render(**content, picture=lambda _: ""))
    room = max(MOST_BYTES - frame, MOST_BYTES / 4)
    shrink = 1.0
    while True:  # bytes do not fall exactly with the area, so look at what came out
        html = page.render(**content, picture=lambda picture, by=shrink: picture.tag(by))
        if len(html.encode()) <= MOST_BYTES or shrink < 0.3:
            return html
        shrink *= min(0.85, math.sqrt(room / weight))


def table_html(table: pd.DataFrame) -> Markup:
    """
    Write a table: numbers to three significant digits on the right, text on the left.

    Parameters
    ----------
    table : DataFrame
        The index is shown when it has a name.

    Returns
    -------
    Markup

    Examples
    --------
    >>> table_html(pd.DataFrame({"rate": [0.04123]})).endswith("0.0412</td></tr></tbody></table>")
    True
    """
    shown = table.reset_index() if any(name is not None for name in table.index.names) else table
    head = "".join(
        f"<th{' class="n"' if pd.api.types.is_numeric_dtype(kind) else ''}>{escape(column)}</th>"
        for column, kind in shown.dtypes.items()
    )
    rows = [
        "<tr>" + "".join(_cell(value) for value in row) + "</tr>"
        for row in shown.itertuples(index=False, name=None)
    ]
    return Markup(f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>")


def _cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, int | np.integer):
        return f'<td class="n">{value}</td>'
    if isinstance(value, float | np.floating):
        return f'<td class="n">{number(value)}</td>'
    return f"<td>{'–' if value is None or value is pd.NA else escape(value)}</td>"


def _paragraphs(text: str) -> Markup:
    parts = re.split(r"\n\s*\n", text.strip())
    return Markup("").join(Markup("<p>{}</p>").format(" ".join(part.split())) for part in parts)
