"""
How often does the default scale model hold where the truth is known?

Five kinds of truth, a hundred virtual campaigns of each (synthetic): 100 m3 is predicted from 10 L,
100 L and 4 m3, and compared with the true course. Rows are written as they come, so that the study
can be stopped and taken up again; the default is frozen before real scales are scored.
"""

import time
from argparse import ArgumentParser
from pathlib import Path

import pandas as pd
from scale_truths import TRUTHS, simulated_coverage

from bayesbio.scaleup import ScaleModel

arguments = ArgumentParser(description=__doc__)
arguments.add_argument("--replicates", type=int, default=100, help="campaigns of each truth")
arguments.add_argument("--quick", action="store_true", help="one campaign of each truth")
arguments.add_argument("--out", type=Path, default=Path("reports"), help="folder of the reports")
options, _ = arguments.parse_known_args()  # a notebook brings arguments of its own
folder = options.out / "scale_up"
folder.mkdir(parents=True, exist_ok=True)
kept, summarised = folder / "virtual_campaigns.csv", folder / "virtual_truths.csv"

# %% Predict: one row a campaign, appended as it is done
done = pd.read_csv(kept) if kept.exists() else pd.DataFrame(columns=["truth", "replicate"])
for replicate in range(1 if options.quick else options.replicates):
    for truth in TRUTHS:
        if ((done["truth"] == truth) & (done["replicate"] == replicate)).any():
            continue
        started = time.process_time()
        row = simulated_coverage(
            ScaleModel(),
            truths=[truth],
            replicates=[replicate],
            random_seed=2026,
            draws=150,
            tune=150,
            chains=2,
            cores=1,
        ).assign(cpu_seconds=time.process_time() - started)
        row.round(5).to_csv(kept, mode="a", header=not kept.exists(), index=False)

# %% Summarise
rows = pd.read_csv(kept)
parts = [*rows.groupby("truth"), ("all", rows)]
table = pd.DataFrame(
    {
        "truth": [name for name, _ in parts],
        "campaigns": [len(part) for _, part in parts],
        "coverage_90": [part["coverage"].mean() for _, part in parts],
        "crps_log": [part["crps"].mean() for _, part in parts],
        "width_90_log": [part["width"].mean() for _, part in parts],
    }
).round(4)
table.to_csv(summarised, index=False)
print(table.to_string(index=False))
print(f"{rows['cpu_seconds'].sum() / 60.0:.1f} minutes of processor time")
