"""Merge what the cases measured into metrics.json and one page with a figure."""

from __future__ import annotations

import html
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from bayesbio.report.figures.course_figures import PALETTE

REPORTS = Path(__file__).parents[2] / "reports" / "benchmarks"

OURS = {"forward": "bayesbio, forward", "gradient": "bayesbio, with gradient"}
WRONG = 0.3  # a result with a larger relative error is none


def work_precision(cases: dict[str, dict]) -> str | None:
    """Draw time against error, one panel a problem; the name of the file."""
    panels: dict[str, dict[str, list]] = {}
    for case, content in cases.items():
        curves = content.get("curves", {})
        nested = any(isinstance(rows, dict) for rows in curves.values())
        for name, part in curves.items() if nested else [(case, curves)]:
            if part:
                panels[name] = part
    if not panels:
        return None
    figure, axes = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 3.4), squeeze=False)
    solvers = list(dict.fromkeys(name for part in panels.values() for name in part))
    colours = dict(zip(solvers, [*PALETTE, "0.4", "0.6"], strict=False))
    for axis, (title, part) in zip(axes[0], panels.items(), strict=True):
        for solver, every in part.items():
            rows = [row for row in every if row[1] < WRONG]
            errors, seconds = [row[1] for row in rows], [1e3 * row[2] for row in rows]
            wide = 2.4 if solver == "bayesbio" else 1.2
            axis.loglog(errors, seconds, "o-", color=colours[solver], lw=wide, ms=3,
                        label=OURS.get(solver, solver.replace("_", " ")))  # fmt: skip
        axis.set_title(title.replace("_", " "), fontsize=10)
        axis.set_xlabel("error [relative]")
        axis.invert_xaxis()
    axes[0, 0].set_ylabel("time [ms]")
    handles = {
        label: handle
        for axis in axes[0]
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=6,
                  frameon=False, fontsize=9)  # fmt: skip
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    figure.savefig(REPORTS / "work_precision.png", dpi=110)
    return "work_precision.png"


GROWTHS = ("runs", "states", "parameters")


def growth(content: dict) -> str | None:
    """Draw seconds of the value and of the gradient over sizes; the name of the file."""
    known = [n for n in GROWTHS if f"{n}_value_gradient_seconds" in content]
    if not known:
        return None
    figure, axes = plt.subplots(1, len(known), figsize=(3.6 * len(known), 3.2), squeeze=False)
    for axis, name in zip(axes[0], known, strict=True):
        sizes, value, gradient = zip(*content[f"{name}_value_gradient_seconds"], strict=True)
        for colour, (what, seconds) in zip(
            PALETTE, {"value": value, "value and gradient": gradient}.items(), strict=False
        ):
            axis.loglog(sizes, [1e3 * each for each in seconds], "o-", color=colour, label=what)
        start = [1e3 * gradient[0] * size / sizes[0] for size in sizes]
        axis.loglog(sizes, start, ":", color="0.5", label="in proportion")
        axis.set_xlabel(name)
    axes[0, 0].set_ylabel("time [ms]")
    axes[0, 0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(REPORTS / "growth.png", dpi=110)
    return "growth.png"


COLUMNS = {
    "chains": "chains",
    "draws": "draws a chain",
    "least_effective_draws": "least effective draws",
    "leapfrogs_a_draw": "leapfrogs a draw",
    "divergences": "divergences",
    "seconds_a_gradient": "seconds a gradient",
    "processor_seconds": "processor seconds",
    "effective_draws_a_second": "effective draws a second",
    "largest_difference_of_means_in_standard_errors": "largest difference of a mean [s.e.]",
}


def posteriors(cases: dict[str, dict]) -> str:
    """Table of every sampler of every problem."""
    rows = []
    for case, content in cases.items():
        estimated = content.get("by_gradient_times_leapfrogs", {})
        roads = {
            **content.get("sampled", {}),
            **{f"{k} (estimated)": estimated[k] for k in estimated},
        }
        for road, values in roads.items():
            name = f"{case.removeprefix('posterior_')}: {road}".replace("_", " ")
            cells = [shown(values[key]) if key in values else "" for key in COLUMNS]
            rows.append([name, *cells])
    return table(["", *COLUMNS.values()], rows)


def extremes(cases: dict[str, dict]) -> str:
    """Table of draws with extreme values, by model."""
    found = cases.get("extreme_values", {}).get("models", {})
    return table(
        ["model", "draws", "solved", "stiff", "step too small", "too many steps", "not finite"],
        [[model, *(f"{value}" for value in values)] for model, values in found.items()],
    )


def shown(value: float) -> str:
    """Write a number with three digits, in full from a thousand on."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a table."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def main() -> None:
    """Merge."""
    cases = {
        path.stem: json.loads(path.read_text())
        for path in sorted(REPORTS.glob("*.json"))
        if path.stem != "metrics"
    }
    ratios = {key: value for content in cases.values() for key, value in content["ratios"].items()}
    metrics = {key: ratios[key] for key in sorted(ratios)}
    (REPORTS / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    figure = work_precision(cases)
    grown = growth(cases.get("growth", {}))
    rows = "".join(
        f"<tr><td>{html.escape(key)}</td><td>{value:.3g}</td><td>{shown(1 / value)}</td></tr>"
        for key, value in metrics.items()
    )
    others = "".join(
        f"<tr><td>{case}: {html.escape(name.replace('_', ' '))}</td><td>{value:.3g}</td></tr>"
        for case, content in cases.items()
        for name, value in content.items()
        if isinstance(value, int | float) and name != "seed"
    )
    stages = pd.DataFrame(
        {
            name.replace("_", " "): content
            for name, content in cases.get("start", {}).items()
            if name.endswith("_process")
        }
    )
    started = stages.rename(index=lambda name: name.replace("_", " ")).to_html(
        float_format="{:.3g}".format, border=0
    )
    picture = f'<img src="{figure}" alt="Time against error of each solver">' if figure else ""
    growing = f'<img src="{grown}" alt="Time against size of the problem">' if grown else ""
    said = "".join(
        f"<li>{html.escape(sentence)}</li>"
        for content in cases.values()
        for sentence in content.get("remarks", ())
    )
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Benchmarks</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}}
td,th{{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:bottom}}
td:first-child{{white-space:nowrap}}img{{max-width:100%}}
</style><h1>Benchmarks</h1>
<p>Our time over the peer's at equal accuracy, each pair measured in one run on one machine: below
1 is faster. Every figure is remade by a script of <code>analyses/benchmarks</code>.</p>
<table><tr><th>ratio</th><th>ours over theirs</th><th>times faster</th></tr>{rows}</table>
{picture}<h2>Posteriors</h2><p>The least effective draws of any parameter, and what they cost in
processor seconds, tuning included and compiling left out.</p>{posteriors(cases)}
<h2>Extreme values</h2><p>One in four parameters, settings and starts is zero, tiny, huge, negative,
infinite or not a number: every draw ends in a number or in a reason.</p>{extremes(cases)}
<h2>From the first call to a verdict</h2>
<p>Seconds of each stage for the mammalian fed-batch of eight runs, four chains: in a process that
finds no cache, and in the next one.</p>{started}
<h2>Growth and others</h2>{growing}<table>{others}</table><ul>{said}</ul></html>
"""
    (REPORTS / "index.html").write_text(page)
    print(json.dumps(metrics, indent=1))


if __name__ == "__main__":
    main()
