"""Equations as pictures that need no network: LaTeX in, SVG out."""

from __future__ import annotations

import io
import re

import matplotlib
from matplotlib.figure import Figure

__all__ = ["equation_lines", "equation_svg"]

ENVIRONMENT = re.compile(r"\\(?:begin|end)\{(?:aligned|align\*?|gather\*?|equation\*?|array)\}")


def equation_lines(latex: str) -> list[str]:
    r"""
    Split the LaTeX of a model into single equations.

    Parameters
    ----------
    latex : str
        One or more equations, separated by ``\\`` or by line ends, with or without an ``aligned``
        environment around them.

    Returns
    -------
    list of str
        One equation each, without alignment marks; numbers to four significant digits.

    Examples
    --------
    >>> equation_lines(r"\begin{aligned} a &= b \\ c &= d \end{aligned}")
    ['a = b', 'c = d']
    """
    latex = re.sub(r"\d+\.\d{5,}", lambda match: f"{float(match[0]):.4g}", latex)
    body = ENVIRONMENT.sub("", latex).replace("$", "").replace("&", "")
    lines = re.split(r"\\\\(?:\[[^\]]*\])?|\n", body)
    return [" ".join(line.split()) for line in lines if line.strip()]


def equation_svg(latex: str, *, size: float = 11.0) -> str | None:
    r"""
    Draw one equation as SVG text, with its letters as outlines.

    Parameters
    ----------
    latex : str
        One equation, without dollar signs.
    size : float [points]
        Height of the letters.

    Returns
    -------
    str or None
        The SVG; None when the equation uses a command that cannot be drawn, so that the caller
        shows the LaTeX itself.

    Examples
    --------
    >>> equation_svg(r"\frac{dX}{dt} = \mu X").startswith("<svg")
    True
    >>> equation_svg(r"\nonsense{") is None
    True
    """
    latex = latex.replace(r"\frac", r"\dfrac")
    latex = re.sub(r"\\operatorname\{(\w+)\}", r"\\mathrm{\1}", latex)
    with matplotlib.rc_context(
        {"mathtext.fontset": "stix", "svg.fonttype": "path", "svg.hashsalt": "bayesbio"}
    ):
        figure = Figure(figsize=(0.01, 0.01))
        figure.text(0, 0, f"${latex}$", fontsize=size, color="#1a1a1a")
        drawn = io.StringIO()
        try:
            figure.savefig(
                drawn,
                format="svg",
                bbox_inches="tight",
                pad_inches=0.03,
                transparent=True,
                metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
            )
        except ValueError:
            return None
    text = drawn.getvalue()
    return text[text.index("<svg") :]
