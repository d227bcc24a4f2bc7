"""Nothing in the repository ties it to one machine or one moment."""

import re
import subprocess

import pytest
from house import ROOT

OF_ONE_MACHINE = re.compile(r"(/home/|/Users/|/root/|/work/|/tmp/|/opt/|[A-Z]:\\\\)\w")
TEXT = {".py", ".md", ".toml", ".txt", ".csv", ".html", ".json", ".lock", ".cfg", ""}


def kept_files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:  # not a clone: a source archive, say
        return []
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return [path for path in paths if path.suffix in TEXT and path.is_file()]


@pytest.mark.parametrize("path", kept_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_names_a_path_of_one_machine(path):
    if path.name == "test_hygiene.py":
        return
    found = OF_ONE_MACHINE.search(path.read_text(encoding="utf-8", errors="replace"))
    assert found is None, f"{path.name} holds {found.group()!r}"


def test_the_lock_names_versions_and_hashes_but_no_address():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    pinned = re.findall(r"^[\w.-]+(?:\[\w+\])?==\S+", lock, flags=re.MULTILINE)
    assert len(pinned) > 50
    assert lock.count("--hash=sha256:") >= len(pinned)
