"""Examples in docs/ run as they stand."""

import os
import re
import subprocess
import sys

import pytest
from house import ROOT

BLOCKS = [
    pytest.param(code, id=f"{path.stem}_{number}")
    for path in sorted((ROOT / "docs").glob("*.md"))
    for number, code in enumerate(
        re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S), 1
    )
]


@pytest.mark.parametrize("code", BLOCKS)
def test_an_example_of_the_docs_runs(code, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
