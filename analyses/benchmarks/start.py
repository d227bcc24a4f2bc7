"""
How long until the first gradient, and until a verdict: after installation, and ever after?

Each row is a process of its own. The first one finds no cache at all (ours or PyTensor's),
the second one what the first left behind. The campaign is the mammalian fed-batch of eight runs.
"""

# %%
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def stages() -> dict[str, float]:
    """Seconds of each stage, in this process."""
    found: dict[str, float] = {}

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        found[stage] = time.perf_counter() - began

    with timed("all"):
        with timed("import_pymc"):
            import pymc  # noqa: F401
        with timed("import_bayesbio"):
            from growth import at_truth, calls
            from problems import eight_runs

            from bayesbio.calibrate import fit
            from bayesbio.ode.codegen.cache import kernels
        problem = eight_runs()
        with timed("first_gradient_of_kernels"):
            compiled = kernels(problem.model)
            _, gradient = calls(compiled, *at_truth(compiled, list(problem.campaign)))
            gradient()
        with timed("fit"):
            result = fit(problem.campaign, problem.model, random_seed=1, progress=False,
                         **problem.arguments())  # fmt: skip
        with timed("verdict"):
            verdict = result.check()
    return {**found, "verdict_passed": float(verdict.passed)}


def in_a_process(cache: str) -> dict[str, float]:
    """Time the stages in a new process that keeps everything compiled in a folder."""
    kept = {
        "BAYESBIO_CACHE_DIR": str(Path(cache) / "kernels"),
        "PYTENSOR_FLAGS": f"base_compiledir={Path(cache) / 'pytensor'}",
    }
    made = subprocess.run(
        [sys.executable, __file__, "--stages"],
        env={**os.environ, **kept},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(made.stdout.splitlines()[-1])


# %%
def main() -> None:
    """Two processes, one after the other."""
    from measuring import write_case

    with tempfile.TemporaryDirectory() as cache:
        for process in ("first_process", "second_process"):
            found = in_a_process(cache)
            print(process, json.dumps(found, indent=1), flush=True)
            write_case("start", {}, **{process: found})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stages", action="store_true", help="one process, stages as JSON")
    if parser.parse_args().stages:
        print(json.dumps(stages()))
    else:
        main()
