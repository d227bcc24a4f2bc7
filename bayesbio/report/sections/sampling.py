"""Section: traces, ranks and energy of the Markov chains."""

from __future__ import annotations

from bayesbio.report.figures.diagnostic_figures import draw_energy, draw_ranks, draw_traces
from bayesbio.report.section import Section
from bayesbio.report.subject import Subject

POSITION = 60
FIGURES = (
    (
        "trace",
        draw_traces,
        "Marginal distribution of each chain (left) and its trace (right): the chains should agree "
        "and show no trend. Black ticks mark divergences.",
    ),
    (
        "rank",
        draw_ranks,
        "Ranks of each chain among all draws: a chain that agrees with the others stays in the "
        "grey band.",
    ),
    (
        "energy",
        lambda tree, _: draw_energy(tree),
        "Energy: the two curves should overlap, and the BFMI of each chain should be above 0.3.",
    ),
)


def section(subject: Subject) -> Section | None:
    """Draw the diagnostics of the chains, where there are chains."""
    if "sample_stats" not in subject.evidence.tree.children or not subject.scalars:
        return None
    parts = [
        Section("", figure=draw(subject.evidence.tree, subject.scalars), caption=caption, name=name)
        for name, draw, caption in FIGURES
    ]
    return Section("Sampling", parts=tuple(parts), name="sampling")
