"""The code shown to a visitor runs."""

import os
import re
import subprocess
import sys

import pytest
from house import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=[f"block_{n + 1}" for n in range(len(BLOCKS))])
def test_the_code_in_the_readme_runs(code, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_two_commands_stand_at_the_top_of_the_readme():
    assert README.index("make report") < README.index("make test") < README.index("\n## ")
