"""
How well does a few-run prediction use the many cheap runs below it, on published test functions?

Five published pairs of functions, five designs each, three methods. Rows are written as they come,
so that the study can be stopped and taken up again; `analyses/multi_fidelity.py` shows them.
"""

from argparse import ArgumentParser
from itertools import product
from pathlib import Path

import pandas as pd
from fidelity_pairs import ALONE, FIDELITY_PAIRS

arguments = ArgumentParser(description=__doc__)
arguments.add_argument("--quick", action="store_true", help="one pair, one method, one design")
arguments.add_argument("--out", type=Path, default=Path("reports"), help="folder of the reports")
options, _ = arguments.parse_known_args()  # a notebook brings arguments of its own
path = options.out / "multi_fidelity" / "scores.csv"
path.parent.mkdir(parents=True, exist_ok=True)

# %% Score: one row a pair, method and design
methods, seeds = ("nonlinear", ALONE, "linear"), (31, 32, 33, 34, 35)
cases = list(product(methods, seeds, FIDELITY_PAIRS))
if options.quick:
    cases = [("linear", 31, "Forrester")]
rows = pd.read_csv(path).to_dict("records") if path.exists() else []
done = {(row["method"], row["seed"], row["pair"]) for row in rows}
for method, seed, name in cases:
    if (method, seed, name) not in done:
        score = FIDELITY_PAIRS[name].score(method, random_seed=seed, draws=150)
        rows.append({"pair": name, "method": method, "seed": seed, **score})
        pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g")
scores = pd.DataFrame(rows)
scores["best_peer"] = scores["pair"].map({n: pair.best_peer for n, pair in FIDELITY_PAIRS.items()})
scores.to_csv(path, index=False, float_format="%.6g")
print(scores.groupby(["pair", "method"], sort=False)[["crps", "coverage_90", "best_peer"]].mean())
